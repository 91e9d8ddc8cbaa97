//! The rule table of `builtin.toml`, prepared by `build.rs`: nothing is parsed or built when the program starts.

use std::borrow::Cow;
use std::collections::HashMap;

use super::lexicon::{How, Lexicon, LexiconEntry, Piece};
use super::pattern::{Element, Pattern};
use super::{Rule, RuleEffect};
use crate::policy::layer::Layer;

include!(concat!(env!("OUT_DIR"), "/builtin_policy.rs"));

/// Returns the word lists.
pub(super) fn lexicon() -> Lexicon {
    Lexicon {
        names: Cow::Borrowed(&NAMES),
        name_hashes: Cow::Borrowed(&NAME_HASHES),
        chains: Cow::Borrowed(&CHAINS),
        entries: Cow::Borrowed(&ENTRIES),
        pieces: Cow::Borrowed(&PIECES),
        prefix_lengths: PREFIX_LENGTHS,
        prefix_filter: Cow::Borrowed(&PREFIX_FILTER),
        literals: HashMap::default(),
    }
}
