//! Every environment variable that pointsman reads or sets, and the directories that follow from them.
//!
//! The process environment is read in one function; everything else is given an `EnvVars`, so that tests and a second
//! run in the same process see what they are meant to see.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use pointsman_core::toml_text::node::Node;
use pointsman_core::toml_text::place::{Source, SourceKind, printable};
use pointsman_core::toml_text::problem::nearest;

use super::error::Warning;

/// Whether a variable is read or set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// pointsman reads it.
    Reads,
    /// pointsman sets it for agents.
    Sets,
}

/// One entry of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// Whether it is read or set.
    pub direction: Direction,
    /// The setting that it provides a value for, if any.
    pub setting: Option<&'static str>,
    /// Its purpose, in one line.
    pub doc: &'static str,
}

const fn setting(name: &'static str, setting: &'static str, doc: &'static str) -> Variable {
    Variable { name, direction: Direction::Reads, setting: Some(setting), doc }
}

const fn reads(name: &'static str, doc: &'static str) -> Variable {
    Variable { name, direction: Direction::Reads, setting: None, doc }
}

const fn sets(name: &'static str, doc: &'static str) -> Variable {
    Variable { name, direction: Direction::Sets, setting: None, doc }
}

/// The short form of `POINTSMAN_ROUTING_MODE`, which wins if both are set.
const MODE: &str = "POINTSMAN_MODE";

/// Every variable. A setting's variable is `POINTSMAN_` followed by its key in capitals, with `.` written as `_`.
pub const VARIABLES: &[Variable] = &[
    setting(MODE, "routing_mode", "Short form of POINTSMAN_ROUTING_MODE, which wins over it."),
    setting("POINTSMAN_ROUTING_MODE", "routing_mode", "How far pointsman goes by itself."),
    setting("POINTSMAN_STORE_PROMPTS", "store_prompts", "Keep prompts and answers in the ledger."),
    setting(
        "POINTSMAN_ENFORCE_DEFINED_AGENTS",
        "enforce_defined_agents",
        "Hold subagents to their routes also where their definition names a model.",
    ),
    setting(
        "POINTSMAN_UNREACHABLE_MODELS",
        "unreachable_models",
        "What to do where no alias names the model of a subagent's route.",
    ),
    setting("POINTSMAN_ALLOW_OLD_CLI", "allow_old_cli", "Run agents whose CLI is older than supported."),
    setting("POINTSMAN_PERMISSION_PROFILE", "permission_profile", "What agents may do besides editing."),
    setting("POINTSMAN_RECORD_CHANGES", "record_changes", "Keep what a run changed in its project."),
    setting("POINTSMAN_ON_MODEL_MISMATCH", "on_model_mismatch", "What to do when another tier served a run."),
    setting("POINTSMAN_AGENT_HOOKS", "agent_hooks", "Whether hooks run inside spawned agents."),
    setting("POINTSMAN_LIMITS_TIMEOUT", "limits.timeout", "The longest one attempt may take."),
    setting("POINTSMAN_LIMITS_IDLE", "limits.idle", "The longest an agent may say nothing."),
    setting("POINTSMAN_LIMITS_STARTUP", "limits.startup", "The longest until an agent's first word."),
    setting(
        "POINTSMAN_LIMITS_POST_RESULT_GRACE",
        "limits.post_result_grace",
        "Time to end after the result.",
    ),
    setting("POINTSMAN_LIMITS_STOP_GRACE", "limits.stop_grace", "Time to end after being asked to stop."),
    setting("POINTSMAN_LIMITS_ATTEMPTS", "limits.attempts", "How many attempts one run may use."),
    setting("POINTSMAN_LIMITS_MAX_TURNS", "limits.max_turns", "The most turns of one attempt."),
    setting("POINTSMAN_LIMITS_MAX_USD", "limits.max_usd", "The most US dollars of one run."),
    setting(
        "POINTSMAN_LIMITS_ANSWER_BYTES_MAX",
        "limits.answer_bytes_max",
        "The most bytes of an answer kept.",
    ),
    setting("POINTSMAN_RETRY_BASE", "retry.base", "The first wait before another attempt."),
    setting("POINTSMAN_RETRY_CAP", "retry.cap", "The longest single wait."),
    setting("POINTSMAN_RETRY_MAX_ELAPSED", "retry.max_elapsed", "Give up after waiting this long in all."),
    setting("POINTSMAN_BREAKER_THRESHOLD", "breaker.threshold", "Failures in a row that open the breaker."),
    setting("POINTSMAN_BREAKER_OPEN_FOR", "breaker.open_for", "How long the breaker stays open."),
    setting("POINTSMAN_VERIFY_COMMAND", "verify.command", "The command that checks an agent's work."),
    setting("POINTSMAN_VERIFY_TIMEOUT", "verify.timeout", "The longest that it may take."),
    setting("POINTSMAN_STORE_KEEP", "store.keep", "For how long runs, logs and facts of hooks are kept."),
    setting("POINTSMAN_STORE_BYTES_MAX", "store.bytes_max", "How many bytes of them are kept."),
    setting("POINTSMAN_NOTIFY_BELL", "notify.bell", "Ring the terminal's bell at the end of a long run."),
    setting("POINTSMAN_NOTIFY_AFTER", "notify.after", "From which time on a run is a long one."),
    setting("POINTSMAN_NOTIFY_DESKTOP", "notify.desktop", "Show a notification on the desktop."),
    setting(
        "POINTSMAN_NOTIFY_COMMAND",
        "notify.command",
        "A program that is told, and its arguments, by commas.",
    ),
    setting("POINTSMAN_JUDGE_ENABLED", "judge.enabled", "Ask a small model where the router is unsure."),
    setting("POINTSMAN_JUDGE_BELOW", "judge.below", "Put routes to it that are less sure than this."),
    setting("POINTSMAN_JUDGE_TIMEOUT", "judge.timeout", "The longest that it may take."),
    setting("POINTSMAN_TIERS_HAIKU_AGENT", "tiers.haiku.agent", "The agent of tier haiku."),
    setting("POINTSMAN_TIERS_HAIKU_MODEL", "tiers.haiku.model", "The model of tier haiku."),
    setting("POINTSMAN_TIERS_HAIKU_SERVED_AS", "tiers.haiku.served_as", "More names of it, by commas."),
    setting("POINTSMAN_TIERS_SONNET_AGENT", "tiers.sonnet.agent", "The agent of tier sonnet."),
    setting("POINTSMAN_TIERS_SONNET_MODEL", "tiers.sonnet.model", "The model of tier sonnet."),
    setting("POINTSMAN_TIERS_SONNET_SERVED_AS", "tiers.sonnet.served_as", "More names of it, by commas."),
    setting("POINTSMAN_TIERS_OPUS_AGENT", "tiers.opus.agent", "The agent of tier opus."),
    setting("POINTSMAN_TIERS_OPUS_MODEL", "tiers.opus.model", "The model of tier opus."),
    setting("POINTSMAN_TIERS_OPUS_SERVED_AS", "tiers.opus.served_as", "More names of it, by commas."),
    setting("POINTSMAN_ENVIRONMENT_ALLOW", "environment.allow", "More variables for agents, by commas."),
    setting("POINTSMAN_TRUST_DIRS", "trust.dirs", "Directories whose projects are trusted, by commas."),
    reads("POINTSMAN_STATE_DIR", "Where ledger and logs live, instead of $XDG_STATE_HOME/pointsman."),
    reads("XDG_CONFIG_HOME", "Where config directories live; ~/.config without it."),
    reads("XDG_STATE_HOME", "Where state directories live; ~/.local/state without it."),
    reads("XDG_DATA_HOME", "Where data directories live; ~/.local/share without it."),
    reads("XDG_CACHE_HOME", "Where cache directories live; ~/.cache without it."),
    reads("XDG_RUNTIME_DIR", "Where sockets live; the state directory without it."),
    reads("HOME", "The home directory."),
    reads("PATH", "Where agents' programs are looked for."),
    reads("SHELL", "For which shell `init` offers completions."),
    reads("POINTSMAN_PAGER", "The program for texts longer than the screen, before PAGER; \"cat\" for none."),
    reads("PAGER", "The same for all programs; `less` without it."),
    reads("LESS", "Options of `less`; FRX without it."),
    reads("NO_COLOR", "No colour in output."),
    reads("CLICOLOR_FORCE", "Colour even when output is not a terminal."),
    reads("TERM", "\"dumb\" means neither colour nor progress."),
    reads("TERM_PROGRAM", "Which terminal it is: some show notifications."),
    reads("CLAUDE_CONFIG_DIR", "Where Claude Code keeps its login and its transcripts."),
    reads(
        "POINTSMAN_MANAGED_SETTINGS",
        "The administrator's settings of Claude Code, in place of the system's file.",
    ),
    reads(
        "CLAUDE_CODE_SUBAGENT_MODEL",
        "A model for all subagents: `doctor` says where it undoes what hooks decide.",
    ),
    reads("CLAUDE_CODE_SUBAGENT_MODEL_FORCE", "Whether that model wins over what a call says."),
    reads("CLAUDE_CODE_OAUTH_TOKEN", "A login of Claude Code; a subscription pays."),
    reads("CLAUDE_CODE_ENTRYPOINT", "In a hook: whether a person or automation is there."),
    reads("POINTSMAN_HOOK_LIMIT_MS", "The longest that a hook may keep a session waiting; 150 without it."),
    reads("CLAUDE_PROJECT_DIR", "In a hook: the session's project."),
    reads("CLAUDE_PLUGIN_ROOT", "In a hook: that it is the plugin's, so its agents are known."),
    reads("BATCH_MODE", "In a hook: 1 means that the work is automated."),
    reads("CLAUDE_BATCH_MODE", "The same."),
    reads("API_REQUEST", "The same."),
    reads("CLAUDE_OVERNIGHT", "In a hook: 1 means overnight work."),
    reads("POINTSMAN_WORKFLOW_STEP", "In a hook: 1 means a step of a workflow."),
    reads("CLAUDE_CODE_USE_BEDROCK", "Amazon Bedrock pays; its variables pass to agents."),
    reads("CLAUDE_CODE_USE_VERTEX", "Google Vertex AI pays; its variables pass to agents."),
    reads("ANTHROPIC_API_KEY", "Pays when there is no login; otherwise withheld from agents."),
    reads("ANTHROPIC_AUTH_TOKEN", "The same for a bearer token."),
    reads("ANTHROPIC_BASE_URL", "Where the API is; withheld where the key is."),
    sets("POINTSMAN_RUN", "The id of the run that the agent works for."),
    sets("POINTSMAN_SESSION", "The session of that run."),
    sets("POINTSMAN_DEPTH", "How many pointsman runs are around the agent."),
    sets("POINTSMAN_NOTIFY_RUN", "For `notify.command`: the id of the run that is over."),
    sets("POINTSMAN_NOTIFY_VERDICT", "For `notify.command`: how it ended."),
    sets("POINTSMAN_NOTIFY_WORDS", "For `notify.command`: the first words of the request, if they are kept."),
    sets("TRACEPARENT", "The trace that the run belongs to, when tracing."),
    sets("CLAUDE_CODE_MAX_RETRIES", "0: retrying is pointsman's part."),
];

/// Returns the keys of all settings that have a variable.
pub fn setting_keys() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().filter(|variable| variable.name != MODE).filter_map(|variable| variable.setting)
}

/// The environment that pointsman was started with.
#[derive(Clone, Default)]
pub struct EnvVars(BTreeMap<OsString, OsString>);

/// Prints the names only, because values may be keys.
impl std::fmt::Debug for EnvVars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for EnvVars {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        EnvVars(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl EnvVars {
    /// Reads the environment of this process. A missing `HOME` is filled in from the user database.
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    pub fn of_process() -> EnvVars {
        let mut environment: EnvVars = std::env::vars_os().collect();
        if environment.get("HOME").is_none()
            && let Ok(home) = etcetera::home_dir()
        {
            environment.0.insert("HOME".into(), home.into());
        }
        environment
    }

    /// Returns a variable, unless it is unset or empty.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Returns a variable as text, unless it is unset, empty or not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// Returns all variables that are text, which can be passed to agents.
    pub fn texts(&self) -> BTreeMap<String, String> {
        let text = |(name, value): (&OsString, &OsString)| {
            Some((name.to_str()?.to_owned(), value.to_str()?.to_owned()))
        };
        self.0.iter().filter_map(text).collect()
    }

    /// Returns the layer of settings that variables provide.
    pub(super) fn layer(&self) -> Node {
        let mut layer = Node::empty(SourceKind::Env);
        // The long form of the mode comes after the short one in the table, and so wins.
        for variable in VARIABLES {
            if let (Some(key), Some(text)) = (variable.setting, self.text(variable.name)) {
                layer.set(&Source::new(SourceKind::Env, variable.name, ""), key, text);
            }
        }
        layer
    }

    /// Returns warnings about `POINTSMAN_*` variables that nothing reads: most are misspelled.
    pub(super) fn unknown(&self) -> Vec<Warning> {
        let is_ours = |name: &&str| name.starts_with("POINTSMAN_");
        let is_known = |name: &&str| VARIABLES.iter().any(|variable| variable.name == *name);
        let names = self.0.keys().filter_map(|name| name.to_str());
        names.filter(is_ours).filter(|name| !is_known(name)).map(warn_unknown).collect()
    }
}

fn warn_unknown(name: &str) -> Warning {
    let nearest = nearest(name, VARIABLES.iter().map(|variable| variable.name));
    Warning {
        at: None,
        message: format!("nothing reads the environment variable `{}`", printable(name)),
        hint: nearest.map(|name| format!("did you mean `{name}`?")),
    }
}

/// The directories of pointsman's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// The user's settings and approvals.
    pub config: PathBuf,
    /// The ledger and logs.
    pub state: PathBuf,
    /// What can be regenerated.
    pub cache: PathBuf,
    /// What belongs to the installation: the rendered plugin.
    pub data: PathBuf,
    /// Sockets and locks of this boot.
    pub runtime: PathBuf,
    /// The home directory.
    pub home: PathBuf,
}

/// There is no home directory, so nothing can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no home directory is known: `HOME` is not set to an absolute path")]
pub struct NoHome;

impl Dirs {
    /// Finds the directories by the XDG rules, on every system. A relative path counts as unset.
    pub fn find(env: &EnvVars) -> Result<Dirs, NoHome> {
        let absolute = |name: &str| env.get(name).map(Path::new).filter(|path| path.is_absolute());
        let home = absolute("HOME").ok_or(NoHome)?;
        let ours = |name: &str, below_home: &str| {
            absolute(name).map_or_else(|| home.join(below_home), Path::to_path_buf).join("pointsman")
        };
        let state = absolute("POINTSMAN_STATE_DIR")
            .map_or_else(|| ours("XDG_STATE_HOME", ".local/state"), Path::to_path_buf);
        Ok(Dirs {
            config: ours("XDG_CONFIG_HOME", ".config"),
            cache: ours("XDG_CACHE_HOME", ".cache"),
            data: ours("XDG_DATA_HOME", ".local/share"),
            runtime: absolute("XDG_RUNTIME_DIR")
                .map_or_else(|| state.join("run"), |dir| dir.join("pointsman")),
            state,
            home: home.to_path_buf(),
        })
    }
}

#[cfg(test)]
mod tests {
    use pointsman_core::agent::Tier;

    use super::*;

    #[test]
    fn the_variable_of_a_setting_is_its_key_in_capitals() {
        for variable in VARIABLES.iter().filter(|variable| variable.name != MODE) {
            let Some(key) = variable.setting else { continue };
            assert_eq!(variable.name, format!("POINTSMAN_{}", key.to_uppercase().replace('.', "_")));
        }
    }

    #[test]
    fn every_variable_stands_in_the_table_once() {
        let mut names: Vec<_> = VARIABLES.iter().map(|variable| variable.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), VARIABLES.len());
    }

    #[test]
    fn the_page_on_settings_names_every_setting_and_variable() {
        let page = include_str!("../../../docs/reference/settings.md");
        for variable in VARIABLES {
            let key = variable.setting.filter(|_| variable.name != MODE).map(|key| {
                Tier::ALL
                    .iter()
                    .fold(key.to_owned(), |key, tier| key.replace(&format!("tiers.{tier}."), "tiers.TIER."))
            });
            let name = key.unwrap_or_else(|| variable.name.to_owned());
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn directories_follow_the_xdg_rules() {
        let bare: EnvVars = [("HOME", "/h"), ("XDG_CACHE_HOME", "relative")].into_iter().collect();
        let expected = Dirs {
            config: "/h/.config/pointsman".into(),
            state: "/h/.local/state/pointsman".into(),
            cache: "/h/.cache/pointsman".into(),
            data: "/h/.local/share/pointsman".into(),
            runtime: "/h/.local/state/pointsman/run".into(),
            home: "/h".into(),
        };
        assert_eq!(Dirs::find(&bare), Ok(expected));
        let full = [
            ("HOME", "/h"),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_STATE_HOME", "/s"),
            ("POINTSMAN_STATE_DIR", "/own"),
            ("XDG_CACHE_HOME", "/k"),
            ("XDG_DATA_HOME", "/d"),
            ("XDG_RUNTIME_DIR", "/r"),
        ];
        let expected = Dirs {
            config: "/c/pointsman".into(),
            state: "/own".into(),
            cache: "/k/pointsman".into(),
            data: "/d/pointsman".into(),
            runtime: "/r/pointsman".into(),
            home: "/h".into(),
        };
        assert_eq!(Dirs::find(&full.into_iter().collect()), Ok(expected));
        assert_eq!(Dirs::find(&EnvVars::default()), Err(NoHome));
    }

    #[test]
    fn a_misspelled_variable_is_noticed() {
        let env: EnvVars = [("POINTSMAN_LIMIT_TIMEOUT", "1h"), ("POINTSMAN_RUN", "x")].into_iter().collect();
        let warnings = env.unknown();
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].hint.as_deref(), Some("did you mean `POINTSMAN_LIMITS_TIMEOUT`?"));
    }

    #[test]
    fn a_debug_print_shows_no_value() {
        let env: EnvVars = [("KEY", "secret")].into_iter().collect();
        assert_eq!(format!("{env:?}"), r#"{"KEY"}"#);
    }
}
