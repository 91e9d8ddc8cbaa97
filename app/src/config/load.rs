//! The entry point: defaults, the user's file, the project's file, variables and flags become one `Settings`.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pointsman_core::agent::{AgentSource, Catalog, CatalogError};
use pointsman_core::toml_text::decode;
use pointsman_core::toml_text::node::Node;
use pointsman_core::toml_text::place::{Place, Source, SourceKind, printable};
use pointsman_core::toml_text::problem::Problems;

use super::env::{self, Dirs, EnvVars};
use super::error::{Error, Warning};
use super::gate;
use super::location::{self, Project, ProjectFile};
use super::model::{HumanDuration, Settings, StoreSettings};
use super::project::{IsTrusted, POLICY_FILE, ProjectAgent, ProjectFiles, trust_hint};
use super::repo_files::Tracks;
use super::repository::{Repository, Surroundings};
use super::settings_check::check;
use super::small_file::{self, ReadError};
use super::trust::{TrustStatus, TrustStore};

/// The built-in defaults.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// The user's settings file, in the config directory.
pub const USER_FILE: &str = "config.toml";

/// The largest settings file of the user that is read.
const USER_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Keys of files that had another name once: in every table of the first, the old name and the present one.
const RENAMED: [(&str, &str, &str); 1] = [("agents", "fall_back", "fallback_agent")];

/// The inputs that settings are made from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The environment.
    pub env: &'a EnvVars,
    /// The directories.
    pub dirs: &'a Dirs,
    /// The directory that the work is for.
    pub cwd: &'a Path,
    /// Settings from the command line: the dotted key, and the value as text.
    pub flags: &'a [(String, String)],
    /// Whether git tracks a file.
    pub tracks: Tracks<'a>,
    /// Whether the user's file counts, or is broken and left out at the user's word.
    pub user_file: UserFile,
}

/// Whether the user's own settings file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserFile {
    /// It does.
    Counts,
    /// It does not: what it says cannot be known.
    Ignored,
}

/// What holds in place of the defaults where the user's file is left out. The user agreed to the defaults for the work, and
/// not to lose what cannot be taken back: the file may say to keep no prompts, or to keep everything else for longer.
const WITHOUT_USER_FILE: [(&str, &str); 3] =
    [("store_prompts", "false"), ("store.keep", "3660d"), ("store.bytes_max", "9223372036854775807")];

/// Settings, where they came from, and the project they hold for.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The location of the project.
    pub project: Project,
    /// How far it is trusted.
    pub trust: TrustStatus,
    /// Its agents that may be used; none has a name that the settings use.
    pub project_agents: Vec<ProjectAgent>,
    /// Its policy file, if it can be read.
    pub policy: Option<ProjectFile>,
    /// What it asks of Claude Code, and what becomes of that.
    pub repository: Repository,
    /// Warnings to show the user.
    pub warnings: Vec<Warning>,
    /// What of the project's has no part in it because it is broken, and why.
    pub left_out: Option<Warning>,
    tree: Node,
}

/// One setting, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingEntry {
    /// The dotted key.
    pub key: String,
    /// The value as TOML; `(hidden)` if it may be a secret.
    pub value: String,
    /// Where it came from.
    pub origin: Place,
}

/// Loads the settings for a directory.
pub fn load(inputs: &Inputs<'_>) -> Result<Loaded, Error> {
    let user = match inputs.user_file {
        UserFile::Counts => user_text(&inputs.dirs.config.join(USER_FILE))?,
        UserFile::Ignored => None,
    };
    let project = location::find(inputs.cwd, &inputs.dirs.home);
    let mut files = ProjectFiles::read(&project, &inputs.dirs.home, inputs.tracks);
    let mut warnings = inputs.env.unknown();
    warnings.append(&mut files.warnings);

    let (variables, flags) = (inputs.env.layer(), Node::of_values(SourceKind::Flag, inputs.flags));
    let mut below = Node::parse(&Source::new(SourceKind::Default, "", DEFAULTS))?;
    if let Some(user) = user {
        below = below.under(&Node::parse(&user)?.renamed(&RENAMED));
    }
    if inputs.user_file == UserFile::Ignored {
        let careful = WITHOUT_USER_FILE.map(|(key, value)| (key.to_owned(), value.to_owned()));
        below = below.under(&Node::of_values(SourceKind::Default, &careful));
    }
    let mut tree = below.clone().under(&variables).under(&flags);
    let mut settings = decode_checked(&tree)?;
    let trust = trust_of(&files, &settings, inputs.dirs, &mut warnings);
    let mut broken = None;
    match project_layer(&files, trust, &tree, &settings) {
        Ok(None) => {}
        Ok(Some((layer, ignored))) => {
            warnings.extend(ignored);
            let with_project = below.under(&layer).under(&variables).under(&flags);
            match decode_checked(&with_project) {
                Ok(decoded) => (tree, settings) = (with_project, decoded),
                Err(error) => broken = Some(left_out(&error)),
            }
        }
        Err(error) => broken = Some(left_out(&error)),
    }
    let (policy, unreadable) = policy_of(&files);
    warnings.extend(broken.iter().chain(&unreadable).cloned());
    mark_sources(&mut settings, &tree);
    let around = Surroundings { env: inputs.env, home: &inputs.dirs.home, cwd: inputs.cwd };
    let mut found = files.agents(is_trusted(trust));
    warnings.append(&mut found.warnings);
    let repository = Repository::of(&files, &project, trust, around, &settings, &found);
    let project_agents = with_free_names(found.agents, &files, &settings, &mut warnings);
    Ok(Loaded {
        settings,
        project,
        trust,
        project_agents,
        policy,
        repository,
        warnings,
        left_out: broken.or(unreadable),
        tree,
    })
}

/// Reads the project's layer and keeps what it may set, with warnings about the rest.
fn project_layer(
    files: &ProjectFiles,
    trust: TrustStatus,
    tree: &Node,
    settings: &Settings,
) -> Result<Option<(Node, Vec<Warning>)>, Error> {
    let Some(text) = project_text(files) else { return Ok(None) };
    let mut layer = Node::parse(&text)?.renamed(&RENAMED);
    // Decoded as if it held in full, so that a misspelled key is reported as one, trusted or not.
    let claimed = decode(&tree.clone().under(&layer))?;
    let ignored = match trust {
        TrustStatus::Trusted | TrustStatus::Listed => gate::trusted(&mut layer, settings, &claimed),
        TrustStatus::Untrusted | TrustStatus::Changed => {
            gate::untrusted(&mut layer, settings, &claimed, &files.root)
        }
    };
    Ok(Some((layer, ignored)))
}

/// Returns the warning about a settings file of the project that is broken: it must not stop the work.
fn left_out(error: &Error) -> Warning {
    Warning {
        at: None,
        message: format!("the project's settings are left out: {error}"),
        hint: Some(error.hint().to_owned()),
    }
}

/// Returns the project's policy file, or the warning that it cannot be read.
fn policy_of(files: &ProjectFiles) -> (Option<ProjectFile>, Option<Warning>) {
    match files.policy.clone() {
        None => (None, None),
        Some(Ok(file)) => (Some(file), None),
        Some(Err(reason)) => {
            let at = Some(printable(&files.root.join(POLICY_FILE).display().to_string()));
            let message = format!("the file is left out: {reason}");
            (None, Some(Warning { at, message, hint: None }))
        }
    }
}

/// Returns the settings without any file, variable or flag, for verbs that must work even if those are broken.
pub fn defaults(cwd: &Path, dirs: &Dirs) -> Loaded {
    let tree =
        Node::parse(&Source::new(SourceKind::Default, "", DEFAULTS)).expect("a test reads the defaults");
    let mut settings = decode_checked(&tree).expect("a test reads the defaults");
    mark_sources(&mut settings, &tree);
    // What cannot be read may say to keep everything.
    settings.store = StoreSettings { keep: HumanDuration(Duration::MAX), bytes_max: u64::MAX };
    let project = location::find(cwd, &dirs.home);
    Loaded {
        settings,
        project,
        trust: TrustStatus::Untrusted,
        project_agents: vec![],
        policy: None,
        repository: Repository::default(),
        warnings: vec![],
        left_out: None,
        tree,
    }
}

impl Loaded {
    /// Builds the catalog of the settings and the project.
    pub fn catalog(&self) -> Result<Catalog, CatalogError> {
        self.settings.catalog(self.project_agents.clone())
    }

    /// Returns every setting that has a value, in key order.
    pub fn entries(&self) -> Vec<SettingEntry> {
        let mut entries = Vec::new();
        self.tree.each_leaf(&mut |path, node| {
            let is_secret = matches!(path, ["agents", _, "env", _]);
            let value = if is_secret { "(hidden)".to_owned() } else { node.value.to_string() };
            entries.push(SettingEntry { key: path.join("."), value, origin: node.place() });
        });
        entries
    }

    /// Returns what the project's file sets.
    pub fn set_by_project(&self) -> Vec<SettingEntry> {
        self.entries().into_iter().filter(|entry| entry.origin.source_kind == SourceKind::Project).collect()
    }

    /// Returns where a setting's value came from.
    pub fn origin(&self, key: &str) -> Option<Place> {
        self.tree.get(&key.split('.').collect::<Vec<_>>()).map(Node::place)
    }
}

/// Decodes layers into the typed model, or returns the first problem.
pub(super) fn decode(tree: &Node) -> Result<Settings, Error> {
    let (problems, elsewhere) = (Problems::default(), env::setting_keys().collect::<Vec<_>>());
    let settings = decode::decode(tree, &elsewhere, &problems);
    Ok(problems.into_result(settings)?)
}

fn decode_checked(tree: &Node) -> Result<Settings, Error> {
    let settings = decode(tree)?;
    check(&settings, tree)?;
    Ok(settings)
}

fn user_text(path: &Path) -> Result<Option<Arc<Source>>, Error> {
    if path.metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let text = match small_file::read(path, USER_FILE_BYTES_MAX) {
        Ok(text) => text,
        // A link to it is a usual way to have no settings.
        Err(ReadError::NotAFile) if path.canonicalize().is_ok_and(|real| real == Path::new("/dev/null")) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(path, error)),
    };
    Ok(Some(Source::new(SourceKind::User, path.display().to_string(), text)))
}

fn unreadable(path: &Path, error: ReadError) -> Error {
    let reason = match error {
        ReadError::System(reason) => reason,
        other => other.to_string(),
    };
    Error::Unreadable { path: path.to_path_buf(), reason }
}

fn project_text(files: &ProjectFiles) -> Option<Arc<Source>> {
    let file = files.settings.as_ref()?;
    Some(Source::new(SourceKind::Project, file.path.display().to_string(), file.text.as_str()))
}

fn trust_of(
    files: &ProjectFiles,
    operator: &Settings,
    dirs: &Dirs,
    warnings: &mut Vec<Warning>,
) -> TrustStatus {
    if is_listed(&files.root, operator, dirs) {
        return TrustStatus::Listed;
    }
    if !files.are_there() {
        return TrustStatus::Untrusted;
    }
    let status = TrustStore::in_dir(&dirs.config).status(&files.trust_key, || files.hash());
    match status {
        Ok(TrustStatus::Changed) => warnings.push(Warning {
            at: Some(printable(&files.root.display().to_string())),
            message: "the project's files changed since they were trusted, so they count as untrusted"
                .to_owned(),
            hint: Some(trust_hint(&files.root)),
        }),
        Ok(TrustStatus::Trusted | TrustStatus::Listed | TrustStatus::Untrusted) => {}
        Err(error) => {
            warnings.push(Warning {
                at: None,
                message: format!("no project is trusted: {error}"),
                hint: Some("repair or remove the file".to_owned()),
            });
            return TrustStatus::Untrusted;
        }
    }
    status.unwrap_or(TrustStatus::Untrusted)
}

/// Returns whether the operator's settings name this directory, or one above it.
fn is_listed(root: &Path, operator: &Settings, dirs: &Dirs) -> bool {
    operator.trust.dirs.iter().any(|dir| {
        let dir = dir.strip_prefix("~").map_or_else(|_| dir.clone(), |below| dirs.home.join(below));
        // A relative path would mean another directory wherever it is read.
        dir.is_absolute() && dir.canonicalize().is_ok_and(|dir| root.starts_with(dir))
    })
}

/// Records for each agent which layer last set any of its keys.
fn mark_sources(settings: &mut Settings, tree: &Node) {
    for (name, agent) in &mut settings.agents {
        let mut last = SourceKind::Default;
        if let Some(node) = tree.get(&["agents", name.as_str()]) {
            node.each_leaf(&mut |_, leaf| last = last.max(leaf.source_kind()));
        }
        agent.source = match last {
            SourceKind::Default => AgentSource::Builtin,
            SourceKind::Project => AgentSource::Project,
            SourceKind::User | SourceKind::Env | SourceKind::Flag => AgentSource::Config,
        };
    }
}

fn is_trusted(trust: TrustStatus) -> IsTrusted {
    match trust {
        TrustStatus::Trusted | TrustStatus::Listed => IsTrusted::Yes,
        TrustStatus::Untrusted | TrustStatus::Changed => IsTrusted::No,
    }
}

/// Returns the project's agents that the catalog can take.
fn with_free_names(
    mut agents: Vec<ProjectAgent>,
    files: &ProjectFiles,
    settings: &Settings,
    warnings: &mut Vec<Warning>,
) -> Vec<ProjectAgent> {
    agents.retain(|agent| match settings.left_out(agent) {
        Some(warning) => {
            warnings.push(Warning { at: Some(printable(&files.root.display().to_string())), ..warning });
            false
        }
        None => true,
    });
    agents
}

#[cfg(test)]
mod tests;
