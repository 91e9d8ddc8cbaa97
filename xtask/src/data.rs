//! The training data: `training/<writer>/<label>/<category>[.<language>].txt`, one request a line.
//!
//! A line break within a request is written `\n`, a backslash `\\`. A label such as `haiku+sonnet` means that both
//! are acceptable and the first is better.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pointsman_core::eval::{Answer, Labelled};
use pointsman_core::model::Class;

/// One labelled request.
pub struct Example {
    /// The request and its label.
    pub row: Labelled,
    /// The author.
    pub writer: String,
    /// How much of it each class is.
    pub target: [f32; Class::COUNT],
}

/// All examples, in a fixed order.
pub struct Training {
    /// The examples.
    pub examples: Vec<Example>,
    /// Hash of every file's name and bytes.
    pub hash: [u8; 32],
}

/// How much of a request its better label is, where two are acceptable.
const BETTER_SHARE: f32 = 0.65;

/// Reads a directory of training data.
pub fn read(dir: &Path) -> io::Result<Training> {
    let mut files = vec![];
    for writer in sorted(dir)?.into_iter().filter(|path| path.is_dir()) {
        for label in sorted(&writer)?.into_iter().filter(|path| path.is_dir()) {
            files.extend(sorted(&label)?);
        }
    }
    let mut hasher = blake3::Hasher::new();
    let mut examples = vec![];
    for file in files {
        let text = fs::read_to_string(&file)?;
        let name = file.strip_prefix(dir).map_err(io::Error::other)?.to_string_lossy().into_owned();
        hasher.update(name.as_bytes()).update(&[0]).update(text.as_bytes()).update(&[0]);
        read_file(&name, &text, &mut examples)?;
    }
    Ok(Training { examples, hash: *hasher.finalize().as_bytes() })
}

fn sorted(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    found.sort();
    Ok(found)
}

fn read_file(name: &str, text: &str, examples: &mut Vec<Example>) -> io::Result<()> {
    let broken = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {why}"));
    let [writer, labels, file] = name.split('/').collect::<Vec<_>>()[..] else {
        return Err(broken("not in a writer's and a label's directory".to_owned()));
    };
    let stem = file.strip_suffix(".txt").ok_or_else(|| broken("not a .txt file".to_owned()))?;
    let category = match stem.split_once('.') {
        Some((_, language)) => format!("lang:{language}"),
        None => stem.to_owned(),
    };
    let underspecified = stem.starts_with("underspecified");
    let mut acceptable = vec![];
    for label in labels.split('+') {
        let known = Answer::ALL.into_iter().find(|answer| answer.as_str() == label);
        acceptable.push(known.ok_or_else(|| broken(format!("`{label}` is no label")))?);
    }
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row = Labelled {
            id: format!("{name}:{}", n + 1),
            request: unescaped(line),
            label: acceptable[0],
            acceptable: acceptable.clone(),
            category: if underspecified { format!("underspecified {category}") } else { category.clone() },
        };
        let target = target(&acceptable, underspecified);
        examples.push(Example { row, writer: writer.to_owned(), target });
    }
    Ok(())
}

fn target(acceptable: &[Answer], underspecified: bool) -> [f32; Class::COUNT] {
    let class = |answer: Answer| match answer {
        Answer::Haiku => Class::Haiku,
        Answer::Sonnet => Class::Sonnet,
        Answer::Opus => Class::Opus,
        Answer::Escalate if underspecified => Class::Underspecified,
        Answer::Escalate => Class::Danger,
    };
    let mut target = [0.0; Class::COUNT];
    let (first, rest) = (acceptable[0], &acceptable[1..]);
    target[class(first) as usize] = if rest.is_empty() { 1.0 } else { BETTER_SHARE };
    for other in rest {
        target[class(*other) as usize] += (1.0 - BETTER_SHARE) / rest.len() as f32;
    }
    target
}

fn unescaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('\\')) => text.push('\\'),
            ('\\', Some('t')) => text.push('\t'),
            (c, Some(other)) => text.extend([c, other]),
            (c, None) => text.push(c),
        }
    }
    text
}
