//! The training data: `training/<writer>.jsonl`, rows in the format of `pointsman eval`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pointsman_core::eval::{Answer, Labelled, rows};
use pointsman_core::model::Class;
use serde::Deserialize;

use crate::wrap;

/// How the rows of a writer were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// Many of them to mislead.
    Hard,
    /// Whole sentences about everyday work.
    Plain,
    /// As people type in the middle of a session.
    Real,
}

impl Style {
    /// Returns how much a row of this style counts in the fit: real sessions are what the router is for, and the hard
    /// rows outnumber them.
    pub fn weight(self) -> f32 {
        match self {
            Style::Hard => 0.4,
            Style::Plain => 1.0,
            Style::Real => 5.0,
        }
    }
}

/// One labelled request.
pub struct Example {
    /// The request and its label.
    pub row: Labelled,
    /// How its writer wrote.
    pub style: Style,
    /// The same request wrapped, if it can be.
    pub twin: Option<Labelled>,
    /// The author.
    pub writer: String,
}

/// All examples, in a fixed order.
pub struct Training {
    /// The examples.
    pub examples: Vec<Example>,
    /// The hash of every file's name and bytes, that of the styles among them.
    pub hash: [u8; 32],
}

/// The file that says how each writer wrote.
const STYLES: &str = "styles.json";

/// The share of the better label, if two are acceptable.
const BETTER_SHARE: f32 = 0.65;

/// Reads a directory of training data: its files in the order of their names, each row by row.
pub fn read(dir: &Path) -> io::Result<Training> {
    let mut hasher = blake3::Hasher::new();
    let styles = fs::read(dir.join(STYLES))?;
    hasher.update(STYLES.as_bytes()).update(&[0]).update(&styles).update(&[0]);
    let styles: BTreeMap<String, Style> = serde_json::from_slice(&styles)?;
    let mut examples = vec![];
    for file in row_files(dir)? {
        let text = fs::read_to_string(&file)?;
        let [name, writer] = [file.file_name(), file.file_stem()]
            .map(|part| part.unwrap_or_default().to_string_lossy().into_owned());
        hasher.update(name.as_bytes()).update(&[0]).update(text.as_bytes()).update(&[0]);
        let rows = rows::read(&text).map_err(|error| broken(&file, &error.to_string()))?;
        let style = *styles.get(&writer).ok_or_else(|| broken(&file, "its writer has no style"))?;
        examples.extend(rows.into_iter().map(|row| Example::new(row, &writer, style)));
    }
    if examples.is_empty() {
        return Err(broken(dir, "there is no .jsonl file in it"));
    }
    add_twins(&mut examples);
    Ok(Training { examples, hash: *hasher.finalize().as_bytes() })
}

fn row_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    found.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    found.sort();
    Ok(found)
}

fn broken(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display()))
}

/// Gives every request that can be wrapped its twin. Those that it may be joined with are plain or real work.
fn add_twins(examples: &mut [Example]) {
    let is_harmless = |example: &&Example| {
        example.style != Style::Hard
            && wrap::can_wrap(&example.row)
            && example.row.label != Answer::Escalate
            && example.row.label != Answer::Opus
    };
    let harmless: Vec<Labelled> =
        examples.iter().filter(is_harmless).map(|example| example.row.clone()).collect();
    let harmless: Vec<&Labelled> = harmless.iter().collect();
    for example in examples.iter_mut().filter(|example| wrap::can_wrap(&example.row)) {
        example.twin = wrap::twin(&example.row, &harmless);
    }
}

impl Example {
    fn new(row: Labelled, writer: &str, style: Style) -> Example {
        Example { row, style, twin: None, writer: writer.to_owned() }
    }
}

/// Returns the share of each class in a request: most of it is the label, the rest are the other acceptable answers.
pub fn target(row: &Labelled) -> [f32; Class::COUNT] {
    let others: Vec<Answer> = row.acceptable.iter().copied().filter(|other| *other != row.label).collect();
    let mut target = [0.0; Class::COUNT];
    target[class(row, row.label) as usize] = if others.is_empty() { 1.0 } else { BETTER_SHARE };
    for other in &others {
        target[class(row, *other) as usize] += (1.0 - BETTER_SHARE) / others.len() as f32;
    }
    target
}

fn class(row: &Labelled, answer: Answer) -> Class {
    match answer {
        Answer::Haiku => Class::Haiku,
        Answer::Sonnet => Class::Sonnet,
        Answer::Opus => Class::Opus,
        Answer::Escalate if row.is_underspecified() => Class::Underspecified,
        Answer::Escalate => Class::Danger,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target_of(label: Answer, acceptable: &[Answer], category: &str) -> [f32; Class::COUNT] {
        target(&Labelled {
            id: "a".to_owned(),
            request: "fix it".to_owned(),
            label,
            acceptable: acceptable.to_vec(),
            category: category.to_owned(),
        })
    }

    fn shares(of: &[(Class, f32)]) -> [f32; Class::COUNT] {
        let mut shares = [0.0; Class::COUNT];
        of.iter().for_each(|(class, share)| shares[*class as usize] = *share);
        shares
    }

    #[test]
    fn a_row_is_of_its_label_and_less_of_a_second_acceptable_one() {
        use Answer::{Escalate, Haiku, Sonnet};
        let rest = 1.0 - BETTER_SHARE;
        assert_eq!(target_of(Haiku, &[], "edit"), shares(&[(Class::Haiku, 1.0)]));
        assert_eq!(target_of(Haiku, &[Haiku], "edit"), shares(&[(Class::Haiku, 1.0)]));
        let both = shares(&[(Class::Haiku, BETTER_SHARE), (Class::Sonnet, rest)]);
        assert_eq!(target_of(Haiku, &[Haiku, Sonnet], "edit"), both);
        assert_eq!(target_of(Haiku, &[Sonnet], "edit"), both);
        assert_eq!(target_of(Escalate, &[], "prod"), shares(&[(Class::Danger, 1.0)]));
        for category in ["underspecified", "underspecified lang:fr"] {
            assert_eq!(
                target_of(Escalate, &[], category),
                shares(&[(Class::Underspecified, 1.0)]),
                "{category}"
            );
        }
    }
}
