//! Drivers in the background: what they outlive.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::fake::Fake;
use crate::sandbox::{Call, PATIENCE, Ran, Sandbox, pointsman, wait_for, wait_for_file};

const REQUEST: &str = "rename foo to bar in lib.rs";

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn wait_for_success(sandbox: &Sandbox, run_id: &str) {
    wait_for("the end of the run", || {
        let report = sandbox.show(run_id);
        (!report["verdict"].is_null()).then(|| assert_eq!(report["verdict"], "succeeded", "{report:#}"))
    });
}

/// Seen to fail with shims started from the path of the program: the second attempt found the new file, or none.
#[test]
fn a_driver_goes_on_when_its_program_is_replaced_or_removed() {
    let replace = |program: &Path| {
        let new = program.with_extension("new");
        write_program(&new, "#!/bin/sh\nexit 99\n");
        fs::rename(new, program).unwrap();
    };
    let remove = |program: &Path| fs::remove_file(program).unwrap();
    for upgrade in [&replace as &dyn Fn(&Path), &remove] {
        let sandbox = Sandbox::new();
        let [sign, go, starts, program] =
            ["at-work", "go", "starts", "pointsman"].map(|name| sandbox.path(name));
        fs::copy(pointsman(), &program).unwrap();
        let fails_once =
            Fake::touches(&sign).then(Fake::awaits(&go)).then(Fake::first(1, &starts, "overloaded"));
        let sandbox = sandbox.agents(fails_once.then(Fake::completes("at last")));
        let call = sandbox.call(["run", "--detach", "--tier", "haiku", REQUEST]);
        let ran = call.of_program(&program).wait().success();
        wait_for_file(&sign);
        upgrade(&program);
        fs::write(&go, "").unwrap();
        wait_for_success(&sandbox, ran.stdout.trim());
        let report = sandbox.show(ran.stdout.trim());
        assert_eq!(report["attempts"].as_array().unwrap().len(), 2, "{report:#}");
        sandbox.no_process_is_left(PATIENCE);
    }
}

/// A control group whose name is that of a service; gone when it is dropped. Only root may make one.
struct Service(PathBuf);

impl Service {
    fn new(name: &str) -> Option<Service> {
        let name = format!("pointsman-it-{}-{name}.service", std::process::id());
        let trees = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup"].map(|tree| Path::new(tree).join(&name));
        let dir = trees.into_iter().find(|dir| fs::create_dir(dir).is_ok())?;
        Some(Service(dir)).filter(|service| service.0.join("cgroup.procs").exists())
    }

    /// Starts a command line in the service.
    fn of<'a>(&self, call: Call<'a>) -> Call<'a> {
        call.after_shell(&format!("echo $$ > '{}'", self.0.join("cgroup.procs").display()))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Its last process is just about to end.
        for _ in 0..1000 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::yield_now();
        }
    }
}

/// A sandbox with this shell script as `systemd-run`.
fn with_systemd_run(script: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let bin = sandbox.path("bin");
    fs::create_dir(&bin).unwrap();
    write_program(&bin.join("systemd-run"), script);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    sandbox.env("PATH", &path)
}

/// Starts a run in the background of a service; nothing where no service can be made.
fn detached_in(name: &str, sandbox: &Sandbox) -> Option<Ran> {
    let Some(service) = Service::new(name) else {
        eprintln!("left out: no control group can be made here");
        return None;
    };
    let ran = service.of(sandbox.call(["run", "--detach", "--tier", "haiku", REQUEST])).wait().success();
    wait_for_success(sandbox, ran.stdout.trim());
    sandbox.no_process_is_left(PATIENCE);
    Some(ran)
}

/// Seen to fail with the driver started in the plain way.
#[test]
fn a_driver_is_started_outside_of_the_service_of_whoever_starts_it() {
    // Like the real one, it becomes the command.
    let sandbox = with_systemd_run(
        "#!/bin/sh\necho \"$@\" > \"$HOME/argv\"\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec \"$@\"\n",
    );
    if detached_in("outside", &sandbox).is_some() {
        let argv = fs::read_to_string(sandbox.path("home/argv")).unwrap();
        let (options, command) = argv.trim().split_once(" -- ").unwrap();
        assert_eq!(options, "--scope --quiet --collect --no-ask-password");
        let pid = command.strip_prefix("/proc/").and_then(|rest| rest.strip_suffix("/exe __drive"));
        assert!(pid.is_some_and(|pid| pid.parse::<u32>().is_ok()), "{command}");
    }
}

/// Seen to fail without another way after a first one that refuses, and with no limit for one that hangs.
#[test]
fn a_driver_is_started_all_the_same_where_systemd_refuses_or_hangs() {
    for (name, script) in [
        (
            "refuses",
            "#!/bin/sh\necho \"$@\" >> \"$HOME/argv\"\necho 'Failed to connect to bus' >&2\nexit 1\n",
        ),
        ("hangs", "#!/bin/sh\necho \"$@\" >> \"$HOME/argv\"\nexec sleep 600\n"),
    ] {
        let sandbox = with_systemd_run(script);
        if detached_in(name, &sandbox).is_some() {
            let tried = fs::read_to_string(sandbox.path("home/argv")).unwrap();
            assert_eq!(tried.lines().count(), 2, "the system's manager and root's own: {tried}");
        }
    }
}

#[test]
fn a_driver_outside_of_any_service_is_started_in_the_plain_way() {
    let sandbox = with_systemd_run("#!/bin/sh\n: > \"$HOME/argv\"\nexit 1\n");
    let is_in_service = fs::read_to_string("/proc/self/cgroup").is_ok_and(|text| text.contains(".service"));
    let ran = sandbox.call(["run", "--detach", "--tier", "haiku", REQUEST]).wait().success();
    wait_for_success(&sandbox, ran.stdout.trim());
    assert!(is_in_service || !sandbox.path("home/argv").exists(), "systemd was asked");
}
