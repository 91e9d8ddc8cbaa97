//! Prints a run's event stream as it happens, for a program.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use pointsman_core::report::live::{Body, Line};

use super::output;
use crate::engine::record::Watcher;

/// A stalled reader must not stall the agent: beyond this many queued bytes, live lines are dropped.
const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Prints the event stream on a thread of its own.
pub struct JsonlWatcher {
    lines: Option<Sender<String>>,
    queued_bytes: Arc<AtomicUsize>,
    printer: Option<JoinHandle<()>>,
}

impl JsonlWatcher {
    /// Starts the printing thread.
    pub fn new() -> JsonlWatcher {
        let (lines, queue) = mpsc::channel::<String>();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&queued_bytes);
        let printer = std::thread::spawn(move || {
            for line in queue {
                output::line(&line);
                left.fetch_sub(line.len(), Ordering::Relaxed);
            }
        });
        JsonlWatcher { lines: Some(lines), queued_bytes, printer: Some(printer) }
    }
}

impl Watcher for JsonlWatcher {
    fn on_line(&mut self, line: &Line) {
        let is_live = matches!(line.body, Body::Live(_));
        if is_live && self.queued_bytes.load(Ordering::Relaxed) > QUEUE_BYTES_MAX {
            return;
        }
        let text = serde_json::to_string(line).expect("plain data has a JSON form");
        self.queued_bytes.fetch_add(text.len(), Ordering::Relaxed);
        if let Some(lines) = &self.lines {
            // The printer ends only when this sender is dropped.
            let _ = lines.send(text);
        }
    }

    fn finish(&mut self) -> String {
        drop(self.lines.take());
        if let Some(printer) = self.printer.take() {
            // A printer that panicked has printed what it could.
            let _ = printer.join();
        }
        String::new()
    }
}
