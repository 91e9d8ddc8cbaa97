//! Looking back: runs by their id, their reports, their live logs, and stopping one.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};

use pointsman_core::ids::{RunId, SessionId};
use pointsman_core::report::run::RunReport;
use pointsman_core::run::state::RunState;

use super::Engine;
use super::error::EngineError;
use super::project::ProjectContext;
use crate::process::identity::ProcessIdentity;
use crate::store::{CliAgent, journal};

pub use crate::store::RunRow;

/// How many runs an ambiguous beginning is shown with.
const EXAMPLES_MAX: usize = 3;

/// One run.
pub struct FoundRun {
    /// The run.
    pub id: RunId,
    /// Where it stands.
    pub state: RunState,
    /// Who drives it.
    pub driver: Option<ProcessIdentity>,
}

impl Engine {
    /// Returns the newest runs.
    pub fn runs(&self, count_max: usize) -> Result<Vec<RunRow>, EngineError> {
        self.store.runs(count_max).map_err(|what| EngineError::Store { what })
    }

    /// Finds a run by its id, by an unambiguous beginning of it, or as `latest`.
    pub fn find(&self, wanted: &str) -> Result<FoundRun, EngineError> {
        let unknown = || EngineError::UnknownRun { wanted: printable(wanted) };
        let prefix = match wanted {
            "latest" => "",
            // An id has only safe characters; anything else cannot be the beginning of one.
            _ => wanted.parse::<RunId>().map(|_| wanted).map_err(|_| unknown())?,
        };
        let count_max = if prefix.is_empty() { 1 } else { EXAMPLES_MAX + 1 };
        let rows =
            self.store.runs_by_prefix(prefix, count_max).map_err(|what| EngineError::Store { what })?;
        let row = match rows.as_slice() {
            [] => return Err(unknown()),
            [row] => row,
            rows => match rows.iter().find(|row| row.run_id.as_str() == wanted) {
                Some(row) => row,
                None => return Err(ambiguous(wanted, rows)),
            },
        };
        self.load(row.run_id.clone())
    }

    /// Loads a run by its whole id.
    pub fn load(&self, id: RunId) -> Result<FoundRun, EngineError> {
        let events = self.store.events(&id).map_err(|what| EngineError::Store { what })?;
        let state = RunState::replay(&events).map_err(|error| EngineError::Store {
            what: format!("the log of run `{id}` is damaged: {error}"),
        })?;
        let driver = self.store.driver(&id);
        Ok(FoundRun { id, state, driver })
    }

    /// Asks the driver of a run to stop it. The run ends a moment later, as cancelled.
    pub fn cancel(&self, run: &FoundRun) -> Result<(), EngineError> {
        let not_running =
            || EngineError::NotRunning { run: run.id.to_string(), state: run.state.phase_name().to_owned() };
        if run.state.is_finished() {
            return Err(not_running());
        }
        let driver = run.driver.as_ref().filter(|driver| driver.is_alive()).ok_or_else(not_running)?;
        driver.terminate().map_err(|source| EngineError::Signal { run: run.id.to_string(), source })
    }

    /// Tells whether an agent would go on where an earlier run of that session ended.
    pub fn knows_session(&self, session: &SessionId, project: &ProjectContext) -> bool {
        let knows = |agent| self.store.agent_session(session, CliAgent::of(agent), project.dir()).is_some();
        project.catalog().agents().any(knows)
    }

    /// Opens the live log of a run.
    pub fn live_log(&self, run: &RunId) -> io::Result<LiveLog> {
        let dir = self.store.run_dir(run).ok_or(io::ErrorKind::NotFound)?;
        let file = File::open(dir.join(journal::FILE))?;
        Ok(LiveLog { reader: BufReader::new(file), part: vec![] })
    }
}

impl FoundRun {
    /// Returns the run as a value for people and programs.
    pub fn report(&self) -> Option<RunReport> {
        let answer = self.state.last_ended().and_then(|ended| ended.answer.clone());
        let requested = self.state.requested.as_ref()?;
        Some(RunReport::new(&self.id, requested, &self.state, answer))
    }
}

/// A live log, read line by line while it may still grow.
pub struct LiveLog {
    reader: BufReader<File>,
    part: Vec<u8>,
}

impl LiveLog {
    /// Returns the next whole line, or `None` where the log ends for now.
    pub fn next_line(&mut self) -> io::Result<Option<String>> {
        self.reader.read_until(b'\n', &mut self.part)?;
        if self.part.last() != Some(&b'\n') {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.part);
        line.pop();
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }
}

fn ambiguous(wanted: &str, rows: &[RunRow]) -> EngineError {
    let examples: Vec<&str> = rows.iter().take(EXAMPLES_MAX).map(|row| row.run_id.as_str()).collect();
    EngineError::AmbiguousRun { wanted: wanted.to_owned(), count: rows.len(), examples: examples.join(", ") }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
