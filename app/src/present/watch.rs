//! Shows a run as it happens, for a person.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pointsman_core::agent_env::Payer;
use pointsman_core::report::live::{Body, Line, LiveDetail};
use pointsman_core::run::event::{AttemptStarted, Fact, WaitReason};
use pointsman_core::run::tools::call_in_words;

use super::human::{Openings, name, until};
use super::output::{self, Tone};
use super::payer;
use super::screen::Screen;
use crate::engine::record::Watcher;
use crate::engine::submit::Submission;
use crate::plain_text::plain_text;

/// Prints only the few messages that must be seen even without a terminal.
pub struct QuietWatcher;

impl Watcher for QuietWatcher {
    fn on_line(&mut self, line: &Line) {
        if let Body::Live(live) = &line.body
            && let LiveDetail::Notice { text } = &live.seen
        {
            output::say(Tone::Warning, "notice:", text);
        }
    }
}

/// Prints what happens between attempts; on a terminal also the agent's words as they come, and a live line.
pub struct TerminalWatcher {
    screen: Screen,
    doing: String,
    last_text: String,
    openings: Openings,
    zone: TimeZone,
    now: fn() -> Timestamp,
    /// The payer of the last attempt: a change is announced before it costs anything.
    payer: Option<Payer>,
    /// How the last attempt failed; printed only if the run goes on, because the run's summary reports it too.
    failure: Option<(String, String)>,
}

/// How many characters of the agent's newest text the live line shows.
const TEXT_CHARS_MAX: usize = 60;

/// A wait before a retry that is shorter than this is not worth a line.
const WAIT_SHOWN_MS: i64 = 2000;

impl TerminalWatcher {
    /// Starts showing a run. Times are said in the zone; `now` tells the time between events.
    pub fn new(submission: &Submission, zone: TimeZone, now: fn() -> Timestamp) -> TerminalWatcher {
        TerminalWatcher {
            screen: Screen::new(),
            doing: "starting".to_owned(),
            last_text: String::new(),
            openings: Openings { is_rehearsal: submission.is_rehearsal() },
            zone,
            now,
            payer: None,
            failure: None,
        }
    }

    fn say(&mut self, tone: Tone, word: &str, sentence: &str) {
        let word = self.openings.mark(word);
        self.screen.say(tone, &word, sentence);
    }

    fn show(&mut self) {
        self.screen.progress(&format!("{} {}", self.doing, self.last_text));
    }

    fn append_text(&mut self, text: &str) {
        if self.screen.streams() {
            return;
        }
        self.last_text.push_str(&plain_text(text).replace(['\n', '\t'], " "));
        let excess = self.last_text.chars().count().saturating_sub(TEXT_CHARS_MAX);
        self.last_text = self.last_text.chars().skip(excess).collect();
    }

    fn see_live(&mut self, seen: &LiveDetail) {
        match seen {
            LiveDetail::TextDelta { text } => {
                self.append_text(text);
                // The words themselves are on the screen: the live line waits for the end of the message.
                if self.screen.streams() {
                    return;
                }
            }
            LiveDetail::Text { text } if self.last_text.is_empty() => self.append_text(text),
            LiveDetail::ToolUse { tool, subagent, what } => {
                let who = if *subagent { "subagent: " } else { "" };
                let what = if what.is_empty() { String::new() } else { format!(": {what}") };
                self.doing = format!("{who}{tool}{what}");
                self.last_text.clear();
                self.screen.next_words();
            }
            LiveDetail::ModelServed { model } => self.doing = format!("{model} answers"),
            LiveDetail::Verifying { command } => {
                self.doing = format!("verify: {command}");
                self.last_text.clear();
            }
            LiveDetail::Notice { text } => self.say(Tone::Warning, "notice:", text),
            LiveDetail::PermissionDenied { tool, what } => {
                let call = call_in_words(tool, what);
                self.say(Tone::Warning, "denied:", &call);
            }
            LiveDetail::ModelFallback { from, to } => {
                self.say(Tone::Warning, "fallback:", &format!("the CLI went from {from} to {to}"));
            }
            LiveDetail::AgentStarted { .. }
            | LiveDetail::Text { .. }
            | LiveDetail::RateLimit(_)
            | LiveDetail::ApiError { .. }
            | LiveDetail::UnknownAgentEvent { .. } => {}
        }
        self.show();
    }

    fn see_fact(&mut self, fact: &Fact, now: Timestamp) {
        if let Some((word, sentence)) = self.failure.take()
            && !matches!(fact, Fact::Finished { .. })
        {
            self.say(Tone::Warning, &word, &sentence);
        }
        match fact {
            Fact::AttemptStarted(started) => self.see_start(started),
            Fact::AttemptEnded(ended) if ended.outcome.exit_code() != 0 => {
                self.failure = Some((format!("{}:", ended.outcome), ended.detail.clone()));
            }
            Fact::Waiting { until: then, why } => {
                let when = until(*then, now, &self.zone);
                self.doing = format!("waiting: {when} ({})", why.as_str());
                if *why != WaitReason::Backoff || then.duration_since(now).as_millis() >= WAIT_SHOWN_MS.into()
                {
                    self.say(Tone::Plain, "waiting:", &format!("{when} ({})", why.as_str()));
                }
            }
            // The live line is cleared when all is shown.
            Fact::Finished { .. } => return,
            Fact::Requested(_) | Fact::Routed { .. } | Fact::Approved { .. } | Fact::AttemptEnded(_) => {}
        }
        self.show();
    }

    fn see_start(&mut self, started: &AttemptStarted) {
        self.doing = format!("{} starts", started.agent);
        self.last_text.clear();
        self.screen.next_words();
        if started.attempt > 1 {
            let resumed = if started.resumed { ", in the same agent session" } else { "" };
            let payer = if self.payer.is_some_and(|before| before != started.payer) {
                format!(", {}", payer::text(started.payer))
            } else {
                String::new()
            };
            let why = name(started.why).replace('_', " ");
            let (number, agent, tier) = (started.attempt, &started.agent, started.tier);
            let sentence = format!("attempt {number} with {agent} ({tier}){resumed}{payer}");
            self.say(Tone::Plain, &format!("{why}:"), &sentence);
        }
        self.payer = Some(started.payer);
    }
}

impl Watcher for TerminalWatcher {
    fn on_line(&mut self, line: &Line) {
        match &line.body {
            Body::Fact(event) => {
                self.screen.at(event.at);
                self.see_fact(&event.fact, event.at);
            }
            Body::Live(live) => {
                self.screen.at(live.at);
                self.see_live(&live.seen);
            }
        }
    }

    fn on_text(&mut self, piece: &str) {
        self.screen.text(piece);
    }

    fn on_tick(&mut self) {
        self.screen.tick((self.now)());
    }

    fn finish(&mut self) -> String {
        self.screen.finish()
    }
}
