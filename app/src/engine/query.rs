//! Looking back: runs by id, their reports, their live logs. Looking changes nothing: what recovery would do to a run
//! whose driver died is done in memory.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use pointsman_core::ids::{RunId, SessionId, short};
use pointsman_core::report::run::RunReport;
use pointsman_core::run::orphan;
use pointsman_core::run::row::RunRow;
use pointsman_core::run::state::RunState;

use super::Engine;
use super::error::EngineError;
use super::project::ProjectContext;
use crate::process::identity::Liveness;
use crate::regular_file;
use crate::store::{AgentSessionKey, DriverRow, Runs, StoreError, journal};

/// How many runs are listed for an ambiguous prefix.
const EXAMPLES_MAX: usize = 3;

/// How long a run may exist without a recorded driver: it was only just submitted.
const YOUNG: SignedDuration = SignedDuration::from_secs(10);

/// One run.
pub struct FoundRun {
    /// The run.
    pub id: RunId,
    /// Its state.
    pub state: RunState,
    /// When its log last grew.
    pub grown_at: Option<Timestamp>,
    /// The driver.
    pub driver: Option<DriverRow>,
}

/// The driver of a run, for display.
pub struct Driver {
    /// The process.
    pub pid: i32,
    /// Whether it is on another machine, or in another container.
    pub is_elsewhere: bool,
    /// When it last recorded that it is alive.
    pub heartbeat_at: Option<Timestamp>,
}

impl Engine {
    /// Returns the newest runs.
    pub async fn runs(&self, project: &ProjectContext, count_max: usize) -> Result<Vec<RunRow>, EngineError> {
        let mut rows = self.store.runs(newest("", count_max)).await?;
        for row in rows.iter_mut().filter(|row| !row.is_finished()) {
            // One log that cannot be read must not hide the others.
            let Ok(found) = self.load(project, row.run_id.clone()).await else { continue };
            if found.state.is_finished() {
                let at = found.grown_at.unwrap_or(row.updated_at);
                *row = RunRow::new(&found.id, &found.state, at).unwrap_or_else(|| row.clone());
            }
        }
        Ok(rows)
    }

    /// Returns the newest run in the project's directory.
    pub async fn last_run(
        &self,
        project: &ProjectContext,
        rehearsal: bool,
    ) -> Result<Option<RunRow>, EngineError> {
        /// How many of the newest runs are searched.
        const RUNS_SEARCHED: usize = 1000;
        let runs = self.runs(project, RUNS_SEARCHED).await?;
        let is_here =
            |row: &RunRow| Path::new(&row.project_root) == project.dir() && row.rehearsal == rehearsal;
        Ok(runs.into_iter().find(is_here))
    }

    /// Returns how many of the newest rows this version does not understand: they are not among the [`runs`](Self::runs).
    pub async fn odd_row_count(&self, count_max: usize) -> usize {
        self.store.odd_rows(count_max).await.map_or(0, |rows| rows.len())
    }

    /// Returns how many lines of the spool this version does not understand: runs may be missing because of them.
    pub fn odd_line_count(&self) -> usize {
        self.store.spooled().odd_lines
    }

    /// Finds a run by its id, by the beginning of it or of its short form, or as `latest`.
    pub async fn find(&self, project: &ProjectContext, wanted: &str) -> Result<FoundRun, EngineError> {
        let rows = match wanted {
            "latest" => self.store.runs(newest("", 1)).await?,
            _ => self.named(wanted).await?,
        };
        match rows.as_slice() {
            [] => Err(EngineError::UnknownRun { wanted: printable(wanted) }),
            [row] => self.load(project, row.run_id.clone()).await,
            rows => Err(ambiguous(wanted, rows)),
        }
    }

    /// Returns the rows of all runs that a text stands for.
    async fn named(&self, wanted: &str) -> Result<Vec<RunRow>, EngineError> {
        // An id has only safe characters; anything else cannot be the beginning of one. People type short forms in
        // capitals.
        if wanted.to_ascii_lowercase().parse::<RunId>().is_err() {
            return Ok(vec![]);
        }
        let exact = self.store.runs(newest(wanted, 1)).await?;
        if exact.iter().any(|row| row.run_id.as_str() == wanted) {
            return Ok(exact);
        }
        let mut rows = self.store.runs(newest("", usize::MAX)).await?;
        rows.retain(|row| short::stands_for(wanted, row.run_id.as_str()));
        Ok(rows)
    }

    /// Returns the session that a name stands for: itself, unless no run has it and it is the short form of one session's
    /// id. Somebody who types what a list shows must not begin a session of that name.
    pub(super) async fn session_named(&self, wanted: SessionId) -> SessionId {
        if !short::is_short_form(wanted.as_str()) {
            return wanted;
        }
        // Without a ledger there is no session to go on with.
        let rows = self.store.runs(newest("", usize::MAX)).await.unwrap_or_default();
        let sessions: BTreeSet<SessionId> = rows.into_iter().map(|row| row.session_id).collect();
        let is_meant = |session: &&SessionId| {
            short::is_uuid(session.as_str()) && short::stands_for(wanted.as_str(), session.as_str())
        };
        let mut meant = sessions.iter().filter(is_meant);
        match (sessions.contains(&wanted), meant.next(), meant.next()) {
            (false, Some(session), None) => session.clone(),
            _ => wanted,
        }
    }

    /// Loads a run by its full id. An orphan is shown in the state in which recovery will put it.
    pub async fn load(&self, project: &ProjectContext, id: RunId) -> Result<FoundRun, EngineError> {
        let found = self.look_at(id).await?;
        if !self.is_orphan(&found) {
            return Ok(found);
        }
        let at = self.last_sign_of(&found);
        let ended = orphan::ending(&found.id, &found.state, project.limits(), project.catalog(), at);
        let (_, state) = ended.unwrap_or_else(|| (vec![], found.state.clone()));
        Ok(FoundRun { state, grown_at: Some(at), ..found })
    }

    /// Returns when a run or its driver last showed a sign of life, so that looking at an orphan and recovering it give
    /// it the same end.
    pub(super) fn last_sign_of(&self, run: &FoundRun) -> Timestamp {
        let heard_at = run.driver.as_ref().and_then(|row| row.heartbeat_at);
        run.grown_at.max(heard_at).unwrap_or_else(|| self.clock.now())
    }

    /// Loads a run as it is recorded.
    pub(super) async fn look_at(&self, id: RunId) -> Result<FoundRun, EngineError> {
        let events = self.store.events(&id).await?;
        let state = RunState::replay(&events).map_err(|error| EngineError::Store {
            what: format!("the log of run `{id}` is damaged: {error}"),
        })?;
        let drivers = if state.is_finished() { vec![] } else { self.store.drivers().await? };
        let driver = drivers.into_iter().find(|row| row.run_id == id);
        Ok(FoundRun { id, state, grown_at: events.last().map(|event| event.at), driver })
    }

    /// Returns whether a run is driven, or may be: nothing is known about another machine.
    pub fn is_driven(&self, run: &FoundRun) -> bool {
        run.driver.as_ref().is_some_and(|row| self.liveness(row) != Liveness::Dead)
    }

    /// Returns the driver of a run that is not over.
    pub fn driver(&self, run: &FoundRun) -> Option<Driver> {
        let row = run.driver.as_ref().filter(|_| !run.state.is_finished())?;
        Some(Driver {
            pid: row.driver.as_ref()?.pid,
            is_elsewhere: self.liveness(row) == Liveness::Elsewhere,
            heartbeat_at: row.heartbeat_at,
        })
    }

    pub(super) fn liveness(&self, row: &DriverRow) -> Liveness {
        // What a newer version wrote of its driver is not known, but that it is alive is written as before.
        let seen = row
            .driver
            .as_ref()
            .map_or(Liveness::OfAnotherBoot, |driver| self.surroundings.host.liveness(driver));
        match seen {
            // No process survives a reboot, in whatever container it was. But copies of a machine have the same id, and
            // may share a home: who was heard a moment ago is on one of them.
            Liveness::OfAnotherBoot if self.is_unheard(row) => Liveness::Dead,
            Liveness::OfAnotherBoot => Liveness::Elsewhere,
            seen @ (Liveness::Alive | Liveness::Dead | Liveness::Elsewhere) => seen,
        }
    }

    /// Returns whether an unfinished run certainly has no driver.
    pub(super) fn is_orphan(&self, run: &FoundRun) -> bool {
        if run.state.is_finished() {
            return false;
        }
        match &run.driver {
            Some(row) => self.liveness(row) == Liveness::Dead,
            // Its driver is about to be recorded, or the ledger could not take it: in that case it still holds the
            // session.
            None => {
                let age = run.state.requested_at.map(|at| self.clock.now().duration_since(at).abs());
                let is_held = |session: &SessionId| self.store.is_session_held(session);
                let requested = run.state.requested.as_ref();
                // A run requested in the future is not young: the clock was set back.
                age.is_none_or(|age| age > YOUNG)
                    && !requested.is_some_and(|requested| is_held(&requested.session_id))
            }
        }
    }

    /// Returns whether an agent would continue where an earlier run of that session ended.
    pub async fn knows_session(&self, session: &SessionId, project: &ProjectContext) -> bool {
        for agent in project.catalog().agents() {
            let key = AgentSessionKey::new(session, agent, project.dir());
            if self.store.agent_session(key).await.is_some() {
                return true;
            }
        }
        false
    }

    /// Opens the live log of a run.
    pub fn live_log(&self, run: &RunId) -> io::Result<LiveLog> {
        let dir = self.store.run_dir(run).ok_or(io::ErrorKind::NotFound)?;
        let file = regular_file::open(&dir.join(journal::FILE))?;
        Ok(LiveLog { reader: BufReader::new(file), part: vec![] })
    }
}

impl FoundRun {
    /// Returns the run's report.
    pub fn report(&self) -> Option<RunReport> {
        let answer = self.state.last_ended().and_then(|ended| ended.answer.clone());
        let requested = self.state.requested.as_ref()?;
        Some(RunReport::new(&self.id, requested, &self.state, answer))
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> EngineError {
        EngineError::Store { what: error.to_string() }
    }
}

/// A live log, read line by line while it may still grow.
pub struct LiveLog {
    reader: BufReader<File>,
    part: Vec<u8>,
}

impl LiveLog {
    /// Returns the next whole line, or `None` if the log ends here for now.
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

fn newest(prefix: &str, count_max: usize) -> Runs {
    Runs::Newest { prefix: prefix.to_owned(), count_max }
}

fn ambiguous(wanted: &str, rows: &[RunRow]) -> EngineError {
    let examples: Vec<&str> = rows.iter().take(EXAMPLES_MAX).map(|row| row.run_id.as_str()).collect();
    EngineError::AmbiguousRun { wanted: wanted.to_owned(), count: rows.len(), examples: examples.join(", ") }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
