//! A watcher on a thread of its own: a terminal that stands still (Ctrl-S) must not keep a run from hearing its agent and
//! its signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use pointsman_core::report::live::{Body, Line, LiveDetail};

use crate::engine::record::Watcher;

/// Beyond this much that is queued, what is only seen live is dropped. What is missing of an answer is printed at the end.
const QUEUED_BYTES_MAX: usize = 1024 * 1024;

/// What a line without much text takes of the queue, in bytes.
const LINE_BYTES: usize = 512;

/// How often a watcher is called where nothing happens.
const TICK: Duration = Duration::from_millis(120);

/// What a watcher is told.
enum Told {
    Line(Box<Line>),
    Text(String),
}

impl Told {
    /// Returns about how much it takes of the queue.
    fn bytes(&self) -> usize {
        match self {
            Told::Text(piece) => piece.len(),
            Told::Line(line) => LINE_BYTES + text_bytes(&line.body),
        }
    }
}

fn text_bytes(body: &Body) -> usize {
    match body {
        Body::Fact(_) => 0,
        Body::Live(live) => match &live.seen {
            LiveDetail::Text { text } | LiveDetail::TextDelta { text } => text.len(),
            LiveDetail::UnknownAgentEvent { raw, .. } => raw.len(),
            _ => 0,
        },
    }
}

/// Tells another watcher everything, on a thread of its own.
pub struct OwnThread {
    queue: Option<Sender<Told>>,
    queued: Arc<AtomicUsize>,
    thread: Option<JoinHandle<String>>,
}

impl OwnThread {
    /// Starts the thread.
    pub fn new(mut watcher: impl Watcher + 'static) -> OwnThread {
        let (queue, told) = mpsc::channel::<Told>();
        let queued = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&queued);
        let thread = std::thread::spawn(move || {
            loop {
                match told.recv_timeout(TICK) {
                    Ok(told) => {
                        let bytes = told.bytes();
                        match told {
                            Told::Line(line) => watcher.on_line(&line),
                            Told::Text(piece) => watcher.on_text(&piece),
                        }
                        left.fetch_sub(bytes, Ordering::Relaxed);
                    }
                    Err(RecvTimeoutError::Timeout) => watcher.on_tick(),
                    Err(RecvTimeoutError::Disconnected) => return watcher.finish(),
                }
            }
        });
        OwnThread { queue: Some(queue), queued, thread: Some(thread) }
    }

    fn tell(&mut self, told: Told) {
        if let Some(queue) = &self.queue {
            self.queued.fetch_add(told.bytes(), Ordering::Relaxed);
            // The thread ends only when this sender is dropped.
            let _ = queue.send(told);
        }
    }

    fn is_full(&self) -> bool {
        self.queued.load(Ordering::Relaxed) > QUEUED_BYTES_MAX
    }
}

impl Watcher for OwnThread {
    fn on_line(&mut self, line: &Line) {
        if !(matches!(line.body, Body::Live(_)) && self.is_full()) {
            self.tell(Told::Line(Box::new(line.clone())));
        }
    }

    fn on_text(&mut self, piece: &str) {
        if !self.is_full() {
            self.tell(Told::Text(piece.to_owned()));
        }
    }

    fn finish(&mut self) -> String {
        drop(self.queue.take());
        // A thread that panicked has shown what it could.
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}
