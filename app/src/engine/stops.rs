//! Why a run must stop, from wherever it is said: by signals, and by holders of a handle.

use std::io;
use std::sync::Arc;

use pointsman_core::run::end::StopCause;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};

/// How many causes may wait to be heard: the second one means "at once", and nobody says more than that.
const CAUSES_MAX: usize = 4;

/// Where a run hears that it must stop.
pub struct Stops {
    causes: mpsc::Receiver<StopCause>,
    /// Kept so that waiting for a cause is no error when nobody else can say one.
    handle: StopHandle,
    /// Told when somebody says that there is something to look at.
    wake: Arc<Notify>,
}

/// Its holder can stop the run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StopHandle(mpsc::Sender<StopCause>);

impl StopHandle {
    /// Says that the run must stop. Where causes wait unheard already, one more says nothing new.
    pub fn stop(&self, cause: StopCause) {
        let _ = self.0.try_send(cause);
    }
}

impl Stops {
    /// Makes one that hears only who gets its handle.
    pub fn new() -> Stops {
        let (sender, causes) = mpsc::channel(CAUSES_MAX);
        Stops { causes, handle: StopHandle(sender), wake: Arc::default() }
    }

    /// Makes one that hears the signals of this process as well. Once it is dropped, a signal ends the process.
    pub fn of_signals() -> io::Result<Stops> {
        let stops = Stops::new();
        for (kind, cause, code) in [
            (SignalKind::interrupt(), StopCause::Interrupt, 130),
            (SignalKind::terminate(), StopCause::Terminate, 143),
            (SignalKind::hangup(), StopCause::Terminate, 143),
        ] {
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

    /// Returns what tells that there is something to look at.
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Returns the causes themselves, for the room that runs processes.
    pub fn causes(&mut self) -> &mut mpsc::Receiver<StopCause> {
        &mut self.causes
    }

    /// Waits for the next cause. May be dropped and asked again: no cause is lost.
    pub async fn next(&mut self) -> StopCause {
        self.causes.recv().await.expect("the handle is kept, so the channel stays open")
    }
}
