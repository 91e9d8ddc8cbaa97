//! What is known of the conversation that a prompt belongs to: what the model said last, by the session's transcript.

use pointsman_core::agent::Catalog;
use pointsman_core::conversation::{Context, Proposal, Session};
use pointsman_core::hook::input::HookInput;
use pointsman_core::hook::note::Note;
use pointsman_core::hook::transcript;

use crate::engine::hooks;

/// How much of a transcript's end is read: what was said last stands there, behind the results of tools.
const BYTES_MAX: u64 = 128 << 10;

/// Returns the conversation. A session that we have a note of goes on, also where its transcript is not there (yet).
pub fn of(input: &HookInput, earlier: Option<&Note>, catalog: &Catalog) -> Context {
    let text = input.transcript.as_deref().and_then(|path| hooks::end_of_transcript(path, BYTES_MAX));
    let said = text.as_deref().and_then(|text| transcript::last_said(text.lines()));
    match (said, earlier) {
        (Some(said), _) => {
            let tier = said.model.as_deref().and_then(|model| catalog.tier_of_model(model));
            Context::after(tier, &said.text)
        }
        (None, Some(note)) => {
            let proposal = if note.asked { Proposal::Open } else { Proposal::None };
            Context::Session(Session { last_tier: None, warm_tokens: None, proposal })
        }
        (None, None) => Context::Fresh,
    }
}
