//! pointsman DOES: everything with IO, around the decisions of `pointsman-core`.

mod clock;
mod config;
mod engine;
mod process;
mod store;

fn main() {}
