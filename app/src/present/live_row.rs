//! One line at the bottom of a terminal that is written over and over. It is erased whole also after the terminal was made
//! narrower, and has folded it into several rows: no library that was looked at does that.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::output;

/// The frames of the spinner, one a tick.
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// Columns at the end that stay free: a terminal writes `^C` there, which must not begin another row.
const SPARE_COLUMNS: usize = 3;

/// A line that shows what is at work.
#[derive(Debug, Default)]
pub struct LiveRow {
    /// How many columns it has on the screen; 0 while it is not shown.
    columns: usize,
    frame: usize,
}

impl LiveRow {
    /// Shows a text, with the time that has passed.
    pub fn show(&mut self, elapsed: Duration, text: &str) {
        let Some(width) = output::message_columns() else { return };
        self.frame = (self.frame + 1) % SPINNER.len();
        let line = cut(
            &format!("{} {:>4} {text}", SPINNER[self.frame], clock(elapsed)),
            width.saturating_sub(SPARE_COLUMNS),
        );
        let erase = self.erasure(width);
        self.columns = line.width();
        output::control(&format!("{erase}{line}"));
    }

    /// Erases it.
    pub fn hide(&mut self) {
        if let Some(width) = output::message_columns().filter(|_| self.columns > 0) {
            output::control(&self.erasure(width));
        }
        self.columns = 0;
    }

    /// Returns what erases the line from a terminal of this width, and leaves the cursor at its beginning.
    fn erasure(&self, width: usize) -> String {
        if self.columns == 0 {
            return String::new();
        }
        let rows_above = self.columns.saturating_sub(1) / width.max(1);
        let up = if rows_above > 0 { format!("\x1b[{rows_above}A") } else { String::new() };
        format!("\r{up}\x1b[J")
    }
}

/// Returns the beginning of a text that has room in so many columns.
fn cut(text: &str, columns: usize) -> String {
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= columns
    };
    text.chars().take_while(fits).collect()
}

fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{:02}s", seconds / 60, seconds % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_erased_with_all_rows_that_a_narrower_terminal_made_of_it() {
        let row = |columns| LiveRow { columns, frame: 0 };
        assert_eq!(row(0).erasure(80), "");
        assert_eq!(row(79).erasure(80), "\r\x1b[J");
        assert_eq!(row(79).erasure(40), "\r\x1b[1A\x1b[J");
        assert_eq!(row(80).erasure(40), "\r\x1b[1A\x1b[J");
        assert_eq!(row(81).erasure(40), "\r\x1b[2A\x1b[J");
    }

    #[test]
    fn a_text_is_cut_by_columns_and_not_by_characters() {
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut("完了", 3), "完");
        assert_eq!(cut("ab", 5), "ab");
    }

    #[test]
    fn minutes_are_told_from_seconds() {
        assert_eq!(clock(Duration::from_secs(59)), "59s");
        assert_eq!(clock(Duration::from_secs(61)), "1m01s");
    }
}
