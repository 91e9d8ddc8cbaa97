//! Running one command to its end, whatever it does: the only room that spawns.
//!
//! Each attempt has a *shim*: this program again, under a hidden verb, between us and the agent. The
//! shim leads its own session, adopts every orphan of the agent's tree, hears us through a *lifeline*
//! (a control pipe, whose end tells it that we died), and kills the whole tree before it writes the exit record.
//! The agent's output comes to us directly; its standard input is an unlinked file.
//!
//! The room has never heard of Claude: it is given an `Invocation`, hands out lines, and is told by
//! the caller what a line means for the deadlines.
//!
//! Reading order: `launch` (what is asked for), `supervise` (our side), `processes` (where shims come from), `shim`
//! (the other side), `lines` (bounded reading), `cleanup` (ending until none is left), `tree` (descendants), `owned`
//! (which children are ours), `identity` (is that process still the same one), `probe` (`--version`), `call` (a program
//! to its end), `detach` (this program in the background), `scope` (out of the service that it was started in).
//!
//! Every wait has a bound, which is a constant with its reason, or the words at it say what ends it.

pub mod call;
mod cleanup;
pub mod detach;
pub mod identity;
pub mod launch;
pub mod lifeline;
pub mod lines;
mod own_program;
mod owned;
pub mod probe;
pub mod processes;
mod scope;
#[cfg(test)]
pub mod scripted;
pub mod shim;
mod shim_events;
pub mod supervise;
mod tree;
