//! The terminal while a run goes on: the agent's words as they come, and otherwise one live line.

use std::time::Duration;

use jiff::Timestamp;
use pointsman_core::run::contract::MarkerFilter;

use super::live_row::LiveRow;
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
    /// The live line; the agent's words and it take turns.
    row: LiveRow,
    /// What the live line says, while it is shown.
    doing: Option<String>,
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
            row: LiveRow::default(),
            doing: None,
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
        self.row.hide();
        output::say(tone, word, sentence);
        self.draw();
    }

    /// Shows what is at work in the live line.
    pub fn progress(&mut self, doing: &str) {
        if output::progress_is_seen() {
            self.end_line();
            let slow = if self.elapsed() > SLOW_AFTER { "SLOW " } else { "" };
            self.doing = Some(one_line(&format!("{slow}{doing}"), LINE_CHARS_MAX));
            self.draw();
        }
    }

    /// Moves the live line on; called several times a second.
    pub fn tick(&mut self, now: Timestamp) {
        self.at(now);
        self.draw();
    }

    fn draw(&mut self) {
        if let Some(doing) = &self.doing {
            self.row.show(self.elapsed(), doing);
        }
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
            self.hide_row();
            output::piece("\n");
        }
    }

    /// Clears the live line, and returns what the agent said last.
    pub fn finish(&mut self) -> String {
        self.end_line();
        self.hide_row();
        std::mem::take(&mut self.words)
    }

    fn print(&mut self, text: &str) {
        // Empty lines before the first word say nothing.
        let text = if self.words.is_empty() { text.trim_start_matches('\n') } else { text };
        if text.is_empty() {
            return;
        }
        self.hide_row();
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

    fn hide_row(&mut self) {
        self.row.hide();
        self.doing = None;
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.hide_row();
    }
}
