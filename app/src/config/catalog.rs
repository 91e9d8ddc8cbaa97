//! Builds the catalog that routes choose from, out of the settings.

use std::collections::BTreeMap;

use pointsman_core::agent::{
    Access, AdapterKind, Agent, AgentSource, Catalog, CatalogError, PermissionMode, Tier,
};
use pointsman_core::ids::AgentName;

use super::error::Warning;
use super::model::{AgentSettings, Settings};
use super::project::ProjectAgent;

/// Tools with which an agent can change files; an agent limited to other tools only reads.
const WRITING_TOOLS: [&str; 5] = ["Write", "Edit", "MultiEdit", "NotebookEdit", "Bash"];

impl Settings {
    /// Builds the catalog: the agents of the settings, and those of the project whose names are free.
    pub fn catalog(&self, project_agents: Vec<ProjectAgent>) -> Result<Catalog, CatalogError> {
        let configured = self.agents.iter().map(|(name, agent)| self.agent(name, agent));
        let free = |agent: &ProjectAgent| self.left_out(agent).is_none();
        let of_project =
            project_agents.into_iter().filter(free).filter_map(|agent| self.project_agent(agent));
        let agents = configured.chain(of_project).collect();
        let by_tier = |tier: Tier| (tier, self.tiers.get(tier).agent.clone());
        let served_as = |tier: Tier| (tier, self.tiers.get(tier).served_as.clone());
        Catalog::new(
            agents,
            Tier::ALL.into_iter().map(by_tier).collect(),
            Tier::ALL.into_iter().map(served_as).collect(),
        )
    }

    fn agent(&self, name: &AgentName, agent: &AgentSettings) -> Agent {
        let tier = self.tiers.get(agent.tier);
        Agent {
            name: name.clone(),
            description: agent.description.clone(),
            adapter: agent.adapter,
            command: agent.command.clone(),
            tier: agent.tier,
            model: agent.model.clone().unwrap_or_else(|| tier.model.clone()),
            fallback_model: agent.fallback_model.clone(),
            fallback_agent: agent.fallback_agent.clone(),
            price: Some(self.price(agent.tier)),
            access: agent.access,
            permission_mode: agent.permission_mode,
            cli_agent: agent.cli_agent.clone(),
            env: agent.env.clone(),
            allow_tools: agent.allow_tools.clone(),
            permission_profile: Some(agent.permission_profile.unwrap_or(self.permission_profile)),
            project_commands: vec![],
            billing: agent.billing,
            hooks: agent.hooks.unwrap_or(self.agent_hooks),
            source: agent.source,
        }
    }

    /// Returns why the catalog cannot take a project's agent, if it cannot.
    pub(super) fn left_out(&self, agent: &ProjectAgent) -> Option<Warning> {
        let model = agent.model.as_deref().unwrap_or_default();
        let like = self.tier_of(agent).and_then(|tier| self.agents.get(&self.tiers.get(tier).agent));
        let (reason, hint) = if self.agents.contains_key(&agent.name) {
            ("there is an agent of that name", None)
        } else if self.tier_of(agent).is_none() {
            let hint = format!("add \"{model}\" to `served_as` of a tier in your own settings");
            ("its model is of no known tier", Some(hint))
        } else if like.is_some_and(|like| like.adapter == AdapterKind::Plain) {
            ("the agent of its tier is not Claude Code, which alone reads such files", None)
        } else {
            return None;
        };
        let message = format!("the project's agent `{}` is left out: {reason}", agent.name);
        Some(Warning { at: None, message, hint })
    }

    /// Returns the tier of a project's agent, or `None` if its model is unknown.
    fn tier_of(&self, agent: &ProjectAgent) -> Option<Tier> {
        let Some(model) = agent.model.as_deref().filter(|model| *model != "inherit") else {
            return Some(Tier::Sonnet);
        };
        let configured = |tier: &Tier| self.tiers.get(*tier).served_as.iter().any(|name| name == model);
        Tier::ALL.into_iter().find(configured).or_else(|| Tier::in_model_name(model))
    }

    /// Makes a project's agent run like the agent of its tier, but never with more rights, and without the operator's
    /// variables: they may be keys, and its prompt is untrusted.
    fn project_agent(&self, agent: ProjectAgent) -> Option<Agent> {
        let tier = self.tier_of(&agent)?;
        let like = self.agents.get(&self.tiers.get(tier).agent)?;
        let only_reads = agent
            .tools
            .as_ref()
            .is_some_and(|tools| !tools.iter().any(|tool| WRITING_TOOLS.iter().any(|w| tool.starts_with(w))));
        let inherited = like.permission_mode.filter(|mode| *mode != PermissionMode::BypassPermissions);
        let model = match agent.model {
            Some(model) if model != "inherit" && Tier::parse(&model).is_none() => model,
            Some(_) | None => like.model.clone().unwrap_or_else(|| self.tiers.get(tier).model.clone()),
        };
        Some(Agent {
            cli_agent: Some(agent.name.to_string()),
            name: agent.name,
            description: agent.description,
            adapter: like.adapter,
            command: like.command.clone(),
            tier,
            model,
            fallback_model: like.fallback_model.clone(),
            fallback_agent: like.fallback_agent.clone(),
            price: Some(self.price(tier)),
            access: if only_reads { Access::ReadOnly } else { like.access },
            permission_mode: agent.permission_mode.or(inherited),
            env: BTreeMap::new(),
            allow_tools: vec![],
            permission_profile: None,
            project_commands: vec![],
            billing: like.billing,
            hooks: like.hooks.unwrap_or(self.agent_hooks),
            source: AgentSource::Project,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixture::Fixture;

    fn project_agent(name: &str, model: Option<&str>) -> ProjectAgent {
        ProjectAgent {
            name: name.parse().unwrap(),
            description: String::new(),
            prompt: String::new(),
            model: model.map(str::to_owned),
            tools: None,
            privileged_keys: Vec::new(),
            permission_mode: None,
        }
    }

    fn settings(user: &str) -> Settings {
        Fixture::new().user(user).load().unwrap().settings
    }

    #[test]
    fn the_defaults_give_one_agent_for_each_tier() {
        let catalog = settings("").catalog(Vec::new()).unwrap();
        for tier in Tier::ALL {
            let agent = catalog.for_tier(tier);
            assert_eq!((agent.name.to_string(), agent.tier), (format!("{tier}-general"), tier));
            assert_eq!((agent.model.as_str(), agent.source), (tier.as_str(), AgentSource::Builtin));
        }
    }

    #[test]
    fn an_agent_of_the_operator_needs_three_lines() {
        let text =
            "[agents.mytool]\nadapter = \"plain\"\ncommand = [\"mytool\", \"--flag\"]\ntier = \"sonnet\"";
        let catalog = settings(text).catalog(Vec::new()).unwrap();
        let agent = catalog.get(&"mytool".parse().unwrap()).unwrap();
        assert_eq!((agent.adapter, agent.model.as_str()), (AdapterKind::Plain, "sonnet"));
        assert_eq!((agent.source, agent.access), (AgentSource::Config, Access::Write));
    }

    #[test]
    fn an_agents_own_word_on_hooks_overrides_the_general_one() {
        use pointsman_core::agent::AgentHooks;
        let text = "agent_hooks = \"disable\"\nagents.opus-general.hooks = \"keep\"";
        let catalog = settings(text).catalog(Vec::new()).unwrap();
        assert_eq!(catalog.for_tier(Tier::Haiku).hooks, AgentHooks::Disable);
        assert_eq!(catalog.for_tier(Tier::Opus).hooks, AgentHooks::Keep);
        assert_eq!(catalog.for_tier(Tier::Opus).source, AgentSource::Config);
    }

    #[test]
    fn the_model_of_a_projects_agent_decides_its_tier() {
        let settings = settings("tiers.opus.served_as = [\"big-one\"]");
        for (model, tier, asked) in [
            (None, Some(Tier::Sonnet), "sonnet"),
            (Some("inherit"), Some(Tier::Sonnet), "sonnet"),
            (Some("haiku"), Some(Tier::Haiku), "haiku"),
            (Some("claude-opus-4-1"), Some(Tier::Opus), "claude-opus-4-1"),
            (Some("big-one"), Some(Tier::Opus), "big-one"),
            (Some("mystery"), None, ""),
        ] {
            let catalog = settings.catalog(vec![project_agent("x", model)]).unwrap();
            let agent = catalog.get(&"x".parse().unwrap());
            assert_eq!(agent.map(|agent| agent.tier), tier, "{model:?}");
            assert_eq!(agent.map_or("", |agent| agent.model.as_str()), asked);
        }
    }

    #[test]
    fn a_projects_agent_gets_neither_the_keys_nor_the_free_hand_of_its_tiers_agent() {
        let text = "[agents.sonnet-general]\npermission_mode = \"bypassPermissions\"\nenv = { KEY = \"k\" }\n\
                    command = [\"/opt/claude\"]\nbilling = \"api\"";
        let mut reader = project_agent("reader", None);
        reader.tools = Some(vec!["Read".to_owned(), "Grep".to_owned()]);
        let catalog = settings(text).catalog(vec![reader]).unwrap();
        let agent = catalog.get(&"reader".parse().unwrap()).unwrap();
        let like = catalog.for_tier(Tier::Sonnet);
        assert_eq!(agent.command, like.command);
        assert_eq!(agent.billing, like.billing);
        assert_eq!((agent.permission_mode, agent.env.len(), agent.access), (None, 0, Access::ReadOnly));
        assert_eq!((agent.cli_agent.as_deref(), agent.source), (Some("reader"), AgentSource::Project));
    }

    #[test]
    fn a_projects_agent_needs_claude_code_in_its_tier() {
        let text = "[agents.mine]\nadapter = \"plain\"\ncommand = [\"mine\"]\ntier = \"haiku\"\n\
                    [tiers.haiku]\nagent = \"mine\"";
        let settings = settings(text);
        let agent = project_agent("x", Some("haiku"));
        assert!(settings.left_out(&agent).unwrap().message.contains("not Claude Code"));
        assert!(settings.catalog(vec![agent]).unwrap().get(&"x".parse().unwrap()).is_none());
    }

    #[test]
    fn a_projects_agent_never_takes_a_name_that_is_there() {
        let catalog = settings("").catalog(vec![project_agent("opus-general", Some("haiku"))]).unwrap();
        assert_eq!(catalog.for_tier(Tier::Opus).source, AgentSource::Builtin);
    }
}
