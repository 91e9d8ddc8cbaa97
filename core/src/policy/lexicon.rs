//! The lexicon: which words mean what.
//!
//! A word list has a name and entries. An entry is a word (`delete`), a beginning (`lösch*`) or a phrase
//! (`get rid of`). Entries are folded like the text that they are compared with, so that letter case and accents do not
//! matter.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use crate::text::tokens;

/// The number of a word list.
pub(crate) type WordListId = u16;

/// Lists that the tokenizer fills by the form of a word, in numeric order.
pub(crate) const FORMS: [&str; 9] =
    ["end", "comma", "colon", "path", "ident", "number", "quote", "flag", "prodname"];

/// FNV-1a, 64 bits: small, fast, and the same on every machine. Words are identified by it alone; a test shows that no
/// two words of the compiled-in policy share a hash.
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
            self.write_u64(u64::from(*byte));
        }
    }
    // What is hashed as a number is a hash already, and needs one step.
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0000_0100_0000_01b3);
    }
}

/// Returns the hash of a folded word.
pub(crate) fn hash_of(folded: &str) -> u64 {
    let mut hasher = Fnv::default();
    hasher.write(folded.as_bytes());
    hasher.finish()
}

/// How many chains the table has: a power of two that exceeds the number of entries of the compiled-in policy.
const CHAINS: usize = 8192;

/// How many words of 64 bits the filter of beginnings has: some hundred beginnings leave most of its 32,768 bits free.
const FILTER_WORDS: usize = 512;

/// Takes the place of the name's hash for a list that is not a feature of the classifier.
const PRIVATE: u64 = 0;

/// The end of a chain.
pub(crate) const NONE: u32 = u32::MAX;

/// How an entry matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// The word itself.
    Word,
    /// Every word with this beginning.
    Beginning,
    /// The word, followed by these pieces.
    Phrase {
        /// The first piece.
        from: u32,
        /// The one after the last.
        to: u32,
    },
}

/// One entry of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LexiconEntry {
    /// The hash of the word, of the beginning, or of the phrase's first word.
    pub hash: u64,
    /// The list.
    pub list: WordListId,
    /// How it matches.
    pub how: How,
    /// The next entry of its chain.
    pub next: u32,
}

/// A later word of a phrase: the hash of it, or of its first `prefix_bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub hash: u64,
    pub prefix_bytes: Option<usize>,
}

impl Piece {
    fn matches(self, word: &str, hash: u64) -> bool {
        match self.prefix_bytes {
            None => hash == self.hash,
            Some(count) => word.get(..count).is_some_and(|part| hash_of(part) == self.hash),
        }
    }
}

/// All word lists, prepared for lookup.
///
/// A flat table of hashes: no text of an entry is kept. The compiled-in lists are prepared when the program is built
/// (`build.rs`); what a policy file adds is appended to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lexicon {
    /// The named lists.
    pub names: Cow<'static, [(Cow<'static, str>, WordListId)]>,
    /// The hash of each list's name, by its number; 0 for a list of a policy file, or one made for a single word of a
    /// pattern.
    pub name_hashes: Cow<'static, [u64]>,
    /// The first entry of each chain.
    pub chains: Cow<'static, [u32]>,
    /// The entries.
    pub entries: Cow<'static, [LexiconEntry]>,
    /// The later words of phrases.
    pub pieces: Cow<'static, [Piece]>,
    /// Bit n is set if some beginning has n bytes, so that only those lengths are tried.
    pub prefix_lengths: u64,
    /// A bit is set for the hash of each beginning: most beginnings of words are none, and need no chain to be walked.
    pub prefix_filter: Cow<'static, [u64]>,
    /// Lists that hold a single entry, so that a word that many patterns name has only one list.
    pub literals: HashMap<String, WordListId, BuildHasherDefault<Fnv>>,
}

impl Lexicon {
    /// Creates a lexicon that has only the lists of forms.
    pub fn of_forms() -> Lexicon {
        Lexicon {
            names: FORMS.iter().zip(0..).map(|(name, n)| (Cow::Borrowed(*name), n)).collect(),
            name_hashes: FORMS.iter().map(|name| hash_of(name)).collect(),
            chains: vec![NONE; CHAINS].into(),
            entries: Cow::Owned(Vec::with_capacity(CHAINS)),
            pieces: Cow::Owned(Vec::with_capacity(CHAINS / 2)),
            prefix_lengths: 0,
            prefix_filter: vec![0; FILTER_WORDS].into(),
            literals: HashMap::default(),
        }
    }

    /// Adds word lists; entries for an existing list are added to it.
    pub fn add_lists(&mut self, lists: &BTreeMap<&str, &str>) {
        for (name, entries) in lists {
            let list = self.list_id(name).unwrap_or_else(|| {
                let list = self.new_list(hash_of(name));
                self.names.to_mut().push((Cow::Owned((*name).to_owned()), list));
                list
            });
            for entry in entries.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
                self.add(entry, list);
            }
        }
    }

    /// Adds a list of a policy file. The classifier does not see it: it knows only the compiled-in lists.
    pub fn add_private_list<'e>(&mut self, name: &str, entries: impl Iterator<Item = &'e str>) {
        let list = self.new_list(PRIVATE);
        self.names.to_mut().push((Cow::Owned(name.to_owned()), list));
        entries.map(str::trim).filter(|entry| !entry.is_empty()).for_each(|entry| self.add(entry, list));
    }

    /// Forgets the names of policy files' lists: the next file has its own. Rules that were read keep their lists.
    pub fn forget_private_names(&mut self) {
        let hashes = &self.name_hashes;
        self.names.to_mut().retain(|(_, list)| hashes[usize::from(*list)] != PRIVATE);
    }

    /// Returns the names of the lists, including those of the forms.
    pub fn list_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| name.as_ref())
    }

    /// Returns how many lists there are.
    pub fn len(&self) -> usize {
        self.name_hashes.len()
    }

    /// Returns the name of a list; `None` for a list that a pattern made for one word.
    pub fn name(&self, list: WordListId) -> Option<&str> {
        self.names.iter().find(|(_, number)| *number == list).map(|(name, _)| name.as_ref())
    }

    /// Returns the hash of a list's name; `None` for a list that a pattern made for one word, and for the forms.
    pub fn meaning(&self, list: WordListId) -> Option<u64> {
        let is_form = usize::from(list) < FORMS.len();
        self.name_hashes.get(usize::from(list)).copied().filter(|hash| *hash != PRIVATE && !is_form)
    }

    /// Returns the number of a list.
    pub fn list_id(&self, name: &str) -> Option<WordListId> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
    }

    /// Returns the list that holds just this entry, creating it if needed.
    pub fn literal(&mut self, word: &str) -> WordListId {
        if let Some(list) = self.literals.get(word) {
            return *list;
        }
        let list = self.new_list(PRIVATE);
        self.literals.insert(word.to_owned(), list);
        self.add(word, list);
        list
    }

    /// Calls `found` for each list that contains the first of these words, or a phrase that begins there, with the list
    /// and the number of words that the entry takes up. `hashes` are those of the words.
    pub fn look_up(&self, words: &[&str], hashes: &[u64], mut found: impl FnMut(WordListId, usize)) {
        let Some(first) = hashes.first() else { return };
        self.each(*first, |entry| match entry.how {
            How::Word | How::Beginning => found(entry.list, 1),
            How::Phrase { from, to } => {
                let pieces = &self.pieces[from as usize..to as usize];
                let follows = |(n, piece): (usize, &Piece)| {
                    words.get(n + 1).is_some_and(|word| piece.matches(word, hashes[n + 1]))
                };
                if pieces.iter().enumerate().all(follows) {
                    found(entry.list, pieces.len() + 1);
                }
            }
        });
    }

    /// Calls `found` for each list that has a beginning of the folded word; returns the hash of the word.
    pub fn look_up_beginnings(&self, word: &str, mut found: impl FnMut(WordListId)) -> u64 {
        let mut hasher = Fnv::default();
        for (n, byte) in word.bytes().enumerate() {
            hasher.write(&[byte]);
            if n < 63 && self.prefix_lengths & (1 << (n + 1)) != 0 && self.may_begin(hasher.finish()) {
                self.each(hasher.finish(), |entry| match entry.how {
                    How::Beginning => found(entry.list),
                    How::Word | How::Phrase { .. } => {}
                });
            }
        }
        hasher.finish()
    }

    fn may_begin(&self, hash: u64) -> bool {
        let (word, bit) = filter_bit(hash);
        self.prefix_filter[word] & bit != 0
    }

    fn each(&self, hash: u64, mut found: impl FnMut(&LexiconEntry)) {
        let mut at = self.chains[chain_of(hash)];
        while let Some(entry) = self.entries.get(at as usize) {
            if entry.hash == hash {
                found(entry);
            }
            at = entry.next;
        }
    }

    fn new_list(&mut self, name_hash: u64) -> WordListId {
        let number = WordListId::try_from(self.len()).expect("a policy has fewer than 65,536 word lists");
        self.name_hashes.to_mut().push(name_hash);
        number
    }

    fn add(&mut self, entry: &str, list: WordListId) {
        let (body, prefix) = entry.strip_suffix('*').map_or((entry, false), |body| (body, true));
        if body.bytes().all(|b| b.is_ascii_lowercase()) {
            self.put(hash_of(body), list, if prefix { How::Beginning } else { How::Word }, body.len());
            return;
        }
        let from = self.pieces.len();
        let mut last_bytes = 0;
        let mut piece = |folded: &str| {
            last_bytes = folded.len();
            self.pieces.to_mut().push(Piece { hash: hash_of(folded), prefix_bytes: None });
        };
        if body.bytes().all(|b| b.is_ascii_lowercase() || b == b' ') {
            // Plain words need no tokenizer; most phrases are plain, and the cost is paid at every start.
            body.split(' ').filter(|word| !word.is_empty()).for_each(piece);
        } else {
            tokens::tokenize(body, |token| {
                if token.kind.is_word() {
                    piece(token.folded);
                }
            });
        }
        let Some(first) = self.pieces.get(from).copied() else { return };
        if self.pieces.len() == from + 1 {
            self.pieces.to_mut().truncate(from);
            self.put(first.hash, list, if prefix { How::Beginning } else { How::Word }, last_bytes);
            return;
        }
        if let Some(last) = self.pieces.to_mut().last_mut().filter(|_| prefix) {
            last.prefix_bytes = Some(last_bytes);
        }
        let how = How::Phrase { from: from as u32 + 1, to: self.pieces.len() as u32 };
        self.put(first.hash, list, how, last_bytes);
    }

    fn put(&mut self, hash: u64, list: WordListId, how: How, bytes: usize) {
        if let How::Beginning = how {
            self.prefix_lengths |= 1 << bytes.min(63);
            let (word, bit) = filter_bit(hash);
            self.prefix_filter.to_mut()[word] |= bit;
        }
        let chain = &mut self.chains.to_mut()[chain_of(hash)];
        let next = std::mem::replace(chain, self.entries.len() as u32);
        self.entries.to_mut().push(LexiconEntry { hash, list, how, next });
    }
}

/// Returns the place of a hash in the filter of beginnings.
fn filter_bit(hash: u64) -> (usize, u64) {
    let bit = (hash ^ (hash >> 32)) as usize % (FILTER_WORDS * 64);
    (bit / 64, 1 << (bit % 64))
}

fn chain_of(hash: u64) -> usize {
    // The low bits of FNV are its weakest; fold the high ones in.
    (hash ^ (hash >> 32)) as usize % CHAINS
}

/// The lists that the router itself relies on to distinguish an order from a mention.
#[derive(Debug, Clone)]
pub(crate) struct Grammar {
    /// "not", "without": what follows is not wanted.
    pub negation: WordListId,
    /// "no": like `negation`, but with a shorter reach.
    pub negation_short: WordListId,
    /// Negations that follow their verb.
    pub negation_after: WordListId,
    /// "forget", "hesitate": a negation of these is an order.
    pub negation_cancel: WordListId,
    /// "but", "just": a negation does not reach past them.
    pub contrast: WordListId,
    /// "or": a list continues.
    pub alternative: WordListId,
    /// "and", "please": an order may begin after it.
    pub lead_in: WordListId,
    /// "write", "explain": what follows is material for a text or program.
    pub author: WordListId,
    /// "how", "why": the sentence is a question.
    pub ask: WordListId,
    /// Question words that ask anywhere in the sentence (for languages without a fixed position).
    pub ask_anywhere: WordListId,
    /// "should", "lets": what follows describes behaviour.
    pub spec: WordListId,
    /// "the", "a": what follows is a noun.
    pub article: WordListId,
    /// "button", "endpoint": what precedes is a noun.
    pub code: WordListId,
    /// "do that", "go ahead": quoted or pasted orders are meant.
    pub endorse: WordListId,
    /// "yes", "go ahead", "both": the person agrees to what was proposed.
    pub assent: WordListId,
    /// "no", "wait": the person does not.
    pub refusal: WordListId,
    /// "thanks", "hm": neither a yes nor a no.
    pub thanks: WordListId,
    /// Words without content of their own, for requests that say nothing.
    pub generic: WordListId,
    /// References to something that was not mentioned in the request.
    pub dangling: WordListId,
    /// Words that ask to work together.
    pub together: WordListId,
    /// Words that ask for a plan or for several phases.
    pub planning: WordListId,
    /// Verbs that choose an agent.
    pub choose: WordListId,
    /// Tier words, weakest first.
    pub tiers: [WordListId; 3],
}

impl Grammar {
    /// Finds the lists, or returns the name of a missing one.
    pub fn new(lexicon: &Lexicon) -> Result<Grammar, &'static str> {
        let find = |name: &'static str| lexicon.list_id(name).ok_or(name);
        Ok(Grammar {
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
            assent: find("assent")?,
            refusal: find("refusal")?,
            thanks: find("thanks")?,
            generic: find("generic")?,
            dangling: find("dangling")?,
            together: find("together")?,
            planning: find("planning")?,
            choose: find("choose")?,
            tiers: [find("haiku")?, find("sonnet")?, find("opus")?],
        })
    }
}

/// Returns the words of a text that differ from an earlier one but share its hash.
#[cfg(test)]
pub(super) fn colliding_words(text: &str) -> Vec<String> {
    let mut seen: HashMap<u64, String> = HashMap::new();
    let mut colliding = Vec::new();
    tokens::tokenize(text, |token| {
        let earlier = seen.entry(hash_of(token.folded)).or_insert_with(|| token.folded.to_owned());
        if earlier != token.folded {
            colliding.push(token.folded.to_owned());
        }
    });
    colliding
}
