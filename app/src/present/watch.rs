//! Shows a run as it happens: a live line on a terminal, or the event stream for a program.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use pointsman_core::agent_env::Payer;
use pointsman_core::report::live::{Body, Line, LiveDetail};
use pointsman_core::run::event::{Fact, WaitReason};
use pointsman_core::run::tools::call_in_words;

use super::human::{Openings, name};
use super::output::{self, Tone};
use super::payer;
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

/// Prints what happens between attempts, and shows a live line on a terminal.
pub struct TerminalWatcher {
    bar: Option<ProgressBar>,
    doing: String,
    last_text: String,
    openings: Openings,
    /// The payer of the last attempt: a change is announced before it costs anything.
    payer: Option<Payer>,
    /// How the last attempt failed; printed only if the run goes on, because the run's summary reports it too.
    failure: Option<(String, String)>,
}

/// How many characters of the agent's newest text the live line shows.
const TEXT_CHARS_MAX: usize = 60;

/// How long an attempt may take before the live line calls it slow.
const SLOW_AFTER: Duration = Duration::from_secs(60);

impl TerminalWatcher {
    /// Starts showing a run.
    pub fn new(submission: &Submission) -> TerminalWatcher {
        let bar = output::progress_is_seen().then(|| {
            let style = ProgressStyle::with_template("{spinner} {elapsed:>4} {msg}");
            let bar = ProgressBar::new_spinner();
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        TerminalWatcher {
            bar,
            doing: "starting".to_owned(),
            last_text: String::new(),
            openings: Openings { is_rehearsal: submission.is_rehearsal() },
            payer: None,
            failure: None,
        }
    }

    fn say(&self, tone: Tone, word: &str, sentence: &str) {
        let word = self.openings.mark(word);
        match &self.bar {
            Some(bar) => bar.suspend(|| output::say(tone, &word, sentence)),
            None => output::say(tone, &word, sentence),
        }
    }

    fn show(&self) {
        if let Some(bar) = &self.bar {
            let slow = if bar.elapsed() > SLOW_AFTER { "SLOW " } else { "" };
            bar.set_message(format!("{slow}{} {}", self.doing, self.last_text));
        }
    }

    fn append_text(&mut self, text: &str) {
        self.last_text.push_str(&plain_text(text).replace(['\n', '\t'], " "));
        let excess = self.last_text.chars().count().saturating_sub(TEXT_CHARS_MAX);
        self.last_text = self.last_text.chars().skip(excess).collect();
    }

    fn see_live(&mut self, seen: &LiveDetail) {
        match seen {
            LiveDetail::TextDelta { text } => self.append_text(text),
            LiveDetail::Text { text } if self.last_text.is_empty() => self.append_text(text),
            LiveDetail::ToolUse { tool, subagent, what: _ } => {
                self.doing = format!("{}{tool}", if *subagent { "subagent: " } else { "" });
                self.last_text.clear();
            }
            LiveDetail::ModelServed { model } => self.doing = format!("{model} answers"),
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

    fn see_fact(&mut self, fact: &Fact) {
        if let Some((word, sentence)) = self.failure.take()
            && !matches!(fact, Fact::Finished { .. })
        {
            self.say(Tone::Warning, &word, &sentence);
        }
        match fact {
            Fact::AttemptStarted(started) => {
                self.doing = format!("{} starts", started.agent);
                self.last_text.clear();
                if started.attempt > 1 {
                    let resumed = if started.resumed { ", in the same agent session" } else { "" };
                    let payer = if self.payer.is_some_and(|before| before != started.payer) {
                        format!(", {}", payer::text(started.payer))
                    } else {
                        String::new()
                    };
                    let why = name(started.why).replace('_', " ");
                    self.say(
                        Tone::Plain,
                        &format!("{why}:"),
                        &format!(
                            "attempt {} with {} ({}){resumed}{payer}",
                            started.attempt, started.agent, started.tier
                        ),
                    );
                }
                self.payer = Some(started.payer);
            }
            Fact::AttemptEnded(ended) if ended.outcome.exit_code() != 0 => {
                self.failure = Some((format!("{}:", ended.outcome), ended.detail.clone()));
            }
            Fact::Waiting { until, why } => {
                self.doing = format!("waits until {until} ({})", why.as_str());
                if *why != WaitReason::Backoff {
                    self.say(Tone::Plain, "waiting:", &format!("until {until} ({})", why.as_str()));
                }
            }
            Fact::Finished { .. } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
            Fact::Requested(_) | Fact::Routed { .. } | Fact::Approved { .. } | Fact::AttemptEnded(_) => {}
        }
        self.show();
    }
}

impl Watcher for TerminalWatcher {
    fn on_line(&mut self, line: &Line) {
        match &line.body {
            Body::Fact(event) => self.see_fact(&event.fact),
            Body::Live(live) => self.see_live(&live.seen),
        }
    }
}

impl Drop for TerminalWatcher {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A stalled reader must not stall the agent: beyond this many queued bytes, live lines are dropped.
const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Prints the event stream on a thread of its own.
pub struct JsonlWatcher {
    lines: Option<Sender<String>>,
    queued_bytes: Arc<AtomicUsize>,
    printer: Option<JoinHandle<()>>,
}

impl JsonlWatcher {
    /// Starts the printing thread.
    pub fn new() -> JsonlWatcher {
        let (lines, queue) = mpsc::channel::<String>();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&queued_bytes);
        let printer = std::thread::spawn(move || {
            for line in queue {
                output::line(&line);
                left.fetch_sub(line.len(), Ordering::Relaxed);
            }
        });
        JsonlWatcher { lines: Some(lines), queued_bytes, printer: Some(printer) }
    }
}

impl Watcher for JsonlWatcher {
    fn on_line(&mut self, line: &Line) {
        let is_live = matches!(line.body, Body::Live(_));
        if is_live && self.queued_bytes.load(Ordering::Relaxed) > QUEUE_BYTES_MAX {
            return;
        }
        let text = serde_json::to_string(line).expect("plain data has a JSON form");
        self.queued_bytes.fetch_add(text.len(), Ordering::Relaxed);
        if let Some(lines) = &self.lines {
            // The printer ends only when this sender is dropped.
            let _ = lines.send(text);
        }
    }

    fn finish(&mut self) {
        drop(self.lines.take());
        if let Some(printer) = self.printer.take() {
            // A printer that panicked has printed what it could.
            let _ = printer.join();
        }
    }
}
