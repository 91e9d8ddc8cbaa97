//! pointsman DOES: everything with IO, around the decisions of `pointsman-core`.

fn main() {}
