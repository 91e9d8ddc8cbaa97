//! Policy files: reading one, as TOML, into word lists, rules and examples, each with its place.
//!
//! Nothing in a file is trusted: its size, the number of its rules and what they may cost are bounded, and every
//! problem is collected with line and column. Whose rules may do what is said in `files`.

use std::collections::BTreeSet;

use toml::de::DeTable;

use crate::agent::Tier;
use crate::ids::AgentName;
use crate::mode::Mode;
use crate::routing_context::{ProjectKind, RoutingContext};

use super::condition::{clock, weekday};
use super::file_condition::{all_of, mode, one_of};
use super::file_rule::{self, FileRule, Whose, is_name};
use super::lexicon::Lexicon;
use super::preset::Preset;
use super::problem::{PROBLEMS_MAX, Problem, ProblemKind};
use super::table::{At, Reader};

/// The largest policy file that is read.
pub const FILE_BYTES_MAX: usize = 128 * 1024;

/// How many rules a file may have; each is looked at for every request.
const RULES_MAX: usize = 200;

/// How many word lists and single words a file may name: a list's number has 16 bits.
const LISTS_MAX: usize = 4096;

/// How many examples a file may have.
const EXAMPLES_MAX: usize = 1000;

/// Every key of a file.
pub const FILE_KEYS: [&str; 4] = ["preset", "words", "rule", "example"];

/// Every key of an example.
pub const EXAMPLE_KEYS: [&str; 7] = ["request", "expect", "rule", "project", "files", "at", "mode"];

/// A text that may be a policy file.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// The author.
    pub whose: Whose,
    /// Its name, for people.
    pub name: &'s str,
    /// What it says.
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

/// A test that stands in the policy: this request, and what should become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The words.
    pub request: String,
    /// What should become of it.
    pub expect: Expect,
    /// The rule that should have fired, as its file names it.
    pub rule: Option<String>,
    /// What surrounds it: what the example says and nothing else, so that it holds everywhere.
    pub circumstances: RoutingContext,
    /// `file:line`.
    pub place: String,
    /// The author.
    pub whose: Whose,
}

/// What should become of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// This tier does it, unasked.
    Tier(Tier),
    /// This agent does it, unasked.
    Agent(AgentName),
    /// A person is asked first.
    Ask,
}

/// A policy file that was read.
#[derive(Debug)]
pub(super) struct PolicyFile {
    pub preset: PresetChoice,
    pub rules: Vec<FileRule>,
    pub examples: Vec<Example>,
}

/// Reads a file. Its words go into the lexicon; their names hold within the file only.
pub(super) fn read(source: &Source, lexicon: &mut Lexicon) -> Result<PolicyFile, Vec<Problem>> {
    let Source { whose, name, text } = *source;
    let mut r = Reader::new(name, text);
    r.lists_max = lexicon.len() + LISTS_MAX;
    if text.len() > FILE_BYTES_MAX {
        let what = format!("the file has more than {FILE_BYTES_MAX} bytes");
        r.problem(0, ProblemKind::BrokenRule, what, "a policy is read at every start: keep it short");
        return Err(r.problems);
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    // Finding a line takes a walk through the text, so not for every error of a file that is nothing but errors.
    for error in errors.into_iter().take(4 * PROBLEMS_MAX) {
        let at = error.span().map_or(0, |span| span.start);
        // What follows on the same line is mostly a consequence.
        if r.problems.last().is_some_and(|last| last.line == r.place(at).0) {
            continue;
        }
        let message = error.message().lines().next().unwrap_or_default();
        r.problem(at, ProblemKind::NotToml, format!("not valid TOML: {message}"), "mend the line first");
    }
    if !r.problems.is_empty() {
        return Err(r.problems);
    }
    let file = read_root(&mut r, root.get_ref(), whose, lexicon);
    lexicon.forget_private_names();
    r.problems.sort_by_key(|problem| (problem.line, problem.column));
    if r.problems.is_empty() { Ok(file) } else { Err(r.problems) }
}

fn read_root(r: &mut Reader, root: &DeTable, whose: Whose, lexicon: &mut Lexicon) -> PolicyFile {
    r.only(root, &FILE_KEYS);
    let choices = ["auto", "none", "software-dev", "latex-research", "knowledge-mgmt"];
    let preset = r.text(root, "preset").and_then(|text| one_of(r, text, "preset", &choices, preset));
    words(r, root, lexicon);
    let (mut rules, mut names) = (vec![], BTreeSet::new());
    for (table, at) in r.tables(root, "rule", RULES_MAX) {
        rules.extend(file_rule::read(r, table, at, whose, lexicon, &mut names));
    }
    let mut examples = vec![];
    for (table, at) in r.tables(root, "example", EXAMPLES_MAX) {
        examples.extend(example(r, table, at, whose, &names));
    }
    PolicyFile { preset: preset.unwrap_or(PresetChoice::None), rules, examples }
}

fn preset(name: &str) -> Option<PresetChoice> {
    match name {
        "auto" => Some(PresetChoice::Auto),
        "none" => Some(PresetChoice::None),
        name => Preset::ALL.into_iter().find(|preset| preset.as_str() == name).map(PresetChoice::Named),
    }
}

/// Reads `[words]`: each is a text with commas, or a list.
fn words(r: &mut Reader, root: &DeTable, lexicon: &mut Lexicon) {
    let Some((table, _)) = r.table(root, "words") else { return };
    for key in table.keys() {
        let (name, at) = (key.get_ref().as_ref(), key.span().start);
        if !is_name(r, (name, at), "words") {
            continue;
        }
        if lexicon.list_id(name).is_some() {
            let what = format!("the word list `{name}` is built in and cannot be changed");
            r.problem(at, ProblemKind::BrokenRule, what, format!("name yours otherwise, as in `my-{name}`"));
            continue;
        }
        if lexicon.len() > r.lists_max {
            r.problem(at, ProblemKind::BrokenRule, "the file has too many word lists", "use fewer");
            return;
        }
        let texts = r.texts(table, name).unwrap_or_default();
        lexicon.add_private_list(name, texts.iter().flat_map(|(text, _)| text.split(',')));
    }
}

fn example(
    r: &mut Reader,
    table: &DeTable,
    at: usize,
    whose: Whose,
    rules: &BTreeSet<String>,
) -> Option<Example> {
    r.only(table, &EXAMPLE_KEYS);
    for key in ["request", "expect"] {
        let hint = "an example is `request = \"…\"` and `expect = \"opus\"` (a tier, `ask`, or `agent:NAME`)";
        r.required((table, at), &[key], &EXAMPLE_KEYS, (&format!("`{key}` is missing"), hint));
    }
    let request = r.text(table, "request");
    let known = ["haiku", "sonnet", "opus", "ask", "agent:NAME"];
    let expected = r.text(table, "expect").and_then(|text| one_of(r, text, "expect", &known, expect));
    let rule = r.text(table, "rule");
    if let Some((rule, at)) = rule.filter(|(rule, _)| !rules.contains(*rule)) {
        let known: Vec<&str> = rules.iter().map(String::as_str).collect();
        let what = format!("the file has no rule `{rule}`");
        r.problem(at, ProblemKind::BrokenRule, what, super::problem::instead(rule, &known));
    }
    let kinds = ProjectKind::ALL.map(ProjectKind::as_str);
    let kind = |name: &str| ProjectKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    let files = r.texts(table, "files").unwrap_or_default();
    let mut circumstances =
        RoutingContext::of_files(files.iter().map(|(name, _)| (*name).to_owned()).collect());
    circumstances.kinds.extend(all_of(r, table, "project", &kinds, kind));
    circumstances.local_time = r.text(table, "at").and_then(|text| moment(r, text));
    let modes = Mode::ALL.map(Mode::as_str);
    let mode = r.text(table, "mode").map(|text| one_of(r, text, "mode", &modes, mode));
    circumstances.mode = mode.unwrap_or(Some(Mode::Orchestration));
    Some(Example {
        request: request?.0.to_owned(),
        expect: expected?,
        rule: rule.map(|(rule, _)| format!("policy.{rule}")),
        circumstances,
        place: r.line_of(at),
        whose,
    })
}

fn expect(text: &str) -> Option<Expect> {
    match (text, text.strip_prefix("agent:")) {
        ("ask", _) => Some(Expect::Ask),
        (_, Some(name)) => name.parse().ok().map(Expect::Agent),
        (tier, None) => Tier::parse(tier).map(Expect::Tier),
    }
}

/// Reads `sat 23:10`, or `23:10` for some Monday.
fn moment(r: &mut Reader, (text, at): At) -> Option<jiff::civil::DateTime> {
    let (day, time) = text.trim().rsplit_once(' ').unwrap_or(("mon", text.trim()));
    let read = || {
        let monday = jiff::civil::date(2024, 1, 1);
        let days = weekday(day)?.to_monday_zero_offset();
        let date = monday.checked_add(jiff::Span::new().days(i64::from(days))).ok()?;
        Some(date.to_datetime(clock(time)?))
    };
    let moment = read();
    if moment.is_none() {
        r.wrong(at, "at", "a time such as \"sat 23:10\"", &format!("`{text}`"));
    }
    moment
}
