//! Reading lines from a process that may write anything: bounded, lossy in encoding, never stuck.

use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest line that is handed on. An agent's answer is far below; tool results of many
/// megabytes (images) are not needed for judging.
pub(super) const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How much is read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// What happens to a line that is longer than the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlong {
    /// It is dropped and counted: a part of a record is no record.
    Drop,
    /// It is handed on in pieces: text is text.
    Split,
}

/// Splits a byte stream into lines.
pub(super) struct Lines<R> {
    reader: R,
    chunk: Box<[u8]>,
    chunk_filled: usize,
    chunk_read: usize,
    line: Vec<u8>,
    dropping: bool,
    overlong: Overlong,
    dropped_count: u64,
    done: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, overlong: Overlong) -> Lines<R> {
        Lines {
            reader,
            chunk: vec![0; CHUNK_BYTES].into_boxed_slice(),
            chunk_filled: 0,
            chunk_read: 0,
            line: vec![],
            dropping: false,
            overlong,
            dropped_count: 0,
            done: false,
        }
    }

    /// Returns how many overlong lines were dropped.
    pub(super) fn dropped_count(&self) -> u64 {
        self.dropped_count
    }

    /// Returns the next line without its end, or `None` at the end of the stream.
    ///
    /// Safe to be dropped while it waits: what was read stays here.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            // A dropped record yields no line, and the next one may stand behind it in the same chunk.
            while self.chunk_read < self.chunk_filled {
                if let Some(line) = self.take_line() {
                    return Some(line);
                }
            }
            if self.done {
                return None;
            }
            match self.reader.read(&mut self.chunk).await {
                Ok(count) if count > 0 => {
                    self.chunk_read = 0;
                    self.chunk_filled = count;
                }
                // A broken pipe is an end like any other: how the process ended is known elsewhere.
                Ok(_) | Err(_) => {
                    self.done = true;
                    return self.finish_line(false);
                }
            }
        }
    }

    /// Takes from the chunk, which is not used up, until a line is complete.
    fn take_line(&mut self) -> Option<String> {
        let rest = &self.chunk[self.chunk_read..self.chunk_filled];
        let room = LINE_BYTES_MAX - self.line.len();
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) if end <= room => {
                let piece = end + 1;
                if !self.dropping {
                    self.line.extend_from_slice(&rest[..end]);
                }
                self.chunk_read += piece;
                self.finish_line(true)
            }
            _ => {
                let piece = rest.len().min(room);
                if !self.dropping {
                    self.line.extend_from_slice(&rest[..piece]);
                }
                self.chunk_read += piece;
                if self.dropping || self.line.len() < LINE_BYTES_MAX { None } else { self.overflow() }
            }
        }
    }

    fn overflow(&mut self) -> Option<String> {
        match self.overlong {
            Overlong::Split => self.finish_line(true),
            Overlong::Drop => {
                self.line = vec![];
                self.dropping = true;
                None
            }
        }
    }

    fn finish_line(&mut self, ended: bool) -> Option<String> {
        if std::mem::take(&mut self.dropping) {
            self.dropped_count += 1;
            return None;
        }
        let mut bytes = std::mem::take(&mut self.line);
        if bytes.is_empty() && !ended {
            return None;
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        Some(match String::from_utf8(bytes) {
            Ok(line) => line,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }
}

/// Keeps the end of a stream that nobody reads line by line.
#[derive(Debug, Default)]
pub(super) struct Tail(Vec<u8>);

/// Enough for the last messages of a failing program.
const TAIL_BYTES_MAX: usize = 8 * 1024;

impl Tail {
    /// Adds bytes and forgets the oldest.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * TAIL_BYTES_MAX {
            self.0.drain(..self.0.len() - TAIL_BYTES_MAX);
        }
    }

    /// Returns the kept end as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0[self.0.len().saturating_sub(TAIL_BYTES_MAX)..]).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(input: &[u8], overlong: Overlong) -> (Vec<String>, u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut lines = Lines::new(input, overlong);
            let mut all = vec![];
            while let Some(line) = lines.next().await {
                all.push(line);
            }
            (all, lines.dropped_count())
        })
    }

    #[test]
    fn lines_are_lines_whatever_their_end_and_encoding() {
        let (lines, dropped) = split(b"a\r\n\nb\xff\0c\nlast", Overlong::Drop);
        assert_eq!(lines, ["a", "", "b\u{fffd}\0c", "last"]);
        assert_eq!(dropped, 0);
    }

    #[test]
    fn an_overlong_record_is_dropped_and_the_next_one_is_whole() {
        let mut input = vec![b'x'; LINE_BYTES_MAX * 2 + 77];
        input.extend_from_slice(b"\nnext\n");
        let (lines, dropped) = split(&input, Overlong::Drop);
        assert_eq!(lines, ["next"]);
        assert_eq!(dropped, 1);
    }

    #[test]
    fn overlong_text_comes_in_pieces() {
        let mut input = vec![b'x'; LINE_BYTES_MAX + 5];
        input.extend_from_slice(b"\nnext");
        let (lines, dropped) = split(&input, Overlong::Split);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [LINE_BYTES_MAX, 5, 4]);
        assert_eq!(dropped, 0);
    }

    #[test]
    fn an_overlong_record_at_the_very_end_is_counted() {
        let (lines, dropped) = split(&vec![b'x'; LINE_BYTES_MAX + 1], Overlong::Drop);
        assert_eq!((lines.len(), dropped), (0, 1));
    }
}
