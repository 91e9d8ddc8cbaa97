//! The lexicon: which words mean what.
//!
//! A word list is a name and entries. An entry is a word (`delete`), a beginning (`lösch*`) or a
//! phrase (`get rid of`). Entries are folded like the text that they are compared with, so that
//! letter case and accents do not matter.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use crate::route::tokens::{self, Kind};

/// The number of a word list.
pub(crate) type Concept = u16;

/// Lists that the tokenizer fills by the form of a word, in the order of their numbers.
pub(crate) const FORMS: [&str; 9] =
    ["end", "comma", "colon", "path", "ident", "number", "quote", "flag", "prodname"];

/// A small, fast hash (FNV-1a); the keys come from the policy, never from a stranger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// What is known about one folded word.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    /// Lists that hold exactly this word.
    pub exact: Vec<Concept>,
    /// Lists that hold every word that begins with it.
    pub prefix: Vec<Concept>,
    /// Phrases that begin with this word: what follows, and their list.
    pub phrases: Vec<(Vec<Piece>, Concept)>,
}

/// A later word of a phrase.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// The folded word.
    pub text: String,
    /// Whether it is only a beginning.
    pub prefix: bool,
}

/// All word lists, prepared for looking up.
#[derive(Debug, Clone)]
pub(crate) struct Lexicon {
    names: HashMap<String, Concept>,
    entries: HashMap<String, Entry, BuildHasherDefault<Fnv>>,
    /// Bit n is set when some beginning has n bytes, so that only those are tried.
    prefix_lengths: u64,
}

impl Lexicon {
    /// Prepares word lists.
    pub fn new(lists: &BTreeMap<&str, &str>) -> Lexicon {
        let mut lexicon = Lexicon {
            names: FORMS.iter().zip(0..).map(|(name, n)| ((*name).to_owned(), n)).collect(),
            entries: HashMap::with_capacity_and_hasher(4096, BuildHasherDefault::default()),
            prefix_lengths: 0,
        };
        for (name, entries) in lists {
            let concept = lexicon.number_of(name);
            for entry in entries.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
                lexicon.add(entry, concept);
            }
        }
        lexicon
    }

    /// Returns how many lists there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns the number of a list.
    pub fn concept(&self, name: &str) -> Option<Concept> {
        self.names.get(name).copied()
    }

    /// Returns the list that holds just this entry, and makes it when needed.
    pub fn literal(&mut self, word: &str) -> Concept {
        let name = format!("'{word}'");
        if let Some(concept) = self.concept(&name) {
            return concept;
        }
        let concept = self.number_of(&name);
        self.add(word, concept);
        concept
    }

    /// Returns what is known about a folded word.
    pub fn get(&self, folded: &str) -> Option<&Entry> {
        self.entries.get(folded)
    }

    /// Calls back with each list of which some beginning begins the folded word.
    pub fn prefixes(&self, folded: &str, mut found: impl FnMut(&[Concept])) {
        for length in 1..=folded.len().min(63) {
            if self.prefix_lengths & (1 << length) != 0
                && let Some(entry) = folded.get(..length).and_then(|part| self.entries.get(part))
                && !entry.prefix.is_empty()
            {
                found(&entry.prefix);
            }
        }
    }

    fn number_of(&mut self, name: &str) -> Concept {
        let next = Concept::try_from(self.names.len()).expect("a policy has fewer than 65,536 word lists");
        *self.names.entry(name.to_owned()).or_insert(next)
    }

    fn add(&mut self, entry: &str, concept: Concept) {
        let (body, prefix) = entry.strip_suffix('*').map_or((entry, false), |body| (body, true));
        let mut pieces: Vec<String> = Vec::new();
        tokens::tokenize(body, |token| {
            if !matches!(token.kind, Kind::End | Kind::Comma | Kind::Colon) {
                pieces.push(token.folded.to_owned());
            }
        });
        let last = pieces.len().saturating_sub(1);
        let mut pieces = pieces.into_iter();
        let Some(first) = pieces.next() else { return };
        if last == 0 && prefix {
            self.prefix_lengths |= 1 << first.len().min(63);
            self.entries.entry(first).or_default().prefix.push(concept);
        } else if last == 0 {
            self.entries.entry(first).or_default().exact.push(concept);
        } else {
            let rest =
                pieces.enumerate().map(|(n, text)| Piece { text, prefix: prefix && n + 1 == last }).collect();
            self.entries.entry(first).or_default().phrases.push((rest, concept));
        }
    }
}

/// The lists that the router itself relies on to tell an order from a mention.
#[derive(Debug, Clone)]
pub(crate) struct Structure {
    /// "not", "without": what follows is not wanted.
    pub negation: Concept,
    /// "no": as `negation`, over a short reach.
    pub negation_short: Concept,
    /// Negations that stand after their verb.
    pub negation_after: Concept,
    /// "forget", "hesitate": a negation of these is an order.
    pub negation_cancel: Concept,
    /// "but", "just": a negation does not reach beyond.
    pub contrast: Concept,
    /// "or": a list goes on.
    pub alternative: Concept,
    /// "and", "please": an order may begin after it.
    pub lead_in: Concept,
    /// "write", "explain": what follows is material for a text or program.
    pub author: Concept,
    /// "how", "why": the sentence asks.
    pub ask: Concept,
    /// Question words that ask wherever they stand (languages without a fixed first place).
    pub ask_anywhere: Concept,
    /// "should", "lets": what follows describes behaviour.
    pub spec: Concept,
    /// "the", "a": what follows is a noun.
    pub article: Concept,
    /// "button", "endpoint": what stands before is a noun.
    pub code: Concept,
    /// "do that", "go ahead": quoted or pasted orders are taken over.
    pub endorse: Concept,
    /// Words without content of their own, for requests that say nothing.
    pub generic: Concept,
    /// References to something that was never said here.
    pub dangling: Concept,
    /// Words that ask to be accompanied.
    pub together: Concept,
    /// Words that ask to plan or to do several phases.
    pub planning: Concept,
    /// Verbs that choose an agent.
    pub choose: Concept,
    /// Tier words, weakest first.
    pub tiers: [Concept; 3],
}

impl Structure {
    /// Finds the lists, or names the one that is missing.
    pub fn new(lexicon: &Lexicon) -> Result<Structure, &'static str> {
        let find = |name: &'static str| lexicon.concept(name).ok_or(name);
        Ok(Structure {
            negation: find("negation")?,
            negation_short: find("negation-short")?,
            negation_after: find("negation-after")?,
            negation_cancel: find("negation-cancel")?,
            contrast: find("contrast")?,
            alternative: find("alternative")?,
            lead_in: find("lead-in")?,
            author: find("author")?,
            ask: find("ask")?,
            ask_anywhere: find("ask-anywhere")?,
            spec: find("spec")?,
            article: find("article")?,
            code: find("code")?,
            endorse: find("endorse")?,
            generic: find("generic")?,
            dangling: find("dangling")?,
            together: find("together")?,
            planning: find("planning")?,
            choose: find("choose")?,
            tiers: [find("haiku")?, find("sonnet")?, find("opus")?],
        })
    }
}
