//! A text in pieces is redacted as the whole text is, and twice is as good as once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_core::redact::{Redactor, redact};

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
    assert_eq!(redact(&whole), whole);
});
