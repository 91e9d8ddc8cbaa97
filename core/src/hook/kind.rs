//! Kinds of subagents: whether the model of one is already settled, and whether it can do more than look.

use super::transcript;

/// What the definition of a kind says, as far as it matters here. The CLI's own kinds have none that we could read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// The model that it names: an alias, a full name, or `inherit`.
    pub model: Option<String>,
    /// The tools that it is limited to; `None` if it has all.
    pub tools: Option<Vec<String>>,
}

/// Kinds of the CLI that look and change nothing.
const LOOKERS: [&str; 3] = ["Explore", "Plan", "claude-code-guide"];

/// Returns why the model of a kind cannot be chosen, if so.
///
/// Seen with 2.1.332: a fork runs on the model of its parent whatever the call says; 2.1.197 has no forks. `resume` and
/// `team_name`, which other versions know, are no reason: 2.1.197 to 2.1.332 drop them and run the model that the call names.
pub fn fixed_model(kind: &str) -> Option<&'static str> {
    (kind == "fork").then_some("a fork runs on the model of its parent")
}

/// Returns whether a kind of subagent can only look.
pub fn only_looks(kind: &str, definition: Option<&Definition>) -> bool {
    match definition {
        // A person's own definition of `Explore` is what counts.
        Some(definition) => {
            let tools = definition.tools.as_deref();
            tools.is_some_and(|tools| tools.iter().all(|tool| transcript::is_harmless(tool)))
        }
        None => LOOKERS.contains(&kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_only_looks_if_every_tool_that_it_has_changes_nothing() {
        let with = |tools: Option<&[&str]>| {
            Some(Definition {
                model: None,
                tools: tools.map(|all| all.iter().map(|t| (*t).to_owned()).collect()),
            })
        };
        for (kind, definition, expected) in [
            ("Explore", None, true),
            ("general-purpose", None, false),
            ("reviewer", None, false),
            ("reviewer", with(Some(&["Read", "Grep"])), true),
            ("reviewer", with(Some(&["Read", "Bash"])), false),
            ("reviewer", with(Some(&["Read", "mcp__x__y"])), false),
            ("Explore", with(None), false),
        ] {
            assert_eq!(only_looks(kind, definition.as_ref()), expected, "{kind} {definition:?}");
        }
    }
}
