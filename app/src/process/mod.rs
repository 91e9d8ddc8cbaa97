//! Runs one command to its end, whatever it does: the only module that spawns.
//!
//! Each attempt has a *shim*: this program again, under a hidden verb, between us and the agent. The shim leads its own
//! session, adopts every orphan of the agent's tree, is controlled through a *lifeline* (a control pipe, whose end
//! tells it that we died), and kills the whole tree before it says how the agent ended. The agent's output comes to us
//! directly; its standard input is an unlinked file.
//!
//! This module knows nothing about Claude: it is given an `Invocation`, passes on lines, and is told by the caller what
//! a line means for the deadlines.
//!
//! Reading order: `launch` (what to run), `supervise` (our side), `processes` (where shims come from), `shim` (the
//! other side), `lines` (bounded reading), `cleanup` (killing until none is left), `abandoned` (the same
//! for the dead), `hardening` (keeping the agent out), `tree` (descendants), `owned` (which
//! children are ours), `identity` (is it still the same process), `probe` (`--version`), `call` (runs a program to its
//! end), `attached` (this program, seen as it runs), `pager` (a text that a person pages through), `detach` (this program in the background), `scope` (leaving the systemd service that it was started in).
//!
//! Every wait is bounded by a constant that states its reason, or a comment states what ends it.

mod abandoned;
pub mod attached;
pub mod call;
mod cleanup;
pub mod detach;
pub mod hardening;
pub mod identity;
pub mod inherited;
pub mod launch;
pub mod lifeline;
pub mod lines;
pub mod own_program;
mod owned;
pub mod pager;
pub mod probe;
pub mod processes;
pub mod replace;
mod scope;
#[cfg(test)]
pub mod scripted;
pub mod shim;
mod shim_events;
pub mod supervise;
mod tree;
