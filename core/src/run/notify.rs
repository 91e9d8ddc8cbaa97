//! Whether, and how, somebody is told that a run is over.

use std::time::Duration;

use super::outcome::Verdict;

/// What is wanted at the end of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifyTerms {
    /// Whether the terminal that waited rings.
    pub bell: bool,
    /// How long a run that somebody waits for must have taken.
    pub after: Duration,
    /// Whether the desktop shows a notification.
    pub desktop: bool,
    /// A program with its arguments; empty for none.
    pub command: Vec<String>,
}

/// Who waited for the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attendance {
    /// Somebody at a terminal.
    Terminal,
    /// A script, or whoever reads a file.
    Script,
    /// Nobody: it ran in the background.
    Nobody,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// The terminal rings.
    pub bell: bool,
    /// The desktop and the command of the settings are told, if the settings want that.
    pub others: bool,
}

/// Returns what is to be done at the end of a run that took this long.
pub fn due(terms: &NotifyTerms, attendance: Attendance, took: Duration) -> Due {
    let is_long = took >= terms.after;
    match attendance {
        Attendance::Terminal => Due { bell: terms.bell && is_long, others: is_long },
        // Whoever started a script is not waiting at it, and its terminal is not ours to ring.
        Attendance::Script => Due { bell: false, others: is_long },
        Attendance::Nobody => Due { bell: false, others: true },
    }
}

/// Terminals, by what they call themselves in `TERM_PROGRAM`, that show what a program sends with OSC 9 as a notification.
pub const TERMINALS: [&str; 3] = ["iTerm.app", "WezTerm", "ghostty"];

/// How many characters of a request the command of the settings is told.
const WORDS_CHARS_MAX: usize = 80;

/// Returns the first words of a text in one line, without anything that controls a terminal.
pub fn words(text: &str) -> String {
    let plain = text.chars().take(20 * WORDS_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c });
    let line = plain.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(WORDS_CHARS_MAX).collect::<String>().trim_end().to_owned()
}

/// Returns the notification in one line. It has no word of the request: notifications are shown on locked screens, and
/// other programs see them.
pub fn line(short_id: &str, verdict: Option<Verdict>, rehearsal: bool) -> String {
    let kind = if rehearsal { "rehearsal" } else { "run" };
    let state = verdict.map_or("ended without a verdict", Verdict::as_str);
    format!("{kind} {short_id}: {state}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waited_for_a_short_run_is_not_told_and_who_left_always_is() {
        let terms = NotifyTerms { bell: true, after: Duration::from_secs(60), ..NotifyTerms::default() };
        let due = |attendance, seconds| due(&terms, attendance, Duration::from_secs(seconds));
        let (nothing, others) = (Due::default(), Due { bell: false, others: true });
        assert_eq!(due(Attendance::Terminal, 59), nothing);
        assert_eq!(due(Attendance::Terminal, 60), Due { bell: true, others: true });
        assert_eq!(due(Attendance::Script, 59), nothing);
        assert_eq!(due(Attendance::Script, 60), others);
        assert_eq!(due(Attendance::Nobody, 0), others);
    }

    #[test]
    fn a_terminal_rings_only_if_that_is_wanted() {
        let terms = NotifyTerms::default();
        assert_eq!(due(&terms, Attendance::Terminal, Duration::ZERO), Due { bell: false, others: true });
    }
}
