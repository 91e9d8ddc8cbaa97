//! Which environment an agent gets: a short allow-list, and who pays.
//!
//! A spawned agent runs code that a model chose, so it is given what tools need to work and nothing that
//! merely happened to be exported. Whatever decides who pays or which model serves is ruled here by name;
//! no pattern in the operator's allow-list reaches it, only `agents.<name>.env` does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::agent::{AdapterKind, Agent, Billing};

/// Names that every agent gets when they are set. A trailing `*` stands for any ending.
pub const ALLOWED: &[&str] = &[
    // Who and where.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "COLORTERM",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TMPDIR",
    "XDG_*",
    "SSH_AUTH_SOCK",
    // The way to the network.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "PIP_CERT",
    "NIX_SSL_CERT_FILE",
    // Homes of toolchains.
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOBIN",
    "NVM_DIR",
    "NVM_BIN",
    "FNM_DIR",
    "VOLTA_HOME",
    "PNPM_HOME",
    "BUN_INSTALL",
    "DENO_INSTALL",
    "JAVA_HOME",
    "MAVEN_HOME",
    "GRADLE_HOME",
    "GRADLE_USER_HOME",
    "SDKMAN_DIR",
    "ANDROID_HOME",
    "DOTNET_ROOT",
    "VIRTUAL_ENV",
    "PYENV_ROOT",
    "CONDA_PREFIX",
    "RBENV_ROOT",
    "GEM_HOME",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
    "HOMEBREW_PREFIX",
    "DEVELOPER_DIR",
    "SDKROOT",
];

/// What a Claude agent gets besides: where its login is.
const CLAUDE_LOGIN: &[&str] = &["CLAUDE_CONFIG_DIR", OAUTH_TOKEN];

/// What the API key pays with, and where it is sent.
const API: &[&str] = &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"];

const OAUTH_TOKEN: &str = "CLAUDE_CODE_OAUTH_TOKEN";
const BEDROCK_SWITCH: &str = "CLAUDE_CODE_USE_BEDROCK";
const VERTEX_SWITCH: &str = "CLAUDE_CODE_USE_VERTEX";

const BEDROCK: &[&str] =
    &[BEDROCK_SWITCH, "CLAUDE_CODE_SKIP_BEDROCK_AUTH", "ANTHROPIC_BEDROCK_BASE_URL", "AWS_*"];

const VERTEX: &[&str] = &[
    VERTEX_SWITCH,
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "ANTHROPIC_VERTEX_PROJECT_ID",
    "ANTHROPIC_VERTEX_BASE_URL",
    "CLOUD_ML_REGION",
    "VERTEX_REGION_*",
    "GOOGLE_*",
    "GCLOUD_PROJECT",
    "CLOUDSDK_*",
];

/// Names that the operator's allow-list cannot reach: they pay, steer the agent, or describe another run.
const RULED: &[&str] = &["ANTHROPIC_*", "CLAUDECODE", "CLAUDE_*", "POINTSMAN_*"];

/// A cloud that serves the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon Bedrock.
    Bedrock,
    /// Google Vertex AI.
    Vertex,
}

/// Who pays for an agent's tokens, as far as the environment tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Payer {
    /// A subscription login; ambient API variables are withheld.
    Subscription,
    /// An API key or token.
    ApiKey,
    /// A cloud account.
    Cloud(Cloud),
    /// Nothing says: the CLI's own settings decide, and ambient API variables pass.
    #[default]
    Unknown,
}

impl Payer {
    /// Returns the payer's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Payer::Subscription => "subscription",
            Payer::ApiKey => "api_key",
            Payer::Cloud(Cloud::Bedrock) => "bedrock",
            Payer::Cloud(Cloud::Vertex) => "vertex",
            Payer::Unknown => "unknown",
        }
    }
}

impl From<Payer> for String {
    fn from(payer: Payer) -> String {
        payer.as_str().to_owned()
    }
}

/// A name that this version does not know is a payer that nothing is known of.
impl From<String> for Payer {
    fn from(name: String) -> Payer {
        let all =
            [Payer::Subscription, Payer::ApiKey, Payer::Cloud(Cloud::Bedrock), Payer::Cloud(Cloud::Vertex)];
        all.into_iter().find(|payer| payer.as_str() == name).unwrap_or(Payer::Unknown)
    }
}

/// The environment of one agent process.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentEnv {
    /// Everything the process gets; it inherits nothing else.
    pub vars: BTreeMap<String, String>,
    /// Names of ambient variables that the process does not get.
    pub withheld: Vec<String>,
}

/// Values may be keys: a debug print shows the names only.
impl std::fmt::Debug for AgentEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.vars.keys().collect();
        f.debug_struct("AgentEnv").field("vars", &names).field("withheld", &self.withheld).finish()
    }
}

impl AgentEnv {
    /// Returns the withheld variables that would have changed who pays; the route notice names them.
    pub fn withheld_api(&self) -> impl Iterator<Item = &str> {
        self.withheld.iter().map(String::as_str).filter(|name| API.contains(name))
    }

    /// Returns who pays with exactly these variables: what the operator set for the agent counts too.
    pub fn effective_payer(&self, login_found: bool) -> Payer {
        let filled = |name: &str| self.vars.get(name).is_some_and(|value| !value.is_empty());
        let has_key = filled("ANTHROPIC_API_KEY") || filled("ANTHROPIC_AUTH_TOKEN");
        match payer(&self.vars, Billing::Auto, login_found) {
            Payer::Cloud(cloud) => Payer::Cloud(cloud),
            // A key that stands in the environment is what the CLI uses, login or not.
            _ if has_key => Payer::ApiKey,
            other => other,
        }
    }
}

/// Decides who pays. `login_found` says whether a login of the CLI is on this machine.
pub fn payer(ambient: &BTreeMap<String, String>, billing: Billing, login_found: bool) -> Payer {
    let filled = |name: &str| ambient.get(name).is_some_and(|value| !value.trim().is_empty());
    match billing {
        Billing::Subscription => Payer::Subscription,
        Billing::Api => Payer::ApiKey,
        Billing::Auto if is_on(ambient, BEDROCK_SWITCH) => Payer::Cloud(Cloud::Bedrock),
        Billing::Auto if is_on(ambient, VERTEX_SWITCH) => Payer::Cloud(Cloud::Vertex),
        Billing::Auto if login_found || filled(OAUTH_TOKEN) => Payer::Subscription,
        Billing::Auto if filled("ANTHROPIC_API_KEY") || filled("ANTHROPIC_AUTH_TOKEN") => Payer::ApiKey,
        Billing::Auto => Payer::Unknown,
    }
}

/// Returns what the agent's process gets: the allowed part of `ambient`, over it the operator's own values for
/// this agent, over those `own` (what pointsman sets).
pub fn agent_env(
    ambient: &BTreeMap<String, String>,
    agent: &Agent,
    payer: Payer,
    extra_allow: &[String],
    own: &[(String, String)],
) -> AgentEnv {
    let passes = |name: &str| match agent.adapter {
        AdapterKind::Claude => passes_to_claude(name, payer, extra_allow),
        AdapterKind::Plain => is_allowed(name, extra_allow),
    };
    let mut vars: BTreeMap<String, String> = ambient
        .iter()
        .filter(|(name, _)| passes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    vars.extend(agent.env.iter().map(|(name, value)| (name.clone(), value.clone())));
    vars.extend(own.iter().cloned());
    let withheld = ambient.keys().filter(|name| !vars.contains_key(*name)).cloned().collect();
    AgentEnv { vars, withheld }
}

fn passes_to_claude(name: &str, payer: Payer, extra_allow: &[String]) -> bool {
    let paying = match payer {
        Payer::Subscription => &[][..],
        Payer::ApiKey | Payer::Unknown => API,
        Payer::Cloud(Cloud::Bedrock) => BEDROCK,
        Payer::Cloud(Cloud::Vertex) => VERTEX,
    };
    is_allowed(name, extra_allow) || matches_any(name, CLAUDE_LOGIN) || matches_any(name, paying)
}

fn is_allowed(name: &str, extra_allow: &[String]) -> bool {
    let by_operator = || extra_allow.iter().any(|pattern| matches(name, pattern));
    !matches_any(name, RULED) && (matches_any(name, ALLOWED) || by_operator())
}

fn matches_any(name: &str, patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| matches(name, pattern))
}

fn matches(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// Reads a switch as the CLI does: set, and not one of the words for no.
fn is_on(vars: &BTreeMap<String, String>, name: &str) -> bool {
    vars.get(name).is_some_and(|value| {
        !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
    })
}

#[cfg(test)]
mod tests;
