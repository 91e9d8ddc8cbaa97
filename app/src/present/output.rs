//! The only place that prints: data to standard output, everything else to standard error.

use std::io::{IsTerminal as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::OnceLock;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use pointsman_core::error_code::ErrorCode;
use pointsman_core::report::failure::Failure;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::fit::{self, Line};
use crate::plain_text::{plain_json, plain_text};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON value.
    Json,
    /// One JSON value a line, as things happen.
    Jsonl,
}

/// How a list or a value is printed, where there is no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlainFormat {
    /// For people.
    Text,
    /// One JSON value.
    Json,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Text,
    /// One JSON value.
    Json,
    /// The table alone, comma separated.
    Csv,
    /// Markdown.
    Md,
}

/// How much is printed besides the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// What happens, and the result.
    Normal,
    /// Only failures.
    Quiet,
}

/// The tone of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something went well.
    Good,
    /// Something worth knowing.
    Plain,
    /// Something that may be wrong.
    Warning,
    /// Something failed.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Tone::Good => AnsiColor::Green.on_default().bold(),
            Tone::Plain => Style::new().bold(),
            Tone::Warning => AnsiColor::Yellow.on_default().bold(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// Why data could not be printed, when that happened first.
static LOSS: OnceLock<String> = OnceLock::new();

/// Records data that was not written; a reader that went away wants no more and is no loss.
fn note_loss(printed: std::io::Result<()>) -> bool {
    if let Err(error) = &printed
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        let _ = LOSS.set(error.to_string());
    }
    printed.is_ok()
}

/// Returns why data could not be printed, if that happened.
pub fn loss() -> Option<&'static str> {
    LOSS.get().map(String::as_str)
}

/// Prints text as data. A reader that went away is not an error.
pub fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    note_loss(write!(out, "{}{newline}", plain_text(text)).and_then(|()| out.flush()));
}

/// Prints a piece of text as it comes.
pub fn piece(text: &str) {
    let mut out = std::io::stdout().lock();
    note_loss(write!(out, "{}", plain_text(text)).and_then(|()| out.flush()));
}

/// Prints lines of styled pieces as data; the styles show where colours do.
pub fn styled(lines: &[Line]) {
    let mut out = AutoStream::auto(std::io::stdout().lock());
    note_loss(out.write_all(fit::styled(lines).as_bytes()).and_then(|()| out.flush()));
}

/// Returns how wide the terminal is that data is printed on; `None` where it is no terminal, and nothing has to fit.
pub fn width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(std::io::stdout())?;
    std::io::stdout().is_terminal().then_some(usize::from(width.0)).filter(|width| *width > 0)
}

/// Returns the columns and rows of the terminal that data is printed on; `None` where it is none.
pub fn screen() -> Option<(usize, usize)> {
    let (_, rows) = terminal_size::terminal_size_of(std::io::stdout())?;
    width().map(|columns| (columns, usize::from(rows.0))).filter(|(_, rows)| *rows > 0)
}

/// Returns whether data is printed with colours.
pub fn data_has_colours() -> bool {
    AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Rings the terminal's bell; with a line, where the terminal shows such as a notification.
pub fn ring(line: Option<&str>) {
    let mut err = std::io::stderr().lock();
    let text = line.map(|line| format!("\x1b]9;{}\x1b\\", plain_text(line))).unwrap_or_default();
    let _ = write!(err, "{text}\x07").and_then(|()| err.flush());
}

/// Returns whether somebody at a terminal sees messages.
pub fn messages_are_seen() -> bool {
    std::io::stderr().is_terminal()
}

/// Prints bytes as data, unchanged: for files that another program reads.
pub fn bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    note_loss(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Prints one JSON value as data: over several lines for a terminal, in one line otherwise.
pub fn json<T: Serialize>(value: &T) {
    let pretty = std::io::stdout().is_terminal();
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    line(&text.expect("plain data has a JSON form"));
}

/// Prints JSON as data, with a line end; returns whether it was written.
pub fn line(json: &str) -> bool {
    let mut out = std::io::stdout().lock();
    note_loss(writeln!(out, "{}", plain_json(json)).and_then(|()| out.flush()))
}

/// Prints the caption of a demonstration, which stands among the outputs of programs.
pub fn caption(sentence: &str) {
    let bold = Style::new().bold();
    styled_data(&format!("\n{bold}# {}{bold:#}", plain_text(sentence)));
}

/// Prints a command of a demonstration, as a shell would show it.
pub fn command(words: &str) {
    let style = AnsiColor::Cyan.on_default();
    styled_data(&format!("{style}${style:#} {}", plain_text(words)));
}

/// Returns another hold of standard output, for a program that is shown.
pub fn data_stream() -> std::io::Result<OwnedFd> {
    std::io::stdout().as_fd().try_clone_to_owned()
}

fn styled_data(line: &str) {
    let mut out = AutoStream::auto(std::io::stdout().lock());
    note_loss(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Returns how wide the terminal is that messages are printed on, if it is one with room for words.
fn message_width() -> Option<usize> {
    /// On fewer columns than these a line would hold a word or two.
    const WIDTH_MIN: usize = 20;
    message_columns().filter(|width| messages_are_seen() && *width >= WIDTH_MIN)
}

/// Prints a message: a styled word, and a sentence.
pub fn say(tone: Tone, word: &str, sentence: &str) {
    message("", tone.style(), word, sentence);
}

/// Prints a word in a style and a sentence, wrapped to the terminal.
fn message(before: &str, style: Style, word: &str, sentence: &str) {
    let taken = before.width() + word.width() + 1;
    let sentence = fit::hung(&plain_text(sentence), taken, before.width(), message_width());
    let mut err = AutoStream::auto(std::io::stderr().lock());
    let _ = writeln!(err, "{before}{style}{word}{style:#} {sentence}");
}

/// Prints a dim line below another message.
pub fn detail(sentence: &str) {
    let dim = Style::new().dimmed();
    let sentence = fit::hung(&plain_text(sentence), 2, 2, message_width());
    let mut err = AutoStream::auto(std::io::stderr().lock());
    let _ = writeln!(err, "  {dim}{sentence}{dim:#}");
}

/// Prints what failed, what to do next on a line of its own, and where to find more.
pub fn failure(failure: &Failure) {
    say(Tone::Bad, &coded("error", Some(failure.code)), &failure.message);
    if let Some(next) = &failure.hint {
        hint(next);
    }
    more(failure.code);
}

/// Returns the word that opens a line, with the error code of what the line reports.
pub fn coded(word: &str, code: Option<ErrorCode>) -> String {
    code.map_or_else(|| format!("{word}:"), |code| format!("{word}[{code}]:"))
}

/// Prints where to find more about an error code.
pub fn more(code: ErrorCode) {
    detail(&format!("more: `pointsman explain {code}`"));
}

/// Prints what to do next.
pub fn hint(sentence: &str) {
    message("  ", AnsiColor::Cyan.on_default(), "hint:", sentence);
}

/// Asks a yes-or-no question on the terminal; anything but a yes is a no.
pub fn ask(question: &str) -> bool {
    matches!(answer(&format!("{question} [y/N]")).as_deref(), Some("y" | "yes"))
}

/// Asks a question on the terminal and returns the answer in lower case, without the blanks around it; `None` if the
/// input ends without one.
pub fn answer(question: &str) -> Option<String> {
    let question = fit::hung(&plain_text(question), 0, 0, message_width());
    let mut err = AutoStream::auto(std::io::stderr().lock());
    let _ = write!(err, "{question} ").and_then(|()| err.flush());
    drop(err);
    let mut answer = String::new();
    match std::io::stdin().read_line(&mut answer) {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(answer.trim().to_lowercase()),
    }
}

/// Returns whether a user can be asked and can read the question.
pub fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Returns whether somebody reads data as it is printed.
pub fn answer_is_seen() -> bool {
    std::io::stdout().is_terminal()
}

/// Returns how many columns the terminal has that messages are printed on.
pub fn message_columns() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(std::io::stderr())?;
    Some(usize::from(width.0)).filter(|width| *width > 0)
}

/// Prints control sequences of ours, and text that has none.
pub fn control(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "{text}").and_then(|()| err.flush());
}

/// Returns whether progress can be shown.
pub fn progress_is_seen() -> bool {
    let dumb = anstream::AutoStream::choice(&std::io::stderr()) == anstream::ColorChoice::Never;
    std::io::stderr().is_terminal() && !dumb
}
