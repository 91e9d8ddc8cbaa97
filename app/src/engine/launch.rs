//! Prepares an attempt: program, version, environment, files, limits.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_core::adapter::capabilities::Support;
use pointsman_core::adapter::invocation::{
    AgentSession, CliVersion, Invocation, Order, Secrecy, SettingsFiles,
};
use pointsman_core::agent::{Agent, AgentSource};
use pointsman_core::agent_env::{self, AgentEnv, Payer};
use pointsman_core::ids::RunId;
use pointsman_core::repo_settings::containment::Servers;
use pointsman_core::route::Complexity;
use pointsman_core::run::contract::{self, Nonce};
use pointsman_core::run::end::{Exit, ProcessEnd, StopCause};
use pointsman_core::run::next::{Limits, Plan};
use pointsman_core::run::watchdog::WatchLimits;

use super::Engine;
use super::project::ProjectContext;
use super::run::{Marks, Run};
use crate::changes::SNAPSHOT_DIR;
use crate::process::launch::Launch;
use crate::process::lines::Overlong;
use crate::process::probe::{self, Memory};
use crate::store::private;

/// A private directory for the attempt's files, removed when the attempt is over.
pub type AttemptDir = tempfile::TempDir;

/// An attempt that is ready to start.
pub struct Prepared {
    /// The process to run.
    pub launch: Launch,
    /// The version of its CLI, if it reports one.
    pub version: Option<CliVersion>,
    /// The attempt's directory; dropping this removes it.
    pub _dir: AttemptDir,
}

/// What an attempt is given.
#[derive(Debug, Clone, Copy)]
pub struct Brief<'a> {
    /// The agent session to begin or resume.
    pub session: &'a AgentSession,
    /// The prompt.
    pub words: &'a str,
    /// The nonce that marks its signals.
    pub nonce: &'a Nonce,
}

/// Resolves everything that the process needs. What cannot be resolved becomes the end of the attempt.
pub async fn prepare(
    engine: &Engine,
    run: &Run,
    agent: &Agent,
    plan: &Plan,
    brief: Brief<'_>,
    memory: Memory,
) -> Result<Prepared, ProcessEnd> {
    let Brief { session, words, nonce } = brief;
    let project = &run.project;
    if !project.dir().is_dir() {
        let message = format!("the project directory `{}` is gone", project.dir().display());
        return Err(never_began(Exit::Unfit { message }));
    }
    let env = environment(engine, project, agent, run.marks());
    let program = find_program(agent, &env).ok_or_else(|| {
        let message = "it is not an executable on PATH".to_owned();
        never_began(Exit::NotSpawned { missing: true, message })
    })?;
    let version = cli_version(engine, agent, &program, &env, memory).await;
    let can = agent.adapter.capabilities(version);
    if let (Support::TooOld { oldest, .. }, Some(version), false) =
        (can.support, version, project.terms().allow_old_cli)
    {
        let program = &agent.command[0];
        let message =
            format!("`{program}` is version {version}, which is too old: {oldest} or newer is needed");
        return Err(never_began(Exit::Unfit { message }));
    }
    if let Some(bytes_max) = can.prompt_bytes_max.filter(|max| words.len() > *max) {
        return Err(never_began(Exit::TooLong { bytes: words.len(), bytes_max }));
    }
    let complexity = run.log.state.route.as_ref().map_or(Complexity::Moderate, |route| route.complexity);
    let mut contract = contract::text(nonce, complexity);
    if let Some(added) = &project.terms().passed.system_prompt {
        contract.push_str(&format!("\n{added}\n"));
    }
    let write_contract = |dir: &Path| private::write(&dir.join(CONTRACT_FILE), contract.as_bytes());
    let dir = attempt_dir(engine.store.run_dir(&run.log.run_id), write_contract).map_err(|error| {
        let message = format!("the attempt has no place for its files: {error}");
        never_began(Exit::NotSpawned { missing: false, message })
    })?;
    let contract_file = dir.path().join(CONTRACT_FILE);
    let files = write_settings(project, agent, &env, dir.path()).map_err(|error| {
        let message = format!("the agent's settings cannot be written: {error}");
        never_began(Exit::NotSpawned { missing: false, message })
    })?;
    let order = Order {
        containment: &project.terms().containment,
        passed: &project.terms().passed,
        files: &files,
        agent,
        version,
        prompt: words,
        contract: &contract,
        contract_file: &contract_file,
        session,
        permission_mode: agent.effective_permission_mode(),
        max_turns: project.limits().max_turns,
        max_usd: plan.usd_left,
        cwd: project.dir(),
    };
    let invocation = resolve(agent.adapter.invocation(&order), &program, env);
    let launch = Launch {
        invocation,
        dir: dir.path().to_owned(),
        limits: watch_limits(project.limits(), agent, plan.usd_left),
        stop_grace: project.limits().stop_grace,
        overlong: overlong(agent),
    };
    Ok(Prepared { launch, version, _dir: dir })
}

/// Finds the agent's program.
pub fn find_program(agent: &Agent, env: &AgentEnv) -> Option<PathBuf> {
    probe::find_program(&agent.command[0], &env.vars, agent.adapter.home_places())
}

/// Returns how overlong lines of an agent are handled: a record is shortened, text is split.
pub fn overlong(agent: &Agent) -> Overlong {
    if agent.adapter.capabilities(None).announces_result { Overlong::Shorten } else { Overlong::Split }
}

/// The prefix of every attempt's directory name.
const ATTEMPT_DIR_PREFIX: &str = "pointsman-attempt-";

/// The variable by which every process of a run is known.
const RUN_MARK: &str = "POINTSMAN_RUN";

/// Kills what is left of a run whose driver was killed. Usually nothing is: its shim does that.
pub async fn end_abandoned(engine: &Engine, run: &RunId) {
    let dirs = engine.store.run_dir(run).map(|dir| attempt_dirs(&dir)).unwrap_or_default();
    let (processes, mark) = (engine.surroundings.processes.clone(), format!("{RUN_MARK}={run}"));
    // Not on this thread, which has signals to handle. It can only fail by a panic.
    let _ = tokio::task::spawn_blocking(move || processes.end_abandoned(&dirs, &mark)).await;
}

/// Returns the directories that were left by the attempts of a run whose driver died.
pub fn attempt_dirs(run_dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(run_dir).into_iter().flatten().flatten();
    let of_attempts =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(ATTEMPT_DIR_PREFIX));
    of_attempts.map(|entry| entry.path()).collect()
}

/// Removes them.
pub fn remove_attempt_dirs(run_dir: &Path) {
    for dir in attempt_dirs(run_dir).into_iter().chain([run_dir.join(SNAPSHOT_DIR)]) {
        // Nothing retries a removal that fails here: what stays is small, private, and of no further use.
        let _ = fs::remove_dir_all(dir);
    }
}

/// The output contract's name in the attempt's directory.
const CONTRACT_FILE: &str = "contract.md";

/// Creates the directory of a run.
pub fn ensure_run_dir(dir: &Path) -> io::Result<()> {
    private::ensure_dir(dir).map_err(io::Error::other)
}

/// Creates a directory for an attempt's files and fills it: in the run's directory, or in the system's temporary
/// directory if that is refused or full.
pub fn attempt_dir(
    run_dir: Option<PathBuf>,
    write_files: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<AttemptDir> {
    let fill = |dir: AttemptDir| {
        write_files(dir.path())?;
        Ok(dir)
    };
    let closed = fs::Permissions::from_mode(0o700);
    let mut builder = tempfile::Builder::new();
    builder.prefix(ATTEMPT_DIR_PREFIX).permissions(closed);
    let in_run_dir = run_dir.ok_or(io::Error::from(io::ErrorKind::NotFound)).and_then(|dir| {
        ensure_run_dir(&dir)?;
        builder.tempdir_in(dir).and_then(fill)
    });
    in_run_dir.or_else(|_| builder.tempdir().and_then(fill))
}

/// The names of further files in the attempt's directory.
const SETTINGS_FILE: &str = "settings.json";
const SERVERS_FILE: &str = "servers.json";

/// Returns what an agent is handed of settings and MCP servers, with the files that it would be in.
pub fn settings_files(
    project: &ProjectContext,
    agent: &Agent,
    env: &AgentEnv,
    dir: &Path,
) -> (SettingsFiles, Vec<(PathBuf, String)>) {
    let containment = &project.terms().containment;
    let (mut handed, mut files) = (SettingsFiles::default(), vec![]);
    if let Some(settings) = agent.adapter.settings(agent, containment, &env.vars) {
        handed.settings = Some(match settings.secrecy {
            Secrecy::Open => settings.text,
            Secrecy::Private => {
                let path = dir.join(SETTINGS_FILE);
                let argument = path.to_string_lossy().into_owned();
                files.push((path, settings.text));
                argument
            }
        });
    }
    if let Servers::OnlyUsers(servers) = &containment.servers
        && !servers.is_empty()
    {
        let path = dir.join(SERVERS_FILE);
        files.push((path.clone(), serde_json::json!({ "mcpServers": servers }).to_string()));
        handed.servers = Some(path);
    }
    (handed, files)
}

fn write_settings(
    project: &ProjectContext,
    agent: &Agent,
    env: &AgentEnv,
    dir: &Path,
) -> io::Result<SettingsFiles> {
    let (handed, files) = settings_files(project, agent, env, dir);
    for (path, text) in files {
        private::write(&path, text.as_bytes())?;
    }
    Ok(handed)
}

/// Sets the resolved program and the environment of a command.
pub fn resolve(mut invocation: Invocation, program: &Path, env: AgentEnv) -> Invocation {
    invocation.program = program.to_string_lossy().into_owned();
    let own = std::mem::take(&mut invocation.env);
    invocation.env = env.vars;
    invocation.env.extend(own);
    invocation
}

/// Returns the environment of an agent: the allowed part of ours, what the operator adds, and our own marks.
pub fn environment(engine: &Engine, project: &ProjectContext, agent: &Agent, marks: Marks<'_>) -> AgentEnv {
    let around = &engine.surroundings;
    let payer = agent_env::payer(&around.ambient, agent.billing, around.login);
    let own = [
        (RUN_MARK.to_owned(), marks.run.to_owned()),
        ("POINTSMAN_SESSION".to_owned(), marks.session.to_owned()),
        ("POINTSMAN_DEPTH".to_owned(), (around.depth + 1).to_string()),
    ];
    agent_env::agent_env(&around.ambient, agent, payer, &project.terms().extra_allow, &own)
}

/// Returns an agent's payer and gateway, taking into account what the operator's configuration sets for it.
pub fn payer(engine: &Engine, project: &ProjectContext, agent: &Agent) -> (Payer, Option<String>) {
    let env = environment(engine, project, agent, Marks::NONE);
    (env.effective_payer(engine.surroundings.login), env.gateway())
}

/// Returns the version of the agent's CLI, if the adapter needs it and the CLI reports it.
pub async fn cli_version(
    engine: &Engine,
    agent: &Agent,
    program: &Path,
    env: &AgentEnv,
    memory: Memory,
) -> Option<CliVersion> {
    if agent.source == AgentSource::Rehearsal {
        return agent.adapter.oldest_supported();
    }
    if agent.adapter.capabilities(None).support == Support::Supported {
        return None;
    }
    let read = |printed: &str| agent.adapter.version(printed);
    let is_enough = |printed: &str| read(printed).is_some();
    let (leading, cache) = (&agent.command[1..], &engine.surroundings.version_cache);
    let printed = probe::version(program, leading, &env.vars, cache, memory, is_enough).await;
    printed.ok().as_deref().and_then(read)
}

/// Forgets that a CLI did not report its version, once its stream has named it.
pub fn forget_silence(engine: &Engine, run: &Run, agent: &Agent) {
    let env = environment(engine, &run.project, agent, run.marks());
    if let Some(program) = find_program(agent, &env) {
        probe::forget_silence(&program, &agent.command[1..], &engine.surroundings.version_cache);
    }
}

fn watch_limits(limits: &Limits, agent: &Agent, usd_left: Option<f64>) -> WatchLimits {
    WatchLimits {
        startup: agent.adapter.capabilities(None).announces_result.then_some(limits.startup),
        idle: limits.idle,
        wall: limits.wall,
        post_result_grace: limits.post_result_grace,
        usd: usd_left,
    }
}

/// Returns the end of an attempt that was stopped before it began.
pub fn stopped_before(cause: StopCause) -> ProcessEnd {
    let exit = Exit::NotSpawned { missing: false, message: "stopped before it began".to_owned() };
    ProcessEnd { stopped: Some(cause), ..never_began(exit) }
}

/// Returns the end of a process that was never started.
pub fn never_began(exit: Exit) -> ProcessEnd {
    ProcessEnd {
        exit,
        stopped: None,
        leaked_count: 0,
        duration: Duration::ZERO,
        stderr_tail: String::new(),
        oversized_lines: 0,
    }
}
