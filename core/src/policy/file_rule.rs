//! One rule of a policy file: what follows if its conditions hold.

use std::collections::BTreeSet;

use crate::agent::Tier;
use crate::ids::AgentName;
use crate::toml_text::problem::ProblemKind;

use super::condition::Condition;
use super::file_condition::{condition, patterns};
use super::lexicon::Lexicon;
use super::pattern::Pattern;
use super::written::{Reader, RuleText, Word, word};

/// The confidence of a rule that does not state one.
const CONFIDENCE_DEFAULT: f64 = 0.9;

/// The longest name of a rule or a word list.
const NAME_BYTES_MAX: usize = 64;

/// The author of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    /// A file of the repository: untrusted.
    Project,
    /// The user's own file.
    User,
    /// A preset, which comes with the program.
    Preset,
    /// A file of the repository that the user approved.
    #[serde(rename = "project")]
    TrustedProject,
}

impl Author {
    /// Returns whether it is a file of the repository, trusted or not.
    pub fn is_project(self) -> bool {
        match self {
            Author::Project | Author::TrustedProject => true,
            Author::User | Author::Preset => false,
        }
    }
}

/// What follows from a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileEffect {
    /// This tier does it.
    Tier(Tier),
    /// This agent does it.
    Agent(AgentName),
    /// The user is asked first; the tier does it once approved.
    Ask(Option<Tier>),
}

/// A rule of a policy file, ready to be matched against requests.
#[derive(Debug, Clone)]
pub struct FileRule {
    /// `policy.` and the id in the file.
    pub id: String,
    /// What follows.
    pub effect: FileEffect,
    /// One sentence that explains it to the user.
    pub because: String,
    /// How sure it is; below 1.
    pub confidence: f64,
    /// The author.
    pub author: Author,
    /// The author of what put it in force: for a rule of a preset, of the file that switched that on.
    pub chosen_by: Author,
    /// `file:line`.
    pub place: String,
    /// At least one must match, if there are any.
    pub(crate) words: Vec<Pattern>,
    /// None may match.
    pub(crate) unless: Vec<Pattern>,
    /// What else must hold.
    pub(crate) condition: Condition,
    /// Where its agent is named, for error messages.
    pub(super) agent_at: usize,
}

impl FileRule {
    /// Returns whether a repository can make it hold by the files that it contains.
    pub fn looks_at_files(&self) -> bool {
        self.condition.looks_at_files()
    }

    /// Returns whether the repository put it in force and nobody approved that: it names no tier above the one that would
    /// be taken without it.
    pub fn is_untrusted(&self) -> bool {
        self.author == Author::Project || self.chosen_by == Author::Project
    }

    /// Returns whether it depends on the time.
    pub fn looks_at_time(&self) -> bool {
        self.condition.looks_at_time()
    }
}

/// Reads one `[[rule]]`. Returns `None` if something is wrong with it; the reader has then collected the problems.
pub(super) fn read(
    r: &Reader,
    (rule, at): (&RuleText, usize),
    author: Author,
    lexicon: &mut Lexicon,
    names: &mut BTreeSet<String>,
) -> Option<FileRule> {
    let problems_before = r.problems.count();
    let id = rule.id.as_ref().and_then(word).filter(|id| is_name(r, *id));
    if let Some(id) = id
        && !names.insert(id.text.to_owned())
    {
        let what = format!("the id `{}` is there twice", id.text);
        r.problem(id.at, ProblemKind::BrokenRule, what, "choose another id");
    }
    enter_missing(r, rule, at);
    let because = rule.because.as_ref().and_then(word);
    let (effect, agent_at) = effect(r, rule, at);
    let confidence = rule.confidence.as_ref().and_then(|given| Some((given.value?, given.at)));
    if let Some((number, at)) = confidence.filter(|(number, _)| !(*number > 0.0 && *number < 1.0)) {
        r.wrong(at, "confidence", "above 0 and below 1", &number.to_string());
    }
    let words = patterns(r, &rule.words, lexicon);
    let unless = patterns(r, &rule.unless, lexicon);
    let condition = condition(r, rule);
    if r.problems.count() > problems_before {
        return None;
    }
    let because = because?.text.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(FileRule {
        id: format!("policy.{}", id?.text),
        effect: effect?,
        // The reason is read by the user who is asked to approve: a repository's must not pass for the program's own.
        because: if author.is_project() { format!("the project's policy says: {because}") } else { because },
        confidence: confidence.map_or(CONFIDENCE_DEFAULT, |(number, _)| number),
        author,
        chosen_by: author,
        place: r.line_of(at),
        words,
        unless,
        condition,
        agent_at,
    })
}

/// Reports the missing keys that a rule cannot do without.
fn enter_missing(r: &Reader, rule: &RuleText, at: usize) {
    let has_effect = rule.tier.is_some() || rule.agent.is_some() || rule.ask.is_some();
    let conditions = "say when it holds, with one of words, regex, paths, files, chars, own_words, question, \
                      language, project, hours, days, mode";
    let effects = "say what follows: `tier = \"opus\"`, `agent = \"NAME\"` or `ask = true`";
    for (is_there, what, hint) in [
        (rule.id.is_some(), "`id` is missing", "give the rule a name, as in `id = \"release-notes\"`"),
        (
            rule.because.is_some(),
            "`because` is missing",
            "say in one sentence why: `explain` and the route show it",
        ),
        (rule.has_condition(), "the rule has no condition", conditions),
        (has_effect, "`tier` is missing", effects),
    ] {
        if !is_there {
            r.problem(at, ProblemKind::MissingKey, what, hint);
        }
    }
}

/// Returns whether a word is a valid name, and reports it if not.
pub(super) fn is_name(r: &Reader, word: Word) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let name = word.text;
    let is_name = name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain) && !name.starts_with('-');
    if !is_name {
        r.wrong_word(word, "small letters, digits and hyphens, at most 64");
    }
    is_name
}

fn effect(r: &Reader, rule: &RuleText, at: usize) -> (Option<FileEffect>, usize) {
    let tier = rule.tier.as_ref().and_then(word).and_then(|tier| r.one_of(tier, &TIERS, Tier::parse));
    let agent_at = rule.agent.as_ref().map_or(at, |agent| agent.at);
    let agent = rule.agent.as_ref().and_then(word).and_then(|agent| {
        let read = agent.text.parse::<AgentName>();
        read.map_err(|error| r.wrong(agent.at, agent.key, "the name of an agent", &error.to_string())).ok()
    });
    let ask = rule.ask.as_ref().and_then(|ask| ask.value);
    if let (Some(false), Some(given)) = (ask, &rule.ask) {
        let hint = "leave `ask` out: without it nobody is asked by this rule";
        r.problem(given.at, ProblemKind::BrokenRule, "a rule cannot take a question away", hint);
    }
    let given = [rule.tier.is_some(), rule.agent.is_some(), rule.ask.is_some()];
    let effect = match (given, tier, agent, ask) {
        ([true, false, false], tier, _, _) => tier.map(FileEffect::Tier),
        ([false, true, false], _, agent, _) => agent.map(FileEffect::Agent),
        ([_, false, true], tier, _, Some(true)) => Some(FileEffect::Ask(tier)),
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
