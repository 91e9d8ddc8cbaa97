//! What is piped in beside a prompt: context for the agent, as users of `claude -p` expect.

use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::time::Duration;

use pointsman_core::error_code::ErrorCode;
use pointsman_core::text::counted;
use pointsman_core::text::fence::{fenced, without_mentions};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;

use super::exit::Failure;
use crate::present::output::{self, Tone, Verbosity};

/// The longest text that is read, in bytes: anything longer is a mistake.
pub const TEXT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a pipe may be silent at first. Whoever starts a program often leaves it an open pipe into which nothing is
/// ever written; `claude -p` waits as long.
const FIRST_BYTE_WAIT: Duration = Duration::from_secs(3);

/// Returns a prompt with what is piped in behind it, in a fence, with its size. A terminal and devices pipe nothing in.
pub fn with_context(prompt: String, verbosity: Verbosity) -> Result<String, Failure> {
    let Some(bytes) = read()? else { return Ok(prompt) };
    if bytes.is_empty() {
        return Ok(prompt);
    }
    let context = text(bytes)?;
    let lines = counted(context.lines().count() as u64, "line", "lines");
    let size = format!("{lines}, {}", counted(context.len() as u64, "byte", "bytes"));
    if verbosity == Verbosity::Normal {
        output::say(Tone::Plain, "context:", &format!("{size} from standard input"));
    }
    let fenced = fenced(&format!("text (standard input: {size})"), &without_mentions(&context));
    Ok(format!("{}\n\n{fenced}", prompt.trim_end()))
}

/// Reads standard input if it is a pipe, a socket or a file.
fn read() -> Result<Option<Vec<u8>>, Failure> {
    let stdin = std::io::stdin();
    // A descriptor that is closed has nothing to give.
    let Ok(stat) = rustix::fs::fstat(stdin.as_fd()) else { return Ok(None) };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Fifo | FileType::Socket if speaks(&stdin)? => {}
        FileType::Fifo | FileType::Socket => {
            let text = "nothing came in three seconds: the request goes on without it (`< /dev/null` says so at once)";
            output::say(Tone::Warning, "standard input:", text);
            return Ok(None);
        }
        _ => return Ok(None),
    }
    let mut bytes = vec![];
    stdin.lock().take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        return Err(too_long("standard input"));
    }
    Ok(Some(bytes))
}

/// Returns the failure of a text that is longer than that.
pub fn too_long(from: &str) -> Failure {
    Failure::new(
        ErrorCode::LongRequest,
        format!("the request in {from} has more than {TEXT_BYTES_MAX} bytes"),
        "name the file in the request instead of giving its content",
    )
}

/// Waits for the first byte, or the end.
fn speaks(stdin: &std::io::Stdin) -> Result<bool, Failure> {
    let mut fds = [PollFd::new(stdin, PollFlags::IN)];
    let limit = Timespec::try_from(FIRST_BYTE_WAIT).expect("three seconds are a time");
    loop {
        match poll(&mut fds, Some(&limit)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(unreadable(&error.into())),
        }
    }
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::bare(ErrorCode::UnreadableInput, format!("standard input cannot be read: {error}"))
}

/// Returns bytes as text. Logs often have a stray byte, which is replaced; what has a NUL is no text.
fn text(bytes: Vec<u8>) -> Result<String, Failure> {
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(Failure::new(
            ErrorCode::RequestNotUtf8,
            format!("standard input is not text: it has a NUL at byte {at}"),
            "name the file in the request: the agent reads images and other files by their path",
        ));
    }
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| {
        let text = "some bytes are not UTF-8 and were replaced by \u{fffd}";
        output::say(Tone::Warning, "standard input:", text);
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    }))
}
