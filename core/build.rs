//! Prepares the compiled-in rule table: `src/policy/builtin.toml` becomes tables of the program.
//!
//! Reading the table takes a millisecond, which every start of the program would pay. The code that prepares it is
//! the same that reads policy files at run time. A test compares the two.

#![allow(dead_code, unused_imports, reason = "the shared modules have parts that only the program uses")]
#![expect(clippy::disallowed_methods, reason = "a build script reads a file and writes one")]

#[path = "src/policy/lexicon.rs"]
mod lexicon;
#[path = "src/policy/pattern.rs"]
mod pattern;
#[path = "src/policy/row.rs"]
mod row;
#[path = "src/text/tokens.rs"]
pub mod tokens;

/// Where the shared modules look for each other.
mod text {
    pub(crate) use crate::tokens;
}

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use lexicon::{How, Lexicon, LexiconEntry, NONE};
use pattern::Pattern;
use row::{Row, Table};

const TABLE: &str = "src/policy/builtin.toml";

fn main() {
    for file in [
        TABLE,
        "src/policy/lexicon.rs",
        "src/policy/pattern.rs",
        "src/policy/row.rs",
        "src/text/tokens.rs",
        "build.rs",
    ] {
        println!("cargo::rerun-if-changed={file}");
    }
    let text = fs::read_to_string(TABLE).expect("the rule table is there");
    let table: Table = toml::from_str(&text).expect("the rule table is TOML");
    let mut lexicon = Lexicon::of_forms();
    lexicon.add_lists(&table.words);
    let mut out = String::new();
    let rules: String = table.rules.iter().map(|row| rule(row, &mut lexicon, &mut out)).collect();
    let _ = write!(
        out,
        "pub(super) static RULES: [Rule; {}] = [{rules}];\n\
         pub(super) const TEXT_HASH: [u8; 32] = {:?};\n",
        table.rules.len(),
        blake3::hash(text.as_bytes()).as_bytes(),
    );
    sort_by_chain(&mut lexicon);
    write_lexicon(&lexicon, &mut out);
    let dir = env::var("OUT_DIR").expect("cargo says where");
    fs::write(Path::new(&dir).join("builtin_policy.rs"), out).expect("cargo's directory can be written");
}

fn rule(row: &Row<'_>, lexicon: &mut Lexicon, out: &mut String) -> String {
    let layer = match row.id.split_once('.') {
        Some(("safety", _)) => "Safety",
        Some(("rules", _)) => "Rules",
        _ => panic!("rule `{}` does not begin with `safety.` or `rules.`", row.id),
    };
    let mut lists =
        [&row.any, &row.also, &row.unless].map(|sources| patterns(row.id, sources, lexicon)).into_iter();
    let mut list = |name: &str| {
        let (count, written) = lists.next().expect("three were made");
        let place = format!("{name}_{}", row.id.replace(['.', '-'], "_").to_uppercase());
        let _ = writeln!(out, "static {place}: [Pattern; {count}] = [{written}];");
        place
    };
    let (any, also, unless) = (list("ANY"), list("ALSO"), list("UNLESS"));
    let Row { id, effect, because, confidence, words_max, question, .. } = row;
    format!(
        "Rule {{ id: Cow::Borrowed({id:?}), layer: Layer::{layer}, effect: RuleEffect::{effect:?}, \
         because: Cow::Borrowed({because:?}), confidence: {confidence:?}, any: Cow::Borrowed(&{any}), \
         also: Cow::Borrowed(&{also}), unless: Cow::Borrowed(&{unless}), words_max: {words_max:?}, \
         question: {question:?} }},\n"
    )
}

/// Returns how many patterns there are, and how they are written.
fn patterns(rule: &str, sources: &[String], lexicon: &mut Lexicon) -> (usize, String) {
    let mut patterns: Vec<Pattern> = vec![];
    for source in sources {
        if let Err(problem) = Pattern::parse(source, lexicon, &mut patterns) {
            panic!("rule `{rule}` has the pattern `{source}`: {problem}");
        }
    }
    let mut written = String::new();
    for pattern in &patterns {
        written.push_str("Pattern { elements: Cow::Borrowed(&[");
        for element in pattern.elements.iter() {
            let _ = write!(
                written,
                "Element {{ any_of: Cow::Borrowed(&{:?}), not_next: Cow::Borrowed(&{:?}), verb: {}, imperative: {}, last: {}, gap: {} }},",
                element.any_of, element.not_next, element.verb, element.imperative, element.last, element.gap,
            );
        }
        written.push_str("]) },");
    }
    (patterns.len(), written)
}

/// Puts the entries of each chain side by side, in their order: a chain is then read from few cache lines.
fn sort_by_chain(lexicon: &mut Lexicon) {
    let mut sorted: Vec<LexiconEntry> = Vec::with_capacity(lexicon.entries.len());
    for chain in lexicon.chains.to_mut().iter_mut().filter(|chain| **chain != NONE) {
        let mut at = std::mem::replace(chain, sorted.len() as u32);
        while let Some(entry) = lexicon.entries.get(at as usize) {
            at = entry.next;
            let next = if at == NONE { NONE } else { sorted.len() as u32 + 1 };
            sorted.push(LexiconEntry { next, ..*entry });
        }
    }
    lexicon.entries = sorted.into();
}

fn write_lexicon(lexicon: &Lexicon, out: &mut String) {
    let names: String =
        lexicon.names.iter().map(|(name, list)| format!("(Cow::Borrowed({name:?}), {list}),")).collect();
    let how = |how: How| match how {
        How::Phrase { from, to } => format!("Phrase {{ from: {from}, to: {to} }}"),
        plain => format!("{plain:?}"),
    };
    let entry = |entry: &lexicon::LexiconEntry| {
        format!(
            "LexiconEntry {{ hash: {}, list: {}, how: How::{}, next: {} }},",
            entry.hash,
            entry.list,
            how(entry.how),
            entry.next
        )
    };
    let entries: String = lexicon.entries.iter().map(entry).collect();
    let pieces: String = lexicon.pieces.iter().map(|piece| format!("{piece:?},")).collect();
    let _ = write!(
        out,
        "static NAMES: [(Cow<'static, str>, u16); {}] = [{names}];\n\
         static NAME_HASHES: [u64; {}] = {:?};\n\
         static CHAINS: [u32; {}] = {:?};\n\
         static ENTRIES: [LexiconEntry; {}] = [{entries}];\n\
         static PIECES: [Piece; {}] = [{pieces}];\n\
         const PREFIX_LENGTHS: u64 = {};\n\
         static PREFIX_FILTER: [u64; {}] = {:?};\n",
        lexicon.names.len(),
        lexicon.name_hashes.len(),
        lexicon.name_hashes,
        lexicon.chains.len(),
        lexicon.chains,
        lexicon.entries.len(),
        lexicon.pieces.len(),
        lexicon.prefix_lengths,
        lexicon.prefix_filter.len(),
        lexicon.prefix_filter,
    );
}
