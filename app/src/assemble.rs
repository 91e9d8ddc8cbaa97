//! The only wiring: builds a ready engine from settings and surroundings.

mod bounds;
mod rights;

use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_core::adapter::invocation::CliVersion;
use pointsman_core::adapter::passed::PassedFlags;
use pointsman_core::agent::{AdapterKind, Agent, AgentHooks, AgentSource, Catalog, CatalogError, Tier};
use pointsman_core::agent_env::LoginState;
use pointsman_core::gate::SettingsSeen;
use pointsman_core::hook::mode::SessionSignals;
use pointsman_core::mode::Mode;
use pointsman_core::policy::Policy;
use pointsman_core::policy::file::PolicySource;
use pointsman_core::repo_settings::containment::Containment;
use pointsman_core::retention::RetentionLimits;
use pointsman_core::routing_context::{Isolation, RoutingContext};
use pointsman_core::run::next::OnLimit;
use pointsman_core::run::notify::NotifyTerms;
use pointsman_core::run::scenario::Scenario;
use pointsman_core::run::spec::{IgnoredFiles, RunSpec, SpecLimits};
use pointsman_core::toml_text::problem::Problem;

use crate::clock::{self, Clock};
use crate::config::env::{Dirs, EnvVars, NoHome};
use crate::config::error::Warning;
use crate::config::load::{Inputs, Loaded, SettingEntry, UserFile};
use crate::config::location;
use crate::config::login::{self, Login, StrayKey};
use crate::config::policy::{self, PolicyReadError, PolicyText};
use crate::config::project::ProjectFiles;
use crate::config::repo_files::Tracks;
use crate::config::repository::Repository;
use crate::config::trust::TrustStatus;
use crate::config::worktree;
use crate::config::{self, load};
use crate::engine::history::History;
use crate::engine::project::{ArbiterTerms, Decider, ProjectContext, PromptRetention, Terms};
use crate::engine::{Engine, Surroundings};
use crate::entropy::Entropy;
use crate::plugin::Plugin;
use crate::plugin::conflicting_hooks::{self, ConflictingHook};
use crate::plugin::seen::{self, SettingsPlaces};
use crate::process::identity::Host;
use crate::process::own_program::lasting_path;
use crate::process::probe::Memory;
use crate::process::processes::Processes;
use crate::process::{call, pager, probe, replace};
use crate::rehearsal;
use crate::store::{Store, StorePaths};

/// Why no engine can be assembled.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// There is no home directory.
    #[error(transparent)]
    NoHome(#[from] NoHome),
    /// The state directory has no name in UTF-8, and orders to the processes of an attempt are text.
    #[error("no agent can be started: the state directory `{}` has no name in UTF-8", .0.display())]
    OddStateDir(PathBuf),
    /// The settings are wrong.
    #[error(transparent)]
    Config(Box<config::error::Error>),
    /// The agents of the settings do not fit together.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A policy file exists but cannot be read.
    #[error(transparent)]
    UnreadablePolicy(#[from] PolicyReadError),
    /// Policy files are wrong. There is at least one problem.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "))]
    Policy(Vec<Problem>),
    /// The path of our own program is unknown, so no shim can be started.
    #[error("the path of this program is not known: {0}")]
    OwnProgram(std::io::Error),
}

/// The policy in force in a place, and what its rules may look at there.
pub struct EffectivePolicy {
    /// The built-in policy with the files on top.
    pub policy: Policy,
    /// What surrounds requests. The verb sets the mode.
    pub context: RoutingContext,
    /// Warnings to show the user.
    pub warnings: Vec<Warning>,
    /// Why the project's file has no part in it, if it is broken.
    pub left_out: Vec<Problem>,
}

/// What is needed to drive a spec, and what the user should be told first.
pub struct Assembled {
    /// The spec, with everything decided that was left open.
    pub spec: RunSpec,
    /// The engine.
    pub engine: Engine,
    /// What holds in the spec's project.
    pub project: ProjectContext,
    /// Warnings about settings and policy.
    pub warnings: Vec<Warning>,
    /// Keys in files that could change who pays, where that matters.
    pub stray_keys: Vec<StrayKey>,
    /// What the repository asks of Claude Code, and what becomes of that.
    pub repository: Repository,
    /// What the project's settings set.
    pub set_by_project: Vec<SettingEntry>,
    /// The project's root.
    pub root: PathBuf,
    /// The user's home directory, for shorter paths.
    pub home: PathBuf,
}

/// Whether something is to be done or only shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Runs are driven or repaired: whatever that needs is created.
    Work,
    /// Nothing is created or changed.
    Inspect,
}

/// Where an administrator keeps settings of Claude Code for everybody.
const MANAGED_SETTINGS: &str = if cfg!(target_os = "macos") {
    "/Library/Application Support/ClaudeCode/managed-settings.json"
} else {
    "/etc/claude-code/managed-settings.json"
};

/// The surroundings of the process, read once.
pub struct Environment {
    /// The environment variables.
    pub env: EnvVars,
    /// Our directories.
    pub dirs: Dirs,
    /// The directory that the work is for.
    pub cwd: PathBuf,
    /// Which files of the user's own are left out, because the user said so.
    pub ignored: IgnoredFiles,
}

impl Environment {
    /// Reads the environment and finds our directories.
    pub fn new(cwd: PathBuf) -> Result<Environment, AssembleError> {
        let env = EnvVars::of_process();
        let dirs = Dirs::find(&env)?;
        Ok(Environment { env, dirs, cwd, ignored: IgnoredFiles::default() })
    }

    /// Loads the settings, with those of the command line on top.
    pub fn settings(&self, flags: &[(String, String)]) -> Result<Loaded, AssembleError> {
        self.load(flags, &|path| self.git_tracks(path))
    }

    /// Loads the settings for a hook, which starts no agent and so obeys no settings of Claude Code's: git is asked about
    /// the user's own only where an approval may depend on it. In a large repository it takes as long as a hook may.
    pub fn settings_for_hook(&self) -> Result<Loaded, AssembleError> {
        let loaded = self.load(&[], &|_| false)?;
        if loaded.trust == TrustStatus::Changed { self.settings(&[]) } else { Ok(loaded) }
    }

    fn load(&self, flags: &[(String, String)], tracks: Tracks<'_>) -> Result<Loaded, AssembleError> {
        let user_file = if self.ignored.settings { UserFile::Ignored } else { UserFile::Counts };
        let inputs = Inputs { env: &self.env, dirs: &self.dirs, cwd: &self.cwd, flags, tracks, user_file };
        load::load(&inputs).map_err(|error| AssembleError::Config(Box::new(error)))
    }

    /// Loads the settings, or returns the defaults with the error: looking back and stopping must always work.
    pub fn settings_or_defaults(&self) -> (Loaded, Option<AssembleError>) {
        match self.settings(&[]) {
            Ok(loaded) => (loaded, None),
            Err(error) => (load::defaults(&self.cwd, &self.dirs), Some(error)),
        }
    }

    /// Reads the files of the project that count for trust.
    pub fn project_files(&self) -> ProjectFiles {
        let project = location::find(&self.cwd, &self.dirs.home);
        ProjectFiles::read(&project, &self.dirs.home, &|path| self.git_tracks(path))
    }

    /// Returns whether git tracks a file. Where git cannot tell it is taken for the repository's.
    ///
    /// The repository is a stranger's, so nothing that its configuration could have git start is left on.
    fn git_tracks(&self, path: &Path) -> bool {
        /// Git reads one file, the index; a slow disk takes its time.
        const LIMIT: Duration = Duration::from_secs(5);
        let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return true;
        };
        let mut env = self.env.texts();
        env.retain(|name, _| !name.starts_with("GIT_"));
        let Some(git) = probe::find_program("git", &env, &[]) else { return true };
        let closed =
            [("GIT_ALLOW_PROTOCOL", "none"), ("GIT_NO_LAZY_FETCH", "1"), ("GIT_OPTIONAL_LOCKS", "0")];
        env.extend(closed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let args =
            ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "ls-files", "-z", "--", name];
        match call::run(&git, &args, &env, dir, LIMIT) {
            Ok(listed) => !listed.is_success || !listed.text.is_empty(),
            Err(_) => true,
        }
    }

    /// Finds a subscription login.
    pub fn login(&self) -> Option<Login> {
        login::find(&self.env, &self.dirs.home, || {
            let args = ["find-generic-password", "-s", "Claude Code-credentials"];
            probe::succeeds(Path::new("/usr/bin/security"), &args)
        })
    }

    /// Finds keys in files that would change who pays: in the project's, and in the user's own if they have a login.
    pub fn stray_keys(&self, project: &Path, login: LoginState) -> Vec<StrayKey> {
        let mut found = login::keys_of_project(project);
        if login == LoginState::LoggedIn {
            found.extend(login::keys_of_user(&self.env, &self.dirs.home, project));
        }
        found
    }

    /// Reads what a session of Claude Code tells about its user. A hook has no terminal to tell it by.
    pub fn hook_signals(&self) -> SessionSignals {
        let is_on = |name: &str| self.env.text(name).is_some_and(|value| value == "1");
        SessionSignals {
            entrypoint: self.env.text("CLAUDE_CODE_ENTRYPOINT").map(str::to_owned),
            automated: is_on("BATCH_MODE") || is_on("CLAUDE_BATCH_MODE") || is_on("API_REQUEST"),
            overnight: is_on("CLAUDE_OVERNIGHT"),
            workflow_chain: is_on("POINTSMAN_WORKFLOW_STEP"),
        }
    }

    /// Reads all settings of Claude Code that count in a project.
    pub fn claude_settings(&self, project: &Path) -> Vec<SettingsSeen> {
        let managed = self.env.text("POINTSMAN_MANAGED_SETTINGS").unwrap_or(MANAGED_SETTINGS);
        let config_dir = &login::claude_dir(&self.env, &self.dirs.home);
        seen::settings(SettingsPlaces { managed: Path::new(managed), config_dir, project })
    }

    /// Assembles what installing the plugin needs. A CLI that is not found keeps the name that was searched for.
    pub fn plugin(&self, loaded: &Loaded) -> Result<Plugin, AssembleError> {
        let catalog = loaded.catalog()?;
        let is_claude = |agent: &&Agent| agent.adapter == AdapterKind::Claude;
        let general = Tier::ALL.into_iter().map(|tier| catalog.for_tier(tier)).find(is_claude);
        let program = general.map_or("claude", |agent| agent.command[0].as_str());
        let found = probe::find_program(program, &self.env.texts(), AdapterKind::Claude.home_places());
        Ok(Plugin {
            claude: found.unwrap_or_else(|| PathBuf::from(program)),
            env: self.env.texts(),
            config_dir: login::claude_dir(&self.env, &self.dirs.home),
            project: loaded.project.root.clone(),
            data: self.dirs.data.clone(),
            own_program: self.lasting_program()?,
            catalog,
        })
    }

    /// Replaces this process by a program with its arguments, in a directory, with our own environment.
    pub fn replace_by(&self, words: &[String], dir: &Path) -> std::io::Error {
        let program = probe::find_program(&words[0], &self.env.texts(), AdapterKind::Claude.home_places());
        replace::by(&program.unwrap_or_else(|| PathBuf::from(&words[0])), &words[1..], dir)
    }

    /// Returns the path by which Claude Code should call this program.
    fn lasting_program(&self) -> Result<PathBuf, AssembleError> {
        let called_as = std::env::args_os().next().unwrap_or_default();
        let cwd = std::env::current_dir().unwrap_or_default();
        Ok(lasting_path(Path::new(&called_as), &self.env.texts(), &cwd, &own_program()?))
    }

    /// Asks the plugin's CLI for its version; returns it with the oldest that does what our hooks ask.
    pub async fn plugin_cli(&self, plugin: &Plugin) -> Option<(CliVersion, CliVersion)> {
        let claude = AdapterKind::Claude;
        let (oldest, cache) = (claude.oldest_supported()?, self.dirs.cache.join("versions.json"));
        let is_enough = |printed: &str| claude.version(printed).is_some();
        let printed =
            probe::version(&plugin.claude, &[], &plugin.env, &cache, Memory::Trusted, is_enough).await;
        Some((claude.version(&printed.ok()?)?, oldest))
    }

    /// Returns whether an agent's program can be found.
    pub fn is_installed(&self, agent: &Agent) -> bool {
        probe::find_program(&agent.command[0], &self.env.texts(), agent.adapter.home_places()).is_some()
    }

    /// Finds hooks of other tools that may rewrite what ours rewrite.
    pub fn conflicting_hooks(&self, project: &Path) -> Vec<ConflictingHook> {
        let config_dir = login::claude_dir(&self.env, &self.dirs.home);
        conflicting_hooks::find(&self.claude_settings(project), &config_dir)
    }

    /// Returns the directory in which Claude Code keeps the transcripts of its sessions.
    pub fn transcripts(&self) -> PathBuf {
        login::claude_dir(&self.env, &self.dirs.home).join("projects")
    }

    /// Assembles a decider that is the same everywhere: the default agents and the built-in policy, whatever the
    /// settings say.
    pub fn builtin_decider() -> Result<Decider, AssembleError> {
        let catalog = Catalog::of_generals(vec![])?;
        Ok(Decider::new(catalog, Policy::builtin(), RoutingContext::default()))
    }

    /// Returns the locations of the store's files.
    pub fn store_paths(&self) -> StorePaths {
        let user = rustix::process::geteuid().as_raw();
        // A different state directory has a different spool: facts must not land in another ledger.
        let state = self.dirs.state.clone();
        let mark = &blake3::hash(state.as_os_str().as_encoded_bytes()).to_hex()[..8];
        let temporary = std::env::temp_dir().join(format!("pointsman-{user}-{mark}"));
        StorePaths { spool_fallbacks: vec![self.dirs.runtime.join(mark), temporary], state }
    }

    /// Reads the policy files in force here and applies them on top of the built-in policy.
    pub fn policy(&self, loaded: &Loaded, catalog: &Catalog) -> Result<EffectivePolicy, AssembleError> {
        let texts = match self.ignored.policy {
            true => policy::of_project(loaded.policy.as_ref(), loaded.trust).into_iter().collect(),
            false => policy::read(&self.dirs.config, loaded.policy.as_ref(), loaded.trust)?,
        };
        match self.policy_of(loaded, catalog, &texts) {
            Err(AssembleError::Policy(problems)) => {
                self.policy_without_project(loaded, catalog, texts, problems)
            }
            done => done,
        }
    }

    /// Applies the policy files without the project's, which is broken: it must not stop the work. If the user's is
    /// broken as well, that is the error.
    fn policy_without_project(
        &self,
        loaded: &Loaded,
        catalog: &Catalog,
        mut texts: Vec<PolicyText>,
        problems: Vec<Problem>,
    ) -> Result<EffectivePolicy, AssembleError> {
        texts.retain(|text| !text.author.is_project());
        let mut here = self.policy_of(loaded, catalog, &texts)?;
        here.warnings.extend(problems.iter().map(|problem| Warning {
            at: Some(format!("{}:{}", problem.at.file, problem.at.line)),
            message: format!("the project's policy is left out: {}", problem.what),
            hint: Some(problem.hint.clone()),
        }));
        here.left_out = problems;
        Ok(here)
    }

    /// Applies the given policy files on top of the built-in policy.
    pub fn policy_of(
        &self,
        loaded: &Loaded,
        catalog: &Catalog,
        texts: &[PolicyText],
    ) -> Result<EffectivePolicy, AssembleError> {
        let builtin = Policy::builtin();
        if texts.is_empty() {
            return Ok(EffectivePolicy {
                policy: builtin,
                context: RoutingContext {
                    isolation: worktree::isolation(&loaded.project.boundary),
                    ..RoutingContext::default()
                },
                warnings: vec![],
                left_out: vec![],
            });
        }
        let mut around = RoutingContext::of_files(policy::names_in(&loaded.project.root));
        around.isolation = worktree::isolation(&loaded.project.boundary);
        let sources: Vec<PolicySource> = texts.iter().map(PolicyText::as_source).collect();
        let policy = builtin.with_files(&sources, &around.kinds, catalog).map_err(AssembleError::Policy)?;
        if policy.files().look_at_time() {
            around.local_time = Some(clock::local_now());
        }
        let warning = |problem: &Problem| Warning {
            at: Some(format!("{}:{}", problem.at.file, problem.at.line)),
            message: format!("the rule is left out: {}", problem.what),
            hint: Some(problem.hint.clone()),
        };
        let warnings = policy.files().left_out.iter().map(warning).collect();
        Ok(EffectivePolicy { policy, context: around, warnings, left_out: vec![] })
    }

    /// Assembles what deciding alone needs, with the policy files in force here.
    pub fn decider(&self, loaded: &Loaded) -> Result<Decider, AssembleError> {
        let catalog = loaded.catalog()?;
        let here = self.policy(loaded, &catalog)?;
        Ok(Environment::decider_with(catalog, here))
    }

    /// Like [`Environment::decider`], but with one file in place of those in force here: what if it were the only one?
    pub fn decider_against(&self, loaded: &Loaded, file: &Path) -> Result<Decider, AssembleError> {
        let catalog = loaded.catalog()?;
        let here = self.policy_of(loaded, &catalog, &[policy::read_file(file)?])?;
        Ok(Environment::decider_with(catalog, here))
    }

    /// Assembles what deciding needs with a policy that is known.
    pub fn decider_with(catalog: Catalog, here: EffectivePolicy) -> Decider {
        // What `run` does by default.
        let around = RoutingContext { mode: Some(Mode::Orchestration), ..here.context };
        Decider::new(catalog, here.policy, around)
    }

    /// Shows a text with the person's pager; returns whether there is one.
    pub fn page(&self, text: &str) -> bool {
        let mut env = self.env.texts();
        let named = ["POINTSMAN_PAGER", "PAGER"].iter().find_map(|name| env.get(*name).cloned());
        let pager = named.unwrap_or_else(|| "less".to_owned());
        // As git does: leave where it fits, keep colours, leave the text on the screen.
        env.entry("LESS".to_owned()).or_insert_with(|| "FRX".to_owned());
        !pager.trim().is_empty() && pager.trim() != "cat" && pager::show(&pager, &env, text).unwrap_or(false)
    }

    /// Opens the record of past runs read-only.
    pub fn history(&self) -> History {
        History::open(self.store_paths())
    }

    /// Assembles an engine.
    pub fn engine(&self) -> Result<Engine, AssembleError> {
        self.engine_with(Store::open(self.store_paths()))
    }

    /// Assembles an engine that only reads: it creates, imports and repairs nothing.
    pub fn engine_to_read(&self) -> Result<Engine, AssembleError> {
        self.engine_with(Store::open_to_read(self.store_paths()))
    }

    fn engine_with(&self, store: Store) -> Result<Engine, AssembleError> {
        let depth = self.env.text("POINTSMAN_DEPTH").and_then(|depth| depth.parse().ok()).unwrap_or(0);
        let surroundings = Surroundings {
            ambient: self.env.texts(),
            login: self.login().map_or(LoginState::LoggedOut, |_| LoginState::LoggedIn),
            depth,
            processes: Processes::guarded(&own_program()?),
            host: Host::This,
            version_cache: self.dirs.cache.join("versions.json"),
        };
        Ok(Engine::new(store, surroundings, Clock::System, Entropy::System))
    }

    /// Assembles the project context for looking back or repairing. It uses the built-in policy alone, because that
    /// must work even when a policy file is broken.
    pub fn project(&self, loaded: &Loaded) -> Result<ProjectContext, AssembleError> {
        let decider = Decider::new(loaded.catalog()?, Policy::builtin(), RoutingContext::default());
        Ok(ProjectContext::new(
            self.cwd.clone(),
            decider,
            self.terms(loaded, &SpecLimits::default(), Purpose::Inspect),
        ))
    }

    /// Assembles what is needed to drive a spec, or to show what driving it would do.
    pub fn assemble(&self, mut spec: RunSpec, purpose: Purpose) -> Result<Assembled, AssembleError> {
        if purpose == Purpose::Work && self.dirs.state.to_str().is_none() {
            return Err(AssembleError::OddStateDir(self.dirs.state.clone()));
        }
        let engine = match purpose {
            Purpose::Work => self.engine()?,
            Purpose::Inspect => self.engine_to_read()?,
        };
        spec.rehearsal = self.played(&engine, spec.rehearsal)?;
        let loaded = self.settings(&bounds::flags(&spec))?;
        let mut catalog = match spec.rehearsal {
            None => loaded.catalog()?,
            Some(scenario) => {
                let command = scripted(&own_program()?, scenario, spec.limits.on_limit);
                rehearsed(&loaded.catalog()?, &command)?
            }
        };
        let isolation = match spec.passed.widens_reach {
            true => Isolation::Shared,
            false => worktree::isolation(&loaded.project.boundary),
        };
        let less = rights::grant(&mut catalog, &spec.rights, &loaded, isolation);
        // Policy rules name the real agents; a rehearsal plays them under the same names.
        let EffectivePolicy { policy, context, warnings, .. } = self.policy(&loaded, &catalog)?;
        let around = RoutingContext { isolation, ..context };
        let is_real = spec.rehearsal.is_none();
        let stray_keys = match is_real {
            true => self.stray_keys(&loaded.project.root, engine.login()),
            false => vec![],
        };
        let repository = if is_real { loaded.repository.clone() } else { Repository::default() };
        let set_by_project = loaded.set_by_project();
        let terms = Terms {
            containment: repository.containment.clone(),
            verification: bounds::verification(&loaded.settings, &spec),
            passed: spec.passed.clone(),
            ..self.terms(&loaded, &spec.limits, purpose)
        };
        let project = ProjectContext::new(spec.project.clone(), Decider::new(catalog, policy, around), terms);
        let warnings = loaded.warnings.into_iter().chain(less).chain(warnings).collect();
        let home = self.dirs.home.clone();
        let root = loaded.project.root;
        Ok(Assembled { spec, engine, project, warnings, stray_keys, repository, set_by_project, root, home })
    }

    /// Decides whether a real agent or the scripted one is used.
    fn played(&self, engine: &Engine, asked: Option<Scenario>) -> Result<Option<Scenario>, AssembleError> {
        if asked != Some(Scenario::IfNeeded) {
            return Ok(asked);
        }
        let project = self.project(&self.settings(&[])?)?;
        Ok((!engine.can_work(&project)).then_some(Scenario::Success))
    }

    fn terms(&self, loaded: &Loaded, asked: &SpecLimits, purpose: Purpose) -> Terms {
        let settings = &loaded.settings;
        let paths = self.store_paths();
        let key = || match purpose {
            Purpose::Work => paths.hash_key(),
            Purpose::Inspect => paths.known_hash_key().unwrap_or_default(),
        };
        Terms {
            limits: bounds::limits(settings, asked),
            breaker_limits: bounds::breaker_limits(settings),
            arbiter: settings.arbiter.enabled.then(|| ArbiterTerms {
                below: settings.arbiter.below,
                timeout: settings.arbiter.timeout.0,
                cache: self.dirs.cache.join("arbiter"),
            }),
            prompt_retention: if settings.store_prompts {
                PromptRetention::Kept
            } else {
                PromptRetention::HashOnly { key: key() }
            },
            extra_allow: settings.environment.allow.clone(),
            allow_old_cli: settings.allow_old_cli,
            record_changes: settings.record_changes,
            retention: RetentionLimits { keep: settings.store.keep.0, bytes_max: settings.store.bytes_max },
            notify: NotifyTerms {
                bell: settings.notify.bell,
                after: settings.notify.after.0,
                desktop: settings.notify.desktop,
                command: settings.notify.command.clone(),
            },
            containment: Containment::default(),
            verification: None,
            passed: PassedFlags::default(),
        }
    }
}

/// Returns the path of this program, to be shown, written into files, and called by others. `process` has a better
/// way to start it again.
pub fn own_program() -> Result<PathBuf, AssembleError> {
    std::env::current_exe().map_err(AssembleError::OwnProgram)
}

/// Returns the command of the scripted agent. A limit that is waited for is there to demonstrate the waiting, and is over in
/// seconds; otherwise it ends when a real one typically does.
fn scripted(own_program: &Path, scenario: Scenario, on_limit: OnLimit) -> Vec<String> {
    let limit_ends_in = match on_limit {
        OnLimit::Wait => Duration::from_secs(4),
        OnLimit::End => Duration::from_secs(3600),
    };
    let limit_ends_at = (clock::now() + limit_ends_in).as_second().to_string();
    let words = [rehearsal::VERB, scenario.as_str(), rehearsal::LIMIT_ENDS_AT, &limit_ends_at];
    std::iter::once(own_program.to_string_lossy().as_ref()).chain(words).map(str::to_owned).collect()
}

/// Returns the same agents, played by the scripted agent with models of its own, so that neither breakers nor
/// records of real agents are touched.
fn rehearsed(catalog: &Catalog, command: &[String]) -> Result<Catalog, AssembleError> {
    let play = |agent: &Agent| Agent {
        adapter: AdapterKind::Claude,
        command: command.to_owned(),
        model: format!("rehearsal-{}", agent.tier),
        fallback_model: None,
        fallback_agent: None,
        cli_agent: None,
        hooks: AgentHooks::Keep,
        source: AgentSource::Rehearsal,
        ..agent.clone()
    };
    let by_tier = |tier: Tier| (tier, catalog.for_tier(tier).name.clone());
    let served_as = std::collections::BTreeMap::new();
    Ok(Catalog::new(
        catalog.agents().map(play).collect(),
        Tier::ALL.into_iter().map(by_tier).collect(),
        served_as,
    )?)
}
