//! What is done when the main model hands work to a subagent: nothing, another model, or a refusal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::{HookAnswer, HookEffect};
use super::input::ToolUse;
use super::kind::{self, Definition};
use super::prompt::{APPROVE, Approval, reason, surely_stops};
use crate::agent::{Agent, Catalog, Tier};
use crate::mode::Mode;
use crate::route::Route;

/// The kind of subagent that the CLI takes if none is named.
pub const GENERAL_PURPOSE: &str = "general-purpose";

/// The prefix by which the CLI knows the agents of our plugin.
pub const PLUGIN_PREFIX: &str = "pointsman:";

/// Agents of our plugin that look and change nothing, each with a model of its own. They may be asked about anything.
const ADVISERS: [&str; 2] = ["pointsman:planner", "pointsman:router-escalation"];

/// What the user said about the current prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The agent that is to do it, by the CLI's name.
    Agent(String),
}

impl PersonSaid {
    /// Returns what a prompt says that names a tier, an agent or neither.
    pub fn of_prompt(tier: Option<Tier>, agent: Option<&str>, approval: Approval) -> PersonSaid {
        match (tier, agent) {
            (Some(tier), _) => PersonSaid::Tier(tier),
            (None, Some(agent)) => PersonSaid::Agent(agent.to_owned()),
            (None, None) if approval == Approval::Given => PersonSaid::Approved,
            (None, None) => PersonSaid::Nothing,
        }
    }
}

/// Which agents the CLI of the session knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownAgents {
    /// The CLI's own, and those of our plugin.
    Plugin,
    /// Only the CLI's own: the hook was set up by hand.
    Builtin,
    /// Nobody knows: the session runs as an agent, which may be allowed a few kinds alone.
    Unknown,
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
    /// Nothing: its model is settled by somebody else.
    Kept {
        /// Why.
        because: String,
    },
    /// It was given the model that holds for it.
    Rewritten {
        /// The new target.
        set: Target,
    },
    /// It was refused.
    Denied,
}

/// What enforcing may do, by the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enforcing {
    /// Whether an agent definition that names a model is held to the route all the same.
    pub defined_agents: bool,
    /// What is done where the route's model has no alias.
    pub unreachable: UnreachableModel,
}

/// What is done where the tool, which takes aliases alone, cannot name the model of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnreachableModel {
    /// The tier's own alias is named.
    #[default]
    Alias,
    /// The delegation is refused.
    Refuse,
}

/// What is known when deciding about a delegation.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The session's mode; `None` means off.
    pub mode: Option<Mode>,
    /// What the user said about the prompt.
    pub said: &'a PersonSaid,
    /// Whether the user approved what would be asked.
    pub approved: bool,
    /// The route of the subagent's own prompt.
    pub route: &'a Route,
    /// The configured agents.
    pub catalog: &'a Catalog,
    /// The definition of the kind of subagent, if there is one.
    pub definition: Option<&'a Definition>,
    /// The models that the CLI's aliases stand for, where its environment says so.
    pub aliases: &'a BTreeMap<Tier, String>,
    /// What enforcing may do.
    pub enforcing: Enforcing,
}

/// Decides about a delegation: what is done, and the answer that does it. Nothing but `model` is ever changed: a kind of
/// subagent has rights, and permission rules that name it.
pub fn decide(call: &ToolUse, terms: &Terms<'_>) -> (Disposition, HookAnswer) {
    if *terms.said == PersonSaid::LeaveAlone {
        return (Disposition::LeftAlone, HookAnswer::default());
    }
    let kind = call.text("subagent_type").unwrap_or(GENERAL_PURPOSE);
    if terms.mode != Some(Mode::Enforced) || ADVISERS.contains(&kind) {
        return (Disposition::Observed, HookAnswer::default());
    }
    if is_dangerous(terms.route) && !terms.approved && !kind::only_looks(kind, terms.definition) {
        return denied(refusal(terms.route));
    }
    if let Some(because) = kind::fixed_model(kind) {
        return (Disposition::Kept { because: because.to_owned() }, HookAnswer::default());
    }
    match model(terms) {
        Model::Named(alias) => set(call, Some(alias)),
        Model::OfDefinition(model) => hold(call, model),
        Model::Unreachable { tier, model } => denied(unreachable(tier, model)),
    }
}

/// The model of a delegation.
enum Model<'a> {
    /// The tool can name it.
    Named(&'static str),
    /// The definition names it, and that holds.
    OfDefinition(&'a str),
    /// The tool cannot name it, and no other may stand in for it.
    Unreachable { tier: Tier, model: &'a str },
}

fn model<'a>(terms: &Terms<'a>) -> Model<'a> {
    if let PersonSaid::Tier(tier) = terms.said {
        return Model::Named(tier.as_str());
    }
    let of_definition = terms.definition.and_then(|definition| definition.model.as_deref());
    if let Some(model) = of_definition.filter(|_| !terms.enforcing.defined_agents) {
        return Model::OfDefinition(model);
    }
    let agent = agent_of(terms.route, terms.catalog);
    let (tier, model) = (agent.tier, agent.model.as_str());
    let is_reached = model.contains(tier.as_str()) || terms.aliases.get(&tier).is_some_and(|of| of == model);
    match terms.enforcing.unreachable {
        UnreachableModel::Refuse if !is_reached => Model::Unreachable { tier, model },
        UnreachableModel::Refuse | UnreachableModel::Alias => Model::Named(tier.as_str()),
    }
}

/// Sets the model of a call, or takes it out.
fn set(call: &ToolUse, model: Option<&str>) -> (Disposition, HookAnswer) {
    let set = Target { model: model.map(str::to_owned), ..Target::of(&call.input) };
    if call.text("model") == model && call.input.contains_key("model") == model.is_some() {
        return (Disposition::AsRouted { set }, HookAnswer::default());
    }
    let mut input = call.input.clone();
    match model {
        Some(model) => drop(input.insert("model".to_owned(), Value::from(model))),
        None => drop(input.remove("model")),
    }
    (Disposition::Rewritten { set }, HookAnswer::of(HookEffect::Rewrite { input }))
}

/// Holds a call to the model of its kind's definition: a model that the call names would win over it.
fn hold(call: &ToolUse, model: &str) -> (Disposition, HookAnswer) {
    let names_another = call.text("model").is_some_and(|named| !model.contains(named));
    if names_another {
        return set(call, None);
    }
    let because = format!("the agent's own definition names the model {}", one_word(model));
    (Disposition::Kept { because }, HookAnswer::default())
}

fn denied(reason: String) -> (Disposition, HookAnswer) {
    (Disposition::Denied, HookAnswer::of(HookEffect::Deny { reason }))
}

/// Returns whether a person must be asked because of what could happen. Words that do not say what is meant are no reason:
/// whoever delegates knows the context.
fn is_dangerous(route: &Route) -> bool {
    let is_unclear = |rule: &String| rule.ends_with(".unclear");
    surely_stops(route) && !route.rules.first().is_some_and(is_unclear)
}

/// Returns the agent that a route names.
fn agent_of<'a>(route: &Route, catalog: &'a Catalog) -> &'a Agent {
    catalog.get(&route.agent).unwrap_or_else(|| catalog.for_tier(route.tier))
}

/// Returns the name by which the CLI knows an agent that our plugin defines.
pub fn name_in_plugin(agent: &Agent) -> String {
    format!("{PLUGIN_PREFIX}{}", agent.name)
}

/// Returns the name that a directive gives to the agent of a tier: that of the route, or of the tier that the user named.
pub fn name_for_directive(
    route: &Route,
    tier: Tier,
    catalog: &Catalog,
    known: KnownAgents,
) -> Option<String> {
    let agent = if tier == route.tier { agent_of(route, catalog) } else { catalog.for_tier(tier) };
    match (&agent.cli_agent, known) {
        (_, KnownAgents::Unknown) => None,
        (Some(name), _) => Some(name.clone()),
        (None, KnownAgents::Plugin) => Some(name_in_plugin(agent)),
        (None, KnownAgents::Builtin) => Some(GENERAL_PURPOSE.to_owned()),
    }
}

/// Returns a name from a file in a form that is fit for records.
fn one_word(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !c.is_whitespace()).take(100).collect()
}

/// Decides about a prompt that is scheduled for later: the CLI will submit it as if the user had typed it, so it must
/// not begin with a mark, wherever in the call it stands, nor decide in words.
pub fn for_later(call: &ToolUse) -> Option<HookAnswer> {
    let speaks = |(name, value): (&String, &Value)| speaks(value, Field::named(name), 0);
    call.input.iter().any(speaks).then(|| {
        let reason = format!(
            "[pointsman] A prompt for later must not begin with a mark such as `{APPROVE}`, `~` or `@opus`, nor say yes or name a model or an \
             agent: only a person may say that. Lay it up without it."
        );
        HookAnswer::of(HookEffect::Deny { reason })
    })
}

/// How deep the input of a call is searched; below that, nothing is believed.
const DEPTH_MAX: usize = 32;

/// What a field of a call holds, by its name.
#[derive(Debug, Clone, Copy)]
enum Field {
    /// A prompt, so that a "yes" in it would be an answer.
    Prompt,
    /// Something else: a flag, a duration, a title.
    Other,
}

impl Field {
    fn named(name: &str) -> Field {
        const SIGNS: [&str; 9] =
            ["prompt", "message", "text", "body", "content", "command", "instruction", "query", "task"];
        let name = name.to_ascii_lowercase();
        if SIGNS.iter().any(|sign| name.contains(sign)) { Field::Prompt } else { Field::Other }
    }
}

/// Returns whether a text anywhere in a value would speak for a person, also in JSON that is written as a text.
fn speaks(value: &Value, field: Field, depth: usize) -> bool {
    let inside = |value: &Value| speaks(value, field, depth + 1);
    match value {
        _ if depth > DEPTH_MAX => true,
        Value::String(text) => {
            let decides = match field {
                Field::Prompt => super::prompt::decides_in_words(text),
                Field::Other => false,
            };
            decides
                || super::prompt::is_marked(text)
                || (text.trim_start().starts_with(['{', '[', '"'])
                    && serde_json::from_str::<Value>(text).is_ok_and(|value| inside(&value)))
        }
        Value::Array(items) => items.iter().any(inside),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| speaks(value, Field::named(name), depth + 1))
        }
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

/// Returns the answer to a delegation that cannot be read: the model can say it again, and a gate does not open because of an
/// odd text.
pub fn unreadable() -> HookAnswer {
    denied("[pointsman] This call cannot be read. Make it again, in plain words.".to_owned()).1
}

/// The variable with which the CLI is told what the alias of a tier stands for.
pub fn alias_variable(tier: Tier) -> String {
    format!("ANTHROPIC_DEFAULT_{}_MODEL", tier.as_str().to_ascii_uppercase())
}

fn unreachable(tier: Tier, model: &str) -> String {
    let (variable, model) = (alias_variable(tier), one_word(model));
    format!(
        "[pointsman] This is work for {tier}, for which the person has set the model {model}, and the Agent tool cannot name it. Tell the \
         person to start the session with {variable}={model}, or do the work yourself."
    )
}
