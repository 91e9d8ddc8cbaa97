//! Whatever stands in a repository's agent file is read or refused, never worse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pointsman_core::agent_file::parse_agent_file;

fuzz_target!(|text: &str| {
    if let Err(error) = parse_agent_file("agent", text) {
        assert!(!error.to_string().is_empty());
    }
});
