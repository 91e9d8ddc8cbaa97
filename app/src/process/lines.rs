//! Reads lines from a process that may write anything: bounded, lossy in encoding, never stuck.

use std::collections::VecDeque;

use pointsman_core::adapter::slim::Slimmer;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest line that is passed on unchanged. An agent's answer is far shorter; longer lines hold files or images.
pub(super) const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How much is read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// How a line longer than the bound is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlong {
    /// It is shortened while it is read, and counted; whatever does not yield a record that way is dropped.
    Shorten,
    /// It is passed on in pieces, because it is only text.
    Split,
}

/// What was read from a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LineEvent {
    /// A whole line.
    Line(String),
    /// Bytes that do not end a line yet: a sign of life.
    Bytes,
}

/// Splits a byte stream into lines.
pub(super) struct Lines<R> {
    reader: R,
    chunk: Box<[u8]>,
    chunk_filled: usize,
    chunk_read: usize,
    line: Vec<u8>,
    /// Consumes the line once it is overlong.
    slimmer: Option<Slimmer>,
    /// Records of an overlong line that have not been passed on yet.
    ready: VecDeque<String>,
    overlong: Overlong,
    overlong_count: u64,
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
            slimmer: None,
            ready: VecDeque::new(),
            overlong,
            overlong_count: 0,
            done: false,
        }
    }

    /// Returns how many overlong records were shortened or dropped.
    pub(super) fn overlong_count(&self) -> u64 {
        self.overlong_count
    }

    /// Returns the next line without its line end, or that some bytes came, or `None` at the end of the stream.
    ///
    /// Cancel safe: whatever was read stays here if the future is dropped.
    pub(super) async fn next(&mut self) -> Option<LineEvent> {
        if let Some(line) = self.take_from_chunk() {
            return Some(LineEvent::Line(line));
        }
        if self.done {
            return None;
        }
        match self.reader.read(&mut self.chunk).await {
            Ok(count) if count > 0 => {
                self.chunk_read = 0;
                self.chunk_filled = count;
                Some(self.take_from_chunk().map_or(LineEvent::Bytes, LineEvent::Line))
            }
            // A broken pipe is an end like any other: how the process ended is determined elsewhere.
            Ok(_) | Err(_) => {
                self.done = true;
                self.finish_rest().map(LineEvent::Line)
            }
        }
    }

    /// Takes the next line from the chunk. A dropped record yields no line, and the next one may follow it in the same
    /// chunk.
    fn take_from_chunk(&mut self) -> Option<String> {
        while self.ready.is_empty() && self.chunk_read < self.chunk_filled {
            if let Some(line) = self.take_line() {
                return Some(line);
            }
        }
        self.ready.pop_front()
    }

    /// Consumes bytes of the unread part of the chunk until a line is complete.
    fn take_line(&mut self) -> Option<String> {
        let rest = &self.chunk[self.chunk_read..self.chunk_filled];
        let room = LINE_BYTES_MAX - self.line.len();
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) if end <= room => {
                self.add(self.chunk_read, end);
                self.chunk_read += end + 1;
                self.finish_line()
            }
            _ => {
                let piece = rest.len().min(room);
                self.add(self.chunk_read, piece);
                self.chunk_read += piece;
                if self.line.len() < LINE_BYTES_MAX { None } else { self.overflow() }
            }
        }
    }

    /// Adds a piece of the chunk to the line.
    fn add(&mut self, at: usize, length: usize) {
        let piece = &self.chunk[at..at + length];
        match &mut self.slimmer {
            Some(slimmer) => {
                slimmer.push(piece);
                self.ready.extend(slimmer.records());
            }
            None => self.line.extend_from_slice(piece),
        }
    }

    fn overflow(&mut self) -> Option<String> {
        match self.overlong {
            Overlong::Split => self.finish_line(),
            Overlong::Shorten => {
                let mut slimmer = Slimmer::default();
                slimmer.push(&std::mem::take(&mut self.line));
                self.ready.extend(slimmer.records());
                self.slimmer = Some(slimmer);
                self.ready.pop_front()
            }
        }
    }

    /// Ends what was read after the last line end: usually nothing.
    fn finish_rest(&mut self) -> Option<String> {
        let is_nothing = self.slimmer.is_none() && self.line.is_empty();
        if is_nothing { None } else { self.finish_line() }
    }

    fn finish_line(&mut self) -> Option<String> {
        if self.slimmer.take().is_some() {
            self.overlong_count += 1;
            return self.ready.pop_front();
        }
        let mut bytes = std::mem::take(&mut self.line);
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
    /// Adds bytes and drops the oldest.
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
            while let Some(event) = lines.next().await {
                if let LineEvent::Line(line) = event {
                    all.push(line);
                }
            }
            (all, lines.overlong_count())
        })
    }

    #[test]
    fn lines_are_lines_whatever_their_end_and_encoding() {
        let (lines, dropped) = split(b"a\r\n\nb\xff\0c\nlast", Overlong::Shorten);
        assert_eq!(lines, ["a", "", "b\u{fffd}\0c", "last"]);
        assert_eq!(dropped, 0);
    }

    /// A file or an image in a record is part of it. Seen to fail with a bound of some kilobytes.
    #[test]
    fn a_record_of_nearly_four_megabytes_is_passed_on_unchanged() {
        let record = "x".repeat((4 << 20) - 1);
        let (lines, shortened) = split(format!("{record}\n").as_bytes(), Overlong::Shorten);
        assert!(lines == [record] && shortened == 0, "{shortened}");
    }

    /// Seen to fail with a tail of one kilobyte, and to panic with the bounds added.
    #[test]
    fn a_tail_is_the_last_eight_kilobytes_however_they_came() {
        let text: Vec<u8> = (b'a'..=b'z').cycle().take(40_000).collect();
        for size in [1, 1000, 8 << 10, 9000, 40_000] {
            let mut tail = Tail::default();
            for part in text.chunks(size) {
                tail.add(part);
                assert!(tail.0.len() <= 16 << 10, "{size}: {} are kept", tail.0.len());
            }
            assert!(tail.text().as_bytes() == &text[40_000 - (8 << 10)..], "in parts of {size}");
        }
        let mut short = Tail::default();
        short.add(b"short");
        assert_eq!(short.text(), "short");
    }

    #[test]
    fn an_overlong_record_is_dropped_and_the_next_one_is_whole() {
        let mut input = vec![b'x'; LINE_BYTES_MAX * 2 + 77];
        input.extend_from_slice(b"\nnext\n");
        let (lines, dropped) = split(&input, Overlong::Shorten);
        assert_eq!(lines, ["next"]);
        assert_eq!(dropped, 1);
    }

    #[test]
    fn an_overlong_record_is_shortened_and_keeps_what_counts() {
        let huge = "x".repeat(LINE_BYTES_MAX * 2);
        let input =
            format!("{{\"type\":\"result\",\"input\":{{\"a\":\"{huge}\"}},\"result\":\"kept\"}}\nnext\n");
        let (lines, shortened) = split(input.as_bytes(), Overlong::Shorten);
        assert_eq!((lines.len(), shortened), (2, 1));
        assert!(lines[0].ends_with("\"result\":\"kept\"}") && lines[0].len() < 10_000, "{:.200}", lines[0]);
    }

    #[test]
    fn bytes_without_a_line_end_are_heard() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut agent, ours) = tokio::io::duplex(64);
            let mut lines = Lines::new(ours, Overlong::Split);
            tokio::io::AsyncWriteExt::write_all(&mut agent, b"...").await.unwrap();
            assert_eq!(lines.next().await, Some(LineEvent::Bytes));
            tokio::io::AsyncWriteExt::write_all(&mut agent, b"\n").await.unwrap();
            assert_eq!(lines.next().await, Some(LineEvent::Line("...".to_owned())));
        });
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
        let (lines, dropped) = split(&vec![b'x'; LINE_BYTES_MAX + 1], Overlong::Shorten);
        assert_eq!((lines.len(), dropped), (0, 1));
    }
}
