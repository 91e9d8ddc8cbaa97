//! What a repository's settings may do.
//!
//! An untrusted file was approved by nobody, so it may only ask for less: lower limits, a stricter reaction to a wrong
//! model, more questions to the user, another of the operator's agents that may do no more. Anything else is ignored
//! with a warning. Everything that is not named here is not allowed.

use std::cmp::Ordering;
use std::path::Path;

use pointsman_core::agent::{Access, PermissionMode, PermissionProfile, Tier};
use pointsman_core::hook::mode::RoutingMode;
use pointsman_core::ids::AgentName;
use pointsman_core::toml_text::node::{Node, Value};
use pointsman_core::toml_text::place::printable;

use super::error::Warning;
use super::model::{LimitSettings, Settings};
use super::project::trust_hint;

/// Keeps only what an untrusted project may set. `operator` holds the settings without the project, `claimed` with it.
pub fn untrusted(layer: &mut Node, operator: &Settings, claimed: &Settings, root: &Path) -> Vec<Warning> {
    let mut warnings = Vec::new();
    layer.retain(&mut |path, node| match judge(path, operator, claimed) {
        Ok(()) => true,
        Err(reason) => {
            let hint = reason.is_for_trust.then(|| trust_hint(root));
            warnings.push(ignored(path, node, &reason.text, hint));
            false
        }
    });
    warnings
}

/// Keeps only what a trusted project may set, which is everything except agents that skip all permission checks, and
/// what is about other projects too.
pub fn trusted(layer: &mut Node, operator: &Settings, claimed: &Settings) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let is_free = |agent: &AgentName| {
        let mode = operator.agents.get(agent).and_then(|agent| agent.permission_mode);
        mode == Some(PermissionMode::BypassPermissions)
    };
    layer.retain(&mut |path, node| {
        let is_bypass = matches!(&node.value, Value::Text(mode)
            if mode == PermissionMode::BypassPermissions.as_str());
        let chooses_free_agent = match path {
            ["tiers", tier, "agent"] => Tier::parse(tier).is_some_and(|tier| {
                let (now, before) = (&claimed.tiers.get(tier).agent, &operator.tiers.get(tier).agent);
                is_free(now) && !is_free(before)
            }),
            _ => false,
        };
        if let Some(reason) = never(path) {
            warnings.push(ignored(path, node, reason, None));
            return false;
        }
        let is_free_hand = (matches!(path, ["agents", _, "permission_mode"]) && is_bypass)
            || allows_all_commands(path, node)
            || chooses_free_agent;
        if is_free_hand {
            warnings.push(ignored(path, node, "a repository never gives an agent a free hand", None));
        }
        !is_free_hand
    });
    warnings
}

/// Returns whether a value lets agents run whatever they like.
fn allows_all_commands(path: &[&str], node: &Node) -> bool {
    let is = |node: &Node, what: fn(&str) -> bool| matches!(&node.value, Value::Text(text) if what(text));
    match path {
        ["permission_profile"] | ["agents", _, "permission_profile"] => {
            is(node, |text| text == PermissionProfile::FullInWorktree.as_str())
        }
        ["agents", _, "allow_tools"] => matches!(&node.value, Value::List(rules)
            if rules.iter().any(|rule| is(rule, is_rule_for_all))),
        _ => false,
    }
}

/// Returns whether a rule of Claude Code allows every call of a tool that runs commands.
fn is_rule_for_all(rule: &str) -> bool {
    let (tool, body) = rule.split_once('(').unwrap_or((rule, ""));
    let is_shell = matches!(tool.trim(), "Bash" | "PowerShell") || tool.contains('*');
    is_shell && !body.chars().any(char::is_alphanumeric)
}

/// Returns why no repository may set this, trusted or not: it is about all of the operator's projects.
fn never(path: &[&str]) -> Option<&'static str> {
    match path {
        ["trust", ..] => Some("a repository never says what is trusted"),
        ["store", ..] => Some("a repository never says how long runs are kept"),
        ["notify", ..] => Some("a repository never says who is told of runs"),
        ["prices", ..] => Some("a repository never says what tokens cost"),
        _ => None,
    }
}

fn ignored(path: &[&str], node: &Node, reason: &str, hint: Option<String>) -> Warning {
    let at = node.key_place();
    Warning {
        at: Some(format!("{}:{}", at.file, at.line)),
        message: format!("`{}` is ignored: {reason}", printable(&path.join("."))),
        hint,
    }
}

struct Refusal {
    text: String,
    is_for_trust: bool,
}

fn refused(text: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { text: text.into(), is_for_trust: true })
}

fn judge(path: &[&str], operator: &Settings, claimed: &Settings) -> Result<(), Refusal> {
    if let Some(text) = never(path) {
        return Err(Refusal { text: text.to_owned(), is_for_trust: false });
    }
    match path {
        ["limits", name] => match compare_limit(name, &claimed.limits, &operator.limits) {
            Some(Ordering::Less | Ordering::Equal) => Ok(()),
            Some(Ordering::Greater) | None => refused("an untrusted project may only lower a limit"),
        },
        ["routing_mode"] if asks_no_less(claimed.routing_mode, operator.routing_mode) => Ok(()),
        ["routing_mode"] => refused("an untrusted project may only choose a mode that asks more"),
        ["on_model_mismatch"] if claimed.on_model_mismatch >= operator.on_model_mismatch => Ok(()),
        ["on_model_mismatch"] => refused("an untrusted project may only be stricter"),
        ["tiers", tier, "agent"] => match Tier::parse(tier) {
            Some(tier) => {
                let (claimed, current) = (&claimed.tiers.get(tier).agent, &operator.tiers.get(tier).agent);
                judge_tier(claimed, current, tier, operator)?;
                judge_agent(claimed, current, operator)
            }
            None => refused("there is no such tier"),
        },
        _ => refused("only a trusted project may set it"),
    }
}

/// Compares a limit; `None` in a setting means no limit, which is the greatest.
fn compare_limit(name: &str, claimed: &LimitSettings, operator: &LimitSettings) -> Option<Ordering> {
    let unbounded = |limit: Option<f64>| limit.unwrap_or(f64::INFINITY);
    Some(match name {
        "timeout" => claimed.timeout.cmp(&operator.timeout),
        "idle" => claimed.idle.cmp(&operator.idle),
        "startup" => claimed.startup.cmp(&operator.startup),
        "post_result_grace" => claimed.post_result_grace.cmp(&operator.post_result_grace),
        "stop_grace" => claimed.stop_grace.cmp(&operator.stop_grace),
        "attempts" => claimed.attempts.cmp(&operator.attempts),
        "max_turns" => unbounded(claimed.max_turns.map(f64::from))
            .total_cmp(&unbounded(operator.max_turns.map(f64::from))),
        "max_usd" => unbounded(claimed.max_usd).total_cmp(&unbounded(operator.max_usd)),
        "answer_bytes_max" => claimed.answer_bytes_max.cmp(&operator.answer_bytes_max),
        _ => return None,
    })
}

/// Returns whether a mode gives the user at least as much say. `off` is no step on this ladder: it would silence the
/// operator's hooks, and an operator who chose it wants none of a repository's modes. Neither is `experiment`: a
/// repository's choice would spoil the comparison.
fn asks_no_less(claimed: RoutingMode, operator: RoutingMode) -> bool {
    let step = |mode: RoutingMode| match mode {
        RoutingMode::Off | RoutingMode::Experiment => None,
        RoutingMode::Orchestration => Some(0),
        RoutingMode::Hybrid => Some(1),
        RoutingMode::Directive => Some(2),
        RoutingMode::Enforced => Some(3),
    };
    match (step(claimed), step(operator)) {
        (Some(claimed), Some(operator)) => claimed >= operator,
        (claimed, operator) => claimed == operator,
    }
}

/// Accepts an agent of no stronger tier than the one it would stand for: a stronger one costs more.
fn judge_tier(
    claimed: &AgentName,
    current: &AgentName,
    tier: Tier,
    operator: &Settings,
) -> Result<(), Refusal> {
    let tier_of = |name: &AgentName| operator.agents.get(name).map(|agent| agent.tier);
    let allowed = tier_of(current).map_or(tier, |current| current.max(tier));
    match tier_of(claimed) {
        Some(asked) if asked > allowed => {
            refused(format!("`{claimed}` is of tier {asked}, and an untrusted project raises no tier"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Accepts an agent of the operator's that may do no more than the one it stands in for.
fn judge_agent(claimed: &AgentName, current: &AgentName, operator: &Settings) -> Result<(), Refusal> {
    let Some(agent) = operator.agents.get(claimed) else {
        return refused(format!("`{claimed}` is not an agent of the operator"));
    };
    let current = operator.agents.get(current);
    // The powers of a different command, environment, payer or mode cannot be compared: these must be the same.
    let is_alike = current.is_some_and(|current| {
        (agent.adapter, &agent.command, &agent.env, agent.billing, agent.permission_mode)
            == (current.adapter, &current.command, &current.env, current.billing, current.permission_mode)
            && (&agent.allow_tools, agent.permission_profile)
                == (&current.allow_tools, current.permission_profile)
            && (agent.access == current.access || agent.access == Access::ReadOnly)
    });
    if !is_alike {
        return refused(format!("`{claimed}` may do more than the agent it would stand in for"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
