//! One rule of a policy file: when what stands there holds, this follows.

use std::collections::BTreeSet;

use toml::de::DeTable;

use crate::agent::Tier;
use crate::circumstances::ProjectKind;
use crate::ids::AgentName;
use crate::language::Language;
use crate::request::Mode;

use super::condition::{self, Condition, Days, Globs, Hours, Span};
use super::lexicon::Lexicon;
use super::pattern::Pattern;
use super::problem::{ProblemKind, instead, nearest};
use super::table::{At, Reader};

/// How sure a rule is that does not say it.
const CONFIDENCE_DEFAULT: f64 = 0.9;

/// The longest name of a rule or a word list.
const NAME_BYTES_MAX: usize = 64;

/// Every key of a rule.
pub const RULE_KEYS: [&str; 19] = [
    "id",
    "because",
    "tier",
    "agent",
    "ask",
    "confidence",
    "words",
    "unless",
    "regex",
    "paths",
    "files",
    "chars",
    "own_words",
    "question",
    "language",
    "project",
    "hours",
    "days",
    "mode",
];

/// Keys that say when a rule holds. `unless` alone would hold for nearly everything.
const CONDITION_KEYS: [&str; 12] = [
    "words",
    "regex",
    "paths",
    "files",
    "chars",
    "own_words",
    "question",
    "language",
    "project",
    "hours",
    "days",
    "mode",
];

/// Who wrote a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// A file of a repository: a stranger's words.
    Project,
    /// The person's own file.
    User,
    /// A collection that comes with the program.
    Preset,
}

/// What follows from a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileEffect {
    /// This tier does it.
    Tier(Tier),
    /// This agent does it.
    Agent(AgentName),
    /// A person is asked first; the tier does it once approved.
    Ask(Option<Tier>),
}

/// A rule of a policy file, ready to be held against requests.
#[derive(Debug, Clone)]
pub struct FileRule {
    /// `policy.` and the id in the file.
    pub id: String,
    /// What follows.
    pub effect: FileEffect,
    /// One sentence for people.
    pub because: String,
    /// How sure it is; below 1.
    pub confidence: f64,
    /// Who wrote it.
    pub whose: Whose,
    /// Who put it in force: for a rule of a preset, who switched that on.
    pub chosen_by: Whose,
    /// `file:line`.
    pub place: String,
    /// At least one must match, where there are any.
    pub(crate) words: Vec<Pattern>,
    /// None may match.
    pub(crate) unless: Vec<Pattern>,
    /// What else must hold.
    pub(crate) condition: Condition,
    /// Where its agent is named, for messages.
    pub(super) agent_at: usize,
}

impl FileRule {
    /// Returns whether a repository can make it hold by the files that it has.
    pub fn looks_at_files(&self) -> bool {
        self.condition.looks_at_files()
    }

    /// Returns whether it asks for the time.
    pub fn looks_at_time(&self) -> bool {
        self.condition.looks_at_time()
    }
}

/// Reads one `[[rule]]`. `None` where something is wrong with it, which the reader has then collected.
pub(super) fn read(
    r: &mut Reader,
    table: &DeTable,
    at: usize,
    whose: Whose,
    lexicon: &mut Lexicon,
    names: &mut BTreeSet<String>,
) -> Option<FileRule> {
    let problems_before = r.problems.len();
    r.only(table, &RULE_KEYS);
    let id = r.text(table, "id").filter(|id| is_name(r, *id, "id"));
    if !table.contains_key("id") {
        r.missing(at, "id", "give the rule a name, as in `id = \"release-notes\"`");
    }
    if let Some((id, id_at)) = id
        && !names.insert(id.to_owned())
    {
        r.problem(
            id_at,
            ProblemKind::BrokenRule,
            format!("the id `{id}` stands there twice"),
            "name it otherwise",
        );
    }
    let because = r.text(table, "because");
    if !table.contains_key("because") {
        r.missing(at, "because", "say in one sentence why: `explain` and the route show it");
    }
    let (effect, agent_at) = effect(r, table, at);
    if !CONDITION_KEYS.iter().any(|key| table.contains_key(*key)) {
        let hint = format!("say when it holds, with one of {}", CONDITION_KEYS.join(", "));
        r.problem(at, ProblemKind::MissingKey, "the rule has no condition", hint);
    }
    let confidence = r.number(table, "confidence");
    if let Some((number, at)) = confidence.filter(|(number, _)| !(*number > 0.0 && *number < 1.0)) {
        r.wrong(at, "confidence", "above 0 and below 1", &number.to_string());
    }
    let words = patterns(r, table, "words", lexicon);
    let unless = patterns(r, table, "unless", lexicon);
    let condition = condition(r, table);
    if r.problems.len() > problems_before {
        return None;
    }
    let because = because?.0.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(FileRule {
        id: format!("policy.{}", id?.0),
        effect: effect?,
        // A reason is read by who is asked to say yes: a stranger's must not pass for the program's own.
        because: if whose == Whose::Project {
            format!("the project's policy says: {because}")
        } else {
            because
        },
        confidence: confidence.map_or(CONFIDENCE_DEFAULT, |(number, _)| number),
        whose,
        chosen_by: whose,
        place: r.line_of(at),
        words,
        unless,
        condition,
        agent_at,
    })
}

/// Enters a name that is none; tells whether it is one.
pub(super) fn is_name(r: &mut Reader, (name, at): At, key: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_name = name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain) && !name.starts_with('-');
    if !is_name {
        r.wrong(at, key, "small letters, digits and hyphens, at most 64", &format!("`{name}`"));
    }
    is_name
}

fn effect(r: &mut Reader, table: &DeTable, at: usize) -> (Option<FileEffect>, usize) {
    let tier =
        r.text(table, "tier").and_then(|(name, at)| one_of(r, (name, at), "tier", &TIERS, Tier::parse));
    let agent = r.text(table, "agent");
    let agent_at = agent.map_or(at, |(_, at)| at);
    let agent = agent.and_then(|(name, at)| {
        let read = name.parse::<AgentName>();
        read.map_err(|error| r.wrong(at, "agent", "the name of an agent", &error.to_string())).ok()
    });
    let ask = r.truth(table, "ask");
    if let Some((false, at)) = ask {
        let hint = "leave `ask` out: without it nobody is asked by this rule";
        r.problem(at, ProblemKind::BrokenRule, "a rule cannot take a question away", hint);
    }
    let given = ["tier", "agent", "ask"].map(|key| table.contains_key(key));
    let effect = match (given, tier, agent, ask) {
        ([true, false, false], tier, _, _) => tier.map(FileEffect::Tier),
        ([false, true, false], _, agent, _) => agent.map(FileEffect::Agent),
        ([_, false, true], tier, _, Some((true, _))) => Some(FileEffect::Ask(tier)),
        ([false, false, false], ..) => {
            r.missing(at, "tier", "say what follows: `tier = \"opus\"`, `agent = \"NAME\"` or `ask = true`");
            None
        }
        ([_, true, _], ..) => {
            let what = "`agent` stands beside `tier` or `ask`";
            r.problem(agent_at, ProblemKind::BrokenRule, what, "keep one: an agent has a tier of its own");
            None
        }
        ([_, false, true], ..) => None,
    };
    (effect, agent_at)
}

const TIERS: [&str; 3] = ["haiku", "sonnet", "opus"];

/// Reads one word of a few.
pub(super) fn one_of<T>(
    r: &mut Reader,
    (word, at): At,
    key: &str,
    known: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let value = read(word);
    if value.is_none() {
        let what = format!("`{key}` cannot be `{word}`");
        r.problem(at, ProblemKind::WrongValue, what, instead(word, known));
    }
    value
}

/// Reads a list of words of a few.
pub(super) fn all_of<T>(
    r: &mut Reader,
    table: &DeTable,
    key: &str,
    known: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let texts = r.texts(table, key).unwrap_or_default();
    texts.into_iter().filter_map(|text| one_of(r, text, key, known, &read)).collect()
}

fn patterns(r: &mut Reader, table: &DeTable, key: &str, lexicon: &mut Lexicon) -> Vec<Pattern> {
    let mut patterns = vec![];
    for (source, at) in r.texts(table, key).unwrap_or_default() {
        if lexicon.len() > r.lists_max {
            r.problem(at, ProblemKind::BrokenRule, "the file names too many words", "use fewer");
            break;
        }
        if let Err(problem) = Pattern::parse(source, lexicon, &mut patterns) {
            let hint =
                match problem.strip_prefix("there is no word list `").and_then(|rest| rest.strip_suffix('`'))
                {
                    Some(name) => match nearest(name, lexicon.list_names()) {
                        Some(near) => {
                            format!("did you mean the list `{near}`? A word of its own is written `'{name}'`")
                        }
                        None => format!("a word of its own stands in quotes: `'{name}'`"),
                    },
                    None => "docs/policy.md has the notation".to_owned(),
                };
            r.problem(at, ProblemKind::BadPattern, format!("the pattern `{source}`: {problem}"), hint);
        }
    }
    patterns
}

fn condition(r: &mut Reader, table: &DeTable) -> Condition {
    let mut regexes = vec![];
    for (source, at) in r.texts(table, "regex").unwrap_or_default() {
        match condition::regex(source) {
            Ok(regex) => regexes.push(regex),
            Err(problem) => r.problem(
                at,
                ProblemKind::BadPattern,
                format!("the regular expression `{source}`: {problem}"),
                "the notation is that of Rust's `regex`: no look-around, no back-references",
            ),
        }
    }
    let kinds = ProjectKind::ALL.map(ProjectKind::as_str);
    let kind = |name: &str| ProjectKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    Condition {
        regex: regexes,
        paths: globs(r, table, "paths"),
        files: globs(r, table, "files"),
        chars: span(r, table, "chars"),
        own_words: span(r, table, "own_words"),
        question: r.truth(table, "question").map(|(truth, _)| truth),
        language: all_of(r, table, "language", Language::codes(), Language::parse),
        project: all_of(r, table, "project", &kinds, kind),
        hours: r.text(table, "hours").and_then(|(text, at)| {
            let hours = Hours::parse(text);
            if hours.is_none() {
                r.wrong(at, "hours", "a part of the day such as \"22:00-06:00\"", &format!("`{text}`"));
            }
            hours
        }),
        days: days(r, table),
        mode: all_of(r, table, "mode", &Mode::ALL.map(Mode::as_str), mode),
    }
}

/// Reads the name of a mode.
pub(super) fn mode(name: &str) -> Option<Mode> {
    Mode::ALL.into_iter().find(|mode| mode.as_str() == name)
}

fn days(r: &mut Reader, table: &DeTable) -> Option<Days> {
    let texts = r.texts(table, "days")?;
    let mut days = Days::default();
    for (text, at) in texts {
        if !days.add(text) {
            r.wrong(at, "days", "days such as \"sat\" or \"mon-fri\"", &format!("`{text}`"));
        }
    }
    Some(days)
}

fn globs(r: &mut Reader, table: &DeTable, key: &str) -> Option<Globs> {
    let texts = r.texts(table, key)?;
    match Globs::parse(texts.iter().map(|(text, _)| *text)) {
        Ok(globs) => Some(globs),
        Err((n, problem)) => {
            let (text, at) = texts.get(n).copied().unwrap_or(("", 0));
            let hint = "`*` is any part of a name, `**` any directories, `{a,b}` either";
            r.problem(at, ProblemKind::BadPattern, format!("the glob `{text}`: {problem}"), hint);
            None
        }
    }
}

fn span(r: &mut Reader, table: &DeTable, key: &str) -> Option<Span> {
    let (inner, at) = r.table(table, key)?;
    r.only(inner, &["min", "max"]);
    let mut bound = |name: &str| -> Option<usize> {
        let (number, at) = r.number(inner, name)?;
        let is_count = number >= 0.0 && number.fract() == 0.0 && number <= f64::from(u32::MAX);
        if !is_count {
            r.wrong(at, &format!("{key}.{name}"), "a whole number from 0 on", &number.to_string());
        }
        is_count.then_some(number as usize)
    };
    let (min, max) = (bound("min"), bound("max"));
    let span = Span { min: min.unwrap_or(0), max: max.unwrap_or(usize::MAX) };
    if inner.is_empty() || span.min > span.max {
        r.wrong(at, key, "bounds such as { min = 5, max = 40 }", "none that anything lies between");
    }
    Some(span)
}
