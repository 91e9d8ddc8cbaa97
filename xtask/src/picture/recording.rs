//! A program in a terminal window, and the screens that were seen there.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::num::NonZeroU16;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// The size of a window, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its height.
    pub rows: u16,
    /// Its width.
    pub columns: u16,
}

impl Window {
    /// Returns a terminal of this size that shows nothing yet.
    pub fn terminal(self) -> vt100::Parser {
        let size = |count| NonZeroU16::new(count).unwrap_or(NonZeroU16::MIN);
        vt100::Parser::new(size(self.rows), size(self.columns), 0)
    }
}

/// What a window shows, and for how long.
pub struct Screen {
    /// The window.
    pub shown: vt100::Screen,
    /// Until the next one.
    pub shown_for: Duration,
}

/// Everything that was seen.
pub struct Recording {
    /// The screens, in order.
    pub screens: Vec<Screen>,
    /// Whether the program ended well.
    pub is_success: bool,
}

/// Runs a program in a window to its end.
///
/// Programs are faster than readers: each screen stays for at least as long as it takes to see what is new on it.
pub fn record(mut command: Command, window: Window) -> io::Result<Recording> {
    let (mut master, line) = open(window)?;
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    command.stdin(Stdio::null()).stdout(line.try_clone()?).stderr(line);
    let mut child = command.spawn()?;
    // It holds the other end: as long as it lives, the window never ends.
    drop(command);
    let mut parser = window.terminal();
    let mut screens: Vec<Screen> = vec![];
    let mut chunk = [0; 4096];
    let mut seen_at = Instant::now();
    // On Linux the end of the last program is an error of the read.
    while let Ok(count @ 1..) = master.read(&mut chunk) {
        if let Some(last) = screens.last_mut() {
            last.shown_for = last.shown_for.max(seen_at.elapsed());
        }
        seen_at = Instant::now();
        for line in chunk[..count].split_inclusive(|byte| *byte == b'\n') {
            parser.process(line);
            add(&mut screens, parser.screen(), reading_time(line));
        }
    }
    if let Some(last) = screens.last_mut() {
        last.shown_for = Duration::from_secs(5);
    }
    Ok(Recording { screens, is_success: child.wait()?.success() })
}

fn add(screens: &mut Vec<Screen>, screen: &vt100::Screen, shown_for: Duration) {
    match screens.last_mut() {
        // Nobody looks at a window that is still empty.
        None if screen.contents().trim().is_empty() => {}
        Some(last) if last.shown.contents_formatted() == screen.contents_formatted() => {
            last.shown_for = last.shown_for.max(shown_for);
        }
        _ => screens.push(Screen { shown: screen.clone(), shown_for }),
    }
}

/// Returns how long it takes to see what a line says: captions and commands are read, answers are looked at.
fn reading_time(line: &[u8]) -> Duration {
    let text = String::from_utf8_lossy(line);
    let milliseconds = match () {
        () if text.contains("# ") && text.starts_with('\u{1b}') => 1400,
        // The blank line before a caption: what was answered is read once more.
        () if text.trim().is_empty() => 900,
        () if text.contains("$\u{1b}") => 550,
        // A part of a line, which is written over: progress is as fast as it is.
        () if !text.ends_with('\n') => 0,
        () => 160,
    };
    Duration::from_millis(milliseconds)
}

/// Opens a window; returns it, and the end that a program gets.
fn open(window: Window) -> io::Result<(File, File)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let size = Winsize { ws_row: window.rows, ws_col: window.columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size)?;
    let name = ptsname(&master, vec![])?;
    let line = OpenOptions::new().read(true).write(true).open(OsStr::from_bytes(name.as_bytes()))?;
    Ok((File::from(master), line))
}
