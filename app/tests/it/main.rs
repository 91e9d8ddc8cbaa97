//! The integration tests: the real binary in a sandbox, with agents that do what the test says.
//!
//! `sandbox` has the tools, `terminal` a window for what is only seen at one, `fake` the scripted agents (see `tests/agents`), `model_server` a stand-in for the
//! model API. Then a module per subject: `outcomes` (one test a row of the table), `evidence` (streams, programs
//! and places as people have them), `background` (what drivers outlive), `cancels` (stopping a run from outside), `lists` (runs and sessions as lists, short ids, from odd places), `costs` (what runs cost, and how much of the disk), `notifies` (who is told of an end), `errors` (the codes of failures), `fallback` (broken files of our own), `looks` (what looking back changes, and files of the version before), `first_steps` (`init` and `demo`), `installing` (the plugin beside settings as people have them), `measuring` and `looking_back` (the router held against labels and past runs), `policy`, `promises`, `scan` (a person's own transcripts, counted),
//! `real_claude` (the real CLI against the model server), `piped` and `streaming` (what goes in beside a prompt, what a terminal shows), `verification` (checks of the work), `changes` (what a run changed, and taking it back), `profiles` (what agents may do besides editing), `going_on` (`--continue`, `runs open`, flags that are passed on), `trust_question` (what `run` asks at a terminal), `tidy` (what the sources themselves must keep to).

#![expect(
    clippy::disallowed_methods,
    reason = "tests start programs, read the environment and open databases"
)]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test that cannot go on says so and fails")]

mod arbiter;
mod background;
mod cancels;
mod changes;
mod costs;
mod errors;
mod evidence;
mod fake;
mod fallback;
mod first_steps;
mod going_on;
mod installing;
mod lists;
mod looking_back;
mod looks;
mod measuring;
mod model_server;
mod notifies;
mod outcomes;
mod piped;
mod plugin_session;
mod policy;
mod proc;
mod profiles;
mod promises;
mod real_claude;
mod real_claude_enforcing;
mod real_claude_evidence;
mod real_claude_first_hour;
mod real_claude_plugin;
mod real_claude_repository;
mod real_claude_resume;
mod real_claude_scan;
mod retention;
mod sandbox;
mod scan;
mod streaming;
mod terminal;
mod tidy;
mod trust_question;
mod verbs;
mod verification;
