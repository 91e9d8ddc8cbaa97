//! Whatever stands on a line, what is kept of it while it is read is records or nothing, and never more than there was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_core::adapter::slim::Slimmer;

fuzz_target!(|data: &[u8]| {
    let mut slimmer = Slimmer::default();
    let piece = usize::from(data.first().copied().unwrap_or(1)).max(1);
    data.chunks(piece).for_each(|bytes| slimmer.push(bytes));
    let kept = slimmer.records();
    assert!(kept.iter().all(|record| record.starts_with('{')));
    assert!(kept.iter().map(String::len).sum::<usize>() <= data.len() * 3);
});
