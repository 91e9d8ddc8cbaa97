//! Which environment an agent gets: a short allow-list, and whatever decides who pays.
//!
//! A spawned agent runs code that a model chose, so it is given what tools need to work and nothing that merely
//! happened to be exported. Whatever decides who pays or which model serves is controlled here by name; no pattern in
//! the operator's allow-list can pass it, only `agents.<name>.env` can.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::agent::{AdapterKind, Agent, Billing};

/// Variables that every agent gets if they are set. A trailing `*` matches any ending.
pub const ALLOWED: &[&str] = &[
    // The user and the locale.
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
    // Access to the network.
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

/// What a Claude agent gets in addition: where its login is.
const CLAUDE_LOGIN: &[&str] = &["CLAUDE_CONFIG_DIR", OAUTH_TOKEN];

/// The API credentials, and where they are sent: to Anthropic or to a gateway.
const API: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "CLAUDE_CODE_USE_GATEWAY",
];

/// The names that clouds and gateways use for the models behind the tiers' aliases.
const MODEL_NAMES: &[&str] = &["ANTHROPIC_DEFAULT_*", "ANTHROPIC_SMALL_FAST_MODEL*"];

const OAUTH_TOKEN: &str = "CLAUDE_CODE_OAUTH_TOKEN";

/// A cloud as the CLI knows it (Claude Code 2.1.332): the variable that switches it on, and what else it needs.
struct CloudVariables {
    cloud: Cloud,
    switch: &'static str,
    needs: &'static [&'static str],
}

/// The clouds, in the order in which the CLI checks their switches.
const CLOUDS: [CloudVariables; 6] = [
    CloudVariables {
        cloud: Cloud::Bedrock,
        switch: "CLAUDE_CODE_USE_BEDROCK",
        needs: &["CLAUDE_CODE_SKIP_BEDROCK_AUTH", "ANTHROPIC_BEDROCK_*", "AWS_*"],
    },
    CloudVariables {
        cloud: Cloud::Foundry,
        switch: "CLAUDE_CODE_USE_FOUNDRY",
        needs: &["CLAUDE_CODE_SKIP_FOUNDRY_AUTH", "ANTHROPIC_FOUNDRY_*", "AZURE_*", "IDENTITY_*", "MSI_*"],
    },
    CloudVariables {
        cloud: Cloud::AnthropicAws,
        switch: "CLAUDE_CODE_USE_ANTHROPIC_AWS",
        needs: &["CLAUDE_CODE_SKIP_ANTHROPIC_AWS_AUTH", "ANTHROPIC_AWS_*", "AWS_*"],
    },
    CloudVariables {
        cloud: Cloud::AnthropicGoogleCloud,
        switch: "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
        needs: &[
            "CLAUDE_CODE_SKIP_ANTHROPIC_GOOGLE_CLOUD_AUTH",
            "ANTHROPIC_GOOGLE_CLOUD_*",
            "GOOGLE_*",
            "CLOUDSDK_*",
        ],
    },
    CloudVariables {
        cloud: Cloud::Mantle,
        switch: "CLAUDE_CODE_USE_MANTLE",
        needs: &["CLAUDE_CODE_SKIP_MANTLE_AUTH", "ANTHROPIC_BEDROCK_MANTLE_*", "AWS_*"],
    },
    CloudVariables {
        cloud: Cloud::Vertex,
        switch: "CLAUDE_CODE_USE_VERTEX",
        needs: &[
            "CLAUDE_CODE_SKIP_VERTEX_AUTH",
            "ANTHROPIC_VERTEX_*",
            "CLOUD_ML_REGION",
            "VERTEX_REGION_*",
            "GOOGLE_*",
            "GCLOUD_PROJECT",
            "CLOUDSDK_*",
        ],
    },
];

/// Names that the operator's allow-list cannot pass: they decide who pays, steer the agent, or describe another run.
const RULED: &[&str] = &["ANTHROPIC_*", "CLAUDECODE", "CLAUDE_*", "POINTSMAN_*"];

/// A cloud that serves the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon Bedrock.
    Bedrock,
    /// Google Vertex AI.
    Vertex,
    /// Microsoft Foundry.
    Foundry,
    /// Anthropic's own service on AWS.
    AnthropicAws,
    /// Anthropic's own service on Google Cloud.
    AnthropicGoogleCloud,
    /// Amazon Bedrock, through its Mantle endpoint.
    Mantle,
}

impl Cloud {
    /// Returns the cloud's name as used in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Cloud::Bedrock => "bedrock",
            Cloud::Vertex => "vertex",
            Cloud::Foundry => "foundry",
            Cloud::AnthropicAws => "anthropic_aws",
            Cloud::AnthropicGoogleCloud => "anthropic_google_cloud",
            Cloud::Mantle => "mantle",
        }
    }

    /// Returns the cloud's display name.
    pub fn title(self) -> &'static str {
        match self {
            Cloud::Bedrock => "Amazon Bedrock",
            Cloud::Vertex => "Google Vertex AI",
            Cloud::Foundry => "Microsoft Foundry",
            Cloud::AnthropicAws => "Claude on AWS",
            Cloud::AnthropicGoogleCloud => "Claude on Google Cloud",
            Cloud::Mantle => "Amazon Bedrock (Mantle)",
        }
    }

    fn variables(self) -> &'static CloudVariables {
        CLOUDS.iter().find(|cloud| cloud.cloud == self).expect("every cloud has its row")
    }
}

/// The payer of an agent's tokens, as far as the environment shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Payer {
    /// A subscription login; ambient API variables are withheld.
    Subscription,
    /// An API key or token.
    ApiKey,
    /// A cloud account.
    Cloud(Cloud),
    /// Not known: the CLI's own settings decide, and ambient API variables pass.
    #[default]
    Unknown,
}

impl Payer {
    /// Returns the payer's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Payer::Subscription => "subscription",
            Payer::ApiKey => "api_key",
            Payer::Cloud(cloud) => cloud.as_str(),
            Payer::Unknown => "unknown",
        }
    }

    /// Returns whether this payer, by the agent's own account, differs from the one that was expected before.
    ///
    /// A key does not contradict a cloud: gateways to clouds are paid with keys.
    pub fn contradicts(self, before: Payer) -> bool {
        self != before && !(matches!(before, Payer::Cloud(_)) && self == Payer::ApiKey)
    }
}

/// Returns the variables that make anything but a subscription pay, or send its token elsewhere.
pub fn paying_variables() -> impl Iterator<Item = &'static str> {
    API.iter().copied().chain(CLOUDS.iter().map(|cloud| cloud.switch))
}

impl From<Payer> for String {
    fn from(payer: Payer) -> String {
        payer.as_str().to_owned()
    }
}

/// A name that is not known here is an unknown payer.
impl From<String> for Payer {
    fn from(name: String) -> Payer {
        let clouds = CLOUDS.iter().map(|cloud| Payer::Cloud(cloud.cloud));
        clouds
            .chain([Payer::Subscription, Payer::ApiKey])
            .find(|payer| payer.as_str() == name)
            .unwrap_or(Payer::Unknown)
    }
}

/// The environment of one agent process.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentEnv {
    /// Everything that the process gets; it inherits nothing else.
    pub vars: BTreeMap<String, String>,
    /// Names of ambient variables that the process does not get.
    pub withheld: Vec<String>,
}

/// Values may be keys: debug output shows the names only.
impl std::fmt::Debug for AgentEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.vars.keys().collect();
        f.debug_struct("AgentEnv").field("vars", &names).field("withheld", &self.withheld).finish()
    }
}

impl AgentEnv {
    /// Returns the withheld variables that would have changed the payer; the route notice names them.
    pub fn withheld_api(&self) -> impl Iterator<Item = &str> {
        self.withheld.iter().map(String::as_str).filter(|name| API.contains(name))
    }

    /// Returns the gateway that requests are sent to, if any.
    pub fn gateway(&self) -> Option<String> {
        gateway(&self.vars)
    }

    /// Returns the payer with exactly these variables, including those that the operator set for the agent.
    pub fn effective_payer(&self, login: LoginState) -> Payer {
        let filled = |name: &str| self.vars.get(name).is_some_and(|value| !value.is_empty());
        let has_key = filled("ANTHROPIC_API_KEY") || filled("ANTHROPIC_AUTH_TOKEN");
        match payer(&self.vars, Billing::Auto, login) {
            Payer::Cloud(cloud) => Payer::Cloud(cloud),
            // The CLI uses a key from the environment whether there is a login or not.
            _ if has_key => Payer::ApiKey,
            other => other,
        }
    }
}

/// Whether this machine has a login of the CLI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginState {
    /// It has one.
    LoggedIn,
    /// None was found.
    LoggedOut,
}

/// Determines the payer.
pub fn payer(ambient: &BTreeMap<String, String>, billing: Billing, login: LoginState) -> Payer {
    let filled = |name: &str| ambient.get(name).is_some_and(|value| !value.trim().is_empty());
    let cloud = CLOUDS.iter().find(|cloud| is_on(ambient, cloud.switch)).map(|cloud| cloud.cloud);
    match billing {
        Billing::Subscription => Payer::Subscription,
        Billing::Api => Payer::ApiKey,
        Billing::Auto if cloud.is_some() => cloud.map_or(Payer::Unknown, Payer::Cloud),
        Billing::Auto if login == LoginState::LoggedIn || filled(OAUTH_TOKEN) => Payer::Subscription,
        Billing::Auto if filled("ANTHROPIC_API_KEY") || filled("ANTHROPIC_AUTH_TOKEN") => Payer::ApiKey,
        Billing::Auto => Payer::Unknown,
    }
}

/// Returns what the agent's process gets: the allowed part of `ambient`, overridden by the operator's own values for
/// this agent, and those by `own` (what pointsman sets).
pub fn agent_env(
    ambient: &BTreeMap<String, String>,
    agent: &Agent,
    payer: Payer,
    extra_allow: &[String],
    own: &[(String, String)],
) -> AgentEnv {
    let to_gateway = !matches!(payer, Payer::Subscription) && gateway(ambient).is_some();
    let renames_models = to_gateway || matches!(payer, Payer::Cloud(_));
    let passes = |name: &str| match agent.adapter {
        AdapterKind::Claude => {
            passes_to_claude(name, payer, extra_allow) || renames_models && matches_any(name, MODEL_NAMES)
        }
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
    let pays = match payer {
        Payer::Subscription => false,
        Payer::ApiKey | Payer::Unknown => matches_any(name, API),
        Payer::Cloud(cloud) => {
            let CloudVariables { switch, needs, .. } = cloud.variables();
            name == *switch || matches_any(name, needs) || name == "ANTHROPIC_CUSTOM_HEADERS"
        }
    };
    is_allowed(name, extra_allow) || matches_any(name, CLAUDE_LOGIN) || pays
}

/// Returns the host that requests are sent to if it is not the vendor's own, that is, a gateway.
fn gateway(vars: &BTreeMap<String, String>) -> Option<String> {
    let names = ["ANTHROPIC_BASE_URL", "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL"];
    let url = names.into_iter().find_map(|name| vars.get(name).filter(|url| !url.trim().is_empty()))?;
    let behind_scheme = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let authority = behind_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    // What precedes an `@` may hold a password.
    let host = authority.rsplit('@').next().unwrap_or_default().trim();
    let is_vendor = |host: &str| {
        let name = host.split(':').next().unwrap_or_default();
        [".anthropic.com", ".amazonaws.com", ".googleapis.com", ".azure.com"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    (!host.is_empty() && !is_vendor(host))
        .then(|| host.chars().filter(|c| !c.is_control()).take(80).collect())
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

/// Reads a switch as the CLI does: it is on if it is set, and not to one of the words for no.
fn is_on(vars: &BTreeMap<String, String>, name: &str) -> bool {
    vars.get(name).is_some_and(|value| {
        !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
    })
}

#[cfg(test)]
mod tests;
