//! What a shim waits for, on one thread: commands on its lifeline, the end of its children, a deadline.
//!
//! The kernel's SIGCHLD is turned into a byte on a socket, so that one `poll` waits for everything. A single thread
//! means less to start, and one list of children that does not change while it is read.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::lifeline::LifelineCommand;

/// How much of the lifeline is read at once: an order with a long prompt is megabytes.
const CHUNK_BYTES: usize = 64 << 10;

/// What can happen to a shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShimEvent {
    /// The agent has ended; its status is not reaped yet, so its pid cannot mean another process.
    AgentEnded,
    /// Another child has ended: an orphan of the agent's that became ours.
    OtherChildEnded,
    /// The supervisor wants a polite stop.
    Stop,
    /// The supervisor wants an immediate end, or is gone: nobody waits for this agent any more.
    Kill,
    /// The deadline has passed.
    TimeIsUp,
}

/// The source of a shim's events.
pub(super) struct ShimEvents {
    lifeline: OwnedFd,
    /// Bytes of the lifeline that were read but not processed yet.
    unread: Vec<u8>,
    children: UnixStream,
}

impl ShimEvents {
    /// Starts listening on standard input. Must be called before the agent is spawned: otherwise its end could be
    /// missed.
    pub(super) fn new() -> io::Result<ShimEvents> {
        let (children, sender) = UnixStream::pair()?;
        children.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGCHLD, sender)?;
        let lifeline = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(ShimEvents { lifeline, unread: vec![], children })
    }

    /// Returns the first line of the lifeline, without its line end. The wait also ends with the supervisor.
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

    /// Sends something to the supervisor. One that is gone does not receive it, and need not.
    pub(super) fn send(&self, note: &[u8]) -> io::Result<()> {
        match UnixStream::from(self.lifeline.try_clone()?).write_all(note) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            sent => sent,
        }
    }

    /// Waits for the next event, until the deadline at the latest.
    pub(super) fn next(&mut self, agent: i32, until: Option<Instant>) -> io::Result<ShimEvent> {
        loop {
            while !self.unread.is_empty() {
                match self.unread.remove(0) {
                    byte if byte == LifelineCommand::Stop.byte() => return Ok(ShimEvent::Stop),
                    byte if byte == LifelineCommand::Kill.byte() => return Ok(ShimEvent::Kill),
                    // Nobody sends anything else; any other byte is ignored.
                    _ => {}
                }
            }
            // Children come last: an agent that makes orphans without pause always has one.
            if until.is_some_and(|until| until <= Instant::now()) {
                return Ok(ShimEvent::TimeIsUp);
            }
            let Some(ready) = self.wait(until)? else { return Ok(ShimEvent::TimeIsUp) };
            if ready.lifeline {
                if !self.read_lifeline()? {
                    return Ok(ShimEvent::Kill);
                }
            } else if ready.children {
                self.drain_sigchld();
                return Ok(if has_ended(agent) { ShimEvent::AgentEnded } else { ShimEvent::OtherChildEnded });
            }
        }
    }

    /// Waits until something can be read; `None` if the deadline came first.
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
            // The signal that interrupted us has left its byte: the next call finds it.
            Err(rustix::io::Errno::INTR) => Ok(Some(Ready { lifeline: false, children: false })),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what is on the lifeline; returns false at its end.
    fn read_lifeline(&mut self) -> io::Result<bool> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match rustix::io::read(self.lifeline.as_fd(), &mut chunk) {
                Ok(count) => {
                    self.unread.extend_from_slice(&chunk[..count]);
                    return Ok(count > 0);
                }
                Err(rustix::io::Errno::INTR) => {}
                // The supervisor died with something of ours unread.
                Err(rustix::io::Errno::CONNRESET) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Empties the socket: checking the children once covers all signals so far.
    fn drain_sigchld(&mut self) {
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

/// Returns whether the agent has ended, without reaping it.
fn has_ended(agent: i32) -> bool {
    let agent = Pid::from_raw(agent).expect("a child has a pid");
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    // An error means that there is no such child: it has ended then, whichever process reaped it.
    !matches!(waitid(WaitId::Pid(agent), look), Ok(None))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    /// An agent that makes orphans without pause: there is always an ended child to report.
    struct Churning {
        events: ShimEvents,
        lifeline: io::PipeWriter,
        _sender: UnixStream,
    }

    fn churning() -> Churning {
        let (reader, lifeline) = io::pipe().unwrap();
        let (children, mut sender) = UnixStream::pair().unwrap();
        children.set_nonblocking(true).unwrap();
        sender.write_all(&[1; 64]).unwrap();
        Churning {
            events: ShimEvents { lifeline: reader.into(), unread: vec![], children },
            lifeline,
            _sender: sender,
        }
    }

    /// No child of ours has this pid.
    const AGENT: i32 = i32::MAX;

    /// Seen to fail with children checked first, like the next two.
    #[test]
    fn a_command_is_heard_before_an_ended_child() {
        let mut it = churning();
        it.lifeline.write_all(&[LifelineCommand::Stop.byte()]).unwrap();
        assert_eq!(it.events.next(AGENT, None).unwrap(), ShimEvent::Stop);
    }

    /// Seen to fail with the bytes of the commands not told apart from others.
    #[test]
    fn a_command_is_its_byte_and_no_other() {
        let mut it = churning();
        let [stop, kill] = [LifelineCommand::Stop, LifelineCommand::Kill].map(LifelineCommand::byte);
        it.lifeline.write_all(&[b'?', stop, 0, kill, b'\n']).unwrap();
        assert_eq!(it.events.next(AGENT, None).unwrap(), ShimEvent::Stop);
        assert_eq!(it.events.next(AGENT, None).unwrap(), ShimEvent::Kill);
        assert_eq!(it.events.next(AGENT, None).unwrap(), ShimEvent::AgentEnded, "the last one is no command");
    }

    /// Seen to fail with any failure taken for that one: a shim ended before the processes that it still had to end.
    #[test]
    fn a_supervisor_that_is_gone_need_not_be_told_and_no_other_failure_is_passed_over() {
        let sends_to = |lifeline: OwnedFd| {
            let events = ShimEvents { lifeline, ..churning().events };
            events.send(b"{}\n").map_err(|error| error.kind())
        };
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(sends_to(ours.into()), Ok(()));
        let (ours, _theirs) = UnixStream::pair().unwrap();
        ours.shutdown(std::net::Shutdown::Read).unwrap();
        assert_eq!(sends_to(ours.into()), Ok(()));
        assert!(sends_to(std::fs::File::open("/dev/null").unwrap().into()).is_err());
    }

    #[test]
    fn the_end_of_the_supervisor_is_heard_before_an_ended_child() {
        let Churning { mut events, lifeline, _sender } = churning();
        drop(lifeline);
        assert_eq!(events.next(AGENT, None).unwrap(), ShimEvent::Kill);
    }

    #[test]
    fn the_moment_that_was_waited_for_is_seen_before_an_ended_child() {
        let mut it = churning();
        let past = Instant::now().checked_sub(Duration::from_millis(1)).unwrap();
        assert_eq!(it.events.next(AGENT, Some(past)).unwrap(), ShimEvent::TimeIsUp);
    }

    #[test]
    fn an_ended_child_is_heard_when_there_is_nothing_else() {
        let mut it = churning();
        let far = Instant::now() + Duration::from_secs(600);
        assert_eq!(it.events.next(AGENT, Some(far)).unwrap(), ShimEvent::AgentEnded, "nobody has that pid");
    }
}
