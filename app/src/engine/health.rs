//! Checks what runs depend on, and repairs what can be repaired without losing anything.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pointsman_core::adapter::capabilities::Support;
use pointsman_core::adapter::invocation::CliVersion;
use pointsman_core::agent::{Agent, Tier};
use pointsman_core::agent_env::Payer;
use pointsman_core::ids::AgentName;
use pointsman_core::text::counted;

use super::Engine;
use super::launch;
use super::project::ProjectContext;
use super::retention::Pruned;
use super::run::Marks;
use crate::plain_text::one_line;
use crate::process::probe::Memory;
pub use crate::store::Spooled;
use crate::store::private;
use crate::store::{BreakerRow, OddRow, Runs, StoreError};

/// The most characters that are quoted of a row that is not understood.
const ODD_CHARS_MAX: usize = 60;

/// One CLI that agents use.
#[derive(Debug, Clone)]
pub struct AgentHealth {
    /// The program's name in the catalog.
    pub program: String,
    /// Its path, if it was found.
    pub path: Option<PathBuf>,
    /// Its version, if it reports one.
    pub version: Option<CliVersion>,
    /// Whether the version is supported. A plain command has no versions.
    pub support: Support,
    /// The newest version that was tested, if this one is newer.
    pub newest_tried: Option<CliVersion>,
    /// Whether it is used even if it is too old.
    pub is_allowed_to_be_old: bool,
    /// Whether a tier depends on it.
    pub is_needed: bool,
    /// The agents that use it.
    pub agents: Vec<String>,
}

/// The state of the store.
#[derive(Debug, Clone)]
pub struct StoreHealth {
    /// The ledger's file.
    pub ledger: PathBuf,
    /// What is wrong.
    pub trouble: Option<String>,
    /// Whether [`Engine::repair`] can repair it.
    pub is_repairable: bool,
    /// How many bytes the disk of the state has left, if the system tells.
    pub room: Option<u64>,
    /// The rows of the ledger that are not understood: which they are, and why, each in a few words.
    pub odd_rows: Vec<String>,
    /// What cannot be written beside the ledger, and why.
    pub unwritable: Vec<(&'static str, String)>,
    /// The number of known runs.
    pub run_count: usize,
    /// What is waiting in the spool of events.
    pub spooled: Spooled,
    /// What is waiting in the spool of hooks.
    pub spooled_by_hooks: Spooled,
    /// The breakers.
    pub breakers: Vec<BreakerRow>,
}

impl Engine {
    /// Checks every CLI of the catalog. Spends no tokens.
    pub async fn agent_health(&self, project: &ProjectContext) -> Vec<AgentHealth> {
        let mut by_program: BTreeMap<&str, Vec<&Agent>> = BTreeMap::new();
        for agent in project.catalog().agents() {
            by_program.entry(&agent.command[0]).or_default().push(agent);
        }
        let mut health = vec![];
        for (program, agents) in by_program {
            health.push(self.program_health(project, program, &agents).await);
        }
        health
    }

    async fn program_health(
        &self,
        project: &ProjectContext,
        program: &str,
        agents: &[&Agent],
    ) -> AgentHealth {
        let env = launch::environment(self, project, agents[0], Marks::NONE);
        let path = launch::find_program(agents[0], &env);
        let has_versions = |agent: &&&Agent| agent.adapter.capabilities(None).support == Support::Unknown;
        let versioned = agents.iter().find(has_versions);
        let version = match (&path, versioned) {
            (Some(path), Some(agent)) => launch::cli_version(self, agent, path, &env, Memory::Doubted).await,
            (Some(_) | None, _) => None,
        };
        let support =
            versioned.map_or(Support::Supported, |agent| agent.adapter.capabilities(version).support);
        AgentHealth {
            program: program.to_owned(),
            path,
            version,
            newest_tried: versioned
                .and_then(|agent| agent.adapter.newest_tried())
                .filter(|newest| version.is_some_and(|version| version > *newest)),
            support,
            is_allowed_to_be_old: project.terms().allow_old_cli,
            is_needed: Tier::ALL
                .into_iter()
                .any(|tier| project.catalog().for_tier(tier).command[0] == program),
            agents: agents.iter().map(|agent| agent.name.to_string()).collect(),
        }
    }

    /// Returns whether the agents of all tiers are installed and it is known who would pay for them.
    pub fn can_work(&self, project: &ProjectContext) -> bool {
        Tier::ALL.into_iter().all(|tier| {
            let agent = project.catalog().for_tier(tier);
            let env = launch::environment(self, project, agent, Marks::NONE);
            let found = launch::find_program(agent, &env);
            let paid = env.effective_payer(self.surroundings.login) != Payer::Unknown;
            found.is_some() && (paid || !agent.adapter.capabilities(None).names_models)
        })
    }

    /// Returns the payer of each tier's agent.
    pub fn payers(&self, project: &ProjectContext) -> Vec<(AgentName, Payer)> {
        let tiers = Tier::ALL.into_iter();
        tiers
            .map(|tier| project.catalog().for_tier(tier))
            .map(|agent| (agent.name.clone(), launch::payer(self, project, agent).0))
            .collect()
    }

    /// Checks the store, including the whole database file.
    pub async fn store_health(&self) -> StoreHealth {
        let checked = self.store.check().err();
        let trouble = checked.or(self.store.trouble().await);
        let odd_rows = self.store.odd_rows(usize::MAX).await.unwrap_or_default();
        let all = Runs::Newest { prefix: String::new(), count_max: usize::MAX };
        StoreHealth {
            ledger: self.store.paths().ledger(),
            is_repairable: matches!(trouble, Some(StoreError::Damaged { .. })),
            trouble: trouble.map(|trouble| trouble.to_string()),
            room: private::room(&self.store.paths().state),
            odd_rows: odd_rows.iter().map(in_words).collect(),
            unwritable: self.store.unwritable(self.clock.now()),
            run_count: self.store.runs(all).await.map_or(0, |runs| runs.len()),
            spooled: self.store.spooled(),
            spooled_by_hooks: self.store.spooled_by_hooks(),
            breakers: self.store.breakers().await.unwrap_or_default(),
        }
    }

    /// Repairs what can be repaired: a damaged ledger is moved aside, the spool is imported, orphans are ended, and what
    /// is too old or too much to be kept is removed.
    pub async fn repair(&self, project: &ProjectContext) -> Result<Vec<String>, StoreError> {
        let mut done = vec![];
        if let Some(aside) = self.store.replace_if_damaged(self.clock.now()).await? {
            done.push(format!("the damaged ledger is now `{}`; a new one was begun", aside.display()));
        }
        match self.store.drain_spool().await {
            0 => {}
            count => {
                done.push(format!("{} imported from the spool", counted(count, "event was", "events were")))
            }
        }
        match self.import_hook_facts(project.catalog()).await {
            0 => {}
            count => {
                done.push(format!("{} imported", counted(count, "fact of hooks was", "facts of hooks were")))
            }
        }
        match self.recover(project).await {
            0 => {}
            count => done.push(format!(
                "{} ended",
                counted(count, "run without a driver was", "runs without a driver were")
            )),
        }
        // Two at once would count the same things. Where nothing can be locked, somebody asked for it all the same.
        let only = self.try_lock_tidying();
        if matches!(only, Ok(None)) {
            done.push("another pointsman is removing what is too old to be kept".to_owned());
            return Ok(done);
        }
        match self.prune(project).await {
            Ok(pruned) => done.extend(what_was_pruned(&pruned)),
            Err(error) => done.push(format!("what is too old to be kept was not looked for: {error}")),
        }
        Ok(done)
    }
}

/// Returns a row that is not understood, in words. Anything may stand there.
fn in_words(row: &OddRow) -> String {
    format!("`{}`: {}", one_line(&row.key, ODD_CHARS_MAX), one_line(&row.what, ODD_CHARS_MAX))
}

/// Returns what was removed, in words.
fn what_was_pruned(pruned: &Pruned) -> Option<String> {
    let counts = [
        (pruned.run_count, "run", "runs"),
        (pruned.live_log_count, "live log of another run", "live logs of other runs"),
        (pruned.hook_fact_count, "fact of hooks", "facts of hooks"),
        (pruned.metric_day_count, "day of metrics", "days of metrics"),
    ];
    let parts: Vec<_> = counts
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| counted(*count, one, many))
        .collect();
    (!parts.is_empty())
        .then(|| format!("removed by `store.keep` and `store.bytes_max`: {}", parts.join(", ")))
}
