//! Reach: what an agent can touch with its rights.

use super::{AdapterKind, Agent, PermissionMode};

/// What an agent can touch without asking anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It reads, and changes nothing.
    Reading,
    /// It changes files of the project, which version control brings back.
    Files,
    /// It runs commands: all that the user may do.
    Commands,
}

impl Reach {
    /// Returns the reach of an agent: by its permission mode, the tools that are allowed besides, and whether its CLI has
    /// permissions at all. The project's own tests and builds do what its files say, so they reach as far as editing.
    pub fn of(agent: &Agent) -> Reach {
        if agent.adapter == AdapterKind::Plain {
            return Reach::Commands;
        }
        let by_mode = match agent.effective_permission_mode() {
            PermissionMode::BypassPermissions | PermissionMode::Auto => Reach::Commands,
            PermissionMode::AcceptEdits => Reach::Files,
            PermissionMode::Default | PermissionMode::Plan | PermissionMode::DontAsk => Reach::Reading,
        };
        agent.allow_tools.iter().map(|rule| Reach::of_tool(rule)).fold(by_mode, Reach::max)
    }

    /// Returns the reach of a tool that is allowed. One that is not known may do anything.
    fn of_tool(rule: &str) -> Reach {
        match rule.split('(').next().unwrap_or_default().trim() {
            "Read" | "Grep" | "Glob" | "LS" | "TodoWrite" | "WebSearch" => Reach::Reading,
            "Edit" | "MultiEdit" | "Write" | "NotebookEdit" => Reach::Files,
            _ => Reach::Commands,
        }
    }

    /// Returns the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Reach::Reading => "reading",
            Reach::Files => "files",
            Reach::Commands => "commands",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Tier;
    use crate::fixture::general;

    fn with(mode: PermissionMode, tools: &[&str]) -> Reach {
        let mut agent = general(Tier::Sonnet);
        agent.permission_mode = Some(mode);
        agent.allow_tools = tools.iter().map(ToString::to_string).collect();
        Reach::of(&agent)
    }

    #[test]
    fn rights_say_what_a_run_can_touch() {
        use PermissionMode::{AcceptEdits, Auto, BypassPermissions, Default, DontAsk, Plan};
        for (mode, tools, reach) in [
            (Plan, &[][..], Reach::Reading),
            (Default, &[], Reach::Reading),
            (DontAsk, &["Read", "Grep(src)"], Reach::Reading),
            (Default, &["Edit(src/**)"], Reach::Files),
            (AcceptEdits, &["Read"], Reach::Files),
            (AcceptEdits, &["Bash(cargo test:*)"], Reach::Commands),
            (Default, &["mcp__github__create_pr"], Reach::Commands),
            (Auto, &[], Reach::Commands),
            (BypassPermissions, &[], Reach::Commands),
        ] {
            assert_eq!(with(mode, tools), reach, "{mode:?} {tools:?}");
        }
    }
}
