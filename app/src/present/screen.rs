//! The terminal while a run goes on: the agent's words as they come, and otherwise one live line.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use pointsman_core::run::contract::MarkerFilter;

use super::output::{self, Tone};
use crate::plain_text::one_line;

/// How long a run may take before the live line calls it slow.
const SLOW_AFTER: Duration = Duration::from_secs(60);

/// The longest live line, in characters. It is cut to the terminal's width as well.
const LINE_CHARS_MAX: usize = 200;

/// How much of the agent's words is remembered, in bytes: an answer is cut at about as much.
const WORDS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What a terminal shows of a run.
pub struct Screen {
    /// Whether the agent's words go to standard output as they come.
    streams: bool,
    /// The live line, while it is shown; the agent's words and it take turns.
    bar: Option<ProgressBar>,
    begun_at: Option<Timestamp>,
    now: Timestamp,
    filter: MarkerFilter,
    /// What the agent said since its last tool call.
    words: String,
    /// Whether the cursor stands behind words, in the middle of a line.
    is_within_line: bool,
}

impl Screen {
    /// Creates a screen that shows nothing yet.
    pub fn new() -> Screen {
        Screen {
            streams: output::answer_is_seen(),
            bar: None,
            begun_at: None,
            now: Timestamp::UNIX_EPOCH,
            filter: MarkerFilter::default(),
            words: String::new(),
            is_within_line: false,
        }
    }

    /// Tells the time: that of what is shown next.
    pub fn at(&mut self, now: Timestamp) {
        self.begun_at.get_or_insert(now);
        self.now = now;
    }

    /// Returns whether words are shown as they come.
    pub fn streams(&self) -> bool {
        self.streams
    }

    /// Prints a message.
    pub fn say(&mut self, tone: Tone, word: &str, sentence: &str) {
        self.end_line();
        match &self.bar {
            Some(bar) => bar.suspend(|| output::say(tone, word, sentence)),
            None => output::say(tone, word, sentence),
        }
    }

    /// Shows what is at work in the live line.
    pub fn progress(&mut self, doing: &str) {
        if !output::progress_is_seen() {
            return;
        }
        self.end_line();
        let elapsed = self.elapsed();
        let slow = if elapsed > SLOW_AFTER { "SLOW " } else { "" };
        let bar = self.bar.get_or_insert_with(|| new_bar(elapsed));
        bar.set_message(one_line(&format!("{slow}{doing}"), LINE_CHARS_MAX));
    }

    /// Shows a piece of the agent's words.
    pub fn text(&mut self, piece: &str) {
        if !self.streams {
            return;
        }
        let piece = self.filter.push(piece);
        self.print(&piece);
    }

    /// Forgets the words so far: they were not the answer.
    pub fn next_words(&mut self) {
        self.end_line();
        if !std::mem::take(&mut self.words).is_empty() {
            output::piece("\n");
        }
    }

    /// Clears the live line, and returns what the agent said last.
    pub fn finish(&mut self) -> String {
        self.end_line();
        self.hide_bar();
        std::mem::take(&mut self.words)
    }

    fn print(&mut self, text: &str) {
        // Empty lines before the first word say nothing.
        let text = if self.words.is_empty() { text.trim_start_matches('\n') } else { text };
        if text.is_empty() {
            return;
        }
        self.hide_bar();
        output::piece(text);
        self.words.push_str(text);
        if self.words.len() > WORDS_BYTES_MAX {
            let half = (WORDS_BYTES_MAX / 2..).find(|at| self.words.is_char_boundary(*at));
            self.words.drain(..half.unwrap_or(self.words.len()));
        }
        self.is_within_line = !text.ends_with('\n');
    }

    fn end_line(&mut self) {
        let rest = self.filter.finish();
        self.print(&rest);
        if std::mem::take(&mut self.is_within_line) {
            output::piece("\n");
        }
    }

    fn elapsed(&self) -> Duration {
        let begun = self.begun_at.unwrap_or(self.now);
        Duration::try_from(self.now.duration_since(begun)).unwrap_or_default()
    }

    fn hide_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.hide_bar();
    }
}

fn new_bar(elapsed: Duration) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}");
    let bar = ProgressBar::new_spinner().with_elapsed(elapsed);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
