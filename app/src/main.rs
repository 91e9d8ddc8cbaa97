//! pointsman DOES: everything with IO, around the decisions of `pointsman-core`.

#[expect(dead_code, reason = "the faces that ask for settings come with the engine")]
mod config;

fn main() {}
