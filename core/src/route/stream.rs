//! A stream: tokens and, for each word list, the set of positions of its words.
//!
//! Sets are rows of bits, one per token, so that a pattern is matched with a few shifts per element whatever the text
//! contains.

use crate::policy::lexicon::{Grammar, Lexicon, WordListId, hash_of};
use crate::policy::pattern::{Element, Pattern};

use crate::text::tokens::{self, Kind, Token};

/// By how much gaps between words are multiplied in scripts with one token per character.
const IDEOGRAPH_REACH: u8 = 3;

/// How far a negation reaches, in words, if nothing stops it.
const NEGATION_REACH: usize = 7;

/// How far "no" reaches: it negates a noun.
const NEGATION_SHORT_REACH: usize = 3;

/// How far back a negation after its verb reaches, in characters of a script without spaces.
const NEGATION_BACK_REACH: usize = 4;

/// How far "should" and "lets" turn what follows into a description.
const SPEC_REACH: usize = 4;

/// A set of positions in a stream.
pub(crate) type Bits = Vec<u64>;

/// The position of a token in the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The kind of token, by its form.
    pub kind: Kind,
    start: u32,
    end: u32,
    folded_start: u32,
    folded_end: u32,
    /// The hash of the folded word.
    hash: u64,
}

impl Place {
    /// Returns where it begins in the text, in bytes.
    pub fn start(&self) -> usize {
        self.start as usize
    }

    /// Returns where it ends.
    pub fn end(&self) -> usize {
        self.end as usize
    }
}

/// Which uses of a word count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Only what is asked for: not negated, not described.
    Asked,
    /// What is not negated.
    NotNegated,
    /// Everything that is there.
    Raw,
}

/// Tokens, and the positions of each word list among them.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    text: &'a str,
    folded: String,
    places: Vec<Place>,
    stride: usize,
    masks: Vec<u64>,
    present: Vec<bool>,
    negated: Bits,
    described: Bits,
    noun: Bits,
    imperative: Bits,
    last: Bits,
    end: Bits,
    ideographs: bool,
}

/// The position of an element within a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    First,
    Later,
}

/// What a sentence does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Asks,
    Says,
}

impl<'a> Stream<'a> {
    /// Tokenizes and analyses a text.
    pub fn new(text: &'a str, lexicon: &Lexicon, grammar: &Grammar) -> Stream<'a> {
        let mut places = Vec::with_capacity(text.len() / 5 + 4);
        let mut folded = String::with_capacity(text.len() + 16);
        tokens::tokenize(text, |Token { kind, folded: word, start, end }| {
            let folded_start = folded.len() as u32;
            folded.push_str(word);
            places.push(Place {
                kind,
                start: start as u32,
                end: end as u32,
                folded_start,
                folded_end: folded.len() as u32,
                hash: 0,
            });
        });
        let count = places.len();
        let stride = count.div_ceil(64).max(1);
        let mut stream = Stream {
            text,
            folded: String::new(),
            places,
            stride,
            masks: vec![0; stride * lexicon.len()],
            present: vec![false; lexicon.len()],
            negated: vec![0; stride],
            described: vec![0; stride],
            noun: vec![0; stride],
            imperative: vec![0; stride],
            last: vec![0; stride],
            end: vec![0; stride],
            ideographs: false,
        };
        let words: Vec<&str> =
            stream.places.iter().map(|p| &folded[p.folded_start as usize..p.folded_end as usize]).collect();
        let hashes: Vec<u64> =
            (0..count).map(|at| stream.look_up_beginnings(at, words[at], lexicon)).collect();
        for at in 0..count {
            stream.look_up(at, &words, &hashes, lexicon);
        }
        drop(words);
        stream.places.iter_mut().zip(hashes).for_each(|(place, hash)| place.hash = hash);
        stream.folded = folded;
        stream.ideographs = stream.places.iter().filter(|p| p.kind == Kind::Ideograph).count() * 3 > count;
        stream.read_grammar(grammar);
        stream
    }

    /// Returns whether much of the text is in a script without spaces.
    pub fn has_ideographs(&self) -> bool {
        self.ideographs
    }

    /// Returns the text that was read.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Returns a token as it is written in the text.
    pub fn slice(&self, place: &Place) -> &'a str {
        self.text.get(place.start as usize..place.end as usize).unwrap_or_default()
    }

    /// Returns the tokens.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Returns the folded word at a position; empty for punctuation.
    pub fn word(&self, at: usize) -> &str {
        let place = self.places[at];
        &self.folded[place.folded_start as usize..place.folded_end as usize]
    }

    /// Returns the hash of the folded word at a position.
    pub fn hash(&self, at: usize) -> u64 {
        self.places[at].hash
    }

    /// Returns the lists that occur anywhere, by their numbers.
    pub fn lists(&self) -> impl Iterator<Item = WordListId> {
        let is_present =
            |(n, present): (usize, &bool)| present.then(|| WordListId::try_from(n).ok()).flatten();
        self.present.iter().enumerate().filter_map(is_present)
    }

    /// Returns whether the list occurs at this position.
    pub fn has(&self, list: WordListId, at: usize) -> bool {
        self.present[usize::from(list)] && get(self.mask(list), at)
    }

    /// Returns whether the list occurs anywhere.
    pub fn contains(&self, list: WordListId) -> bool {
        self.present[usize::from(list)]
    }

    /// Returns whether the position is negated or merely described.
    pub fn is_mention(&self, at: usize) -> bool {
        get(&self.negated, at) || get(&self.described, at)
    }

    /// Returns whether the position is negated.
    pub fn is_negated(&self, at: usize) -> bool {
        get(&self.negated, at)
    }

    /// Returns whether the list occurs anywhere as something that is asked for.
    pub fn is_asked(&self, list: WordListId) -> bool {
        let bits = self.mask(list).iter().zip(&self.negated).zip(&self.described);
        self.contains(list)
            && bits.into_iter().any(|((there, negated), described)| there & !negated & !described != 0)
    }

    /// Returns the positions at which any of these lists occurs.
    pub fn any_of(&self, lists: &[WordListId]) -> Bits {
        let mut bits = vec![0; self.stride];
        lists.iter().filter(|list| self.contains(**list)).for_each(|list| or(&mut bits, self.mask(*list)));
        bits
    }

    /// Returns whether an order may begin at this position.
    pub fn is_order_start(&self, at: usize) -> bool {
        get(&self.imperative, at)
    }

    /// Returns the first words that the pattern matches, as written in the text.
    pub fn find(&self, pattern: &Pattern, reading: Reading) -> Option<&'a str> {
        let is_there = |element: &Element| element.any_of.iter().any(|list| self.contains(*list));
        if !pattern.elements.iter().all(is_there) {
            return None;
        }
        let mut sets: Vec<Bits> = Vec::with_capacity(pattern.elements.len());
        for element in pattern.elements.iter() {
            let mut here = self.candidates(element)?;
            let position = if sets.is_empty() { Position::First } else { Position::Later };
            self.restrict(&mut here, element, position, reading);
            if let Some(before) = sets.last() {
                let reach = self.reach(element.gap);
                let mut window = before.clone();
                shift_up(&mut window);
                let mut front = window.clone();
                for _ in 0..reach {
                    and_not(&mut front, &self.end);
                    shift_up(&mut front);
                    or(&mut window, &front);
                }
                and(&mut here, &window);
                if element.gap > 0 {
                    // Two lists may share a word; if a gap is allowed, that word matches both.
                    let mut same = self.candidates(element)?;
                    and(&mut same, before);
                    or(&mut here, &same);
                }
            }
            if here.iter().all(|word| *word == 0) {
                return None;
            }
            sets.push(here);
        }
        let last = first_bit(sets.last()?)?;
        let mut at = last;
        for n in (1..sets.len()).rev() {
            let reach = usize::from(self.reach(pattern.elements[n].gap)) + 1;
            at = (at.saturating_sub(reach)..=at).rev().find(|&p| get(&sets[n - 1], p)).unwrap_or(at);
        }
        let (from, to) = self.shown(at, self.phrase_end(pattern, last));
        self.text.get(self.places[from].start()..self.places[to].end())
    }

    /// Returns where the words end that the last element of a pattern matches from a position on: a phrase has several.
    fn phrase_end(&self, pattern: &Pattern, from: usize) -> usize {
        let found = pattern.elements.last().and_then(|element| self.candidates(element));
        let Some(found) = found else { return from };
        (from + 1..self.places.len()).take_while(|at| get(&found, *at)).last().unwrap_or(from)
    }

    /// Returns which positions are shown of a match. Single characters of a script without spaces are no words: there it is
    /// the clause around them.
    fn shown(&self, from: usize, to: usize) -> (usize, usize) {
        /// The most characters on either side.
        const AROUND: usize = 16;
        if !self.ideographs {
            return (from, to);
        }
        let is_inside = |at: &usize| self.places[*at].kind.is_word();
        let first = (from.saturating_sub(AROUND)..from).rev().take_while(is_inside).last().unwrap_or(from);
        let end = self.places.len().min(to + 1 + AROUND);
        (first, (to + 1..end).take_while(is_inside).last().unwrap_or(to))
    }

    fn reach(&self, gap: u8) -> u8 {
        if self.ideographs { gap.saturating_mul(IDEOGRAPH_REACH) } else { gap }
    }

    fn mask(&self, list: WordListId) -> &[u64] {
        let from = usize::from(list) * self.stride;
        &self.masks[from..from + self.stride]
    }

    fn candidates(&self, element: &Element) -> Option<Bits> {
        let mut lists = element.any_of.iter().filter(|list| self.present[usize::from(**list)]);
        let mut bits = self.mask(*lists.next()?).to_vec();
        for list in lists {
            or(&mut bits, self.mask(*list));
        }
        for list in element.not_next.iter().filter(|list| self.present[usize::from(**list)]) {
            let mut next = self.mask(*list).to_vec();
            shift_down(&mut next);
            and_not(&mut bits, &next);
        }
        Some(bits)
    }

    fn restrict(&self, bits: &mut Bits, element: &Element, position: Position, reading: Reading) {
        if element.imperative {
            and(bits, &self.imperative);
        }
        if element.last {
            and(bits, &self.last);
        }
        if element.verb {
            and_not(bits, &self.noun);
        }
        let is_weighed = element.verb || position == Position::First;
        match reading {
            Reading::Asked if is_weighed => {
                and_not(bits, &self.negated);
                and_not(bits, &self.described);
            }
            Reading::NotNegated if is_weighed => and_not(bits, &self.negated),
            Reading::Asked | Reading::NotNegated | Reading::Raw => {}
        }
    }

    /// Looks up the lists that have a beginning of a word, and returns its hash.
    fn look_up_beginnings(&mut self, at: usize, word: &str, lexicon: &Lexicon) -> u64 {
        // A name does not belong to a word that it begins with: only names that begin with a dot or dash have families.
        if self.places[at].kind == Kind::Word || word.starts_with(['.', '-', '~']) {
            lexicon.look_up_beginnings(word, |list| self.set(list, at))
        } else {
            hash_of(word)
        }
    }

    fn look_up(&mut self, at: usize, words: &[&str], hashes: &[u64], lexicon: &Lexicon) {
        let word = words[at];
        let kind = self.places[at].kind;
        if let Some(form) = form_list(kind) {
            self.set(form, at);
        }
        if word.is_empty() {
            return;
        }
        let mut found = |list, count| (at..at + count).for_each(|n| self.set(list, n));
        lexicon.look_up(&words[at..], &hashes[at..], &mut found);
        if kind == Kind::Path || kind == Kind::Ident {
            self.look_up_name(word, at, lexicon);
        }
    }

    fn look_up_name(&mut self, word: &str, at: usize, lexicon: &Lexicon) {
        /// Deeper paths are examined only this far from their end, to stay linear.
        const SEGMENTS_MAX: usize = 8;
        for (slash, _) in word.rmatch_indices('/').take(SEGMENTS_MAX) {
            let tail = &word[slash + 1..];
            if tail.contains('.') {
                lexicon.look_up(&[tail], &[hash_of(tail)], |list, _| self.set(list, at));
                if tail.starts_with('.') {
                    lexicon.look_up_beginnings(tail, |list| self.set(list, at));
                }
            }
        }
        let is_production = |part: &str| matches!(part, "prod" | "production");
        if word.split(|c: char| !c.is_ascii_alphanumeric()).any(is_production) {
            self.set(PRODNAME, at);
        }
    }

    fn set(&mut self, list: WordListId, at: usize) {
        let list = usize::from(list);
        self.masks[list * self.stride + at / 64] |= 1 << (at % 64);
        self.present[list] = true;
    }

    /// Walks through the tokens once and marks what is negated, described, a noun, or may begin or end an order.
    fn read_grammar(&mut self, grammar: &Grammar) {
        let count = self.places.len();
        let mut from = 0;
        while from < count {
            let ends = |p: &Place| matches!(p.kind, Kind::End | Kind::Question);
            let to = (from..count).find(|&n| ends(&self.places[n])).unwrap_or(count);
            let is_question = to < count && self.places[to].kind == Kind::Question;
            let mood = if is_question { Mood::Asks } else { Mood::Says };
            self.read_sentence(from, to, mood, grammar);
            if to < count {
                put(&mut self.end, to);
            }
            from = to + 1;
        }
    }

    fn read_sentence(&mut self, from: usize, to: usize, mood: Mood, s: &Grammar) {
        let (mut negation, mut spec) = (0_usize, 0_usize);
        let (mut material, mut question) = (false, false);
        let asks_anywhere = self.contains(s.ask_anywhere) && (from..to).any(|n| self.has(s.ask_anywhere, n));
        for at in from..to {
            let kind = self.places[at].kind;
            let before = if at > from { Some(at - 1) } else { None };
            let starts = before.is_none_or(|b| !self.places[b].kind.is_word() || self.has(s.lead_in, b));
            if starts {
                put(&mut self.imperative, at);
            }
            if self.places.get(at + 1).is_none_or(|next| !next.kind.is_word()) {
                put(&mut self.last, at);
            }
            if kind == Kind::Colon || self.has(s.contrast, at) || self.has(s.negation_cancel, at) {
                negation = 0;
            }
            if kind == Kind::Comma {
                let list_goes_on = (at + 1..(at + 4).min(to)).any(|n| self.has(s.alternative, n));
                if !list_goes_on {
                    negation = 0;
                }
                spec = 0;
            }
            if negation > 0 {
                put(&mut self.negated, at);
                negation -= 1;
            }
            if spec > 0
                || (material && !starts)
                || asks_anywhere
                || (question && (mood == Mood::Asks || !starts))
            {
                put(&mut self.described, at);
                spec = spec.saturating_sub(1);
            }
            if self.has(s.negation, at) {
                negation = NEGATION_REACH;
            } else if self.has(s.negation_short, at) {
                negation = negation.max(NEGATION_SHORT_REACH);
            }
            if self.has(s.spec, at) {
                spec = SPEC_REACH;
            }
            if self.has(s.author, at) && !get(&self.negated, at) {
                material = true;
            }
            if self.has(s.ask, at) && (starts || material) {
                question = true;
            }
            if before.is_some_and(|b| self.has(s.article, b))
                || self.has(s.code, at + 1) && at + 1 < to && kind != Kind::Ideograph
            {
                put(&mut self.noun, at);
            }
            if self.has(s.negation_after, at) {
                for back in at.saturating_sub(NEGATION_BACK_REACH).max(from)..at {
                    put(&mut self.negated, back);
                }
            }
        }
    }
}

/// The number of the list of production names among the forms.
const PRODNAME: WordListId = 8;

fn form_list(kind: Kind) -> Option<WordListId> {
    match kind {
        Kind::End | Kind::Question => Some(0),
        Kind::Comma => Some(1),
        Kind::Colon => Some(2),
        Kind::Path => Some(3),
        Kind::Ident => Some(4),
        Kind::Number => Some(5),
        Kind::Quote => Some(6),
        Kind::Flag => Some(7),
        Kind::Word | Kind::Ideograph => None,
    }
}

pub(crate) fn get(bits: &[u64], at: usize) -> bool {
    bits.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
}

fn put(bits: &mut [u64], at: usize) {
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}

fn or(bits: &mut [u64], other: &[u64]) {
    bits.iter_mut().zip(other).for_each(|(a, b)| *a |= b);
}

fn and(bits: &mut [u64], other: &[u64]) {
    bits.iter_mut().zip(other).for_each(|(a, b)| *a &= b);
}

fn and_not(bits: &mut [u64], other: &[u64]) {
    bits.iter_mut().zip(other).for_each(|(a, b)| *a &= !b);
}

fn shift_up(bits: &mut [u64]) {
    let mut carry = 0;
    for word in bits {
        let out = *word >> 63;
        *word = (*word << 1) | carry;
        carry = out;
    }
}

fn shift_down(bits: &mut [u64]) {
    let mut carry = 0;
    for word in bits.iter_mut().rev() {
        let out = *word << 63;
        *word = (*word >> 1) | carry;
        carry = out;
    }
}

fn first_bit(bits: &[u64]) -> Option<usize> {
    bits.iter().position(|word| *word != 0).map(|n| n * 64 + bits[n].trailing_zeros() as usize)
}
