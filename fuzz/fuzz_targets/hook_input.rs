//! Hook input and transcripts of Claude Code: whatever comes, nothing panics, and what is kept is plain.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_core::hook::input::HookInput;
use pointsman_core::hook::transcript::{self, Part};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(input) = HookInput::parse(bytes, Some("Stop")) {
        assert!(input.prompt_id.is_none_or(|id| id.len() <= 128 && id.is_ascii()));
    }
    let text = String::from_utf8_lossy(bytes);
    for part in [Part::All, Part::Session, Part::Prompt("p")] {
        for ran in transcript::read(text.lines(), &[part]).into_iter().flatten() {
            assert!(ran.models_served.len() <= 32 && ran.tools.len() <= 32);
        }
    }
});
