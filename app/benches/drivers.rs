//! What 32 drivers on one ledger cost each other, measured from outside, through the real program.
//!
//! `cargo bench -p pointsman --bench drivers` (about two and a half minutes)
//!
//! A probe commits a small row to the same ledger every 20 ms, all the time, as a driver would, and takes its time. Its yardstick
//! is itself while nobody else is there, at the beginning, between and at the end. What a driver costs that only waits is read from `/proc`. How
//! soon a run hears that it is to stop is taken from the row that asks for it, without any signal.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program of its own that starts others and prints a table"
)]

mod home;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use home::{REQUEST, home, pointsman};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

const DRIVER_COUNT: usize = 32;
/// Runs that are started one after the other, as the yardstick of many.
const SINGLE_COUNT: usize = 10;
const PROBE_EVERY: Duration = Duration::from_millis(20);
/// How long the probe is alone, each time.
const ALONE: Duration = Duration::from_secs(10);
/// How long drivers are watched while their agents wait: each says once in it that it lives.
const WATCHED: Duration = Duration::from_secs(30);
/// How long an agent works that ends by itself: from before the last driver starts until both watches are over.
const WORK_SECONDS: u64 = 80;
/// Nothing that is waited for takes this long unless it never comes.
const PATIENCE: Duration = Duration::from_secs(120);
/// Ticks of `/proc`, milliseconds.
const TICK_MS: f64 = 10.0;

fn main() {
    // `cargo test --benches` only wants to see it start.
    if !std::env::args().any(|arg| arg == "--bench") || !Path::new("/proc/self/stat").exists() {
        return;
    }
    let home = home(&agents());
    let ledger = home.path().join(".local/state/pointsman/ledger.db");
    // The first one makes the ledger, and its start is not counted.
    let mut single_starts: Vec<Duration> =
        (0..SINGLE_COUNT).map(|_| time(|| start_one(home.path()))).collect();
    let one_start = Spread::of(single_starts.split_off(1));
    wait_for("single runs", || (verdicts(&ledger).len() == SINGLE_COUNT).then_some(()));

    let probe = Probe::start(ledger.clone());
    probe.during("alone, before", || std::thread::sleep(ALONE));
    let all_starts = time(|| start_all(home.path(), "works"));
    wait_for("drivers", || (drivers(&ledger).len() == DRIVER_COUNT).then_some(()));
    let beside_probe = probe.during("32 drivers, agents wait", || cpu_of_waiting(&ledger));
    probe.pause();
    let undisturbed = cpu_of_waiting(&ledger);
    probe.go_on();
    wait_for("the end", || (verdicts(&ledger).len() == SINGLE_COUNT + DRIVER_COUNT).then_some(()));
    probe.during("alone, between", || std::thread::sleep(ALONE));
    let (short_count, short_time) = probe.during("32 short runs at a time", || short_runs(home.path()));
    start_all(home.path(), "waits");
    wait_for("drivers", || (drivers(&ledger).len() == DRIVER_COUNT).then_some(()));
    let stops = probe.during("32 runs are stopped at once", || stop_all(&ledger));
    probe.during("alone, after", || std::thread::sleep(ALONE));
    probe.print();

    print_waiting(&undisturbed, &beside_probe);
    println!("\nseconds");
    println!("{:<46} {:>8.3}", "one `run --detach`, until it returns", one_start.median / 1e3);
    println!("{:<46} {:>8.3}", "32 at once, until the last returns", all_starts.as_secs_f64());
    let each = short_time.as_secs_f64() / short_count as f64;
    println!("{:<46} {each:>8.3}", "a short run, 32 at a time, time over count");
    let spread = Spread::of(stops);
    println!("{:<46} {:>8} {:>8}", "", "median", "max");
    let (median, max) = (spread.median / 1e3, spread.max / 1e3);
    println!("{:<46} {median:>8.2} {max:>8.2}", "from the row that asks to stop to the verdict");
    nothing_is_lost(home.path(), SINGLE_COUNT + DRIVER_COUNT + short_count);
}

fn print_waiting(undisturbed: &Waiting, beside_probe: &Waiting) {
    println!("\na driver while its agent only waits, mean of {DRIVER_COUNT} over {} s", WATCHED.as_secs());
    println!("{:<46} {:>8} {:>10}", "", "ms a min", "of a core");
    for (name, cpu) in [
        ("driver", undisturbed.driver),
        ("its shim", undisturbed.shim),
        ("driver, beside 50 commits a second", beside_probe.driver),
    ] {
        println!("{name:<46} {cpu:>8.1} {:>9.3}%", cpu / 600.0);
    }
}

/// All runs have the verdict that they must have, and the ledger has it: none was given up for the spool.
fn nothing_is_lost(home: &Path, run_count: usize) {
    let ends = verdicts(&home.join(".local/state/pointsman/ledger.db"));
    let count = |verdict: &str| ends.values().filter(|found| *found == verdict).count();
    let (succeeded, cancelled) = (count("succeeded"), count("cancelled"));
    println!(
        "\nverdicts: {succeeded} succeeded, {cancelled} cancelled, of {} runs",
        run_count + DRIVER_COUNT
    );
    assert_eq!((succeeded, cancelled), (run_count, DRIVER_COUNT), "no run is lost");
    assert!(spooled(home).is_empty(), "the ledger was never given up: {:?}", spooled(home));
}

/// An agent that ends at once, one that works for a while, one that waits to be stopped: none takes time of the processor.
fn agents() -> String {
    let agent = |name: &str, script: &str| {
        format!(
            "[agents.{name}]\nadapter = \"plain\"\ntier = \"haiku\"\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]\n"
        )
    };
    [
        agent("quick", "echo the answer is 42"),
        agent("works", &format!("sleep {WORK_SECONDS}; echo the answer is 42")),
        agent("waits", "exec sleep 3600"),
    ]
    .concat()
}

fn silent(home: &Path, args: &[&str]) -> Command {
    let mut command = pointsman(home, args);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn start_one(home: &Path) {
    let status = silent(home, &["run", "--detach", "--agent", "quick", REQUEST]).status().unwrap();
    assert!(status.success(), "a run in the background was not begun: {status}");
}

fn start_all(home: &Path, agent: &str) {
    beside_each_other(home, &["run", "--detach", "--agent", agent, REQUEST]);
}

/// Starts a command line for each driver at once, and waits until all have ended.
fn beside_each_other(home: &Path, words: &[&str]) {
    let started: Vec<_> = (0..DRIVER_COUNT).map(|_| silent(home, words).spawn().unwrap()).collect();
    for mut child in started {
        assert!(child.wait().unwrap().success(), "{words:?}");
    }
}

/// Runs that do nothing but begin and end, so that all write all the time; returns how many, and how long they took.
fn short_runs(home: &Path) -> (usize, Duration) {
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < ALONE {
        beside_each_other(home, &["run", "--agent", "quick", REQUEST]);
        count += DRIVER_COUNT;
    }
    (count, begun.elapsed())
}

fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// A thread that commits all the time, and knows what happened meanwhile.
struct Probe {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

struct Shared {
    stop: AtomicBool,
    paused: AtomicBool,
    /// What happens now.
    phase: Mutex<Option<&'static str>>,
    /// How long each commit took, by what happened, in order.
    took: Mutex<Vec<(&'static str, Duration)>>,
}

impl Probe {
    fn start(ledger: PathBuf) -> Probe {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            phase: Mutex::new(None),
            took: Mutex::new(vec![]),
        });
        let seen = Arc::clone(&shared);
        Probe { shared, thread: std::thread::spawn(move || seen.commit_all_the_time(&ledger)) }
    }

    /// Does something; what is committed meanwhile is noted under this name.
    fn during<T>(&self, name: &'static str, work: impl FnOnce() -> T) -> T {
        *self.shared.phase.lock().unwrap() = Some(name);
        let done = work();
        *self.shared.phase.lock().unwrap() = None;
        done
    }

    fn pause(&self) {
        self.shared.paused.store(true, Ordering::Relaxed);
    }

    fn go_on(&self) {
        self.shared.paused.store(false, Ordering::Relaxed);
    }

    fn print(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        let took = self.shared.took.lock().unwrap();
        let of = |belongs: &dyn Fn(&str) -> bool| {
            Spread::of(took.iter().filter(|(name, _)| belongs(name)).map(|(_, took)| *took).collect())
        };
        let yardstick = of(&|name| name.starts_with("alone"));
        println!(
            "\na commit of one row (BEGIN IMMEDIATE, INSERT, COMMIT with a sync), every 20 ms, milliseconds"
        );
        println!(
            "{:<46} {:>6} {:>8} {:>8} {:>8} {:>7} {:>7}",
            "", "count", "median", "p99", "max", "ratio", "at p99"
        );
        let mut phases: Vec<&str> = took.iter().map(|(name, _)| *name).collect();
        phases.dedup();
        let line = |name: &str, spread: &Spread| {
            println!(
                "{name:<46} {:>6} {:>8.2} {:>8.2} {:>8.2} {:>6.2}x {:>6.2}x",
                spread.count,
                spread.median,
                spread.p99,
                spread.max,
                spread.median / yardstick.median,
                spread.p99 / yardstick.p99
            );
        };
        line("yardstick: alone, all three times", &yardstick);
        for phase in phases {
            line(phase, &of(&|name| name == phase));
        }
    }
}

impl Shared {
    fn commit_all_the_time(&self, ledger: &Path) {
        let mut db = Connection::open(ledger).unwrap();
        // As the program sets its own connection.
        db.busy_timeout(Duration::from_secs(5)).unwrap();
        db.pragma_update(None, "synchronous", "FULL").unwrap();
        db.pragma_update(None, "wal_autocheckpoint", 64).unwrap();
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        db.execute_batch("CREATE TABLE IF NOT EXISTS bench (x TEXT)").unwrap();
        while !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(PROBE_EVERY);
            if self.paused.load(Ordering::Relaxed) {
                continue;
            }
            let phase = *self.phase.lock().unwrap();
            let took = time(|| {
                let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
                tx.execute("INSERT INTO bench VALUES ('a row')", []).unwrap();
                tx.commit().unwrap();
            });
            self.took.lock().unwrap().extend(phase.map(|phase| (phase, took)));
        }
    }
}

/// Opens the ledger to look; who looks keeps nobody from writing.
fn looked(ledger: &Path) -> Connection {
    let db = Connection::open(ledger).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    db
}

/// The verdicts of all runs that are over.
fn verdicts(ledger: &Path) -> BTreeMap<String, String> {
    if !ledger.exists() {
        return BTreeMap::new();
    }
    verdicts_of(&looked(ledger))
}

fn verdicts_of(db: &Connection) -> BTreeMap<String, String> {
    let sql = "SELECT run_id, verdict FROM run_rows WHERE verdict IS NOT NULL";
    let mut statement = db.prepare_cached(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The runs that are driven, and by which process.
fn drivers(ledger: &Path) -> BTreeMap<String, u32> {
    let db = looked(ledger);
    let mut statement = db.prepare("SELECT run_id, pid FROM drivers").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// What a process costs that waits, milliseconds of the processor a minute.
struct Waiting {
    driver: f64,
    shim: f64,
}

fn cpu_of_waiting(ledger: &Path) -> Waiting {
    let drivers: Vec<u32> = drivers(ledger).into_values().collect();
    let shims: Vec<u32> = drivers.iter().flat_map(|pid| children(*pid)).collect();
    assert_eq!((drivers.len(), shims.len()), (DRIVER_COUNT, DRIVER_COUNT));
    let of_all = |pids: &[u32]| pids.iter().map(|pid| cpu_ms(*pid)).sum::<f64>();
    let (before, begun) = ([of_all(&drivers), of_all(&shims)], Instant::now());
    std::thread::sleep(WATCHED);
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let a_minute = |now: f64, before: f64| (now - before) / DRIVER_COUNT as f64 / minutes;
    Waiting { driver: a_minute(of_all(&drivers), before[0]), shim: a_minute(of_all(&shims), before[1]) }
}

/// What a living process has cost so far.
fn cpu_ms(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // Fields 14 and 15 of proc(5).
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) * TICK_MS
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// Asks all driven runs to stop, by rows alone, and takes how long each needs to its verdict.
fn stop_all(ledger: &Path) -> Vec<Duration> {
    let mut db = looked(ledger);
    let mut waiting: Vec<String> = drivers(ledger).into_keys().collect();
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    for run in &waiting {
        tx.execute("INSERT INTO cancel_requests VALUES (?1, 1)", [run]).unwrap();
    }
    tx.commit().unwrap();
    let begun = Instant::now();
    let mut took = vec![];
    wait_for("the end of all stopped runs", || {
        let (ended, now) = (verdicts_of(&db), begun.elapsed());
        let before = waiting.len();
        waiting.retain(|run| !ended.contains_key(run));
        took.extend(std::iter::repeat_n(now, before - waiting.len()));
        waiting.is_empty().then_some(())
    });
    took
}

/// Events that went past the ledger.
fn spooled(home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.join(".local/state/pointsman/spool")).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.metadata().is_ok_and(|meta| meta.len() > 0))
        .collect()
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Milliseconds.
struct Spread {
    count: usize,
    median: f64,
    p99: f64,
    max: f64,
}

impl Spread {
    fn of(mut took: Vec<Duration>) -> Spread {
        took.sort();
        let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1e3;
        Spread { count: took.len(), median: at(50), p99: at(99), max: at(100) }
    }
}
