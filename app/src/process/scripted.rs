//! A stand-in for processes in tests: a process is a list of steps on tokio's clock, which may be paused.
//!
//! It replaces the shim and its agent at the same pipes, so that the supervision in front of it is the real one:
//! deadlines, stops and the reading of lines are not simulated.
//!
//! ```ignore
//! let processes = Processes::scripted(|_launch, nth| match nth {
//!     0 => Script::new().says("working").hangs(),
//!     _ => Script::new().waits(Duration::from_secs(60)).says("done").exits(0),
//! });
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pointsman_core::adapter::invocation::Invocation;
use pointsman_core::run::end::Exit;
use pointsman_core::run::watchdog::WatchLimits;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, split};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::launch::Launch;
use super::lifeline::{ExitRecord, LifelineCommand};
use super::lines::Overlong;
use super::supervise::{Side, Tree as SupervisedTree};

/// The capacity of a script's pipe, beyond which its reader must read.
const PIPE_BYTES: usize = 64 << 10;

/// What a process does.
#[derive(Debug, Clone)]
pub struct Script {
    steps: VecDeque<Step>,
    /// How long it takes to obey a polite stop; `None` if it never does.
    obeys_after: Option<Duration>,
    leaked_count: u32,
    output_is_held: bool,
    shim_hangs: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Says(String),
    Complains(String),
    Waits(Duration),
    Hangs,
    Ends(Exit),
}

impl Default for Script {
    fn default() -> Script {
        Script {
            steps: VecDeque::new(),
            obeys_after: Some(Duration::ZERO),
            leaked_count: 0,
            output_is_held: false,
            shim_hangs: false,
        }
    }
}

impl Script {
    /// Creates a process that ends at once with code 0, and obeys a polite stop at once.
    pub fn new() -> Script {
        Script::default()
    }

    fn then(mut self, step: Step) -> Script {
        self.steps.push_back(step);
        self
    }

    /// Writes a line on its standard output.
    pub fn says(self, line: &str) -> Script {
        self.then(Step::Says(format!("{line}\n")))
    }

    /// Writes a line on its standard error.
    pub fn complains(self, line: &str) -> Script {
        self.then(Step::Complains(format!("{line}\n")))
    }

    /// Does nothing for a while.
    pub fn waits(self, time: Duration) -> Script {
        self.then(Step::Waits(time))
    }

    /// Does nothing until it is stopped.
    pub fn hangs(self) -> Script {
        self.then(Step::Hangs)
    }

    /// Ends with an exit code.
    pub fn exits(self, code: i32) -> Script {
        self.ends(Exit::Code { code })
    }

    /// Ends in any way; [`Exit::Lost`] is what a killed shim looks like, [`Exit::NotSpawned`] a missing program.
    pub fn ends(self, exit: Exit) -> Script {
        self.then(Step::Ends(exit))
    }

    /// Creates one that was never a process: its program does not exist.
    pub fn program_is_missing() -> Script {
        Script::new().ends(Exit::NotSpawned { missing: true, message: "no such file".to_owned() })
    }

    /// Creates one that was never a process: the system would not start it.
    pub fn cannot_be_spawned() -> Script {
        Script::new().ends(Exit::NotSpawned { missing: false, message: "out of memory".to_owned() })
    }

    /// Leaves this many processes behind, which are killed.
    pub fn leaves(self, leaked_count: u32) -> Script {
        Script { leaked_count, ..self }
    }

    /// Leaves its output open after its end: a process outside the tree holds it.
    pub fn output_is_held(self) -> Script {
        Script { output_is_held: true, ..self }
    }

    /// Creates one whose shim does not even read its order and reacts to no stop; it ends when it is killed.
    pub fn shim_hangs() -> Script {
        Script { shim_hangs: true, ..Script::new() }
    }

    /// Takes this long to obey a polite stop.
    pub fn obeys_after(self, time: Duration) -> Script {
        Script { obeys_after: Some(time), ..self }
    }

    /// Does not obey a polite stop; it is killed after the grace period.
    pub fn ignores_stop(self) -> Script {
        Script { obeys_after: None, ..self }
    }
}

type Play = dyn Fn(&Launch, usize) -> Script + Send + Sync;

/// Where scripts are played; clones share their state.
#[derive(Clone)]
pub(super) struct Stage {
    play: Arc<Play>,
    launches: Arc<Mutex<Vec<Launch>>>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stage")
    }
}

impl Stage {
    pub(super) fn new(play: impl Fn(&Launch, usize) -> Script + Send + Sync + 'static) -> Stage {
        Stage { play: Arc::new(play), launches: Arc::default() }
    }

    pub(super) fn launches(&self) -> Vec<Launch> {
        self.launches.lock().unwrap().clone()
    }

    /// Starts to play a script.
    pub(super) fn open(&self, launch: &Launch) -> Side {
        let nth = {
            let mut launches = self.launches.lock().unwrap();
            launches.push(launch.clone());
            launches.len() - 1
        };
        let script = (self.play)(launch, nth);
        let (stdout, our_stdout) = tokio::io::duplex(PIPE_BYTES);
        let (stderr, our_stderr) = tokio::io::duplex(PIPE_BYTES);
        let (lifeline, our_lifeline) = tokio::io::duplex(PIPE_BYTES);
        let (notes, commands) = split(our_lifeline);
        let (end, ended) = watch::channel(false);
        let mut player = Player { stdout, stderr, lifeline, stop_grace: launch.stop_grace };
        // A panic in the task is an end without a record, like that of a lost shim.
        let task = tokio::spawn(async move {
            let output_is_held = script.output_is_held;
            if script.shim_hangs {
                pending::<()>().await;
            }
            player.play(script).await;
            end.send_replace(true);
            if output_is_held {
                pending::<()>().await;
            }
        });
        Side {
            stdout: Box::new(our_stdout),
            stderr: Box::new(our_stderr),
            notes: Box::new(notes),
            commands: Box::new(commands),
            tree: SupervisedTree::Scripted(Tree { ended, player: task.abort_handle() }),
        }
    }
}

/// The end of a simulated process.
pub(super) struct Tree {
    ended: watch::Receiver<bool>,
    player: AbortHandle,
}

impl Tree {
    pub(super) async fn wait(&mut self) {
        // An error means that it ended without a record.
        let _ = self.ended.wait_for(|ended| *ended).await;
    }

    /// Ends the shim without a record.
    pub(super) fn kill_shim(&self) {
        self.player.abort();
    }
}

struct Player {
    stdout: DuplexStream,
    stderr: DuplexStream,
    lifeline: DuplexStream,
    stop_grace: Duration,
}

impl Player {
    /// Plays it to its end, and says how that was; a lost shim says nothing.
    async fn play(&mut self, script: Script) {
        let record = self.perform(script).await;
        if record.exit != Exit::Lost {
            let line = format!("{}\n", serde_json::to_string(&record).unwrap());
            // A supervisor that went away need not know.
            let _ = self.lifeline.write_all(line.as_bytes()).await;
        }
    }

    async fn perform(&mut self, script: Script) -> ExitRecord {
        self.read_order().await;
        let Script { steps, obeys_after, leaked_count, .. } = script;
        let record = |exit, leaked_count| ExitRecord { exit, leaked_count, unended_count: 0 };
        let ended_by = |signal: Signal| Exit::Signal { signal: signal.as_raw() };
        tokio::select! {
            biased;
            by = stopped(&mut self.lifeline, obeys_after, self.stop_grace) => match by {
                // What must be killed counts as left behind, as in the real shim.
                Signal::KILL => record(ended_by(Signal::KILL), leaked_count + 1),
                polite => record(ended_by(polite), leaked_count),
            },
            exit = perform(steps, &mut self.stdout, &mut self.stderr) => record(exit, leaked_count),
        }
    }

    /// Reads the order's line, as the shim does. Its contents are already known.
    async fn read_order(&mut self) {
        while !matches!(self.lifeline.read_u8().await, Ok(b'\n') | Err(_)) {}
    }
}

/// Performs the steps to the end. A reader that went away changes nothing.
async fn perform(steps: VecDeque<Step>, stdout: &mut DuplexStream, stderr: &mut DuplexStream) -> Exit {
    for step in steps {
        match step {
            Step::Says(line) => drop(stdout.write_all(line.as_bytes()).await),
            Step::Complains(line) => drop(stderr.write_all(line.as_bytes()).await),
            Step::Waits(time) => sleep(time).await,
            Step::Hangs => pending().await,
            Step::Ends(exit) => return exit,
        }
    }
    Exit::Code { code: 0 }
}

/// Waits until a command or the end of the supervisor ends the process; returns the signal that ended it.
async fn stopped(lifeline: &mut DuplexStream, obeys_after: Option<Duration>, grace: Duration) -> Signal {
    let mut end_at: Option<(Instant, Signal)> = None;
    loop {
        let obeyed = async {
            match end_at {
                Some((at, signal)) => {
                    sleep_until(at).await;
                    signal
                }
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            byte = lifeline.read_u8() => match byte {
                Ok(byte) if byte == LifelineCommand::Stop.byte() => {
                    let end = match obeys_after.filter(|after| *after <= grace) {
                        Some(after) => (Instant::now() + after, Signal::TERM),
                        None => (Instant::now() + grace, Signal::KILL),
                    };
                    end_at = end_at.or(Some(end));
                }
                Ok(byte) if byte == LifelineCommand::Kill.byte() => return Signal::KILL,
                Ok(_) => {}
                Err(_) => return Signal::KILL,
            },
            signal = obeyed => return signal,
        }
    }
}

/// Returns some invocation.
pub fn an_invocation() -> Invocation {
    Invocation {
        program: "program".to_owned(),
        args: vec![],
        env: BTreeMap::new(),
        cwd: PathBuf::from("/"),
        stdin: String::new(),
    }
}

/// Returns some launch, with deadlines of minutes.
pub fn a_launch() -> Launch {
    let minutes = |count: u64| Duration::from_secs(count * 60);
    Launch {
        invocation: an_invocation(),
        dir: PathBuf::from("/nowhere"),
        limits: WatchLimits {
            startup: Some(minutes(1)),
            idle: minutes(10),
            wall: minutes(60),
            post_result_grace: Duration::from_secs(5),
            usd: None,
        },
        stop_grace: Duration::from_secs(10),
        overlong: Overlong::Shorten,
    }
}
