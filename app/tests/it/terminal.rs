//! A terminal window: a pseudo-terminal with somebody at its keyboard.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use signal_hook::consts::{SIGHUP, SIGINT};

use unicode_width::UnicodeWidthStr as _;

use crate::sandbox::{Ran, Sandbox, Started, wait_for};

/// What Ctrl-C sends.
pub const CTRL_C: &str = "\u{3}";

/// What Ctrl-D sends; at the beginning of a line it is the end of the input.
pub const CTRL_D: &str = "\u{4}";

/// Opens a window; returns it, and the end that a program gets.
pub fn open() -> (File, File) {
    // A child of another test that inherits it would keep the window open.
    let window = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&window).unwrap();
    unlockpt(&window).unwrap();
    fcntl_setfl(&window, OFlags::RDWR | OFlags::NONBLOCK).unwrap();
    let line = ptsname(&window, vec![]).unwrap();
    let flags = i32::try_from(OFlags::NOCTTY.bits()).unwrap();
    let line = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(OsStr::from_bytes(line.as_bytes()))
        .unwrap();
    (File::from(window), line)
}

/// Opens a window of a size.
pub fn open_of(columns: u16, rows: u16) -> (File, File) {
    let (window, line) = open();
    tcsetwinsize(&window, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (window, line)
}

/// A pointsman in a terminal window.
pub struct AtTerminal {
    started: Started,
    window: File,
    shown: Vec<u8>,
}

/// Whether a window may show more.
#[derive(PartialEq)]
enum Window {
    Open,
    /// No program has the other end any more.
    Closed,
}

impl AtTerminal {
    /// Looks at the window of a program.
    pub fn new(started: Started, window: File) -> AtTerminal {
        AtTerminal { started, window, shown: vec![] }
    }

    /// Types keys once the window shows a text.
    pub fn answers(mut self, question: &str, keys: &str) -> AtTerminal {
        self.waits_for(question);
        self.window.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Closes the window once it shows a text, and waits for the end of the program.
    pub fn closes_at(mut self, question: &str) -> Ran {
        self.waits_for(question);
        drop(self.window);
        with_stdout(self.started.wait(), &self.shown)
    }

    /// Waits for the end of the program, and of all that have its terminal.
    pub fn wait(mut self) -> Ran {
        wait_for("the end of the program", || {
            self.look();
            self.started.has_ended().then_some(())
        });
        wait_for("the end of all that the window shows", || (self.look() == Window::Closed).then_some(()));
        with_stdout(self.started.wait(), &self.shown)
    }

    fn waits_for(&mut self, question: &str) {
        wait_for(&format!("`{question}` in a window"), || {
            let is_over = self.started.has_ended();
            self.look();
            let is_shown = text(&self.shown).contains(question);
            assert!(is_shown || !is_over, "it ended without `{question}`:\n{}", text(&self.shown));
            is_shown.then_some(())
        });
    }

    /// Reads what the window shows by now.
    fn look(&mut self) -> Window {
        let mut chunk = [0; 4096];
        loop {
            match self.window.read(&mut chunk) {
                Ok(0) => return Window::Closed,
                Ok(count) => self.shown.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Window::Open,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // That is how Linux says that nobody has the other end.
                Err(_) => return Window::Closed,
            }
        }
    }
}

fn with_stdout(mut ran: Ran, shown: &[u8]) -> Ran {
    ran.stdout = text(shown);
    ran
}

fn text(shown: &[u8]) -> String {
    String::from_utf8_lossy(shown).into_owned()
}

/// Has programs that are started from here hear the signals that this one was perhaps told to ignore: what a process
/// handles, its children do not inherit.
pub fn hear_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (signal, code) in [(SIGINT, 130), (SIGHUP, 129)] {
            let ends = Arc::new(AtomicBool::new(true));
            signal_hook::flag::register_conditional_shutdown(signal, code, ends).unwrap();
        }
    });
}

/// Seen to fail with messages printed as they are: the terminal breaks them in the middle of words.
#[test]
fn messages_break_between_words_at_a_terminal_and_nowhere_else() {
    let sandbox = Sandbox::new().env("TERM", "xterm").env("NO_COLOR", "1");
    let asked = ["run", "--tier", "haiku", "delete the production database"];
    let narrow = sandbox.call(asked).start_in(open_of(50, 24)).answers("[y/N]", "n\n").wait().exits(77);
    let lines: Vec<&str> = narrow.stdout.lines().collect();
    assert!(lines.iter().all(|line| line.width() <= 50), "{narrow}");
    let begin = lines.iter().position(|line| line.starts_with("route: ")).unwrap();
    let goes_on = lines[begin + 1..].iter().take_while(|line| line.starts_with("  ")).count();
    assert!(goes_on > 0, "{narrow}");
    let whole = lines[begin..=begin + goes_on].iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    let wide = sandbox.call(asked).start_at_terminal().answers("[y/N]", "n\n").wait().exits(77);
    assert!(wide.stdout.contains(&whole), "{whole}\n{wide}");
    let piped = sandbox.call(asked).wait().exits(77);
    assert!(piped.stderr.lines().any(|line| line.width() > 50), "{piped}");
}

#[test]
fn a_text_longer_than_the_screen_is_shown_with_the_pager_and_no_other_one_is() {
    let with_pager =
        |pager: &str| Sandbox::new().env("TERM", "xterm").env("NO_COLOR", "1").env("PAGER", pager);
    let shown = |pager: &str, flags: &[&str], rows: u16| {
        let sandbox = with_pager(pager);
        let call = flags.iter().fold(sandbox.call(["policy", "show"]), |call, flag| call.args([flag]));
        call.start_in(open_of(200, rows)).wait().success().stdout
    };
    let marks = "sed 's/^/paged /'";
    assert!(shown(marks, &[], 20).contains("paged Built-in rules"));
    for (pager, flags, rows) in [(marks, &[][..], 300), (marks, &["--no-pager"], 20), ("cat", &[], 20)] {
        let text = shown(pager, flags, rows);
        assert!(
            text.contains("Built-in rules") && !text.contains("paged "),
            "{pager} {flags:?} {rows}: {text}"
        );
    }
    let missing = shown("no-such-pager-of-mine", &[], 20);
    assert!(missing.contains("\nBuilt-in rules") && missing.contains("safety.publish"), "{missing}");
    let piped = with_pager(marks).call(["policy", "show"]).wait().success();
    assert!(!piped.stdout.contains("paged "), "{piped}");
}
