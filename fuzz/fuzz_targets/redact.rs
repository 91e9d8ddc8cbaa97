//! A text in pieces is redacted as the whole text is, whatever the text and the pieces.
//!
//! That twice is as good as once holds for texts that make sense (a test of `core`), not for all: a value that was taken
//! out may have hidden the name of another.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_core::redact::{Redactor, redact, redact_end};

fuzz_target!(|input: (&str, Vec<u8>)| {
    let (text, cuts) = input;
    let whole = redact(text).into_owned();
    let mut redactor = Redactor::default();
    let (mut out, mut rest) = (String::new(), text);
    for cut in cuts {
        let at = (0..=usize::from(cut).min(rest.len())).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        out.push_str(&redactor.push(&rest[..at]));
        rest = &rest[at..];
    }
    out.push_str(&redactor.push(rest));
    out.push_str(&redactor.finish());
    assert_eq!(out, whole);
    redact_end(text);
    Redactor::new().push_whole(text);
});
