//! What is done when the main model hands work to a subagent: nothing, another model or kind, or a refusal.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::{HookAnswer, HookEffect};
use super::input::ToolUse;
use super::prompt::{APPROVE, reason};
use crate::agent::{Agent, Catalog, Tier};
use crate::mode::Mode;
use crate::route::{Decision, Route};

/// The kind of subagent that the CLI takes if none is named: a general one, so ours can replace it.
const GENERAL_PURPOSE: &str = "general-purpose";

/// The prefix by which the CLI knows the agents of our plugin.
pub const PLUGIN_PREFIX: &str = "pointsman:";

/// Agents of our plugin that look and change nothing, each with a model of its own. They may be asked about anything.
const ADVISERS: [&str; 2] = ["pointsman:planner", "pointsman:router-escalation"];

/// What the user said about the current prompt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonSaid {
    /// Nothing.
    #[default]
    Nothing,
    /// To leave this prompt alone.
    LeaveAlone,
    /// Yes to whatever would be asked.
    Approved,
    /// The tier that is to do it.
    Tier(Tier),
}

/// Which agents the CLI of the session knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownAgents {
    /// The CLI's own, and those of our plugin.
    Plugin,
    /// Only the CLI's own: the hook was set up by hand.
    Builtin,
}

/// The subagent and model that a delegation names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The kind of subagent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subagent_type: Option<String>,
    /// The model's alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Target {
    /// Returns the target that a call names.
    pub fn of(input: &Map<String, Value>) -> Target {
        let text = |key: &str| {
            let text = input.get(key)?.as_str()?;
            Some(text.chars().filter(|c| !c.is_control()).take(100).collect())
        };
        Target { subagent_type: text("subagent_type"), model: text("model") }
    }
}

/// What was done about a delegation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "done")]
pub enum Disposition {
    /// Nothing: only recorded.
    Observed,
    /// Nothing: the user wants pointsman to keep out.
    LeftAlone,
    /// Nothing: it names what the route names.
    AsRouted {
        /// What it names.
        set: Target,
    },
    /// It was given to the agent that the route names.
    Rewritten {
        /// The new target.
        set: Target,
    },
    /// It was refused.
    Denied,
}

/// What is known when deciding about a delegation.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The session's mode; `None` means off.
    pub mode: Option<Mode>,
    /// What the user said about the prompt.
    pub said: PersonSaid,
    /// The route of the subagent's own prompt.
    pub route: &'a Route,
    /// The configured agents.
    pub catalog: &'a Catalog,
    /// Which agents the CLI knows.
    pub known: KnownAgents,
}

/// Decides about a delegation: what is done, and the answer that does it.
pub fn decide(call: &ToolUse, terms: &Terms<'_>) -> (Disposition, HookAnswer) {
    if terms.said == PersonSaid::LeaveAlone {
        return (Disposition::LeftAlone, HookAnswer::default());
    }
    let is_adviser = call.text("subagent_type").is_some_and(|kind| ADVISERS.contains(&kind));
    if terms.mode != Some(Mode::Enforced) || is_adviser {
        return (Disposition::Observed, HookAnswer::default());
    }
    let is_approved = terms.said == PersonSaid::Approved;
    if terms.route.decision == Decision::Escalate && !is_approved {
        return (Disposition::Denied, HookAnswer::of(HookEffect::Deny { reason: refusal(terms.route) }));
    }
    let set = target(call, terms);
    if Target::of(&call.input) == set {
        return (Disposition::AsRouted { set }, HookAnswer::default());
    }
    let mut input = call.input.clone();
    put(&mut input, "subagent_type", set.subagent_type.as_deref());
    put(&mut input, "model", set.model.as_deref());
    (Disposition::Rewritten { set }, HookAnswer::of(HookEffect::Rewrite { input }))
}

/// Returns what the delegation should name. A special kind of subagent keeps its kind: only its model is set.
fn target(call: &ToolUse, terms: &Terms<'_>) -> Target {
    let agent = match terms.said {
        PersonSaid::Tier(tier) => terms.catalog.for_tier(tier),
        PersonSaid::Nothing | PersonSaid::LeaveAlone | PersonSaid::Approved => {
            terms.catalog.get(&terms.route.agent).unwrap_or_else(|| terms.catalog.for_tier(terms.route.tier))
        }
    };
    let asked = call.text("subagent_type");
    let is_of_settings = |kind: &str| {
        let name = kind.strip_prefix(PLUGIN_PREFIX).unwrap_or(kind);
        name.parse().is_ok_and(|name| terms.catalog.get(&name).is_some())
    };
    let is_general = asked.is_none_or(|kind| kind == GENERAL_PURPOSE || is_of_settings(kind));
    if let Some(name) = agent.cli_agent.as_ref().filter(|_| is_general) {
        // A definition of the user's own: it says itself which model it runs on.
        return Target { subagent_type: Some(name.clone()), model: alias(&agent.model) };
    }
    if is_general && terms.known == KnownAgents::Plugin {
        return Target { subagent_type: Some(name_in_plugin(agent)), model: alias(&agent.model) };
    }
    // Without a definition of ours only an alias can be named, so a custom model becomes its tier's.
    let model = alias(&agent.model).unwrap_or_else(|| agent.tier.as_str().to_owned());
    Target { subagent_type: asked.map(str::to_owned), model: Some(model) }
}

/// Returns the alias of a model. The tool accepts only aliases; any other model must come from a definition.
fn alias(model: &str) -> Option<String> {
    Tier::parse(model).map(|tier| tier.as_str().to_owned())
}

/// Returns the name by which the CLI knows an agent that our plugin defines.
pub fn name_in_plugin(agent: &Agent) -> String {
    format!("{PLUGIN_PREFIX}{}", agent.name)
}

/// Returns the name that a directive gives to the agent of a route.
pub fn name_for_directive(route: &Route, catalog: &Catalog, known: KnownAgents) -> String {
    let agent = catalog.get(&route.agent).unwrap_or_else(|| catalog.for_tier(route.tier));
    match (&agent.cli_agent, known) {
        (Some(name), _) => name.clone(),
        (None, KnownAgents::Plugin) => name_in_plugin(agent),
        (None, KnownAgents::Builtin) => GENERAL_PURPOSE.to_owned(),
    }
}

fn put(input: &mut Map<String, Value>, key: &str, value: Option<&str>) {
    match value {
        Some(value) => drop(input.insert(key.to_owned(), Value::from(value))),
        None => drop(input.remove(key)),
    }
}

/// Decides about a prompt that is scheduled for later: the CLI will submit it as if the user had typed it, so it must
/// not begin with anything that speaks for the user, wherever in the call it stands.
pub fn for_later(call: &ToolUse) -> Option<HookAnswer> {
    call.input.values().any(|value| speaks(value, 0)).then(|| {
        let reason = format!(
            "[pointsman] A prompt for later must not begin with a mark such as `{APPROVE}`, `~` or `@opus`: only a person may say that. \
             Lay it up without it."
        );
        HookAnswer::of(HookEffect::Deny { reason })
    })
}

/// How deep the input of a call is searched; below that, nothing is believed.
const DEPTH_MAX: usize = 32;

/// Returns whether a text anywhere in a value would speak for a person, also in JSON that is written as a text.
fn speaks(value: &Value, depth: usize) -> bool {
    let inside = |value: &Value| speaks(value, depth + 1);
    match value {
        _ if depth > DEPTH_MAX => true,
        Value::String(text) => {
            super::prompt::speaks_for_a_person(text)
                || (text.trim_start().starts_with(['{', '[', '"'])
                    && serde_json::from_str::<Value>(text).is_ok_and(|value| inside(&value)))
        }
        Value::Array(items) => items.iter().any(inside),
        Value::Object(fields) => fields.values().any(inside),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn refusal(route: &Route) -> String {
    format!(
        "[pointsman] A person must say yes to this first: {}. Do not do it in another way. Tell the person what you would do; they \
         approve by a message that begins with `{APPROVE}`.",
        reason(&route.reason)
    )
}
