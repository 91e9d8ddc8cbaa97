//! One rule of a policy file: when what stands there holds, this follows.

use std::collections::BTreeSet;

use toml::de::DeTable;

use crate::agent::Tier;
use crate::ids::AgentName;

use super::condition::Condition;
use super::file_condition::{condition, one_of, patterns};
use super::lexicon::Lexicon;
use super::pattern::Pattern;
use super::problem::ProblemKind;
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
    "unless",
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

/// Keys that say when a rule holds. `unless` alone would hold for nearly everything.
const CONDITION_KEYS: &[&str] = RULE_KEYS.split_at(7).1;

/// The author of a rule.
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
    /// The author.
    pub whose: Whose,
    /// What put it in force: for a rule of a preset, the file that switched that on.
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
    let mut required =
        |keys: &[&str], what_and_hint| r.required((table, at), keys, &RULE_KEYS, what_and_hint);
    required(&["id"], ("`id` is missing", "give the rule a name, as in `id = \"release-notes\"`"));
    required(
        &["because"],
        ("`because` is missing", "say in one sentence why: `explain` and the route show it"),
    );
    let conditions = format!("say when it holds, with one of {}", CONDITION_KEYS.join(", "));
    required(CONDITION_KEYS, ("the rule has no condition", &conditions));
    let effects = "say what follows: `tier = \"opus\"`, `agent = \"NAME\"` or `ask = true`";
    required(&["tier", "agent", "ask"], ("`tier` is missing", effects));
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
    let (effect, agent_at) = effect(r, table, at);
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
        ([false, false, false], ..) => None,
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
