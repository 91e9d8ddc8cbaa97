//! P5: no process outlives its attempt. P6: every watchdog fires, and for the right reason.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::json;

use crate::fake::Fake;
use crate::sandbox::{Sandbox, child_with, toml_list, wait_for, wait_for_file};

const REQUEST: &str = "rename foo to bar in lib.rs";

/// The promise: this long after the end there is nothing left.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// An agent that forks three levels deep, leaves its session, holds its output and is deaf to SIGTERM.
fn hostile() -> Fake {
    Fake::ignores_term().then(Fake::leaks_grandchild())
}

/// How the attempt ends.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Done,
    Timeout,
    Cancel,
    KillOfPointsman,
    KillOfShim,
}

/// Plays one hostile run to that end and waits until all of it is gone.
fn leaves_nothing(ending: Ending) {
    ends_with_nothing_left(ending, |_| hostile());
}

/// Plays one run of this agent to that end and waits until all of it is gone.
fn ends_with_nothing_left(ending: Ending, hostile: fn(&Sandbox) -> Fake) -> Sandbox {
    let sandbox = Sandbox::new().set("limits.attempts", "1");
    let sign = sandbox.path("at-work");
    let begins = hostile(&sandbox).then(Fake::touches(&sign));
    let stays = begins.clone().then(Fake::hangs_after_init());
    let sandbox = match ending {
        Ending::Done => sandbox.agents(begins.then(Fake::completes("all good"))),
        Ending::Timeout => sandbox.agents(stays).set("limits.idle", "\"300ms\""),
        Ending::Cancel | Ending::KillOfPointsman | Ending::KillOfShim => sandbox.agents(stays),
    };
    let started = sandbox.call(["run", "--tier", "haiku", REQUEST]).start();
    wait_for_file(&sign);
    match ending {
        Ending::Done => drop(started.wait().stdout("all good\n").success()),
        Ending::Timeout => drop(started.wait().stdout("").exits(124)),
        Ending::Cancel => {
            started.signal(Signal::INT);
            started.wait().stdout("").exits(130);
        }
        Ending::KillOfPointsman => {
            started.signal(Signal::KILL);
        }
        Ending::KillOfShim => {
            let shim = child_with(started.pid(), "__shim");
            rustix::process::kill_process(rustix::process::Pid::from_raw(shim).unwrap(), Signal::KILL)
                .unwrap();
            // A lost worker is tried again, so the run itself is stopped as well.
            started.signal(Signal::INT);
            started.wait();
        }
    }
    sandbox.no_process_is_left(GONE_WITHIN);
    sandbox
}

/// How many runs of each ending are played; the deep size is below.
const RUNS: usize = 20;

/// Plays `count` runs, a few at a time.
fn leave_nothing(ending: Ending, count: usize) {
    for _ in 0..count.div_ceil(4) {
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..count.min(4)).map(|_| scope.spawn(|| leaves_nothing(ending))).collect();
            for run in runs {
                run.join().unwrap();
            }
        });
    }
}

/// This one and the next two, and the kill of pointsman, were seen to fail with `kill_descendants` left out of the
/// shim (only the group was killed), and with the shim no subreaper.
#[test]
fn p05_no_process_is_left_when_a_hostile_agent_is_done() {
    leave_nothing(Ending::Done, RUNS);
}

#[test]
fn p05_no_process_is_left_when_a_hostile_agent_times_out() {
    leave_nothing(Ending::Timeout, RUNS);
}

#[test]
fn p05_no_process_is_left_when_a_hostile_agent_is_cancelled() {
    leave_nothing(Ending::Cancel, RUNS);
}

/// Seen to fail with the lifeline's end ignored by the shim.
#[test]
fn p05_no_process_is_left_when_pointsman_is_killed() {
    leave_nothing(Ending::KillOfPointsman, RUNS);
}

/// Seen to fail with pointsman itself no subreaper.
#[test]
fn p05_no_process_is_left_when_the_shim_is_killed() {
    leave_nothing(Ending::KillOfShim, RUNS);
}

/// Each orphan that ends is an event for the shim, and it must see the rest (`shim_events` tests the order).
#[test]
fn p05_an_agent_that_makes_orphans_without_pause_is_stopped_like_any_other() {
    let churns = |sign: &str| {
        let churn = "while :; do (: & : & : & : &); done";
        let churn = format!("({churn}) & ({churn}) & ({churn}) & {churn}");
        toml_list(["/bin/sh", "-c", &format!("trap '' TERM; : > '{sign}'; {churn}")].into_iter())
    };
    for ending in [Signal::KILL, Signal::INT] {
        let sandbox = Sandbox::new().set("limits.stop_grace", "\"500ms\"");
        let sign = sandbox.path("at-work");
        let sandbox = sandbox.agent_key("haiku", "command", &churns(&sign.display().to_string())).agent_key(
            "haiku",
            "adapter",
            "\"plain\"",
        );
        let started = sandbox.call(["run", "--tier", "haiku", REQUEST]).start();
        wait_for_file(&sign);
        started.signal(ending);
        if ending == Signal::INT {
            started.wait().exits(130);
        }
        sandbox.no_process_is_left(GONE_WITHIN);
    }
}

const ENDINGS: [Ending; 5] =
    [Ending::Done, Ending::Timeout, Ending::Cancel, Ending::KillOfPointsman, Ending::KillOfShim];

/// Seen to fail with one round of kills taken for the end, and (the last ending) with nothing done for the orphans of a
/// lost shim.
#[test]
fn p05_a_process_that_forks_and_exits_without_pause_is_ended() {
    const LOCKED: &str = "held-by-chains";
    for ending in ENDINGS {
        let sandbox = ends_with_nothing_left(ending, |sandbox| {
            let file = sandbox.path(LOCKED);
            (0..6).fold(Fake::default(), |chains, _| chains.then(Fake::leaves_chain(&file)))
        });
        let begun = Instant::now();
        let file = File::open(sandbox.path(LOCKED)).unwrap();
        while file.try_lock().is_err() {
            assert!(begun.elapsed() < GONE_WITHIN, "{ending:?}: a chain of processes goes on");
            std::thread::yield_now();
        }
    }
}

/// A group of processes that the kernel does not end while it is frozen; gone, and thawed, when it is dropped.
/// Only version 1 of control groups has such, and only root may make one.
struct Freezer(PathBuf);

impl Freezer {
    fn new() -> Option<Freezer> {
        let dir = PathBuf::from(format!("/sys/fs/cgroup/freezer/pointsman-it-{}", std::process::id()));
        std::fs::create_dir(&dir).ok()?;
        Some(Freezer(dir)).filter(|freezer| freezer.0.join("freezer.state").exists())
    }

    fn freeze(&self, pid: &str) {
        std::fs::write(self.0.join("cgroup.procs"), pid).unwrap();
        std::fs::write(self.0.join("freezer.state"), "FROZEN").unwrap();
        wait_for("the frost", || {
            let state = std::fs::read_to_string(self.0.join("freezer.state")).unwrap();
            (state.trim() == "FROZEN").then_some(())
        });
    }

    fn thaw(&self) {
        std::fs::write(self.0.join("freezer.state"), "THAWED").unwrap();
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _ = std::fs::write(self.0.join("freezer.state"), "THAWED");
        // What was in it is just about to end.
        for _ in 0..1000 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::yield_now();
        }
    }
}

/// Seen to fail with the shim silent about what it cannot end (the run waited for its end) and with the shim ending.
#[test]
fn p05_a_process_that_cannot_be_ended_is_told_of_and_ended_when_it_can_be() {
    let Some(freezer) = Freezer::new() else {
        eprintln!("left out: no process can be made here that cannot be ended");
        return;
    };
    let sandbox = Sandbox::new();
    let [sign, go] = ["at-work", "go"].map(|name| sandbox.path(name));
    let (at_work, may_go) = (sign.display(), go.display());
    let words = format!(
        "setsid sleep 600 >/dev/null 2>&1 & echo $! > '{at_work}.part'; mv '{at_work}.part' '{at_work}'; \
         until [ -e '{may_go}' ]; do sleep 0.01; done; echo all is well here"
    );
    let command = toml_list(["/bin/sh", "-c", &words].into_iter());
    let sandbox = sandbox.agent_key("haiku", "command", &command).agent_key("haiku", "adapter", "\"plain\"");
    let started = sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).start();
    wait_for_file(&sign);
    freezer.freeze(std::fs::read_to_string(&sign).unwrap().trim());
    std::fs::write(&go, "").unwrap();
    let ran = started.wait().success();
    assert_eq!(ran.json()["attempts"][0]["flags"], json!(["leak"]), "{ran}");
    let has_shim = |(_, words): &(i32, String)| words.contains("__shim");
    assert!(sandbox.processes().iter().any(has_shim), "somebody must still be there to end it: {ran}");
    freezer.thaw();
    sandbox.no_process_is_left(GONE_WITHIN);
}

/// Seen to fail: the record was believed, and the agent outlived its run.
#[test]
fn p05_an_agent_that_forges_the_record_of_its_end_and_kills_its_shim_is_ended_all_the_same() {
    let sandbox = Sandbox::new();
    let record = r#"{"exit":{"how":"code","code":0},"leaked_count":0,"unended_count":0}"#;
    let runs = sandbox.state().join("runs");
    let forges = format!(
        "cat > /dev/null; echo 'I renamed foo in one file.'; \
         for dir in {}/*/pointsman-attempt-*; do echo '{record}' > $dir/exit.json; done; \
         kill -9 $PPID; exec sleep 600",
        runs.display()
    );
    let command = toml_list(["/bin/sh", "-c", &forges].into_iter());
    let sandbox = sandbox.agent_key("haiku", "command", &command).agent_key("haiku", "adapter", "\"plain\"");
    let sandbox = sandbox.set("limits.attempts", "1");
    let ran = sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).wait().exits(69);
    sandbox.no_process_is_left(GONE_WITHIN);
    let report = ran.json();
    assert!(report["answer"].is_null(), "{ran}");
    let attempts = report["attempts"].as_array().unwrap();
    assert!(!attempts.is_empty() && attempts.iter().all(|one| one["outcome"] == "worker_lost"), "{ran}");
}

#[test]
#[ignore = "minutes: 100 hostile runs of each ending"]
fn deep_p05_no_process_outlives_its_attempt() {
    for ending in ENDINGS {
        leave_nothing(ending, 100);
    }
}

#[test]
fn p05_a_run_whose_driver_was_killed_comes_to_an_honest_end() {
    let sandbox = Sandbox::new();
    let sign = sandbox.path("at-work");
    let sandbox = sandbox.agent("haiku", Fake::touches(&sign).then(Fake::hangs_after_init()));
    let started = sandbox.call(["run", "--tier", "haiku", REQUEST]).start();
    wait_for_file(&sign);
    started.signal(Signal::KILL);
    drop(started);
    sandbox.run_on("sonnet", REQUEST).success();
    let runs = sandbox.call(["runs", "list", "-o", "json"]).wait().success().json().to_string();
    assert!(!runs.contains("\"running\""), "{runs}");
    let first = sandbox.call(["runs", "list", "-o", "json"]).wait().json()["runs"][1]["run_id"].clone();
    let report = sandbox.show(first.as_str().unwrap());
    assert_eq!((&report["verdict"], &report["exit_code"]), (&json!("failed"), &json!(69)));
    assert_eq!(report["attempts"][0]["outcome"], "worker_lost");
}

/// The agent answers while we are stopped, and longer than it may take in all. Seen to fail as `timeout_wall`.
#[test]
fn p06_a_run_that_was_stopped_reads_before_it_judges() {
    let sandbox = Sandbox::new().set("limits.timeout", "\"3s\"").set("limits.idle", "\"2s\"");
    let [sign, go, done] = ["at-work", "go", "done"].map(|name| sandbox.path(name));
    let [sign_file, go_file, done_file] = [&sign, &go, &done].map(|file| file.display());
    let words = format!(
        "touch '{sign_file}'; until [ -e '{go_file}' ]; do sleep 0.01; done; sleep 4; \
         echo renamed in 3 files; touch '{done_file}'"
    );
    let command = toml_list(["/bin/sh", "-c", &words].into_iter());
    let sandbox = sandbox.agent_key("haiku", "command", &command).agent_key("haiku", "adapter", "\"plain\"");
    let started = sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).start();
    wait_for_file(&sign);
    started.signal(Signal::STOP);
    std::fs::write(&go, "").unwrap();
    wait_for_file(&done);
    started.signal(Signal::CONT);
    let report = started.wait().success().json();
    assert_eq!(report["attempts"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["answer"], "renamed in 3 files");
}

/// An agent with a child in a session of its own, whose shim is no help: stopped by the agent as soon as it begins, or
/// killed as well. Seen to fail with the search for what is left taken out, and with the shim recorded behind the agent's
/// start: on a busy machine the agent was faster.
#[test]
fn p05_what_a_dead_driver_and_its_shim_left_is_ended_by_the_next_run() {
    for signal in [Signal::STOP, Signal::KILL] {
        let sandbox = Sandbox::new();
        let sign = sandbox.path("at-work");
        let words = format!(
            "kill -STOP $PPID; setsid sleep 600 >/dev/null 2>&1 & touch '{}'; exec sleep 600",
            sign.display()
        );
        let command = toml_list(["/bin/sh", "-c", &words].into_iter());
        let sandbox =
            sandbox.agent_key("haiku", "command", &command).agent_key("haiku", "adapter", "\"plain\"");
        let started = sandbox.call(["run", "--tier", "haiku", REQUEST]).start();
        wait_for_file(&sign);
        let shim = Pid::from_raw(child_with(started.pid(), "__shim")).unwrap();
        rustix::process::kill_process(shim, Signal::STOP).unwrap();
        started.signal(Signal::KILL);
        rustix::process::kill_process(shim, signal).unwrap();
        drop(started);
        sandbox.call(["runs", "list"]).wait().success();
        let is_agent = |(_, words): &(i32, String)| words.contains("sleep 600");
        assert!(sandbox.processes().iter().any(is_agent), "{signal:?}: a look changes nothing");
        sandbox.run_on("sonnet", REQUEST).success();
        sandbox.no_process_is_left(GONE_WITHIN);
    }
}

/// The memory of driver and shim, by which a debugger could speak for them. An administrator may look at it, so the test
/// gives that right up. Seen to fail for each of the two with `hardening::keep_others_out` left out there.
#[test]
fn p05_an_agent_has_no_hold_of_its_shim_or_its_driver() {
    let sandbox = Sandbox::new();
    let [seen, own] = ["seen", "own"].map(|name| sandbox.path(name));
    let words = format!(
        "driver=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$PPID/status); cat /proc/$$/maps > '{}'; \
         cat /proc/$PPID/maps /proc/$driver/maps > '{}' 2>/dev/null; echo looked at both",
        own.display(),
        seen.display()
    );
    let command = toml_list(["/bin/sh", "-c", &words].into_iter());
    let sandbox = sandbox.agent_key("haiku", "command", &command).agent_key("haiku", "adapter", "\"plain\"");
    let mut call = sandbox.call(["run", "--tier", "haiku", REQUEST]);
    if rustix::process::geteuid().is_root() {
        call = call.after_shell("exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" \"$@\"");
    }
    call.wait().success().stdout("looked at both\n");
    let bytes = |file: &PathBuf| std::fs::metadata(file).unwrap().len();
    assert!(bytes(&own) > 0 && bytes(&seen) == 0, "{} bytes of others' memory maps", bytes(&seen));
}

/// Seen to fail with the descriptors left as they are.
#[test]
fn s10_what_the_caller_had_open_is_not_open_in_the_agent() {
    let sandbox = Sandbox::new();
    let listing = sandbox.path("open");
    let words = format!("ls -l /proc/self/fd > '{}'; echo listed all of them", listing.display());
    let command = toml_list(["/bin/sh", "-c", &words].into_iter());
    let sandbox = sandbox.agent_key("haiku", "command", &command).agent_key("haiku", "adapter", "\"plain\"");
    let secret = sandbox.path("secret");
    std::fs::write(&secret, "").unwrap();
    sandbox
        .call(["run", "--tier", "haiku", REQUEST])
        .after_shell(&format!("exec 9<'{}'", secret.display()))
        .wait()
        .success();
    let listing = std::fs::read_to_string(listing).unwrap();
    assert!(!listing.contains("secret"), "{listing}");
}

/// Seen to fail with the second look at the driver taken out of `end_orphan` and every open run listed as an
/// orphan: so it was when the driver was noted after the run, and a run that just began had none.
#[test]
fn p05_a_run_that_is_alive_is_never_ended_by_another_process() {
    let sandbox = Sandbox::new();
    let started: Vec<_> =
        (0..24).map(|_| sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).start()).collect();
    for run in started {
        assert_eq!(run.wait().success().json()["verdict"], "succeeded");
    }
    let runs = sandbox.call(["runs", "list", "-n", "100", "-o", "json"]).wait().success().json();
    let phases: Vec<_> = runs["runs"].as_array().unwrap().iter().map(|run| run["phase"].clone()).collect();
    assert_eq!(phases, vec![json!("succeeded"); 24]);
}

/// Runs on haiku with one short limit, and returns what the attempts came to.
fn watched(fake: Fake, limit: &str, value: &str) -> (Option<i32>, Vec<String>, Duration) {
    let sandbox = Sandbox::new().agents(fake).set(&format!("limits.{limit}"), value);
    let ran = sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).wait();
    let report = ran.json();
    let outcome = |attempt: &serde_json::Value| attempt["outcome"].as_str().unwrap_or("-").to_owned();
    let outcomes = report["attempts"].as_array().unwrap().iter().map(outcome).collect();
    sandbox.no_process_is_left(GONE_WITHIN);
    (ran.code, outcomes, ran.duration)
}

/// Slower than the limit by far is fine on a loaded machine; the other limits are minutes away.
const WELL_WITHIN: Duration = Duration::from_secs(30);

fn timed_out(fake: Fake, limit: &str, outcome: &str) {
    let (code, outcomes, duration) = watched(fake, limit, "\"400ms\"");
    // One retry on the same tier, no escalation.
    assert_eq!((code, outcomes), (Some(124), vec![outcome.to_owned(); 2]));
    assert!(duration >= Duration::from_millis(800) && duration < WELL_WITHIN, "{duration:?}");
}

#[test]
fn p06_an_agent_that_never_begins_is_stopped_at_the_startup_limit() {
    timed_out(Fake::hangs(), "startup", "timeout_startup");
}

#[test]
fn p06_an_agent_that_falls_silent_is_stopped_at_the_idle_limit() {
    timed_out(Fake::says("let me see").then(Fake::hangs()), "idle", "timeout_idle");
}

#[test]
fn p06_an_agent_that_talks_for_ever_is_stopped_at_the_time_limit() {
    timed_out(Fake::step([&"slow", &1_000_000]), "timeout", "timeout_wall");
}

/// Seen to fail with the grace after a result left out of `core/src/run/watchdog.rs`.
#[test]
fn p06_an_agent_that_stays_after_its_result_is_stopped_and_its_answer_counts() {
    let stays = Fake::ignores_term().then(Fake::answers("all good")).then(Fake::hangs());
    let (code, outcomes, duration) = watched(stays, "post_result_grace", "\"300ms\"");
    assert_eq!((code, outcomes), (Some(0), vec!["completed".to_owned()]));
    assert!(duration >= Duration::from_millis(300) && duration < WELL_WITHIN, "{duration:?}");
}

#[test]
fn p06_an_agent_that_spends_too_much_is_stopped() {
    let spends = Fake::step([&"spends", &50_000_000]).then(Fake::hangs());
    let sandbox = Sandbox::new()
        .agents(spends)
        .set("limits.max_usd", "0.5")
        .set("tiers.haiku.price", "{ input = 1.0, output = 5.0, cache_read = 0.1, cache_write = 1.25 }");
    let ran = sandbox.call(["run", "-o", "json", "--tier", "haiku", REQUEST]).wait().exits(1);
    let report = ran.json();
    assert_eq!(report["attempts"][0]["outcome"], "budget", "{ran}");
    // 50 million tokens at 5 dollars a million.
    assert!(report["attempts"][0]["cost_usd"]["estimated"].as_f64().unwrap() > 249.0, "{ran}");
    assert!(ran.duration < WELL_WITHIN, "{ran}");
    sandbox.no_process_is_left(GONE_WITHIN);
}

#[test]
fn p06_a_silent_agent_is_not_stopped_while_a_task_is_open_after_its_result() {
    let sandbox = Sandbox::new().set("limits.post_result_grace", "\"50ms\"");
    let go = sandbox.path("go");
    let sign = sandbox.path("answered");
    let task = Fake::just("opens-task").then(Fake::answers("I wait for a helper."));
    let later = Fake::touches(&sign).then(Fake::awaits(&go)).then(Fake::just("closes-task"));
    let sandbox = sandbox.agent("haiku", task.then(later).then(Fake::completes("The helper says 42.")));
    let started = sandbox.call(["run", "--tier", "haiku", REQUEST]).start();
    wait_for_file(&sign);
    // Three times the grace: an agent that is stopped by then cannot give its last answer.
    std::thread::park_timeout(Duration::from_millis(150));
    std::fs::write(&go, "").unwrap();
    started.wait().stdout("The helper says 42.\n").success();
}

#[test]
fn p07_a_long_attempt_that_meets_an_overloaded_service_is_still_tried_again() {
    // The limit is one on waiting between attempts; the work before the first failure does not count.
    let sandbox = Sandbox::new().set("retry.max_elapsed", "\"300ms\"");
    let state = sandbox.path("starts");
    let works = Fake::step([&"slow", &100]).then(Fake::first(1, &state, "overloaded"));
    let sandbox = sandbox.agents(works.then(Fake::completes("at last")));
    sandbox.run_on("haiku", REQUEST).stdout("at last\n").success();
}
