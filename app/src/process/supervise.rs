//! Our side of an attempt: spawn the shim, hand out lines, hold the deadlines, stop it, see it end.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use pointsman_core::adapter::invocation::Invocation;
use pointsman_core::run::end::{Exit, ProcessEnd, StopCause};
use pointsman_core::run::watchdog::{WatchLimits, Watchdog};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::lines::{Heard, Lines, Overlong, Tail};
use super::shim::{self, ExitRecord, LifelineCommand, ShimOrder};
use super::tree;

/// Somebody outside the tree can keep the agent's pipe open after all of it died; we stop listening then.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// How much longer than its own grace a shim may take to stop before it is given up.
const SHIM_LIMIT: Duration = Duration::from_secs(8);

/// One process to run.
#[derive(Debug)]
pub struct Launch {
    /// What is run.
    pub invocation: Invocation,
    /// A private directory for this attempt's records.
    pub dir: PathBuf,
    /// The deadlines.
    pub limits: WatchLimits,
    /// From the polite signal to the kill.
    pub stop_grace: Duration,
    /// What happens to overlong lines.
    pub overlong: Overlong,
}

/// What a line meant, as far as deadlines are concerned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineMeaning {
    /// Whether nothing more is waited for.
    pub settled: bool,
    /// What the attempt cost so far by our estimate, US dollars.
    pub usd: Option<f64>,
    /// Whether the process must be stopped for what the line said.
    pub stop: Option<StopCause>,
}

/// A shim that was started and waits for its order. It does nothing without one, and ends when this is dropped.
#[derive(Debug)]
pub struct Shim(io::Result<Child>);

impl Shim {
    /// Starts a shim, so that it is ready when the order is. What goes wrong is said by [`run`].
    pub fn start(program: &Path) -> Shim {
        // What a dying shim leaves behind must come to us, not to the system.
        Shim(tree::become_subreaper().and_then(|()| spawn_shim(program)))
    }
}

/// Runs a process to its end. Every line goes to `on_line`, with why we have stopped the process if we have; a cause on
/// `stops` ends it early.
///
/// Whatever happens, no process of the tree is left when this returns.
pub async fn run(
    launch: Launch,
    shim: Shim,
    stops: &mut mpsc::Receiver<StopCause>,
    on_line: &mut dyn FnMut(&str, Option<StopCause>) -> LineMeaning,
) -> ProcessEnd {
    let begun = Instant::now();
    let end = |exit, stopped| ProcessEnd {
        exit,
        stopped,
        leaked_count: 0,
        duration: begun.elapsed(),
        stderr_tail: String::new(),
        oversized_lines: 0,
    };
    let mut shim = match shim.0 {
        Ok(shim) => shim,
        Err(error) => {
            let message = format!("the shim could not be started: {error}");
            return end(Exit::NotSpawned { missing: false, message }, None);
        }
    };
    let lifeline = shim.stdin.take().expect("the shim's standard input is piped");
    let mut attempt = Attempt {
        stdout: Lines::new(shim.stdout.take().expect("the shim's output is piped"), launch.overlong),
        stderr: shim.stderr.take().expect("the shim's errors are piped"),
        stderr_tail: Tail::default(),
        lifeline: Lifeline { pipe: lifeline },
        watchdog: Watchdog::new(launch.limits),
        begun,
        stopped: None,
        give_up_at: None,
        stop_grace: launch.stop_grace,
    };
    let order =
        ShimOrder { invocation: launch.invocation, dir: launch.dir.clone(), stop_grace: launch.stop_grace };
    attempt.lifeline.send_order(&order).await;
    drop(order);
    attempt.until_shim_ends(&mut shim, stops, on_line).await;
    attempt.drain(on_line).await;
    let record = read_record(&launch.dir).unwrap_or_else(clean_up_after_lost_shim);
    ProcessEnd {
        leaked_count: record.leaked_count,
        stderr_tail: attempt.stderr_tail.text(),
        oversized_lines: attempt.stdout.overlong_count(),
        ..end(record.exit, attempt.stopped)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the room that spawns")]
fn spawn_shim(program: &Path) -> io::Result<Child> {
    Command::new(program)
        .arg(shim::VERB)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

struct Attempt {
    stdout: Lines<tokio::process::ChildStdout>,
    stderr: tokio::process::ChildStderr,
    stderr_tail: Tail,
    lifeline: Lifeline,
    watchdog: Watchdog,
    begun: Instant,
    stopped: Option<StopCause>,
    give_up_at: Option<Instant>,
    stop_grace: Duration,
}

impl Attempt {
    async fn until_shim_ends(
        &mut self,
        shim: &mut Child,
        stops: &mut mpsc::Receiver<StopCause>,
        on_line: &mut dyn FnMut(&str, Option<StopCause>) -> LineMeaning,
    ) {
        let mut errors = [0u8; 4096];
        let (mut output_open, mut errors_open) = (true, true);
        loop {
            let due = self.give_up_at.unwrap_or_else(|| self.begun + self.watchdog.next_deadline().0);
            // In this order: what the agent already said counts before the clock, even if we slept meanwhile.
            tokio::select! {
                biased;
                _ = shim.wait() => return,
                Some(cause) = stops.recv() => self.stop(cause).await,
                heard = self.stdout.next(), if output_open => match heard {
                    Some(Heard::Line(line)) => self.take(&line, on_line).await,
                    Some(Heard::Bytes) => self.sign_of_life(),
                    None => output_open = false,
                },
                count = self.stderr.read(&mut errors), if errors_open => match count {
                    Ok(count) if count > 0 => {
                        self.stderr_tail.add(&errors[..count]);
                        self.sign_of_life();
                    }
                    Ok(_) | Err(_) => errors_open = false,
                },
                () = tokio::time::sleep_until(due) => {
                    if self.give_up_at.is_some() {
                        // The shim itself hangs; what it leaves is cleaned up by the caller.
                        let _ = shim.start_kill();
                        let _ = shim.wait().await;
                        return;
                    }
                    if let Some(cause) = self.watchdog.alarm(self.begun.elapsed()) {
                        self.stop(cause).await;
                    }
                }
            }
        }
    }

    /// Any byte on either pipe is one: progress is often told without line ends, and on standard error.
    fn sign_of_life(&mut self) {
        self.watchdog.saw_output(self.begun.elapsed());
    }

    async fn take(&mut self, line: &str, on_line: &mut dyn FnMut(&str, Option<StopCause>) -> LineMeaning) {
        let meaning = on_line(line, self.stopped);
        let now = self.begun.elapsed();
        self.watchdog.saw_output(now);
        self.watchdog.saw_settled(now, meaning.settled);
        if let Some(usd) = meaning.usd {
            self.watchdog.saw_cost(usd);
        }
        let cause = meaning.stop.or_else(|| self.watchdog.alarm(now));
        if let Some(cause) = cause {
            self.stop(cause).await;
        }
    }

    /// Asks the shim to stop the agent; asking again while it does so means at once.
    async fn stop(&mut self, cause: StopCause) {
        let (command, patience) = match self.stopped {
            None => (LifelineCommand::Stop, self.stop_grace),
            Some(_) if matches!(cause, StopCause::Interrupt | StopCause::Terminate) => {
                (LifelineCommand::Kill, Duration::ZERO)
            }
            Some(_) => return,
        };
        self.stopped = self.stopped.or(Some(cause));
        self.give_up_at = Some(Instant::now() + patience + SHIM_LIMIT);
        self.lifeline.send(command).await;
    }

    /// Reads what is still in the pipes after the tree has ended.
    async fn drain(&mut self, on_line: &mut dyn FnMut(&str, Option<StopCause>) -> LineMeaning) {
        let rest = async {
            while let Some(heard) = self.stdout.next().await {
                if let Heard::Line(line) = heard {
                    on_line(&line, self.stopped);
                }
            }
            let mut errors = [0u8; 4096];
            while let Ok(count) = self.stderr.read(&mut errors).await
                && count > 0
            {
                self.stderr_tail.add(&errors[..count]);
            }
        };
        // What comes later than this comes from nobody that we started.
        let _ = timeout(DRAIN_LIMIT, rest).await;
    }
}

struct Lifeline {
    pipe: ChildStdin,
}

impl Lifeline {
    /// A shim that died cannot be written to; its end is seen by the wait for it.
    async fn send_order(&mut self, order: &ShimOrder) {
        let mut line = serde_json::to_vec(order).expect("plain data has a JSON form");
        line.push(b'\n');
        let _ = self.pipe.write_all(&line).await;
    }

    async fn send(&mut self, command: LifelineCommand) {
        let _ = self.pipe.write_all(&[command.byte()]).await;
    }
}

fn read_record(dir: &Path) -> Option<ExitRecord> {
    serde_json::from_slice(&std::fs::read(dir.join(shim::EXIT_RECORD)).ok()?).ok()
}

/// The shim died: we are the next subreaper above it, so what it guarded is now below us.
fn clean_up_after_lost_shim() -> ExitRecord {
    ExitRecord { exit: Exit::Lost, leaked_count: tree::kill_descendants() }
}
