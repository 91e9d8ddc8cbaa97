//! Features: what the classifier considers in a request.
//!
//! A feature is a hash of something in the request. Features come in blocks, and each block is scaled by the square
//! root of its size, so that a long request has no more weight than a short one. The trainer and the router call the
//! same function, so they cannot disagree. Pasted or quoted text is no feature: it gives no orders, and a log after a
//! request must not change who does it.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use super::super::signals::Signals;
use super::super::stream::Stream;
use crate::model::BUCKET_BITS;
use crate::policy::lexicon::{Fnv, Lexicon, hash_of};
use crate::text::tokens::Kind;

/// Requests with no more content words than this refer to something else: to the pasted text, if there is any.
const CONTENT_OF_A_POINTER_MAX: usize = 1;

/// How many tokens at the beginning of a long request are features: the kind of work is stated there and at its end.
/// Word lists and rules are features wherever they occur.
const HEAD_TOKENS: usize = 300;
/// The same for the end of a request; see [`HEAD_TOKENS`].
const TAIL_TOKENS: usize = 100;

/// The lengths of word pieces.
const PIECE_CHARS: std::ops::RangeInclusive<usize> = 3..=5;

/// Longer words are names or data; their beginning is enough.
const WORD_CHARS_MAX: usize = 20;

/// A family of features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    /// Words and pairs of words.
    Words,
    /// Pieces of words: catch other forms of a word, typing errors, related languages.
    Pieces,
    /// Word lists and rules of the policy: the same meaning in every language.
    Meanings,
    /// Lengths, forms, punctuation.
    Shape,
}

impl Block {
    /// How many blocks there are.
    pub const COUNT: usize = 4;

    /// Every block, in numeric order.
    pub const ALL: [Block; Block::COUNT] = [Block::Words, Block::Pieces, Block::Meanings, Block::Shape];

    /// Returns how much the block counts as a whole.
    fn weight(self) -> f32 {
        match self {
            Block::Words | Block::Pieces | Block::Meanings => 2.0,
            Block::Shape => 1.0,
        }
    }

    /// Returns the factor for each feature of a block that has `count` of them.
    pub fn scale(self, count: usize) -> f32 {
        self.weight() / (count.max(1) as f32).sqrt()
    }

    fn seed(self) -> u64 {
        [0x9ae1_6a3b_2f90_404f, 0xc949_d7c7_509e_6557, 0x2127_599b_f432_5c37, 0x8803_55f2_1e6d_1965]
            [self as usize]
    }
}

/// A receiver of features.
pub(crate) trait Sink {
    /// Takes one feature. The name is built only if it is needed.
    fn take(&mut self, block: Block, bucket: u32, name: impl FnOnce() -> String);
}

/// The buckets of a request's features, by block; each only once, so that repetition adds no weight.
#[derive(Debug)]
pub(crate) struct Buckets {
    /// The buckets of each block.
    pub of: [Vec<u32>; Block::COUNT],
    seen: Vec<u64>,
}

impl Default for Buckets {
    fn default() -> Buckets {
        Buckets { of: Default::default(), seen: vec![0; (Block::COUNT << BUCKET_BITS) / 64] }
    }
}

impl Sink for Buckets {
    fn take(&mut self, block: Block, bucket: u32, _name: impl FnOnce() -> String) {
        self.add(block, bucket);
    }
}

impl Buckets {
    /// Adds a feature; returns whether it is new.
    pub(super) fn add(&mut self, block: Block, bucket: u32) -> bool {
        let bit = ((block as usize) << BUCKET_BITS) + bucket as usize;
        let word = &mut self.seen[bit / 64];
        let is_new = *word & (1 << (bit % 64)) == 0;
        if is_new {
            *word |= 1 << (bit % 64);
            self.of[block as usize].push(bucket);
        }
        is_new
    }
}

/// Passes the features of a request to the sink. `fired` are the ids of the built-in rules that fired.
pub(crate) fn each(signals: &Signals, lexicon: &Lexicon, fired: &[&str], sink: &mut impl Sink) {
    words(&signals.instruction, sink);
    meanings(signals, lexicon, fired, sink);
    shape(signals, sink);
}

fn words(own: &Stream, sink: &mut impl Sink) {
    let mut before: Option<(u64, usize)> = None;
    let mut orders = 0;
    // A word that was there already has no new features of its own, and its pieces are the dearest of all.
    let count = own.places().len();
    let mut known: HashSet<_, BuildHasherDefault<Fnv>> = HashSet::with_capacity_and_hasher(
        count.min(HEAD_TOKENS + TAIL_TOKENS),
        BuildHasherDefault::default(),
    );
    let middle = HEAD_TOKENS..count.saturating_sub(TAIL_TOKENS).max(HEAD_TOKENS);
    for at in (0..count).filter(|at| !middle.contains(at)) {
        let kind = own.places()[at].kind;
        if !kind.is_word() {
            before = None;
            continue;
        }
        let hash = word_hash(own, at, kind);
        if known.insert((own.hash(at), own.is_negated(at), own.is_order_start(at))) {
            word(own, at, sink);
        }
        if own.is_order_start(at) && !own.is_negated(at) {
            orders += 1;
            if orders == 1 {
                put(sink, Block::Words, join(hash, 17), || format!("first {}", shown(own, at, kind)));
            }
        }
        if let Some((earlier, place)) = before {
            let pair = || format!("{} {}", shown(own, place, own.places()[place].kind), shown(own, at, kind));
            put(sink, Block::Words, join(earlier, hash), pair);
        }
        before = Some((hash, at));
    }
}

/// Passes the features of one word by itself.
fn word(own: &Stream, at: usize, sink: &mut impl Sink) {
    let kind = own.places()[at].kind;
    let hash = word_hash(own, at, kind);
    put(sink, Block::Words, hash, || shown(own, at, kind).to_owned());
    if own.is_negated(at) {
        put(sink, Block::Words, join(hash, 11), || format!("not {}", shown(own, at, kind)));
    } else if own.is_order_start(at) {
        put(sink, Block::Words, join(hash, 13), || format!("order {}", shown(own, at, kind)));
    }
    if matches!(kind, Kind::Word | Kind::Ident | Kind::Path) {
        pieces(own.word(at), sink);
    }
}

/// Returns the hash of a word: names and numbers are represented by their kind, paths by their extension, words by
/// themselves.
fn word_hash(own: &Stream, at: usize, kind: Kind) -> u64 {
    match stand_in(kind) {
        None => own.hash(at),
        Some(_) if kind == Kind::Path => {
            hash_of(own.word(at).rsplit_once('.').map_or("/path", |(_, extension)| extension)) ^ 1
        }
        Some(_) => hash_of("thing") ^ kind as u64,
    }
}

fn shown<'a>(own: &'a Stream, at: usize, kind: Kind) -> &'a str {
    stand_in(kind).unwrap_or_else(|| own.word(at))
}

/// Returns what is shown in place of a word that does not represent itself.
fn stand_in(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Path => Some("(path)"),
        Kind::Ident => Some("(name)"),
        Kind::Number => Some("(number)"),
        Kind::Quote => Some("(quote)"),
        Kind::Word
        | Kind::Ideograph
        | Kind::Flag
        | Kind::End
        | Kind::Question
        | Kind::Comma
        | Kind::Colon => None,
    }
}

fn pieces(word: &str, sink: &mut impl Sink) {
    let mut chars = ['<'; WORD_CHARS_MAX + 2];
    let mut count = 1;
    for c in word.chars().take(WORD_CHARS_MAX) {
        chars[count] = c;
        count += 1;
    }
    chars[count] = '>';
    count += 1;
    for from in 0..count {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for (n, c) in chars[from..count].iter().enumerate().take(*PIECE_CHARS.end()) {
            hash = (hash ^ u64::from(u32::from(*c))).wrapping_mul(0x0000_0100_0000_01b3);
            if n + 1 >= *PIECE_CHARS.start() {
                put(sink, Block::Pieces, hash, || chars[from..=from + n].iter().collect());
            }
        }
    }
}

fn meanings(signals: &Signals, lexicon: &Lexicon, fired: &[&str], sink: &mut impl Sink) {
    let own = &signals.instruction;
    for list in own.lists() {
        let Some(hash) = lexicon.meaning(list) else { continue };
        let name = || lexicon.name(list).unwrap_or_default().to_owned();
        put(sink, Block::Meanings, hash, || format!("a word of \"{}\"", name()));
        let asked = own.is_asked(list);
        let use_of_it =
            || format!("a word of \"{}\", {}", name(), if asked { "asked for" } else { "mentioned" });
        put(sink, Block::Meanings, join(hash, u64::from(asked)), use_of_it);
    }
    for rule in fired {
        put(sink, Block::Meanings, hash_of(rule), || format!("rule {rule}"));
    }
}

fn shape(signals: &Signals, sink: &mut impl Sink) {
    let size = |n: usize| u64::from(usize::BITS - n.leading_zeros());
    let kinds = signals.instruction.places().iter().map(|place| place.kind);
    let count = |wanted: Kind| kinds.clone().filter(|kind| *kind == wanted).count();
    let is_end = |kind: &Kind| matches!(kind, Kind::End | Kind::Question);
    let sentences =
        kinds.clone().zip(kinds.clone().skip(1)).filter(|(one, next)| !is_end(one) && is_end(next)).count();
    // "Fix this" with a trace says what is meant; after a whole sentence, a paste changes nothing.
    let is_about_paste = signals.pasted_bytes > 0 && signals.content_count <= CONTENT_OF_A_POINTER_MAX;
    let mut facts = vec![
        ("words", size(signals.word_count)),
        ("content words", signals.content_count.min(6) as u64),
        ("orders", signals.order_count.min(5) as u64),
        ("question", u64::from(signals.is_question)),
        ("thing", u64::from(signals.has_referent || is_about_paste)),
        ("dangling", u64::from(signals.is_dangling)),
        ("placeholder", u64::from(signals.has_placeholder)),
        ("sentences", sentences.min(6) as u64),
        ("paths", count(Kind::Path).min(3) as u64),
        ("names", count(Kind::Ident).min(3) as u64),
        ("numbers", count(Kind::Number).min(3) as u64),
        ("quotes", count(Kind::Quote).min(2) as u64),
        ("commas", count(Kind::Comma).min(5) as u64),
    ];
    let fine = signals.word_count.min(12) as u64;
    facts.push(("few words", fine));
    for (name, value) in facts {
        put(sink, Block::Shape, join(hash_of(name), value), || format!("{name}: {value}"));
    }
}

fn put(sink: &mut impl Sink, block: Block, hash: u64, name: impl FnOnce() -> String) {
    let mixed = (hash ^ block.seed()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    sink.take(block, (mixed >> (64 - BUCKET_BITS)) as u32, name);
}

fn join(first: u64, second: u64) -> u64 {
    (first.rotate_left(23) ^ second).wrapping_mul(0x2545_f491_4f6c_dd1d)
}
