//! The secrets of one line: every hint in it is looked at, and what was found is put in order.
//!
//! A line can be nothing but hints, each with the rest of the line to look at. So what is read behind a hint is bounded,
//! by less once there were many, and where a run of characters ends is found once.

use std::cmp::Reverse;
use std::ops::Range;

use super::assigned::{self, Assigned, Below};
use super::kinds::KINDS;
use super::prefixes::{self, PREFIXES, Runs};
use super::private_key::{self, Open};
use super::{HINTS, Hint, address, value};

/// How much is read behind each of the first hints, in bytes.
const REACH: usize = 2048;

/// How much is read behind each later one: enough to know a secret, which is then followed to its end.
const REACH_LATER: usize = 256;

/// How many hints are the first ones. An ordinary line has fewer.
const FIRST_HINTS: usize = 64;

/// A part of a line that is a secret, and the name that replaces it.
pub(super) type Found = (Range<usize>, &'static str);

/// The secrets of one line.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// In order and without overlaps.
    pub found: Vec<Found>,
    /// A private key that goes on in the next lines; the last of `found`.
    pub open_key: Option<Open>,
    /// A value that comes in the next lines.
    pub below: Option<Below>,
}

impl Secrets {
    /// Finds the secrets in one line.
    pub fn of(line: &str) -> Secrets {
        let mut search = Search::new(line);
        HINTS.all_in(line).for_each(|(range, hint)| search.look(range, hint));
        search.finish()
    }

    /// Adds a secret that was found otherwise.
    pub fn with(mut self, found: Option<Found>) -> Secrets {
        self.found.extend(found);
        self.in_order()
    }

    fn add_key(&mut self, (range, open): private_key::Key) {
        self.found.push((range, private_key::LABEL));
        self.open_key = open;
    }

    /// Sorts what was found and joins what overlaps; of two, the one that begins first gives the name, then the
    /// longer, then the later: a longer prefix, or an expression.
    pub fn in_order(mut self) -> Secrets {
        self.found.sort_by_key(|(range, _)| (range.start, Reverse(range.end)));
        let mut apart: Vec<Found> = Vec::with_capacity(self.found.len());
        for (range, name) in self.found {
            match apart.last_mut() {
                Some((last, last_name)) if range == *last => *last_name = name,
                Some((last, _)) if range.start < last.end => last.end = last.end.max(range.end),
                Some(_) | None => apart.push((range, name)),
            }
        }
        Secrets { found: apart, ..self }
    }
}

/// A line that is being searched.
struct Search<'a> {
    line: &'a str,
    secrets: Secrets,
    /// The kinds of which a hint was seen, as bits.
    kinds: u64,
    runs: Runs,
    /// The rest of the last value that was longer than what was looked at.
    rest_of_value: Range<usize>,
    hint_count: usize,
    /// Where the last name ended. Several stems stand in one name; each searcher finds its own in order.
    name_ends: [usize; 2],
    has_cookies: bool,
    has_keys: bool,
}

impl<'a> Search<'a> {
    fn new(line: &'a str) -> Search<'a> {
        Search {
            line,
            secrets: Secrets::default(),
            kinds: 0,
            runs: Runs::default(),
            rest_of_value: 0..0,
            hint_count: 0,
            name_ends: [0; 2],
            has_cookies: false,
            has_keys: false,
        }
    }

    /// Returns the line up to where a hint that ends at `at` is looked at.
    fn looked_at(&self, at: usize) -> &'a str {
        let reach = if self.hint_count <= FIRST_HINTS { REACH } else { REACH_LATER };
        let end = self.line.len().min(at + reach);
        let end = (at..=end).rev().find(|end| self.line.is_char_boundary(*end)).unwrap_or(self.line.len());
        &self.line[..end]
    }

    /// Returns a secret that goes on where looking ended, up to its end.
    fn whole(&mut self, range: Range<usize>, looked: &str) -> Range<usize> {
        if looked.len() == self.line.len() || range.end + value::TRIMMED_MAX < looked.len() {
            return range;
        }
        if !self.rest_of_value.contains(&range.end) {
            self.rest_of_value = range.end..range.end + value::rest_len(&self.line[range.end..]);
        }
        range.start..self.rest_of_value.end.max(range.end)
    }

    fn look(&mut self, range: Range<usize>, hint: Hint) {
        self.hint_count += 1;
        match hint {
            Hint::Prefix(n) => {
                let prefix = &PREFIXES[n];
                let looked = self.looked_at(range.end);
                let end = prefixes::token_end(prefix, self.line, range.start, looked.len(), &mut self.runs);
                self.secrets.found.extend(end.map(|end| (range.start..end, prefix.name)));
            }
            Hint::Kind(n) => self.kinds |= 1 << n,
            Hint::Name => self.look_at_name(range),
            Hint::Address => {
                let looked = self.looked_at(range.end);
                let password = address::password(looked, range.start);
                if let Some(range) = password {
                    let whole = self.whole(range, looked);
                    self.secrets.found.push((whole, "url-password"));
                }
            }
            // One look finds all that follow in the line.
            Hint::Cookie if !self.has_cookies => {
                let values = assigned::cookies(self.line, range.end);
                self.has_cookies = values.is_some();
                self.secrets.found.extend(values.into_iter().flatten().map(|range| (range, "cookie")));
            }
            Hint::PrivateKey if !self.has_keys => {
                self.has_keys = true;
                private_key::find(self.line).into_iter().for_each(|key| self.secrets.add_key(key));
            }
            Hint::Cookie | Hint::PrivateKey => {}
            Hint::EncodedKey => {
                let run = range.start..self.runs.end(self.line, range.start, private_key::ENCODED);
                let key = private_key::encoded(self.line, run);
                key.into_iter().for_each(|key| self.secrets.add_key(key));
            }
        }
    }

    fn look_at_name(&mut self, range: Range<usize>) {
        let searcher = usize::from(!self.line[range.clone()].is_ascii());
        if range.start < self.name_ends[searcher] {
            return;
        }
        let (end, name) = assigned::name_at(self.line, range);
        self.name_ends[searcher] = end;
        let Some(name) = name else { return };
        let looked = self.looked_at(end);
        let name = name.within(looked);
        match name.assigned().or_else(|| name.named_below()) {
            Some(Assigned::Value(range)) => {
                let range = self.whole(range, looked);
                self.name_ends[searcher] = range.end.max(end);
                self.secrets.found.push((range, name.class.label()));
            }
            Some(Assigned::Below(below)) if looked.len() == self.line.len() => {
                self.secrets.below = Some(below);
            }
            Some(Assigned::Below(_)) | None => {}
        }
    }

    fn finish(mut self) -> Secrets {
        for (_, kind) in KINDS.iter().enumerate().filter(|(n, _)| self.kinds & (1 << n) != 0) {
            for captures in kind.regex().captures_iter(self.line) {
                let whole = captures
                    .get(1)
                    .or_else(|| captures.get(0))
                    .filter(|whole| kind.check.holds(whole.as_str()));
                self.secrets.found.extend(whole.map(|whole| (whole.range(), kind.name)));
            }
        }
        self.secrets.in_order()
    }
}
