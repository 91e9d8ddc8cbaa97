//! What only whole data can show: recorded streams and hook inputs, hostile streams, labelled requests, documents.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test reads its files and may panic")]

mod compliance;
mod documents;
mod evidence;
mod hook_delegations;
mod hooks;
mod hostile_streams;
mod labelled_sample;
mod modes;
mod policy_files;
mod redaction;
mod training;
mod transcripts;
