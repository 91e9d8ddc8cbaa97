//! What a well-behaved agent does not do: floods, orphans, deaf ears.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};

/// The hidden verb of a process that only stays: `LEAF DEPTH`.
pub const LEAF: &str = "__leaf";

/// The hidden verb of a process that starts the next one of its kind and ends.
pub const CHAIN: &str = "__chain";

/// The environment variable by which a process knows that it is deaf already. Set by ourselves, on ourselves.
const DEAF: &str = "FAKE_AGENT_IS_DEAF";

/// Starts this program again with SIGTERM ignored; an ignored signal stays so over `exec`.
pub fn ignore_term(args: &[String]) {
    if std::env::var_os(DEAF).is_none() {
        let error = deaf(args).env(DEAF, "1").exec();
        let _ = writeln!(std::io::stderr(), "fake agent: {error}");
        std::process::exit(97);
    }
}

fn deaf(args: &[String]) -> Command {
    let own = std::env::current_exe().unwrap_or_default();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' TERM HUP INT; exec \"$0\" \"$@\""]).arg(own).args(args);
    command
}

/// Leaves a chain of processes behind: each in a session of its own, deaf to SIGTERM, holding our output.
pub fn leak(depth: u32) {
    spawn_leaf(depth);
}

fn spawn_leaf(depth: u32) {
    let leaf = deaf(&[LEAF.to_owned(), depth.to_string()]).stdin(Stdio::null()).spawn();
    if let Err(error) = leaf {
        let _ = writeln!(std::io::stderr(), "fake agent: {error}");
        std::process::exit(97);
    }
}

/// Is a process of that chain.
pub fn leaf(args: &[String]) -> ExitCode {
    let _ = rustix::process::setsid();
    let depth: u32 = args.first().and_then(|word| word.parse().ok()).unwrap_or(0);
    if depth > 1 {
        spawn_leaf(depth - 1);
    }
    loop {
        std::thread::park();
    }
}

/// Leaves a process that starts the next one and ends, and so on without pause, each in a session of its own.
///
/// No look at the list of processes is sure to see one of them. So all of them hold a lock of `file` in common.
pub fn leave_chain(file: &str) {
    let locked = File::create(file).and_then(|file| file.lock_shared().map(|()| file));
    if let Err(error) = locked.and_then(|file| next_of_chain(file.into())) {
        let _ = writeln!(std::io::stderr(), "fake agent: {error}");
        std::process::exit(97);
    }
}

/// Is a process of that chain. Its standard input is the locked file.
pub fn chain() -> ExitCode {
    let _ = rustix::process::setsid();
    // Where the system has no room for another one the chain has ended by itself.
    let _ = next_of_chain(Stdio::inherit());
    ExitCode::SUCCESS
}

fn next_of_chain(locked: Stdio) -> std::io::Result<std::process::Child> {
    Command::new(std::env::current_exe()?)
        .arg(CHAIN)
        .stdin(locked)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// Ends this process by a signal, as a crash would.
pub fn crash() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::ABORT);
    std::process::abort()
}

/// Writes at least so many bytes: `stream` (valid lines), `line` (one line), `garbage` (NULs and broken
/// UTF-8), or `text` (what a plain agent might print).
pub fn flood(kind: &str, bytes: u64, plain: bool) {
    let line = match kind {
        "stream" if !plain => {
            let text = "x".repeat(4000);
            format!(
                r#"{{"type":"stream_event","event":{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}}}"#
            )
            .into_bytes()
        }
        "garbage" => {
            [b"\0\0\xff\xfe\xc3(\0{\"type\":\"assistant\xf0\x28".repeat(40), vec![0x80; 300]].concat()
        }
        _ => vec![b'x'; 1000],
    };
    let one_line = kind == "line";
    let mut out = BufWriter::with_capacity(1 << 18, std::io::stdout().lock());
    let mut written = 0;
    if one_line {
        let _ = out.write_all(br#"{"type":"user","data":""#);
    }
    while written < bytes {
        let end: &[u8] = if one_line { b"" } else { b"\n" };
        if out.write_all(&line).and_then(|()| out.write_all(end)).is_err() {
            std::process::exit(0);
        }
        written += (line.len() + end.len()) as u64;
    }
    if one_line {
        let _ = out.write_all(b"\"}\n");
    }
    let _ = out.flush();
}
