//! Our side of an attempt: send the order, pass on lines, enforce the deadlines, stop it, see it end.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use pointsman_core::run::awake::{AwakeClock, LOOK_AGAIN};
use pointsman_core::run::end::{Exit, ProcessEnd, StopCause};
use pointsman_core::run::watchdog::Watchdog;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::cleanup::{CLEAN_UP_LIMIT, LostShim};
use super::launch::{Launch, OnLine};
use super::lifeline::{self, ExitRecord, LifelineCommand, ShimOrder};
use super::lines::{LineEvent, Lines, Tail};
use super::processes::{Kind, Shim, ShimProcess};
#[cfg(test)]
use super::scripted;

/// A process outside the tree can keep the agent's pipe open after the whole tree has died; we stop reading then.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

/// How much longer than its own grace period a shim may take to stop before it is given up: it cleans up for this long,
/// and then reports that it cannot.
const SHIM_LIMIT: Duration = CLEAN_UP_LIMIT.saturating_add(Duration::from_secs(3));

/// A killed shim is gone in microseconds, unless the kernel cannot end it; nothing can be done about that here.
const KILLED_SHIM_LIMIT: Duration = Duration::from_secs(2);

/// Prepares one process to be run to its end.
pub fn supervise(launch: Launch, shim: Shim) -> (Handle, Supervision) {
    let (stop, stops) = mpsc::unbounded_channel();
    let (progress, seen) = watch::channel(Progress::Running);
    (Handle { stop, progress: seen }, Supervision { launch, shim, stops, progress })
}

/// Runs a process to its end while causes to stop it come from `stops`. A cause that comes after the end of the process
/// stays in the channel for its next reader.
///
/// Whatever happens, no process of the tree is left when this returns, or else the returned end reports it.
pub async fn run(
    launch: Launch,
    shim: Shim,
    stops: &mut mpsc::Receiver<StopCause>,
    on_line: OnLine<'_>,
) -> ProcessEnd {
    let (handle, supervision) = supervise(launch, shim);
    let mut running = pin!(supervision.run(on_line));
    // Polled by hand, because the order matters: only polling it tells whether it is still running, and only then may a
    // cause be taken. The next poll sees the cause before anything else.
    poll_fn(|context| {
        loop {
            if let Poll::Ready(end) = running.as_mut().poll(context) {
                return Poll::Ready(end);
            }
            match handle.is_running().then(|| stops.poll_recv(context)) {
                Some(Poll::Ready(Some(cause))) => handle.stop(cause),
                Some(Poll::Ready(None) | Poll::Pending) | None => return Poll::Pending,
            }
        }
    })
    .await
}

/// The progress of a supervision.
#[derive(Debug, Clone)]
enum Progress {
    Running,
    /// The process has ended; the rest of its output is being read.
    TreeEnded,
    Over(ProcessEnd),
}

/// Controls a process from anywhere while it is supervised.
#[derive(Debug, Clone)]
pub struct Handle {
    stop: mpsc::UnboundedSender<StopCause>,
    progress: watch::Receiver<Progress>,
}

impl Handle {
    /// Ends the process early: politely at first; at once if it is called again on behalf of somebody who waits
    /// (`Interrupt`, `Terminate`). Does nothing once it has ended.
    pub fn stop(&self, cause: StopCause) {
        // An error means that nobody receives any more: it has ended.
        let _ = self.stop.send(cause);
    }

    /// Returns whether the process has not ended yet.
    pub fn is_running(&self) -> bool {
        matches!(*self.progress.borrow(), Progress::Running)
    }

    /// Waits for the end, which the deadlines of the supervision bound. A supervision that is dropped before it is over
    /// has lost its process.
    #[cfg_attr(not(test), expect(dead_code, reason = "a driver of several runs waits by this"))]
    pub async fn wait(&self) -> ProcessEnd {
        let mut progress = self.progress.clone();
        let over = progress.wait_for(|progress| matches!(progress, Progress::Over(_))).await;
        match over.as_deref() {
            Ok(Progress::Over(end)) => end.clone(),
            Ok(Progress::Running | Progress::TreeEnded) | Err(_) => ProcessEnd {
                exit: Exit::Lost,
                stopped: None,
                leaked_count: 0,
                duration: Duration::ZERO,
                stderr_tail: String::new(),
                oversized_lines: 0,
            },
        }
    }
}

/// One process, to be run to its end. Dropping this kills the process and its tree.
#[must_use = "nothing runs before this does"]
#[derive(Debug)]
pub struct Supervision {
    launch: Launch,
    shim: Shim,
    stops: mpsc::UnboundedReceiver<StopCause>,
    progress: watch::Sender<Progress>,
}

impl Supervision {
    /// Runs the process to its end. Every line goes to `on_line`.
    ///
    /// Bounded by the launch's deadlines, the grace, [`SHIM_LIMIT`], [`DRAIN_LIMIT`] and [`CLEAN_UP_LIMIT`].
    pub async fn run(self, on_line: OnLine<'_>) -> ProcessEnd {
        let Supervision { launch, shim, stops, progress } = self;
        let begun = Instant::now();
        let end = match open(&launch, shim) {
            Ok(side) => Supervised::new(launch, side, stops, begun).run(&progress, on_line).await,
            Err(error) => ProcessEnd {
                exit: Exit::NotSpawned {
                    missing: false,
                    message: format!("the shim could not be started: {error}"),
                },
                stopped: None,
                leaked_count: 0,
                duration: begun.elapsed(),
                stderr_tail: String::new(),
                oversized_lines: 0,
            },
        };
        progress.send_replace(Progress::Over(end.clone()));
        end
    }
}

/// A stream from the shim or its agent.
pub(super) type Incoming = Box<dyn AsyncRead + Send + Unpin>;

/// Our ends of the streams to a shim and its agent.
pub(super) struct Side {
    pub(super) stdout: Incoming,
    pub(super) stderr: Incoming,
    /// From the shim to us.
    pub(super) notes: Incoming,
    /// From us to the shim.
    pub(super) commands: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) tree: Tree,
}

/// The processes themselves.
pub(super) enum Tree {
    Guarded(Box<ShimProcess>),
    #[cfg(test)]
    Scripted(scripted::Tree),
}

#[cfg_attr(not(test), expect(unused_variables, reason = "a script is told the launch"))]
fn open(launch: &Launch, shim: Shim) -> io::Result<Side> {
    let mut shim = match shim.0 {
        Kind::Process(shim) => shim?,
        #[cfg(test)]
        Kind::Scripted(stage) => return Ok(stage.open(launch)),
    };
    let lifeline = shim.lifeline.take().expect("a shim has its lifeline");
    let (notes, commands) = lifeline.into_split();
    Ok(Side {
        stdout: Box::new(shim.child.stdout.take().expect("the shim's output is piped")),
        stderr: Box::new(shim.child.stderr.take().expect("the shim's errors are piped")),
        notes: Box::new(notes),
        commands: Box::new(commands),
        tree: Tree::Guarded(shim),
    })
}

impl Tree {
    /// Waits for the end of the shim. Cancel safe.
    async fn wait(&mut self) {
        match self {
            Tree::Guarded(shim) => shim.wait().await,
            #[cfg(test)]
            Tree::Scripted(tree) => tree.wait().await,
        }
    }

    /// Kills a shim that hangs.
    async fn kill_shim(&mut self) {
        match self {
            // An error means that it has already ended.
            Tree::Guarded(shim) => drop(shim.child.start_kill()),
            #[cfg(test)]
            Tree::Scripted(tree) => tree.kill_shim(),
        }
        let _ = timeout(KILLED_SHIM_LIMIT, self.wait()).await;
    }

    /// Returns the shim's record; if the shim died without one, or was killed, kills what it guarded: whoever can kill
    /// the shim may have found a way to speak for it.
    async fn record(&self, said: Option<ExitRecord>) -> ExitRecord {
        match self {
            Tree::Guarded(shim) => match said.filter(|_| !shim.was_killed) {
                Some(record) => record,
                None => clean_up_after(LostShim { started_ticks: shim.started_ticks }).await,
            },
            #[cfg(test)]
            Tree::Scripted(_) => {
                said.unwrap_or(ExitRecord { exit: Exit::Lost, leaked_count: 0, unended_count: 0 })
            }
        }
    }
}

/// Cleans up after a dead shim: we are the next subreaper above it, so what it guarded is now below us.
///
/// Not on this thread, which has signals to handle.
async fn clean_up_after(lost: LostShim) -> ExitRecord {
    let ended = tokio::task::spawn_blocking(move || lost.end_orphans()).await;
    // It can only fail by a panic.
    let (leaked_count, unended_count) =
        ended.map_or((0, 0), |ended| (ended.killed_count, ended.living_count));
    ExitRecord { exit: Exit::Lost, leaked_count, unended_count }
}

/// What still has to be sent to the shim. The shim may not be reading, so nothing waits for this alone.
struct Outgoing {
    to: Box<dyn AsyncWrite + Send + Unpin>,
    unsent: Vec<u8>,
}

impl Outgoing {
    /// Sends a part. Cancel safe.
    async fn send_some(&mut self) {
        match self.to.write(&self.unsent).await {
            Ok(count) => drop(self.unsent.drain(..count)),
            // A dead shim cannot be written to; waiting for it reveals its end.
            Err(_) => self.unsent.clear(),
        }
    }
}

/// What the shim says.
struct Notes {
    from: Incoming,
    said: Vec<u8>,
    is_open: bool,
}

impl Notes {
    /// Reads a part. Cancel safe.
    async fn read_some(&mut self) {
        let mut bytes = [0u8; 512];
        match self.from.read(&mut bytes).await {
            Ok(count) if count > 0 && self.said.len() < lifeline::RECORD_BYTES_MAX => {
                self.said.extend_from_slice(&bytes[..count]);
            }
            Ok(_) | Err(_) => self.is_open = false,
        }
    }

    /// Returns how the agent ended, once that was said completely.
    fn record(&self) -> Option<ExitRecord> {
        let end = self.said.iter().position(|byte| *byte == b'\n')?;
        serde_json::from_slice(&self.said[..end]).ok()
    }
}

/// A running process.
struct Supervised {
    stdout: Lines<Incoming>,
    stderr: Incoming,
    stderr_tail: Tail,
    notes: Notes,
    outgoing: Outgoing,
    tree: Tree,
    stops: mpsc::UnboundedReceiver<StopCause>,
    watchdog: Watchdog,
    begun: Instant,
    stopped: Option<StopCause>,
    /// When a shim that does not stop is given up, by the same clock as the deadlines.
    give_up_at: Option<Duration>,
    clock: AwakeClock,
    stop_grace: Duration,
}

impl Supervised {
    fn new(
        launch: Launch,
        side: Side,
        stops: mpsc::UnboundedReceiver<StopCause>,
        begun: Instant,
    ) -> Supervised {
        let Launch { invocation, dir, limits, stop_grace, overlong } = launch;
        let order = ShimOrder { version: lifeline::ORDER_VERSION, invocation, dir, stop_grace };
        let mut unsent = serde_json::to_vec(&order).expect("plain data has a JSON form");
        unsent.push(b'\n');
        Supervised {
            stdout: Lines::new(side.stdout, overlong),
            stderr: side.stderr,
            stderr_tail: Tail::default(),
            notes: Notes { from: side.notes, said: vec![], is_open: true },
            outgoing: Outgoing { to: side.commands, unsent },
            tree: side.tree,
            stops,
            watchdog: Watchdog::new(limits),
            begun,
            stopped: None,
            give_up_at: None,
            clock: AwakeClock::default(),
            stop_grace,
        }
    }

    async fn run(mut self, progress: &watch::Sender<Progress>, on_line: OnLine<'_>) -> ProcessEnd {
        self.until_tree_ends(on_line).await;
        progress.send_replace(Progress::TreeEnded);
        self.drain(on_line).await;
        let record = self.tree.record(self.notes.record()).await;
        if record.unended_count > 0 {
            let words = format!(
                "\npointsman: {} processes of this attempt could not be ended\n",
                record.unended_count
            );
            self.stderr_tail.add(words.as_bytes());
        }
        ProcessEnd {
            exit: record.exit,
            stopped: self.stopped,
            leaked_count: record.leaked_count.saturating_add(record.unended_count),
            duration: self.begun.elapsed(),
            stderr_tail: self.stderr_tail.text(),
            oversized_lines: self.stdout.overlong_count(),
        }
    }

    /// Reads its output until the shim has ended, or reports that it has done what it can, or is given up.
    async fn until_tree_ends(&mut self, on_line: OnLine<'_>) {
        let mut errors = [0u8; 4096];
        let (mut output_open, mut errors_open) = (true, true);
        loop {
            let awake = self.awake();
            let due = self.give_up_at.unwrap_or_else(|| self.watchdog.next_deadline().0);
            // At least this often, so that a time when we did not run is noticed.
            let next_look = due.saturating_sub(awake).min(LOOK_AGAIN);
            // In this order: what the agent has already printed counts before the clock, even if we were stopped
            // meanwhile.
            tokio::select! {
                biased;
                Some(cause) = self.stops.recv() => self.stop(cause),
                () = self.tree.wait() => return,
                () = self.notes.read_some(), if self.notes.is_open => {
                    // Otherwise the shim ends at once; but this one stays with what it cannot end.
                    if self.notes.record().is_some_and(|record| record.unended_count > 0) {
                        return;
                    }
                }
                () = self.outgoing.send_some(), if !self.outgoing.unsent.is_empty() => {}
                event = self.stdout.next(), if output_open => match event {
                    Some(LineEvent::Line(line)) => {
                        self.take(&line, on_line);
                        // Whoever writes without pause must not keep the signals of this process from being heard.
                        tokio::task::yield_now().await;
                    }
                    Some(LineEvent::Bytes) => self.sign_of_life(),
                    None => output_open = false,
                },
                count = self.stderr.read(&mut errors), if errors_open => match count {
                    Ok(count) if count > 0 => {
                        self.stderr_tail.add(&errors[..count]);
                        self.sign_of_life();
                    }
                    Ok(_) | Err(_) => errors_open = false,
                },
                () = tokio::time::sleep(next_look) => {
                    let awake = self.awake();
                    match self.give_up_at {
                        Some(at) if awake >= at => return self.tree.kill_shim().await,
                        Some(_) => {}
                        None => self.watchdog.alarm(awake).into_iter().for_each(|cause| self.stop(cause)),
                    }
                }
            }
        }
    }

    /// Returns how long the process has run while we were able to watch it.
    fn awake(&mut self) -> Duration {
        self.clock.look(self.begun.elapsed())
    }

    /// Notes a sign of life. Any byte on either pipe is one: progress is often shown without line ends, and on standard
    /// error.
    fn sign_of_life(&mut self) {
        let now = self.awake();
        self.watchdog.saw_output(now);
    }

    fn take(&mut self, line: &str, on_line: OnLine<'_>) {
        let meaning = on_line(line, self.stopped);
        let now = self.awake();
        self.watchdog.saw_output(now);
        match meaning.settled {
            true => self.watchdog.settled(now),
            false => self.watchdog.unsettled(),
        }
        if let Some(usd) = meaning.usd {
            self.watchdog.saw_cost(usd);
        }
        let cause = meaning.stop.or_else(|| self.watchdog.alarm(now));
        if let Some(cause) = cause {
            self.stop(cause);
        }
    }

    /// Asks the shim to stop the agent; asking again meanwhile means at once.
    fn stop(&mut self, cause: StopCause) {
        let (command, patience) = match self.stopped {
            None => (LifelineCommand::Stop, self.stop_grace),
            Some(_) if matches!(cause, StopCause::Interrupt | StopCause::Terminate) => {
                (LifelineCommand::Kill, Duration::ZERO)
            }
            Some(_) => return,
        };
        self.stopped = self.stopped.or(Some(cause));
        self.give_up_at = Some(self.awake() + patience + SHIM_LIMIT);
        self.outgoing.unsent.push(command.byte());
    }

    /// Reads what is still in the pipes after the tree has ended.
    async fn drain(&mut self, on_line: OnLine<'_>) {
        let rest = async {
            while self.notes.is_open && self.notes.record().is_none() {
                self.notes.read_some().await;
            }
            while let Some(event) = self.stdout.next().await {
                if let LineEvent::Line(line) = event {
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
        // Anything later than this does not come from a process that we started.
        let _ = timeout(DRAIN_LIMIT, rest).await;
    }
}

#[cfg(test)]
mod tests;
