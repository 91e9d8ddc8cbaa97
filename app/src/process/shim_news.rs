//! What a shim waits for, on one thread: commands on its lifeline, the end of its children, a moment in time.
//!
//! The kernel's SIGCHLD is turned into a byte on a socket, so that one `poll` waits for everything. No thread
//! of the shim's own means less to start, and one list of children that nobody changes while it is read.

use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::shim::LifelineCommand;

/// How much of the lifeline is read at once: an order with a long prompt is megabytes.
const CHUNK_BYTES: usize = 64 << 10;

/// What can happen to a shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// The agent has ended; its status is not collected, so its pid cannot mean another process yet.
    AgentEnded,
    /// Some other child has ended: an orphan of the agent's that became ours.
    OtherChildEnded,
    /// The supervisor wants a polite stop.
    Stop,
    /// The supervisor wants an end at once, or is gone: nobody waits for this agent any more.
    Kill,
    /// The moment has come that was waited for.
    TimeIsUp,
}

/// Where a shim's news come from.
pub(super) struct NewsSource {
    lifeline: io::Stdin,
    /// Bytes of the lifeline that were read and not looked at.
    unread: Vec<u8>,
    children: UnixStream,
}

impl NewsSource {
    /// Begins to listen. Must be called before the agent is spawned: its end could be missed otherwise.
    pub(super) fn new() -> io::Result<NewsSource> {
        let (children, bell) = UnixStream::pair()?;
        children.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGCHLD, bell)?;
        Ok(NewsSource { lifeline: io::stdin(), unread: vec![], children })
    }

    /// Returns the first line of the lifeline, without its end.
    pub(super) fn first_line(&mut self) -> io::Result<Vec<u8>> {
        let mut looked_at = 0;
        loop {
            if let Some(length) = self.unread[looked_at..].iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(looked_at + length + 1);
                let mut line = std::mem::replace(&mut self.unread, rest);
                line.pop();
                return Ok(line);
            }
            looked_at = self.unread.len();
            if !self.read_lifeline()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Waits for the next thing that happens, until a moment at the latest.
    pub(super) fn next(&mut self, agent: i32, until: Option<Instant>) -> io::Result<News> {
        loop {
            while !self.unread.is_empty() {
                match self.unread.remove(0) {
                    byte if byte == LifelineCommand::Stop.byte() => return Ok(News::Stop),
                    byte if byte == LifelineCommand::Kill.byte() => return Ok(News::Kill),
                    // Nobody sends anything else; if somebody does, it means nothing.
                    _ => {}
                }
            }
            let Some(ready) = self.wait(until)? else { return Ok(News::TimeIsUp) };
            if ready.children {
                self.hear_bell();
                return Ok(if has_ended(agent) { News::AgentEnded } else { News::OtherChildEnded });
            }
            if ready.lifeline && !self.read_lifeline()? {
                return Ok(News::Kill);
            }
        }
    }

    /// Waits until something can be read; `None` when the moment came first.
    fn wait(&self, until: Option<Instant>) -> io::Result<Option<Ready>> {
        let lifeline = self.lifeline.as_fd();
        let mut sources = [watched(&lifeline), watched(&self.children)];
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let limit = left.map(|left| Timespec::try_from(left).expect("a grace is no longer than a lifetime"));
        match poll(&mut sources, limit.as_ref()) {
            Ok(0) => Ok(None),
            Ok(_) => {
                let [lifeline, children] = sources.map(|source| !source.revents().is_empty());
                Ok(Some(Ready { lifeline, children }))
            }
            // The signal that interrupted us has left its byte: the next look finds it.
            Err(rustix::io::Errno::INTR) => Ok(Some(Ready { lifeline: false, children: false })),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes in what stands on the lifeline; returns false at its end.
    fn read_lifeline(&mut self) -> io::Result<bool> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match rustix::io::read(self.lifeline.as_fd(), &mut chunk) {
                Ok(count) => {
                    self.unread.extend_from_slice(&chunk[..count]);
                    return Ok(count > 0);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Empties the socket: one look at the children answers for all signals so far.
    fn hear_bell(&mut self) {
        let mut bytes = [0; 64];
        while self.children.read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }
}

struct Ready {
    lifeline: bool,
    children: bool,
}

fn watched<'a>(source: &'a impl AsFd) -> PollFd<'a> {
    let source: BorrowedFd<'a> = source.as_fd();
    PollFd::from_borrowed_fd(source, PollFlags::IN)
}

/// Tells whether the agent has ended, without collecting it.
fn has_ended(agent: i32) -> bool {
    let agent = Pid::from_raw(agent).expect("a child has a pid");
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    // An error means that there is no such child: then it has ended, whoever collected it.
    !matches!(waitid(WaitId::Pid(agent), look), Ok(None))
}
