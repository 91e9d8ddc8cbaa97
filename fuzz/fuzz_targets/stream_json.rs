//! Whatever an agent writes is read without panic, and what is kept of it is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_core::adapter::transcript::Transcript;
use pointsman_core::agent::AdapterKind;

const TEXT_BYTES_MAX: usize = 1000;

fuzz_target!(|data: &[u8]| {
    let mut seen = Transcript::default();
    for line in String::from_utf8_lossy(data).lines() {
        for event in AdapterKind::Claude.decode(line) {
            seen.add(&event, TEXT_BYTES_MAX);
        }
    }
    assert!(seen.text.len() <= TEXT_BYTES_MAX + data.len());
    assert!(seen.models_served.len() <= 64 && seen.open_tasks.len() <= 64);
});
