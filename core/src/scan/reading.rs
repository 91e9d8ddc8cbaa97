//! The lines of one transcript, read in their order: what a prompt would have become depends on those before it, and an
//! answer belongs to the last prompt before it.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::Timestamp;

use super::counts::{Answer, Counts, Key, Sent, Spender, Subagent};
use super::line::{self, AnswerLine, By, Record, What};
use super::model_name;
use crate::agent::Tier;
use crate::conversation::{Context, Proposal, Session};
use crate::hook::prompt::{self, LeftBecause, Prompt, Wanted};
use crate::request::Request;
use crate::route::{Decision, Route};

pub use super::line::call_of_note;

/// Decides where a request would have gone; `None` if it cannot be decided.
pub type Router<'a> = dyn Fn(Request) -> Option<Route> + Sync + 'a;

/// How a command begins that a person typed, as older and newer versions write it down.
const COMMANDS: [&str; 2] = ["<command-name>", "<command-message>"];

/// What the transcript of one file belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A session, by its name. Old versions have its subagents in the same file.
    Session(String),
    /// A subagent.
    Subagent {
        /// Its id.
        id: String,
        /// The call that began it, where that was noted.
        call: Option<Key>,
    },
}

impl Source {
    /// Returns whether a subagent is the CLI's own, such as the one that sums a conversation up: no call began it, and
    /// its id names its purpose. Its tokens count, and it does not.
    fn is_of_the_cli(&self) -> bool {
        match self {
            Source::Session(_) => false,
            Source::Subagent { id, call } => call.is_none() && id.contains(['-', '_']),
        }
    }
}

/// A file that is being read.
pub struct Reading<'a> {
    source: Source,
    since: Timestamp,
    router: &'a Router<'a>,
    counts: &'a mut Counts,
    conversation: Conversation,
    /// To which subagent a record of a thread beside the main one belongs, where only its parent tells.
    threads: HashMap<Key, Key>,
}

/// Where a conversation stands.
#[derive(Default)]
struct Conversation {
    /// Whether there was a prompt.
    is_begun: bool,
    /// Whether the last one would have been put to a person first.
    asked: bool,
    /// Where the work of the last one would have gone.
    tier: Option<Tier>,
}

impl<'a> Reading<'a> {
    /// Begins a file. Records before `since` only say how the conversation stood.
    pub fn new(
        source: Source,
        since: Timestamp,
        router: &'a Router<'a>,
        counts: &'a mut Counts,
    ) -> Reading<'a> {
        let (conversation, threads) = (Conversation::default(), HashMap::new());
        Reading { source, since, router, counts, conversation, threads }
    }

    /// Reads the next line, which may be anything.
    pub fn line(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes.trim_ascii());
        if !text.is_empty() && !line::read(&text, |record| self.record(&record)) {
            self.counts.add_unreadable_line();
        }
    }

    /// Notes a line that was too long to be read.
    pub fn skipped_line(&mut self) {
        self.counts.add_unreadable_line();
    }

    fn record(&mut self, record: &Record) {
        let is_new = record.at.is_none_or(|at| at >= self.since);
        match self.subagent(record) {
            Some(subagent) => self.beside(record, subagent, is_new),
            None => self.main(record, is_new),
        }
    }

    /// Returns the subagent that a record belongs to; `None` in the main thread.
    fn subagent(&mut self, record: &Record) -> Option<Key> {
        if let Source::Subagent { id, .. } = &self.source {
            return Some(Key::of(&["subagent", id]));
        }
        if !record.is_sidechain {
            return None;
        }
        if !record.agent.is_empty() {
            return Some(Key::of(&["subagent", &record.agent]));
        }
        let own = Key::of(&["record", &record.id]);
        let thread = self.threads.get(&Key::of(&["record", &record.parent])).copied().unwrap_or(own);
        self.threads.insert(own, thread);
        Some(thread)
    }

    fn beside(&mut self, record: &Record, key: Key, is_new: bool) {
        let mut subagent = Subagent::default();
        if let Source::Subagent { call, .. } = &self.source {
            subagent.call = *call;
        }
        match &record.what {
            What::Prompt { words, .. } if record.parent.is_empty() => {
                subagent.call_by_words = Some(words_key(&record.session, words));
            }
            What::Answer(answer) => {
                self.calls(record, answer);
                if is_new {
                    subagent.served.extend(model_name::named(&answer.model));
                    self.answer(answer, Spender::Subagent);
                }
            }
            What::Prompt { .. } | What::Nothing => {}
        }
        let says_something = subagent.call_by_words.is_some() || !subagent.served.is_empty();
        if says_something && is_new && !self.source.is_of_the_cli() {
            self.counts.add_subagent(key, subagent);
        }
    }

    fn main(&mut self, record: &Record, is_new: bool) {
        match &record.what {
            What::Nothing => return,
            What::Answer(answer) => {
                self.calls(record, answer);
                if is_new {
                    self.answer(answer, Spender::Main(self.conversation.tier));
                }
            }
            What::Prompt { words, by } => {
                let Some(sent) = self.prompt(words, *by, is_new) else { return };
                if is_new {
                    self.counts.add_prompt(prompt_key(record, words), sent);
                }
            }
        }
        if is_new && let Source::Session(name) = &self.source {
            self.counts.sessions.insert(Key::of(&["session", name]));
        }
    }

    fn answer(&mut self, line: &AnswerLine, spender: Spender) {
        let tier = Tier::in_model_name(&line.model);
        self.counts.add_answer(line.key, Answer { tokens: line.tokens, tier, spender });
    }

    /// Notes which model each call names, by its id and by its words, whenever it was: what it began may be newer.
    fn calls(&mut self, record: &Record, line: &AnswerLine) {
        for call in &line.calls {
            let model = model_name::named(&call.model);
            self.counts.add_call(words_key(&record.session, &call.prompt), model.clone());
            self.counts.add_call(line::call_key(&call.id), model);
        }
    }

    /// Returns where a prompt would have gone; `None` if nobody made it. Old ones are not routed: what follows them is
    /// left as it was.
    fn prompt(&mut self, words: &str, by: By, is_new: bool) -> Option<Sent> {
        let was_begun = self.conversation.is_begun;
        let goes_nowhere =
            |sent: Sent| Some((sent, Conversation { is_begun: true, ..Conversation::default() }));
        let found = match (own_words(words), by) {
            (Words::Machine, _) => None,
            (_, By::Program) => goes_nowhere(Sent::ByProgram),
            (Words::Nothing, By::Person) => goes_nowhere(Sent::Nowhere),
            (Words::Request(_), By::Person) if !is_new => goes_nowhere(Sent::Nowhere),
            (Words::Request(request), By::Person) => self.routed(&request, was_begun),
        };
        let (sent, conversation) = found?;
        self.conversation = conversation;
        Some(sent)
    }

    fn routed(&self, words: &str, was_begun: bool) -> Option<(Sent, Conversation)> {
        let mut request = Request::of_session(words)?;
        let proposal = if self.conversation.asked { Proposal::Open } else { Proposal::None };
        if was_begun {
            request.context = Context::Session(Session { last_tier: None, warm_tokens: None, proposal });
        }
        let route = (self.router)(request)?;
        if prompt::only_answers(&route, Wanted::AsUsual) {
            let goes_on = Conversation { is_begun: true, asked: false, tier: self.conversation.tier };
            return Some((Sent::AsAnswer, goes_on));
        }
        let asked = route.decision == Decision::Escalate;
        let sent = if asked { Sent::ToPerson } else { Sent::ToTier(route.tier) };
        Some((sent, Conversation { is_begun: true, asked, tier: Some(route.tier) }))
    }
}

/// What the words of a prompt are.
enum Words<'a> {
    /// Something to route.
    Request(Cow<'a, str>),
    /// A person's, and nothing to route: a command, an attachment.
    Nothing,
    /// The machine's.
    Machine,
}

fn own_words(text: &str) -> Words<'_> {
    let trimmed = text.trim();
    if trimmed.is_empty() || COMMANDS.iter().any(|beginning| trimmed.starts_with(beginning)) {
        return Words::Nothing;
    }
    match prompt::read(trimmed) {
        Prompt::Words { words, .. } => Words::Request(words),
        Prompt::Left(LeftBecause::Machine) => Words::Machine,
        Prompt::Left(_) => Words::Nothing,
    }
}

fn prompt_key(record: &Record, words: &str) -> Key {
    if record.id.is_empty() {
        let at = record.at.map(|at| at.to_string()).unwrap_or_default();
        return Key::of(&["words", &at, words]);
    }
    Key::of(&["prompt", &record.id])
}

fn words_key(session: &str, words: &str) -> Key {
    Key::of(&["called", session, words])
}
