//! Whatever stands on a line, what is kept of it while it is read is records or nothing, and never more than there was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_core::adapter::slim::Slimmer;

fuzz_target!(|data: &[u8]| {
    let mut slimmer = Slimmer::default();
    let piece = usize::from(data.first().copied().unwrap_or(1)).max(1);
    data.chunks(piece).for_each(|bytes| slimmer.push(bytes));
    if let Some(kept) = slimmer.finish() {
        assert!(kept.starts_with('{') && kept.len() <= data.len() * 3);
    }
});
