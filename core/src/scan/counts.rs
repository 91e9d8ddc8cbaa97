//! What transcripts add up to. Files may be read in any order, by several readers, and may repeat each other: a session
//! that was resumed or forked has the earlier lines again. Where two accounts of one thing differ, the greater one
//! counts, so that the order never matters.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::agent::Tier;
use crate::usage::Tokens;

/// What identifies an answer, a prompt, a call or a subagent: a hash, so that no word of a transcript is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 16]);

impl Key {
    /// Returns the key of something that these texts identify together.
    pub(super) fn of(parts: &[&str]) -> Key {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut key = [0; 16];
        hasher.finalize_xof().fill(&mut key);
        Key(key)
    }
}

/// Where a prompt would have gone. The order says which of two accounts counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sent {
    /// A program handed it in: `claude -p` in a script. It is not routed here.
    ByProgram,
    /// A command of the CLI, an image without a word: nothing to route.
    Nowhere,
    /// It only answers what the model said last: "yes", "go on".
    AsAnswer,
    /// To a tier.
    ToTier(Tier),
    /// To a person, who is asked first.
    ToPerson,
}

/// Who spent the tokens of an answer. The order says which of two accounts counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spender {
    /// A subagent.
    Subagent,
    /// The main thread, under a prompt that would have gone to this tier; `None` if it would have gone nowhere.
    Main(Option<Tier>),
}

/// One answer of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    /// The greatest figures of its lines: the last one has the final output.
    pub tokens: Tokens,
    /// The tier of the model; `None` if it has none that is known.
    pub tier: Option<Tier>,
    /// Who spent them.
    pub spender: Spender,
}

/// One subagent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subagent {
    /// The call that began it, by its id.
    pub call: Option<Key>,
    /// The call that began it, by its words: older versions write no id down.
    pub call_by_words: Option<Key>,
    /// The models that answered.
    pub served: BTreeSet<String>,
}

/// What transcripts add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub(super) sessions: HashSet<Key>,
    pub(super) answers: HashMap<Key, Answer>,
    pub(super) prompts: HashMap<Key, Sent>,
    pub(super) subagents: HashMap<Key, Subagent>,
    /// The model that each call of a subagent names, if it names one.
    pub(super) calls: HashMap<Key, Option<String>>,
    /// Lines that are no record, such as torn ones.
    pub(super) unreadable_lines: u64,
}

impl Counts {
    /// Adds what another reader has counted.
    pub fn merge(&mut self, other: Counts) {
        self.sessions.extend(other.sessions);
        other.answers.into_iter().for_each(|(key, answer)| self.add_answer(key, answer));
        other.prompts.into_iter().for_each(|(key, sent)| self.add_prompt(key, sent));
        other.subagents.into_iter().for_each(|(key, subagent)| self.add_subagent(key, subagent));
        other.calls.into_iter().for_each(|(key, model)| self.add_call(key, model));
        self.unreadable_lines = self.unreadable_lines.saturating_add(other.unreadable_lines);
    }

    pub(super) fn add_answer(&mut self, key: Key, answer: Answer) {
        match self.answers.entry(key) {
            Entry::Occupied(mut there) => {
                let there = there.get_mut();
                there.tokens = there.tokens.max(answer.tokens);
                there.tier = there.tier.max(answer.tier);
                there.spender = there.spender.max(answer.spender);
            }
            Entry::Vacant(place) => {
                place.insert(answer);
            }
        }
    }

    pub(super) fn add_prompt(&mut self, key: Key, sent: Sent) {
        let there = self.prompts.entry(key).or_insert(sent);
        *there = sent.max(*there);
    }

    pub(super) fn add_subagent(&mut self, key: Key, subagent: Subagent) {
        let there = self.subagents.entry(key).or_default();
        there.call = there.call.max(subagent.call);
        there.call_by_words = there.call_by_words.max(subagent.call_by_words);
        there.served.extend(subagent.served);
    }

    pub(super) fn add_call(&mut self, key: Key, model: Option<String>) {
        let there = self.calls.entry(key).or_default();
        if model > *there {
            *there = model;
        }
    }

    pub(super) fn add_unreadable_line(&mut self) {
        self.unreadable_lines = self.unreadable_lines.saturating_add(1);
    }
}
