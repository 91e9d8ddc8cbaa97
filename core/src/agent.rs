//! Agents and tiers: the named ways to work that a route chooses among.

pub mod prices;
pub mod reach;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::AgentName;
use crate::usage::Price;

/// How many agents are named in a message.
const NAMES_SHOWN: usize = 20;

/// Ordered capability: a stronger tier can do what a weaker one can, at a higher price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Mechanical work, lookups, one place.
    Haiku,
    /// Normal multi-step coding.
    Sonnet,
    /// Architecture, deep debugging, high stakes.
    Opus,
}

impl Tier {
    /// All tiers, weakest first.
    pub const ALL: [Tier; 3] = [Tier::Haiku, Tier::Sonnet, Tier::Opus];

    /// Returns the tier's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Haiku => "haiku",
            Tier::Sonnet => "sonnet",
            Tier::Opus => "opus",
        }
    }

    /// Parses a tier's name, ignoring case.
    pub fn parse(text: &str) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| text.eq_ignore_ascii_case(tier.as_str()))
    }

    /// Returns the tier whose name occurs in a model name as a whole segment (`claude-haiku-4-5`, not `haikuish`).
    pub fn in_model_name(model: &str) -> Option<Tier> {
        let names =
            |tier: &Tier| model.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| part == tier.as_str());
        Tier::ALL.into_iter().find(names)
    }

    /// Returns the next stronger tier, or `None` at the top.
    pub fn up(self) -> Option<Tier> {
        match self {
            Tier::Haiku => Some(Tier::Sonnet),
            Tier::Sonnet => Some(Tier::Opus),
            Tier::Opus => None,
        }
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which adapter translates for the agent's CLI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    /// Claude Code, or anything that speaks its stream-json.
    Claude,
    /// Any command that reads a prompt on stdin and writes text.
    Plain,
}

/// Whether an agent may change files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// The agent only looks.
    ReadOnly,
    /// The agent may edit files of the project.
    Write,
}

/// How the agent's CLI answers its own permission questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PermissionMode {
    /// The CLI's own default: what needs a question is denied if nobody is there to answer.
    Default,
    /// Edits inside the project are accepted; everything else is as by default.
    AcceptEdits,
    /// The agent plans and changes nothing.
    Plan,
    /// Questions are denied.
    DontAsk,
    /// The CLI decides by its own classifier.
    Auto,
    /// No questions at all. Never a default; see the trust rules.
    BypassPermissions,
}

impl PermissionMode {
    /// Every mode, as the CLI's help lists them.
    pub const ALL: [PermissionMode; 6] = [
        PermissionMode::Default,
        PermissionMode::AcceptEdits,
        PermissionMode::Plan,
        PermissionMode::DontAsk,
        PermissionMode::Auto,
        PermissionMode::BypassPermissions,
    ];

    /// Parses a mode as a CLI spells it; newer ones call the default `manual`.
    pub fn parse(text: &str) -> Option<PermissionMode> {
        let text = if text == "manual" { "default" } else { text };
        PermissionMode::ALL.into_iter().find(|mode| mode.as_str() == text)
    }

    /// Returns this mode, or the other one if that allows less.
    pub fn at_most(self, other: PermissionMode) -> PermissionMode {
        let rank = |mode: PermissionMode| match mode {
            PermissionMode::Plan => 0,
            // In both, what would need a question is denied.
            PermissionMode::Default | PermissionMode::DontAsk => 1,
            PermissionMode::AcceptEdits => 2,
            PermissionMode::Auto => 3,
            PermissionMode::BypassPermissions => 4,
        };
        if rank(other) < rank(self) { other } else { self }
    }

    /// Returns the most that a run may be allowed if it is asked for in a session of this mode, given the CLI's word
    /// for it.
    ///
    /// For an unknown word, only the lowest is safe.
    pub fn ceiling_of_session(session: &str) -> PermissionMode {
        PermissionMode::parse(session).unwrap_or(PermissionMode::Default)
    }

    /// Returns the mode in the CLI's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            PermissionMode::Default => "default",
            PermissionMode::AcceptEdits => "acceptEdits",
            PermissionMode::Plan => "plan",
            PermissionMode::DontAsk => "dontAsk",
            PermissionMode::Auto => "auto",
            PermissionMode::BypassPermissions => "bypassPermissions",
        }
    }
}

/// What an agent may do besides what its permission mode allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PermissionProfile {
    /// Nothing more: it edits, and its shell commands are denied.
    #[default]
    Edit,
    /// The project's own tests, builds and checks.
    Test,
    /// All commands, in a further working tree of git; elsewhere as [`PermissionProfile::Test`].
    FullInWorktree,
}

impl PermissionProfile {
    /// Every profile, the one that allows least first.
    pub const ALL: [PermissionProfile; 3] =
        [PermissionProfile::Edit, PermissionProfile::Test, PermissionProfile::FullInWorktree];

    /// Returns the profile's name.
    pub fn as_str(self) -> &'static str {
        match self {
            PermissionProfile::Edit => "edit",
            PermissionProfile::Test => "test",
            PermissionProfile::FullInWorktree => "full-in-worktree",
        }
    }

    /// Parses a profile's name.
    pub fn parse(text: &str) -> Option<PermissionProfile> {
        PermissionProfile::ALL.into_iter().find(|profile| profile.as_str() == text)
    }
}

impl Price {
    /// Returns the list price of a tier, for figures that must not be too low: what Anthropic published for Claude
    /// Haiku 4.5, Sonnet 4.5 and Opus 4.5 (a cache write costs a quarter more than input, a read a tenth of it).
    pub fn list(tier: Tier) -> Price {
        let (input, output, cache_read, cache_write) = match tier {
            Tier::Haiku => (1.0, 5.0, 0.1, 1.25),
            Tier::Sonnet => (3.0, 15.0, 0.3, 3.75),
            Tier::Opus => (5.0, 25.0, 0.5, 6.25),
        };
        Price { input, output, cache_read, cache_write }
    }
}

/// The payer that is meant for an agent's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Billing {
    /// A subscription login if there is one, otherwise the API key.
    Auto,
    /// Always the subscription: API variables are withheld.
    Subscription,
    /// Always the API key: it passes even beside a login.
    Api,
}

/// Whether the user's and the project's own hooks run inside agents that we spawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentHooks {
    /// They run: the user may rely on them as a safety net.
    Keep,
    /// They are switched off for the agent.
    Disable,
}

/// Where an agent's definition came from; determines how far it is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentSource {
    /// Compiled in.
    Builtin,
    /// The operator's own config.
    Config,
    /// A file of the repository (`.claude/agents/*.md`).
    Project,
    /// The scripted agent of a rehearsal.
    Rehearsal,
}

/// A named way to work: which CLI, which model, with what rights.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agent {
    /// The name that routes, records and flags use.
    pub name: AgentName,
    /// One sentence that describes it to the user.
    pub description: String,
    /// The adapter that translates for its CLI.
    pub adapter: AdapterKind,
    /// Program and fixed leading arguments; never empty.
    pub command: Vec<String>,
    /// The capability that a route asks for.
    pub tier: Tier,
    /// The model passed to the CLI: an alias or a full name.
    pub model: String,
    /// The model that the CLI itself may fall back to when the first is overloaded.
    pub fallback_model: Option<String>,
    /// The agent that takes over when this one is unavailable.
    pub fallback_agent: Option<AgentName>,
    /// The list price of its model, for estimates if the agent reports no cost.
    pub price: Option<Price>,
    /// Whether the agent may change files.
    pub access: Access,
    /// An explicit permission mode; without one, `access` decides.
    pub permission_mode: Option<PermissionMode>,
    /// The CLI's own agent definition to run as (`--agent`), for project agents.
    pub cli_agent: Option<String>,
    /// Environment from the operator's config; always passed. Never serialized: it may hold keys.
    #[serde(skip)]
    pub env: BTreeMap<String, String>,
    /// Additional tool calls that are allowed, as rules of the CLI (`Bash(cargo test:*)`).
    pub allow_tools: Vec<String>,
    /// What it may do besides, in one word.
    pub permission_profile: Option<PermissionProfile>,
    /// Commands of the project that it may run: its tests, builds and checks.
    pub project_commands: Vec<String>,
    /// The intended payer.
    pub billing: Billing,
    /// Whether hooks that are not pointsman's own run inside.
    pub hooks: AgentHooks,
    /// Where the definition came from.
    pub source: AgentSource,
}

impl Agent {
    /// Creates an agent with the default for everything that can be left out.
    pub fn new(name: AgentName, adapter: AdapterKind, command: Vec<String>, tier: Tier) -> Agent {
        Agent {
            name,
            description: String::new(),
            adapter,
            command,
            tier,
            model: tier.as_str().to_owned(),
            fallback_model: None,
            fallback_agent: None,
            price: None,
            access: Access::Write,
            permission_mode: None,
            cli_agent: None,
            env: BTreeMap::new(),
            allow_tools: vec![],
            permission_profile: None,
            project_commands: vec![],
            billing: Billing::Auto,
            hooks: AgentHooks::Keep,
            source: AgentSource::Builtin,
        }
    }

    /// Returns the key of the CLI's sessions of this agent: a session keeps its agent, prompt and tools, whichever
    /// agent resumes it. Agents without a CLI agent of their own share their sessions, whatever their tier.
    pub fn session_key(&self) -> &str {
        self.cli_agent.as_deref().unwrap_or_default()
    }

    /// Returns the price used to estimate unreported use: the configured one, or the list price of the tier.
    pub fn price_to_count_by(&self) -> Price {
        self.price.unwrap_or_else(|| Price::list(self.tier))
    }

    /// Creates the general agent of a tier: the `claude` program under the tier's own name.
    pub fn general(tier: Tier) -> Agent {
        let name = format!("{tier}-general").parse().expect("a tier's name is a name");
        Agent::new(name, AdapterKind::Claude, vec!["claude".to_owned()], tier)
    }

    /// Returns whether this agent has no more rights than the other.
    ///
    /// What another command, environment or payer may do cannot be compared, so they must be equal. An equal permission
    /// mode is no more, and asking (`plan`, `default`, `dontAsk`) is no more than accepting edits.
    pub fn may_do_no_more_than(&self, other: &Agent) -> bool {
        let is_same_program = (self.adapter, &self.command, &self.env, self.billing, self.hooks)
            == (other.adapter, &other.command, &other.env, other.billing, other.hooks);
        let writes = |agent: &Agent| agent.access == Access::Write;
        let asks = |mode: PermissionMode| {
            matches!(mode, PermissionMode::Plan | PermissionMode::Default | PermissionMode::DontAsk)
        };
        let (mode, others) = (self.effective_permission_mode(), other.effective_permission_mode());
        let mode_is_no_more = mode == others
            || (asks(mode)
                && matches!(others, PermissionMode::AcceptEdits | PermissionMode::BypassPermissions));
        let tools_are_no_more = self.allow_tools.iter().all(|rule| other.allow_tools.contains(rule))
            && self.project_commands.iter().all(|command| other.project_commands.contains(command));
        is_same_program && mode_is_no_more && tools_are_no_more && (!writes(self) || writes(other))
    }

    /// Returns the permission mode that the agent runs with: the explicit one, or one derived from its access.
    pub fn effective_permission_mode(&self) -> PermissionMode {
        self.permission_mode.unwrap_or(match self.access {
            Access::Write => PermissionMode::AcceptEdits,
            Access::ReadOnly => PermissionMode::Default,
        })
    }
}

/// The agents that can be chosen, and the agent of each tier.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    agents: BTreeMap<AgentName, Agent>,
    by_tier: BTreeMap<Tier, AgentName>,
    /// Extra model names per tier, from config (`tiers.<tier>.served_as`).
    served_as: BTreeMap<Tier, Vec<String>>,
}

/// Why a catalog cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// A tier names an agent that does not exist.
    #[error("tier `{tier}` names agent `{agent}`, which is not in the catalog; known agents: {known}")]
    UnknownTierAgent {
        /// The tier.
        tier: Tier,
        /// The name that was not found.
        agent: AgentName,
        /// All names, comma separated.
        known: String,
    },
    /// A tier has no agent.
    #[error("tier `{tier}` has no agent")]
    NoTierAgent {
        /// The tier.
        tier: Tier,
    },
    /// An agent has an empty command.
    #[error("agent `{agent}` has an empty command")]
    EmptyCommand {
        /// The agent.
        agent: AgentName,
    },
}

impl Catalog {
    /// Builds a catalog in which every tier has an existing agent.
    pub fn new(
        agents: Vec<Agent>,
        by_tier: BTreeMap<Tier, AgentName>,
        served_as: BTreeMap<Tier, Vec<String>>,
    ) -> Result<Catalog, CatalogError> {
        let agents: BTreeMap<_, _> = agents.into_iter().map(|a| (a.name.clone(), a)).collect();
        let catalog = Catalog { agents, by_tier, served_as };
        for tier in Tier::ALL {
            let agent = catalog.by_tier.get(&tier).ok_or(CatalogError::NoTierAgent { tier })?;
            if !catalog.agents.contains_key(agent) {
                return Err(CatalogError::UnknownTierAgent {
                    tier,
                    agent: agent.clone(),
                    known: catalog.known_names(),
                });
            }
        }
        match catalog.agents.values().find(|a| a.command.is_empty()) {
            Some(agent) => Err(CatalogError::EmptyCommand { agent: agent.name.clone() }),
            None => Ok(catalog),
        }
    }

    /// Builds a catalog of the default general agents, one for each tier, and of the others given.
    pub fn of_generals(others: Vec<Agent>) -> Result<Catalog, CatalogError> {
        let mut agents: Vec<Agent> = Tier::ALL.map(Agent::general).into();
        let by_tier = agents.iter().map(|agent| (agent.tier, agent.name.clone())).collect();
        agents.extend(others);
        Catalog::new(agents, by_tier, BTreeMap::new())
    }

    /// Returns the agent with that name.
    pub fn get(&self, name: &AgentName) -> Option<&Agent> {
        self.agents.get(name)
    }

    /// Returns all agents in name order.
    pub fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }

    /// Gives every agent this permission mode: the user's flag overrides the catalog.
    pub fn set_permission_mode(&mut self, mode: PermissionMode) {
        for agent in self.agents.values_mut() {
            agent.permission_mode = Some(mode);
        }
    }

    /// Limits every agent to the rights that this mode gives.
    pub fn cap_permission_mode(&mut self, ceiling: PermissionMode) {
        for agent in self.agents.values_mut() {
            let mode = agent.effective_permission_mode();
            if mode.at_most(ceiling) != mode {
                agent.permission_mode = Some(ceiling);
            }
            // Tools that are allowed besides would be allowed in every mode.
            if PermissionMode::AcceptEdits.at_most(ceiling) != PermissionMode::AcceptEdits {
                agent.allow_tools.clear();
                agent.project_commands.clear();
            }
        }
    }

    /// Changes every agent; its name stays.
    pub fn change(&mut self, change: impl Fn(&Agent) -> Agent) {
        for (name, agent) in &mut self.agents {
            *agent = Agent { name: name.clone(), ..change(agent) };
        }
    }

    /// Allows all agents these tool calls as well.
    pub fn allow_tools(&mut self, rules: &[String]) {
        for agent in self.agents.values_mut() {
            agent.allow_tools.extend_from_slice(rules);
        }
    }

    /// Returns the agent of a tier.
    pub fn for_tier(&self, tier: Tier) -> &Agent {
        let name = self.by_tier.get(&tier).expect("checked in `new`: every tier has an agent");
        self.agents.get(name).expect("checked in `new`: a tier's agent exists")
    }

    /// Returns the tier of a model name as an agent's stream reports it, or `None` if it is not known.
    ///
    /// Names given in config win; otherwise the tier's name must occur in it as a whole segment (`claude-haiku-4-5`,
    /// not `haikuish`).
    pub fn tier_of_model(&self, model: &str) -> Option<Tier> {
        let configured = |tier: &Tier| {
            self.served_as.get(tier).is_some_and(|names| names.iter().any(|name| name == model))
        };
        Tier::ALL.into_iter().find(configured).or_else(|| Tier::in_model_name(model))
    }

    /// Returns the agents' names, comma separated, for messages; of very many the first.
    pub fn known_names(&self) -> String {
        let names: Vec<_> = self.agents.keys().take(NAMES_SHOWN).map(AgentName::as_str).collect();
        let more = self.agents.len() - names.len();
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        names.join(", ") + &rest
    }

    /// Describes what routing depends on (names, tiers, the agent of each tier), for the policy hash.
    pub fn fingerprint(&self) -> String {
        let mut text = String::new();
        for agent in self.agents.values() {
            let reach = reach::Reach::of(agent).as_str();
            text.push_str(&format!("agent {} {} {reach}\n", agent.name, agent.tier));
        }
        for (tier, agent) in &self.by_tier {
            text.push_str(&format!("tier {tier} {agent}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::general;

    /// Seen to fail with the ceiling as the mode of every agent, which is what a hook used to do.
    #[test]
    fn a_ceiling_lowers_rights_and_never_raises_them() {
        use PermissionMode::{AcceptEdits, BypassPermissions, Default, DontAsk, Plan};
        for (own, ceiling, then) in [
            (None, Default, Default),
            (None, AcceptEdits, AcceptEdits),
            (Some(Plan), Default, Plan),
            (Some(BypassPermissions), AcceptEdits, AcceptEdits),
            (Some(AcceptEdits), DontAsk, DontAsk),
            (Some(AcceptEdits), PermissionMode::ceiling_of_session("manual"), Default),
            (Some(AcceptEdits), PermissionMode::ceiling_of_session("a word of tomorrow"), Default),
            (Some(AcceptEdits), PermissionMode::ceiling_of_session("bypassPermissions"), AcceptEdits),
        ] {
            let mut catalog = crate::fixture::catalog(vec![]);
            own.into_iter().for_each(|mode| catalog.set_permission_mode(mode));
            catalog.cap_permission_mode(ceiling);
            let agent = catalog.for_tier(Tier::Sonnet);
            assert_eq!(agent.effective_permission_mode(), then, "{own:?} under {ceiling:?}");
        }
    }

    #[test]
    fn a_message_does_not_name_hundreds_of_agents() {
        let named = |n: usize| Agent { name: format!("a{n:03}").parse().unwrap(), ..general(Tier::Haiku) };
        let catalog = |count| crate::fixture::catalog((0..count).map(named).collect());
        assert!(catalog(10).known_names().ends_with("haiku-general, opus-general, sonnet-general"));
        let many = catalog(300).known_names();
        assert!(many.len() < 200 && many.ends_with(", a019 and 283 more"), "{many}");
    }

    /// Seen to fail with only `bypassPermissions` and write access compared.
    #[test]
    fn an_agent_of_another_command_payer_environment_or_mode_may_do_more() {
        let usual = general(Tier::Haiku);
        assert!(usual.may_do_no_more_than(&usual));
        let changed = |change: &dyn Fn(&mut Agent)| {
            let mut other = usual.clone();
            change(&mut other);
            other
        };
        let asks = changed(&|agent| agent.permission_mode = Some(PermissionMode::Plan));
        assert!(asks.may_do_no_more_than(&usual) && !usual.may_do_no_more_than(&asks));
        let dearer = changed(&|agent| agent.model = "opus".to_owned());
        assert!(dearer.may_do_no_more_than(&usual), "a model is no right; limits bound what it costs");
        for more in [
            changed(&|agent| agent.adapter = AdapterKind::Plain),
            changed(&|agent| agent.command.push("--dangerously-skip-permissions".to_owned())),
            changed(&|agent| drop(agent.env.insert("KEY".to_owned(), "value".to_owned()))),
            changed(&|agent| agent.billing = Billing::Api),
            changed(&|agent| agent.permission_mode = Some(PermissionMode::BypassPermissions)),
        ] {
            assert!(!more.may_do_no_more_than(&usual), "{more:?}");
        }
    }
}
