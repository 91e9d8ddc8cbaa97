//! Policy files: reads one, as TOML, into rules and examples, each with its place, and its words into the lexicon.
//!
//! Nothing in a file is trusted: its size, the number of its rules and what they may cost are bounded, and every
//! problem is collected with line and column. What the rules of each author may do is described in `files`.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::agent::Tier;
use crate::ids::AgentName;
use crate::mode::Mode;
use crate::routing_context::{ProjectKind, RoutingContext};
use crate::toml_text::decode::decode;
use crate::toml_text::node::Node;
use crate::toml_text::place;
use crate::toml_text::problem::{Problem, ProblemKind, Problems, instead};

use super::condition::{clock, weekday};
use super::file_condition::{kind, mode};
use super::file_rule::{self, Author, FileRule, is_name};
use super::lexicon::Lexicon;
use super::preset::Preset;
use super::written::{ExampleText, FileText, Reader, Word, word, words};

/// The largest policy file that is read.
pub const FILE_BYTES_MAX: usize = 128 * 1024;

/// How many rules a file may have; each is checked for every request.
const RULES_MAX: usize = 200;

/// How many word lists and single words a file may name: a list's number has 16 bits.
const LISTS_MAX: usize = 4096;

/// How many examples a file may have.
const EXAMPLES_MAX: usize = 1000;

/// How many regular expressions a file may have: compiling one takes up to some milliseconds, at every start.
const REGEXES_MAX: usize = 100;

/// A text that may be a policy file.
#[derive(Debug, Clone, Copy)]
pub struct PolicySource<'s> {
    /// The author.
    pub author: Author,
    /// Its name, for messages.
    pub name: &'s str,
    /// Its content.
    pub text: &'s str,
}

/// Which presets a file switches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PresetChoice {
    /// Those that the project's files call for.
    Auto,
    /// None.
    None,
    /// This one.
    Named(Preset),
}

/// A test written in the policy: a request, and what should become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The request.
    pub request: String,
    /// What should become of it.
    pub expect: Expect,
    /// The rule that should have fired, as its file names it.
    pub rule: Option<String>,
    /// The context: what the example states and nothing else, so that it holds everywhere.
    pub routing_context: RoutingContext,
    /// `file:line`.
    pub place: String,
    /// The author.
    pub author: Author,
}

/// What should become of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// This tier does it, without asking.
    Tier(Tier),
    /// This agent does it, without asking.
    Agent(AgentName),
    /// The user is asked first.
    Ask,
}

/// A parsed policy file.
#[derive(Debug)]
pub(super) struct PolicyFile {
    pub preset: PresetChoice,
    pub rules: Vec<FileRule>,
    pub examples: Vec<Example>,
}

impl PolicySource<'_> {
    /// Returns it as a source that knows its places.
    pub(super) fn written(&self) -> Arc<place::Source> {
        let kind = match self.author {
            Author::Preset => place::SourceKind::Default,
            Author::User => place::SourceKind::User,
            Author::Project | Author::TrustedProject => place::SourceKind::Project,
        };
        place::Source::new(kind, self.name, self.text)
    }
}

/// Reads a file. Its word lists go into the lexicon; their names are valid within the file only.
pub(super) fn read(source: &PolicySource, lexicon: &mut Lexicon) -> Result<PolicyFile, Vec<Problem>> {
    let r = Reader {
        source: source.written(),
        problems: Problems::default(),
        lists_max: lexicon.len() + LISTS_MAX,
        regexes_left: Cell::new(REGEXES_MAX),
    };
    if source.text.len() > FILE_BYTES_MAX {
        let what = format!("the file has more than {FILE_BYTES_MAX} bytes");
        r.problem(0, ProblemKind::BrokenRule, what, "a policy is read at every start: keep it short");
        return r.problems.into_result(None);
    }
    let root = Node::parse(&r.source)?;
    let written = decode::<FileText>(&root, &[], &r.problems);
    let file = written.map(|file| read_file(&r, &file, source.author, lexicon));
    lexicon.forget_private_names();
    r.problems.into_result(file)
}

fn read_file(r: &Reader, file: &FileText, author: Author, lexicon: &mut Lexicon) -> PolicyFile {
    let choices = ["auto", "none", "software-dev", "latex-research", "knowledge-mgmt"];
    let preset = file.preset.as_ref().and_then(word).and_then(|text| r.one_of(text, &choices, preset));
    word_lists(r, file, lexicon);
    let mut names = BTreeSet::new();
    let rules = r.tables(&file.rule, RULES_MAX);
    let rules = rules.filter_map(|rule| file_rule::read(r, rule, author, lexicon, &mut names)).collect();
    let examples = r.tables(&file.example, EXAMPLES_MAX);
    let examples = examples.filter_map(|written| example(r, written, author, &names)).collect();
    PolicyFile { preset: preset.unwrap_or(PresetChoice::None), rules, examples }
}

fn preset(name: &str) -> Option<PresetChoice> {
    match name {
        "auto" => Some(PresetChoice::Auto),
        "none" => Some(PresetChoice::None),
        name => Preset::ALL.into_iter().find(|preset| preset.as_str() == name).map(PresetChoice::Named),
    }
}

/// Reads `[words]`: each entry is a string with commas, or a list.
fn word_lists(r: &Reader, file: &FileText, lexicon: &mut Lexicon) {
    for (name, list) in file.words.iter().filter_map(|words| words.value.as_ref()).flatten() {
        let at = list.key_at;
        if !is_name(r, Word { key: "words", at, text: name }) {
            continue;
        }
        if lexicon.list_id(name).is_some() {
            let what = format!("the word list `{name}` is built in and cannot be changed");
            r.problem(at, ProblemKind::BrokenRule, what, format!("choose another name, such as `my-{name}`"));
            continue;
        }
        if lexicon.len() > r.lists_max {
            r.problem(at, ProblemKind::BrokenRule, "the file has too many word lists", "use fewer");
            return;
        }
        lexicon.add_private_list(name, words([list]).flat_map(|word| word.text.split(',')));
    }
}

fn example(
    r: &Reader,
    (written, at): (&ExampleText, usize),
    author: Author,
    rules: &BTreeSet<String>,
) -> Option<Example> {
    for (key, is_there) in [("request", written.request.is_some()), ("expect", written.expect.is_some())] {
        if !is_there {
            let hint =
                "an example is `request = \"…\"` and `expect = \"opus\"` (a tier, `ask`, or `agent:NAME`)";
            r.problem(at, ProblemKind::MissingKey, format!("`{key}` is missing"), hint);
        }
    }
    let known = ["haiku", "sonnet", "opus", "ask", "agent:NAME"];
    let expect = written.expect.as_ref().and_then(word).and_then(|text| r.one_of(text, &known, expect));
    let rule = written.rule.as_ref().and_then(word);
    if let Some(Word { text: rule, at, .. }) = rule.filter(|rule| !rules.contains(rule.text)) {
        let known: Vec<&str> = rules.iter().map(String::as_str).collect();
        let what = format!("the file has no rule `{rule}`");
        r.problem(at, ProblemKind::BrokenRule, what, instead(rule, &known));
    }
    let files = words(&written.files).map(|name| name.text.to_owned());
    let mut routing_context = RoutingContext::of_files(files.collect());
    let kinds = ProjectKind::ALL.map(ProjectKind::as_str);
    routing_context.kinds.extend(r.all_of(&written.project, &kinds, kind));
    routing_context.local_time = written.at.as_ref().and_then(word).and_then(|text| moment(r, text));
    let modes = Mode::ALL.map(Mode::as_str);
    let mode = written.mode.as_ref().and_then(word).map(|text| r.one_of(text, &modes, mode));
    routing_context.mode = mode.unwrap_or(Some(Mode::Orchestration));
    Some(Example {
        request: written.request.as_ref().and_then(word)?.text.to_owned(),
        expect: expect?,
        rule: rule.map(|rule| format!("policy.{}", rule.text)),
        routing_context,
        place: r.line_of(at),
        author,
    })
}

fn expect(text: &str) -> Option<Expect> {
    match (text, text.strip_prefix("agent:")) {
        ("ask", _) => Some(Expect::Ask),
        (_, Some(name)) => name.parse().ok().map(Expect::Agent),
        (tier, None) => Tier::parse(tier).map(Expect::Tier),
    }
}

/// Parses `sat 23:10`, or `23:10` on some Monday.
fn moment(r: &Reader, word: Word) -> Option<jiff::civil::DateTime> {
    let text = word.text.trim();
    let (day, time) = text.rsplit_once(' ').unwrap_or(("mon", text));
    let read = || {
        let monday = jiff::civil::date(2024, 1, 1);
        let days = weekday(day)?.to_monday_zero_offset();
        let date = monday.checked_add(jiff::Span::new().days(i64::from(days))).ok()?;
        Some(date.to_datetime(clock(time)?))
    };
    let moment = read();
    if moment.is_none() {
        r.wrong_word(word, "a time such as \"sat 23:10\"");
    }
    moment
}
