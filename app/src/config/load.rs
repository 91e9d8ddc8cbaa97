//! The entry point: defaults, the user's file, the project's file, variables and flags become one `Settings`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use pointsman_core::agent::{AgentSource, Catalog, CatalogError};
use pointsman_core::toml_text::decode;
use pointsman_core::toml_text::node::Node;
use pointsman_core::toml_text::place::{Place, Source, SourceKind, printable};
use pointsman_core::toml_text::problem::Problems;

use super::env::{self, Dirs, EnvVars};
use super::error::{Error, Warning};
use super::gate;
use super::model::Settings;
use super::project::{self, IsTrusted, Project, ProjectAgent, ProjectFiles, trust_hint};
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
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The environment.
    pub env: &'a EnvVars,
    /// The directories.
    pub dirs: &'a Dirs,
    /// The directory that the work is for.
    pub cwd: &'a Path,
    /// Settings from the command line: the dotted key, and the value as text.
    pub flags: &'a [(String, String)],
}

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
    /// Warnings to show the user.
    pub warnings: Vec<Warning>,
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
    let user = user_text(&inputs.dirs.config.join(USER_FILE))?;
    let project = project::find(inputs.cwd, &inputs.dirs.home);
    let mut files = ProjectFiles::read(&project);
    let mut warnings = inputs.env.unknown();
    warnings.append(&mut files.warnings);
    let trust = trust_of(&files, &inputs.dirs.config, &mut warnings);

    let (variables, flags) = (inputs.env.layer(), Node::of_values(SourceKind::Flag, inputs.flags));
    let mut below = Node::parse(&Source::new(SourceKind::Default, "", DEFAULTS))?;
    if let Some(user) = user {
        below = below.under(&Node::parse(&user)?.renamed(&RENAMED));
    }
    let mut tree = below.clone().under(&variables).under(&flags);
    let mut settings = decode_checked(&tree)?;
    if let Some(text) = project_text(&files) {
        let mut layer = Node::parse(&text)?.renamed(&RENAMED);
        // Decoded as if it held in full, so that a misspelled key is reported as one, trusted or not.
        let claimed = decode(&tree.clone().under(&layer))?;
        warnings.extend(match trust {
            TrustStatus::Trusted => gate::trusted(&mut layer, &settings, &claimed),
            TrustStatus::Untrusted | TrustStatus::Changed => {
                gate::untrusted(&mut layer, &settings, &claimed, &files.root)
            }
        });
        tree = below.under(&layer).under(&variables).under(&flags);
        settings = decode_checked(&tree)?;
    }
    mark_sources(&mut settings, &tree);
    let project_agents = project_agents(&files, trust, &settings, &mut warnings);
    Ok(Loaded { settings, project, trust, project_agents, warnings, tree })
}

/// Returns the settings without any file, variable or flag, for verbs that must work even if those are broken.
pub fn defaults(cwd: &Path, dirs: &Dirs) -> Loaded {
    let tree =
        Node::parse(&Source::new(SourceKind::Default, "", DEFAULTS)).expect("a test reads the defaults");
    let mut settings = decode_checked(&tree).expect("a test reads the defaults");
    mark_sources(&mut settings, &tree);
    let project = project::find(cwd, &dirs.home);
    Loaded {
        settings,
        project,
        trust: TrustStatus::Untrusted,
        project_agents: vec![],
        warnings: vec![],
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

fn trust_of(files: &ProjectFiles, config_dir: &Path, warnings: &mut Vec<Warning>) -> TrustStatus {
    if files.settings.is_none() && files.agents.is_empty() {
        return TrustStatus::Untrusted;
    }
    let status = TrustStore::in_dir(config_dir).status(&files.root, &files.hash());
    match status {
        Ok(TrustStatus::Changed) => warnings.push(Warning {
            at: Some(printable(&files.root.display().to_string())),
            message: "the project's files changed since they were trusted, so they count as untrusted"
                .to_owned(),
            hint: Some(trust_hint(&files.root)),
        }),
        Ok(TrustStatus::Trusted | TrustStatus::Untrusted) => {}
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

fn project_agents(
    files: &ProjectFiles,
    trust: TrustStatus,
    settings: &Settings,
    warnings: &mut Vec<Warning>,
) -> Vec<ProjectAgent> {
    let is_trusted = match trust {
        TrustStatus::Trusted => IsTrusted::Yes,
        TrustStatus::Untrusted | TrustStatus::Changed => IsTrusted::No,
    };
    let (mut agents, left_out) = files.agents(is_trusted);
    warnings.extend(left_out);
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
