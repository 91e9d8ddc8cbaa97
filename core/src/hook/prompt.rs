//! What is done about a prompt: nothing, advice, a question first, a refusal, or a run that takes it over.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::answer::{HookAnswer, HookEffect};
use crate::agent::Tier;
use crate::mode::Mode;
use crate::policy::Policy;
use crate::route::{self, Answer, Complexity, Decision, Route};
use crate::text::client::{self, Sender};

/// The mark with which the user approves what would be asked.
pub const APPROVE: &str = "@approve";

/// The mark with which the user keeps pointsman out of a prompt.
const LEAVE_ALONE: &str = "~";

/// How much of a route's reason is passed on, in estimated tokens: it may come from the repository, and every token
/// costs money.
const REASON_TOKENS_MAX: u32 = 36;

/// What a prompt is, before it is routed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt<'a> {
    /// Words to be routed.
    Words {
        /// The words, without our mark.
        words: Cow<'a, str>,
        /// Whether the user said yes beforehand.
        approval: Approval,
        /// What the user wants done with them.
        wanted: Wanted,
    },
    /// Nothing that concerns us.
    Left(LeftBecause),
}

/// Whether the user approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// The user did.
    Given,
    /// The user did not.
    Missing,
}

/// What the user wants from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing in particular: the session's mode applies.
    AsUsual,
    /// `/pointsman:orchestrate`: a run, whatever the mode.
    Run,
    /// `/pointsman:route`: only to see which agent would do it.
    Route,
}

/// Our own commands. The CLI passes their words to the hook as they were typed, so no model and no shell touches them.
const COMMANDS: [(&str, Wanted); 2] =
    [("/pointsman:orchestrate", Wanted::Run), ("/pointsman:route", Wanted::Route)];

/// Why a prompt is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftBecause {
    /// The user asked for that.
    Asked,
    /// It is the CLI that speaks: a subagent's report, a notification, the output of a shell.
    #[serde(rename = "notification")]
    Machine,
    /// A command of the CLI.
    Command,
    /// An answer to what the model said last: "yes", "go on", "thanks".
    Reply,
    /// There are no words.
    Empty,
}

/// Classifies a prompt.
pub fn read(prompt: &str) -> Prompt<'_> {
    let own = match client::sender(prompt) {
        Sender::Person(own) => own,
        Sender::Client => return Prompt::Left(LeftBecause::Machine),
        Sender::Nobody => return Prompt::Left(LeftBecause::Empty),
    };
    let first = first_word(&own);
    if first.is_empty() {
        Prompt::Left(LeftBecause::Empty)
    } else if first == LEAVE_ALONE {
        Prompt::Left(LeftBecause::Asked)
    } else if let Some((name, wanted)) = COMMANDS.iter().find(|(name, _)| *name == first) {
        as_words(behind(own, name), *wanted)
    } else if is_command(first) {
        Prompt::Left(LeftBecause::Command)
    } else {
        as_words(own, Wanted::AsUsual)
    }
}

fn as_words(own: Cow<'_, str>, wanted: Wanted) -> Prompt<'_> {
    let (words, approval) = without_approval(own);
    if words.trim().is_empty() {
        Prompt::Left(LeftBecause::Empty)
    } else {
        Prompt::Words { words, approval, wanted }
    }
}

/// Takes the mark of approval out of the marks at the start of a text; they may stand in any order.
fn without_approval(own: Cow<'_, str>) -> (Cow<'_, str>, Approval) {
    let is_mark = |word: &&str| route::marked_tier(word).is_some() || word.starts_with("@agent-");
    let is_approval = |word: &&str| word.trim_end_matches([':', ',', '!', '.']).eq_ignore_ascii_case(APPROVE);
    let before = own.split_whitespace().take_while(|word| is_mark(word) && !is_approval(word)).count();
    let Some(mark) = own.split_whitespace().nth(before).filter(is_approval).map(str::to_owned) else {
        return (own, Approval::Missing);
    };
    let words = if before == 0 { behind(own, &mark) } else { own.replacen(&mark, "", 1).into() };
    (words, Approval::Given)
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// Returns what stands behind the first word of a text.
fn behind<'a>(text: Cow<'a, str>, first: &str) -> Cow<'a, str> {
    let from = |text: &str| {
        let rest = &text.trim_start()[first.len()..];
        text.len() - rest.trim_start().len()
    };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from(text)..]),
        Cow::Owned(text) => Cow::Owned(text[from(&text)..].to_owned()),
    }
}

/// Returns the agent that a person names for a prompt, as the CLI writes it: `@agent-NAME`, or `@"NAME (agent)"`.
pub fn named_agent(words: &str) -> Option<&str> {
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':');
    let starts = words.match_indices('@').map(|(at, _)| at);
    let free = starts.filter(|at| !words[..*at].ends_with(|c: char| c.is_alphanumeric()));
    free.filter_map(|at| {
        let rest = &words[at + 1..];
        if let Some(rest) = rest.strip_prefix("agent-") {
            let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
            let is_file = rest[end..].starts_with(['.', '/'])
                && rest[end + 1..].starts_with(|c: char| c.is_alphanumeric());
            return (end > 0 && !is_file).then_some(&rest[..end]);
        }
        let name = rest.strip_prefix('"')?.split_once(" (agent)\"")?.0;
        (!name.is_empty() && !name.contains(['"', '\n']) && name.len() <= NAME_BYTES_MAX).then_some(name)
    })
    .next()
}

/// The longest name of an agent that is heard.
const NAME_BYTES_MAX: usize = 100;

/// Returns whether a text would decide for a person if it were submitted as a prompt, by its words: it names a model or an
/// agent, or is a yes.
pub(super) fn decides_in_words(text: &str) -> bool {
    let policy = Policy::builtin();
    named_agent(text).is_some() || route::named_tier(text, &policy).is_some() || route::is_yes(text, &policy)
}

/// Returns whether a text would count as the user's own word if it were submitted as a prompt, by a mark at its start: a yes, a
/// tier, or one of our commands.
pub(super) fn is_marked(text: &str) -> bool {
    match read(text) {
        Prompt::Words { words, approval, wanted } => {
            approval == Approval::Given || wanted != Wanted::AsUsual || route::marked_tier(&words).is_some()
        }
        // "~ 30 minutes" keeps nobody out of anything, and neither does "~" alone.
        Prompt::Left(because) => {
            let behind = text.trim_start().trim_start_matches(LEAVE_ALONE).trim_start();
            because == LeftBecause::Asked && behind.starts_with(|c: char| !c.is_ascii_digit())
        }
    }
}

/// Returns whether a word is a command: `/compact` and `/plugin:command` are; `/usr/bin/env is missing` is a sentence,
/// and `/opus …` is a tier's mark.
fn is_command(word: &str) -> bool {
    client::names_a_command(word) && route::marked_tier(word).is_none()
}

/// What is done about a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The model is told which agent should do it.
    Advised,
    /// The model is told to ask the user first.
    AskFirst,
    /// The prompt was held back until the user approves.
    Blocked,
    /// A run does it.
    #[serde(rename = "hand_over")]
    Delegate,
    /// The user was told which agent would do it, and nothing was done.
    Told,
}

/// Returns whether a routed prompt does nothing but answer what the model said last. It needs no word of ours.
pub fn only_answers(route: &Route, wanted: Wanted) -> bool {
    let answers = matches!(route.answer, Some(Answer::Yes | Answer::Other));
    answers && wanted == Wanted::AsUsual && route.decision == Decision::Direct
}

/// From this confidence on a question of the classifier alone is asked in a session, and a delegation refused for it: of 533
/// requests of real sessions that need no question, 0.9 % get one, where without it 4.7 % did.
const CLASSIFIER_ASKS_FROM: f64 = 0.75;

/// Returns whether a route stops, and surely enough to be in a session's way: a rule's question always is.
pub(super) fn surely_stops(route: &Route) -> bool {
    let is_sure = !route.is_by_classifier() || route.confidence >= CLASSIFIER_ASKS_FROM;
    route.decision == Decision::Escalate && is_sure
}

/// Decides what is done about a routed prompt.
pub fn action(mode: Mode, wanted: Wanted, route: &Route, approval: Approval) -> Action {
    let stops = route.decision == Decision::Escalate && approval == Approval::Missing;
    let mode = match wanted {
        Wanted::Route => return Action::Told,
        Wanted::Run => Mode::Orchestration,
        Wanted::AsUsual => mode,
    };
    match (mode, stops) {
        (Mode::Orchestration, false) => Action::Delegate,
        (Mode::Orchestration | Mode::Enforced, true) => Action::Blocked,
        (Mode::Directive, true) if surely_stops(route) => Action::AskFirst,
        (Mode::Directive, _) | (Mode::Enforced, false) => Action::Advised,
    }
}

/// Returns whether a run may take a prompt over that is to be delegated. It would know nothing of the conversation of a
/// session that was resumed, and the agent that a person names is one of the session's own.
pub fn may_take_over(wanted: Wanted, is_resumed: bool, named_agent: Option<&str>) -> bool {
    wanted == Wanted::Run || (!is_resumed && named_agent.is_none())
}

/// Who should do a prompt, for a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice<'a> {
    /// The tier.
    pub tier: Tier,
    /// The name by which the CLI knows the agent; `None` if nobody knows which ones the session may use.
    pub agent: Option<&'a str>,
    /// Whether the user named that agent.
    pub is_named: bool,
    /// Whether the user named the tier.
    pub is_tier_named: bool,
    /// Whether the user approved what would be asked.
    pub approval: Approval,
}

/// Returns the directive for the model.
pub fn directive(action: Action, mode: Mode, route: &Route, advice: &Advice<'_>) -> Option<String> {
    let because = reason(&route.reason);
    match action {
        Action::Advised => {
            let plan = match route.complexity {
                Complexity::Complex => " Plan before you carry it out.",
                Complexity::Simple | Complexity::Moderate => "",
            };
            let held = if mode == Mode::Enforced { " Agent calls are held to their routes." } else { "" };
            let because = match (route.decision, advice.approval) {
                _ if advice.is_tier_named => "the person has named it".to_owned(),
                (Decision::Direct, _) => because,
                (Decision::Escalate, Approval::Given) => "the person has said yes to it".to_owned(),
                (Decision::Escalate, Approval::Missing) => {
                    "its words leave it open what kind of work it is".to_owned()
                }
            };
            Some(match (advice.agent, advice.is_named) {
                (Some(agent), true) => format!(
                    "[pointsman] The person has named who does this: Agent tool, subagent_type \"{agent}\", with the person's \
                     words.{plan}{held}"
                ),
                (agent, _) => {
                    let tier = advice.tier;
                    let kind = agent.map(|agent| format!("subagent_type \"{agent}\", ")).unwrap_or_default();
                    format!(
                        "[pointsman] This is work for {tier}: {because}. Unless you run on {tier} yourself, hand it over: Agent tool, \
                         {kind}model \"{tier}\", with the person's words.{plan}{held}"
                    )
                }
            })
        }
        Action::AskFirst => Some(format!(
            "[pointsman] Ask first: {because}. Before you change or run anything, tell the person what you would do and wait for \
             their yes."
        )),
        Action::Blocked | Action::Delegate | Action::Told => None,
    }
}

/// Returns the message for the user whose prompt was held back.
pub fn held_back(route: &Route) -> String {
    format!(
        "pointsman did not send this: {}. If you mean it, send it again with `{APPROVE} ` before the words; with `{LEAVE_ALONE} ` in front \
         pointsman stays out of it.",
        reason(&route.reason)
    )
}

/// Returns the message for the user who only wanted to see the route.
pub fn route_notice(route: &Route) -> String {
    let first = match route.decision {
        Decision::Direct => "",
        Decision::Escalate => "a person is asked first, then ",
    };
    let (agent, tier, sure) = (&route.agent, route.tier, route.confidence * 100.0);
    format!(
        "pointsman: {first}{agent} ({tier}), {sure:.0} % sure: {}. Nothing was run.",
        reason(&route.reason)
    )
}

/// Returns the answer to a prompt that needs no run.
pub fn answer(action: Action, mode: Mode, route: &Route, advice: &Advice<'_>) -> HookAnswer {
    HookAnswer::of(match directive(action, mode, route, advice) {
        Some(text) => HookEffect::Context { event: "UserPromptSubmit", text },
        None if action == Action::Told => HookEffect::Block { reason: route_notice(route) },
        None => HookEffect::Block { reason: held_back(route) },
    })
}

/// Returns a reason on one line, shortened, and without characters that could imitate the frame around it.
pub(super) fn reason(text: &str) -> String {
    let plain = |c: char| if c.is_control() || matches!(c, '[' | ']' | '<' | '>') { ' ' } else { c };
    let text: String = text.chars().map(plain).collect();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if token_estimate(&words) <= REASON_TOKENS_MAX {
        return words;
    }
    // A character is at most one token, and four are at least one.
    let longest = words.chars().take(4 * REASON_TOKENS_MAX as usize).collect::<Vec<_>>();
    let fits =
        |count: &usize| token_estimate(&longest[..*count].iter().collect::<String>()) < REASON_TOKENS_MAX;
    let count = (0..=longest.len()).rev().find(fits).unwrap_or(0);
    let cut: String = longest[..count].iter().collect();
    // Not within a word, where there are words.
    let whole = cut.rfind(' ').filter(|at| *at > cut.len() / 2).unwrap_or(cut.len());
    format!("{}…", cut[..whole].trim_end_matches([',', ';', ':']))
}

/// Estimates how many tokens a text has: four ASCII characters count as one, every other character as one of its own.
///
/// Tokenizers are not public; for English prose the estimate is slightly too high.
pub fn token_estimate(text: &str) -> u32 {
    let plain = text.chars().filter(char::is_ascii).count();
    let others = text.chars().count() - plain;
    u32::try_from(plain.div_ceil(4) + others).unwrap_or(u32::MAX)
}
