//! Every setting, typed. The doc comments are the descriptions in the JSON schema.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use pointsman_core::agent::prices::PriceTable;
use pointsman_core::agent::{
    Access, AdapterKind, AgentHooks, AgentSource, Billing, PermissionMode, PermissionProfile, Tier,
};
use pointsman_core::hook::delegation::UnreachableModel;
use pointsman_core::hook::mode::RoutingMode;
use pointsman_core::ids::AgentName;
use pointsman_core::run::next::OnModelMismatch;
use pointsman_core::usage::Price;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};

use super::field_schema;

/// The longest duration that a setting may have: about ten years. Timers far beyond it overflow.
const DURATION_MAX: Duration = Duration::from_secs(3660 * DAY_SECONDS);

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Settings of pointsman.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How far pointsman goes by itself.
    #[schemars(schema_with = "field_schema::routing_mode")]
    pub routing_mode: RoutingMode,
    /// Keep prompts and answers in the ledger; with false only a keyed hash is kept.
    pub store_prompts: bool,
    /// What agents may do besides editing.
    #[schemars(schema_with = "field_schema::permission_profile")]
    pub permission_profile: PermissionProfile,
    /// Look at the project before and after a run, and keep what changed.
    pub record_changes: bool,
    /// Run agents whose CLI is older than the oldest supported version; it may ignore limits of cost and turns.
    pub allow_old_cli: bool,
    /// Hold subagents to their routes also where their own definition names a model.
    pub enforce_defined_agents: bool,
    /// What to do with a subagent whose route's model has no alias that Claude Code's Agent tool could name.
    #[schemars(schema_with = "field_schema::unreachable_models")]
    pub unreachable_models: UnreachableModel,
    /// What to do when another tier served a run than the one that was asked for.
    #[schemars(schema_with = "field_schema::on_model_mismatch")]
    pub on_model_mismatch: OnModelMismatch,
    /// Whether your own and the project's hooks run inside spawned agents.
    #[schemars(schema_with = "field_schema::agent_hooks")]
    pub agent_hooks: AgentHooks,
    /// Bounds of one run.
    pub limits: LimitSettings,
    /// Waiting between attempts.
    pub retry: RetrySettings,
    /// When to stop asking a failing service.
    pub breaker: BreakerSettings,
    /// The check of an agent's work.
    pub verify: VerifySettings,
    /// How much of the past is kept.
    pub store: StoreSettings,
    /// Who is told when a run is over.
    pub notify: NotifySettings,
    /// List prices, for comparisons and for estimates.
    pub prices: PriceTableSettings,
    /// Whether a small model is asked where the router is unsure.
    #[serde(rename = "judge")]
    pub arbiter: ArbiterSettings,
    /// What each tier means.
    pub tiers: Tiers,
    /// The agents by name.
    #[schemars(with = "BTreeMap<String, AgentSettings>")]
    pub agents: BTreeMap<AgentName, AgentSettings>,
    /// Which environment variables agents get.
    pub environment: EnvironmentSettings,
    /// Which projects are trusted without being asked about.
    pub trust: TrustSettings,
}

/// Which projects are trusted without being asked about.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustSettings {
    /// Directories whose projects are trusted with all that their files ask for, whatever they will be: for machines
    /// that only ever check out your own code.
    pub dirs: Vec<PathBuf>,
}

/// Bounds of one run.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// The longest one attempt may take.
    pub timeout: HumanDuration,
    /// The longest an agent may say nothing.
    pub idle: HumanDuration,
    /// The longest an agent may take until its first word.
    pub startup: HumanDuration,
    /// How long an agent may go on after its result.
    pub post_result_grace: HumanDuration,
    /// How long an agent that was asked to stop may take before it is killed.
    pub stop_grace: HumanDuration,
    /// How many attempts one run may use.
    #[schemars(range(min = 1))]
    pub attempts: u32,
    /// The most turns of one attempt.
    #[schemars(range(min = 1))]
    pub max_turns: Option<u32>,
    /// The most US dollars of one run.
    pub max_usd: Option<f64>,
    /// The most bytes of an answer that are kept.
    #[schemars(range(min = 1))]
    pub answer_bytes_max: u64,
}

/// Waiting between attempts.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrySettings {
    /// The first wait.
    pub base: HumanDuration,
    /// The longest single wait.
    pub cap: HumanDuration,
    /// After this much waiting in all, give up.
    pub max_elapsed: HumanDuration,
}

/// When to stop asking a failing service.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakerSettings {
    /// How many failures in a row open it.
    #[schemars(range(min = 1))]
    pub threshold: u32,
    /// How long it stays open.
    pub open_for: HumanDuration,
}

/// The check of an agent's work: a command that runs after it, whose exit code is the evidence.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifySettings {
    /// The command, for a shell, in the project directory. Without it nothing is checked.
    pub command: Option<String>,
    /// The longest it may take.
    pub timeout: HumanDuration,
}

/// How much of the past is kept.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// For how long runs, their live logs, facts of hooks and metrics are kept.
    pub keep: HumanDuration,
    /// How many bytes of them are kept; live logs go first.
    #[schemars(range(min = 67_108_864))]
    pub bytes_max: u64,
}

/// Who is told when a run is over. A repository cannot set it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifySettings {
    /// Ring the terminal's bell at the end of a long run that somebody waits for at a terminal.
    pub bell: bool,
    /// From which time on a run is a long one. Whoever started a run in the background is told of any.
    pub after: HumanDuration,
    /// Show a notification on the desktop, by `notify-send` or `osascript`.
    pub desktop: bool,
    /// A program with its arguments, started with POINTSMAN_NOTIFY_RUN, _VERDICT and _WORDS in its environment.
    pub command: Vec<String>,
}

/// List prices, for comparisons and for estimates.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceTableSettings {
    /// The day that the prices are of, or any other name for them; reports say it.
    pub version: String,
    /// Prices of the haiku tier.
    pub haiku: PriceSettings,
    /// Prices of the sonnet tier.
    pub sonnet: PriceSettings,
    /// Prices of the opus tier.
    pub opus: PriceSettings,
}

impl PriceTableSettings {
    /// Returns the prices of a tier.
    fn get(&self, tier: Tier) -> PriceSettings {
        match tier {
            Tier::Haiku => self.haiku,
            Tier::Sonnet => self.sonnet,
            Tier::Opus => self.opus,
        }
    }
}

impl Settings {
    /// Returns what tokens of a tier cost: its own price, or the table's.
    pub fn price(&self, tier: Tier) -> Price {
        self.tiers.get(tier).price.unwrap_or_else(|| self.prices.get(tier)).into()
    }

    /// Returns the prices of all tiers.
    pub fn price_table(&self) -> PriceTable {
        PriceTable {
            version: self.prices.version.clone(),
            haiku: self.price(Tier::Haiku),
            sonnet: self.price(Tier::Sonnet),
            opus: self.price(Tier::Opus),
        }
    }
}

/// Whether a small model is asked where the router is unsure.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArbiterSettings {
    /// Whether it is asked at all. Each question costs a short call of the haiku tier's agent.
    pub enabled: bool,
    /// Routes that are less sure than this are put to it, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub below: f64,
    /// The longest that it may take; then the router's own opinion stands.
    pub timeout: HumanDuration,
}

/// What each tier means.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    /// Mechanical work.
    pub haiku: TierSettings,
    /// Everyday coding.
    pub sonnet: TierSettings,
    /// Hard or weighty work.
    pub opus: TierSettings,
}

impl Tiers {
    /// Returns the settings of a tier.
    pub fn get(&self, tier: Tier) -> &TierSettings {
        match tier {
            Tier::Haiku => &self.haiku,
            Tier::Sonnet => &self.sonnet,
            Tier::Opus => &self.opus,
        }
    }
}

/// One tier.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierSettings {
    /// The agent that does its work.
    #[schemars(with = "String")]
    pub agent: AgentName,
    /// The model that the CLI is told: an alias or a full name.
    pub model: String,
    /// Further names of models that count as this tier.
    pub served_as: Vec<String>,
    /// The price, where it is not that of the table.
    pub price: Option<PriceSettings>,
}

/// US dollars for a million tokens of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSettings {
    /// Input that was not cached.
    pub input: f64,
    /// Output.
    pub output: f64,
    /// Input read from the cache.
    pub cache_read: f64,
    /// Input written to the cache.
    pub cache_write: f64,
}

impl From<PriceSettings> for Price {
    fn from(price: PriceSettings) -> Price {
        Price {
            input: price.input,
            output: price.output,
            cache_read: price.cache_read,
            cache_write: price.cache_write,
        }
    }
}

/// One agent.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// How to talk to it.
    #[schemars(schema_with = "field_schema::adapter")]
    pub adapter: AdapterKind,
    /// Program and leading arguments.
    pub command: Vec<String>,
    /// The tier it counts as.
    #[schemars(schema_with = "field_schema::tier")]
    pub tier: Tier,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// Whether it may change files.
    #[serde(default = "default_access")]
    #[schemars(schema_with = "field_schema::access")]
    pub access: Access,
    /// The model, where it is not the tier's.
    pub model: Option<String>,
    /// The model that the CLI may fall back to.
    pub fallback_model: Option<String>,
    /// Tools that it may use besides, as rules of its CLI: `Bash(cargo test:*)`.
    #[serde(default)]
    pub allow_tools: Vec<String>,
    /// What it may do besides editing, where it is not as `permission_profile` says.
    #[schemars(schema_with = "field_schema::permission_profile")]
    pub permission_profile: Option<PermissionProfile>,
    /// How its CLI answers its own questions.
    #[schemars(schema_with = "field_schema::permission_mode")]
    pub permission_mode: Option<PermissionMode>,
    /// Environment variables that it always gets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The payer.
    #[serde(default = "default_billing")]
    #[schemars(schema_with = "field_schema::billing")]
    pub billing: Billing,
    /// Whether hooks run inside it, where it is not as `agent_hooks` says.
    #[schemars(schema_with = "field_schema::agent_hooks")]
    pub hooks: Option<AgentHooks>,
    /// The CLI's own agent to run as.
    pub cli_agent: Option<String>,
    /// The agent that takes over when this one is unavailable.
    #[schemars(with = "Option<String>")]
    pub fallback_agent: Option<AgentName>,
    /// Which layer had the last word about it; set by the loader.
    #[serde(skip, default = "default_source")]
    #[schemars(skip)]
    pub source: AgentSource,
}

fn default_access() -> Access {
    Access::Write
}

fn default_billing() -> Billing {
    Billing::Auto
}

fn default_source() -> AgentSource {
    AgentSource::Config
}

/// The values of `env` may be keys: a debug print shows their names only.
impl fmt::Debug for AgentSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentSettings")
            .field("adapter", &self.adapter)
            .field("command", &self.command)
            .field("tier", &self.tier)
            .field("model", &self.model)
            .field("permission_mode", &self.permission_mode)
            .field("permission_profile", &self.permission_profile)
            .field("allow_tools", &self.allow_tools)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("billing", &self.billing)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Which environment variables agents get.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSettings {
    /// Names of further variables; a trailing `*` stands for any ending.
    pub allow: Vec<String>,
}

/// A duration as people write it: `90s`, `10m`, `1h30m`, `90d`. A day has 24 hours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String", extend("pattern" = r"^\s*[0-9].*[a-z]\s*$", "examples" = ["90s", "10m", "1h30m", "90d"]))]
pub struct HumanDuration(pub Duration);

/// Reads a duration as people write it; a day has 24 hours.
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

impl HumanDuration {
    /// Reads a duration, or returns `None` when the text is none, is negative, or is beyond ten years.
    pub fn parse(text: &str) -> Option<HumanDuration> {
        let duration = Duration::try_from(parse_duration(text.trim())?).ok()?;
        (duration <= DURATION_MAX).then_some(HumanDuration(duration))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0.as_secs() / DAY_SECONDS, self.0.as_secs() % DAY_SECONDS);
        if days > 1 && rest == 0 && self.0.subsec_nanos() == 0 {
            return write!(f, "{days}d");
        }
        let signed = SignedDuration::try_from(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{signed:#}")
    }
}

impl fmt::Debug for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a duration such as \"90s\", \"10m\", \"1h30m\" or \"90d\"";
        let no_text = |_| D::Error::invalid_type(Unexpected::Other("no text"), &expected);
        let text = String::deserialize(deserializer).map_err(no_text)?;
        HumanDuration::parse(&text).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90s", 90),
            ("2m", 120),
            ("1h30m", 5400),
            ("1h 30m", 5400),
            (" 10m ", 600),
            ("0s", 0),
            ("2d", 172_800),
        ] {
            assert_eq!(
                HumanDuration::parse(text),
                Some(HumanDuration(Duration::from_secs(seconds))),
                "{text}"
            );
        }
        assert_eq!(HumanDuration::parse("250ms").unwrap().0.as_millis(), 250);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "-5s", "5 parsecs", "s", "9999999h", "1h30"] {
            assert_eq!(HumanDuration::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_duration_prints_as_it_is_read() {
        let duration = HumanDuration::parse("90m").unwrap();
        assert_eq!(HumanDuration::parse(&duration.to_string()), Some(duration));
    }
}
