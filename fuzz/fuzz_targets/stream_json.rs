//! Whatever an agent writes is read without panic, and what is kept of it is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_core::adapter::invocation::SessionStart;
use pointsman_core::agent::AdapterKind;
use pointsman_core::run::evidence::Evidence;

const TEXT_BYTES_MAX: usize = 1000;

fuzz_target!(|data: &[u8]| {
    let mut seen = Evidence::default();
    let session = if data.len() % 2 == 0 { SessionStart::New } else { SessionStart::Resumed };
    let mut decoder = AdapterKind::Claude.decoder(None, session);
    for line in String::from_utf8_lossy(data).lines() {
        for event in decoder.decode(line) {
            seen.add(&event, TEXT_BYTES_MAX);
        }
    }
    assert!(seen.text.len() <= TEXT_BYTES_MAX + data.len());
    assert!(seen.models_served.len() <= 64 && seen.tools.denied().len() <= 64);
});
