//! Stopping a run from outside: a row requests it, the driver polls for the row, and a signal only makes the driver
//! poll sooner.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use pointsman_core::ids::RunId;
use pointsman_core::run::end::StopCause;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use super::Engine;
use super::error::EngineError;
use super::project::ProjectContext;
use super::query::FoundRun;
use super::stops::StopHandle;
use crate::clock::Clock;
use crate::process::identity::Liveness;
use crate::store::{DriverRow, Store};

/// How often a driver checks whether its run should stop. A check that finds nothing new reads one number.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How often a driver records that it is alive: often enough for observers on another machine, rarely enough for the
/// disk.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(30);

/// A driver that has not recorded for this long that it is alive is not expected to react any more: it has missed ten
/// heartbeats.
const UNHEARD_AFTER: SignedDuration = SignedDuration::from_mins(5);

impl Engine {
    /// Asks the driver of a run to stop it. The run ends a moment later, as cancelled.
    ///
    /// Nobody can tell whether a driver on another machine that has long been silent is still alive. If the user wants
    /// its run to stop, the run is ended here, as one whose driver is lost. Should the driver be alive after all,
    /// whatever it still writes is void.
    pub async fn cancel(&self, project: &ProjectContext, run: &FoundRun) -> Result<(), EngineError> {
        let not_running =
            || EngineError::NotRunning { run: run.id.to_string(), state: run.state.word().to_owned() };
        if run.state.is_finished() {
            return Err(not_running());
        }
        let asked = self.store.request_cancel(&run.id, self.clock.now()).await;
        // The driver could not be recorded because its ledger failed: it polls for the row once the ledger works again.
        let Some(row) = &run.driver else { return Ok(asked?) };
        match (self.liveness(row), asked) {
            (Liveness::Dead, _) => Err(not_running()),
            (Liveness::Elsewhere | Liveness::OfAnotherBoot, Ok(())) if self.is_unheard(row) => {
                self.end(run, project).await;
                Ok(())
            }
            (Liveness::Elsewhere | Liveness::OfAnotherBoot, Ok(())) => Ok(()),
            (Liveness::Elsewhere | Liveness::OfAnotherBoot, Err(error)) => Err(error.into()),
            // Older versions react to signals only, and so does a driver whose ledger cannot be written.
            (Liveness::Alive, asked) => {
                let Some(driver) = &row.driver else { return Ok(asked?) };
                let hears_rows = driver.host_id.is_some() && asked.is_ok();
                let signalled = if hears_rows { driver.wake() } else { driver.terminate() };
                match (signalled, hears_rows) {
                    (Err(source), false) => Err(EngineError::Signal { run: run.id.to_string(), source }),
                    (Ok(()) | Err(_), _) => Ok(()),
                }
            }
        }
    }

    /// Returns whether a driver should have been heard since.
    pub(super) fn is_unheard(&self, row: &DriverRow) -> bool {
        row.heartbeat_at.is_none_or(|at| self.clock.now().duration_since(at) > UNHEARD_AFTER)
    }

    /// Attends to a run while it is driven: records that its driver is alive, and stops it when that is requested.
    pub(super) fn attend(&self, run: &RunId, stops: StopHandle, wake: Arc<Notify>) -> Attendance {
        let attending = attend(self.store.clone(), self.clock.clone(), run.clone(), stops, wake);
        Attendance(tokio::spawn(attending))
    }
}

/// A running [`attend`] task; dropping this aborts it.
pub(super) struct Attendance(tokio::task::JoinHandle<()>);

impl Drop for Attendance {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn attend(store: Store, clock: Clock, run: RunId, stops: StopHandle, wake: Arc<Notify>) {
    let mut renewed = Instant::now();
    loop {
        // Whether the timeout or a signal woke us, only the row counts.
        let _ = timeout(CHECK_INTERVAL, wake.notified()).await;
        // This is the first question to the ledger that is asked while an agent may be printing.
        store.step_aside();
        // A ledger that cannot be read now is asked again later; the run continues meanwhile.
        if store.is_cancel_requested(&run).await.unwrap_or(false) {
            stops.stop(StopCause::Terminate);
            return keep_beating(&store, &clock, &run).await;
        }
        if renewed.elapsed() >= HEARTBEAT_EVERY {
            renewed = Instant::now();
            // If this fails, observers merely see an older heartbeat.
            let _ = store.renew_driver(&run, clock.now()).await;
        }
    }
}

/// Keeps recording that the driver is alive while the run comes to its end.
async fn keep_beating(store: &Store, clock: &Clock, run: &RunId) {
    loop {
        sleep(HEARTBEAT_EVERY).await;
        let _ = store.renew_driver(run, clock.now()).await;
    }
}
