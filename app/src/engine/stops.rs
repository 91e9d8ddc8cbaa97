//! Causes to stop a run, wherever they come from: signals, and holders of a handle.

use std::io;
use std::sync::Arc;

use pointsman_core::run::end::StopCause;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};

use crate::process::inherited::is_ignored;

/// How many causes may be queued: the second one means "at once", and there is nothing to say beyond that.
const CAUSES_MAX: usize = 4;

/// Receives the causes that stop a run.
pub struct Stops {
    causes: mpsc::Receiver<StopCause>,
    /// Kept so that waiting for a cause is not an error when nothing else can send one.
    handle: StopHandle,
    /// Notified when there may be something new to look at.
    wake: Arc<Notify>,
}

/// A handle to stop the run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StopHandle(mpsc::Sender<StopCause>);

impl StopHandle {
    /// Asks the run to stop. If the queue is full, one more cause would add nothing.
    pub fn stop(&self, cause: StopCause) {
        let _ = self.0.try_send(cause);
    }
}

impl Stops {
    /// Creates one that receives causes only through its handle.
    pub fn new() -> Stops {
        let (sender, causes) = mpsc::channel(CAUSES_MAX);
        Stops { causes, handle: StopHandle(sender), wake: Arc::default() }
    }

    /// Creates one that also receives the signals of this process. Once it is dropped, a signal ends the process.
    ///
    /// Who closes a terminal, or interrupts a script, does not mean what was told to ignore that. SIGTERM is meant.
    pub fn of_signals() -> io::Result<Stops> {
        let stops = Stops::new();
        for (kind, cause, code) in [
            (SignalKind::interrupt(), StopCause::Interrupt, 130),
            (SignalKind::terminate(), StopCause::Terminate, 143),
            (SignalKind::hangup(), StopCause::Terminate, 143),
        ] {
            if kind != SignalKind::terminate() && is_ignored(kind.as_raw_value()) {
                continue;
            }
            let mut signals = signal(kind)?;
            let StopHandle(sender) = stops.handle.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    if sender.send(cause).await.is_err() {
                        std::process::exit(code);
                    }
                }
            });
        }
        let (mut wakes, wake) = (signal(SignalKind::user_defined1())?, Arc::clone(&stops.wake));
        tokio::spawn(async move {
            while wakes.recv().await.is_some() {
                wake.notify_one();
            }
        });
        Ok(stops)
    }

    /// Returns a handle to stop the run with.
    pub fn handle(&self) -> StopHandle {
        self.handle.clone()
    }

    /// Returns the notification that there may be something new to look at.
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Returns the receiver of the causes, for `process`.
    pub fn causes(&mut self) -> &mut mpsc::Receiver<StopCause> {
        &mut self.causes
    }

    /// Waits for the next cause. Cancel safe: no cause is lost if the future is dropped.
    pub async fn next(&mut self) -> StopCause {
        self.causes.recv().await.expect("the handle is kept, so the channel stays open")
    }
}
