//! A route in one line of text.

use pointsman_core::agent::Agent;
use pointsman_core::route::{Decision, Route};

use super::human::Openings;
use super::output::{self, Tone};
use super::payer;
use crate::engine::submit::Submission;
use crate::engine::{Engine, launch};

/// Returns a route in one line.
pub fn text(route: &Route) -> String {
    let decision = match route.decision {
        Decision::Direct => format!("{} ({})", route.agent, route.tier),
        Decision::Escalate => format!("ask a person first, then {} ({})", route.agent, route.tier),
    };
    format!("{decision}, {:.0} % sure: {}", route.confidence * 100.0, route.reason)
}

/// Returns where the request goes, with which rights, and who pays.
pub fn text_with_rights(engine: &Engine, submission: &Submission) -> String {
    let (route, project) = (submission.route(), submission.project());
    let mut parts = vec![text(route)];
    if let Some(agent) = project.catalog().get(&route.agent) {
        if agent.adapter.capabilities(None).has_permissions {
            parts.push(rights(agent));
        } else {
            parts.push("no limits of its own: it may do what you may".to_owned());
        }
        if !submission.is_rehearsal() && agent.adapter.capabilities(None).names_models {
            let (payer, gateway) = launch::payer(engine, project, agent);
            parts.push(payer::text_with_gateway(payer, gateway.as_deref()));
        }
    }
    parts.join(" · ")
}

/// The most commands and tools that are named.
const ALLOWED_NAMED: usize = 3;

/// Returns an agent's permission mode, and what it may do besides.
fn rights(agent: &Agent) -> String {
    let allowed: Vec<&str> =
        agent.allow_tools.iter().chain(&agent.project_commands).map(String::as_str).collect();
    let more = allowed.len().saturating_sub(ALLOWED_NAMED);
    let named = allowed.iter().take(ALLOWED_NAMED).map(|one| format!(" + {one}")).collect::<String>();
    let rest = if more > 0 { format!(" + {more} more") } else { String::new() };
    format!("{}{named}{rest}", agent.effective_permission_mode().as_str())
}

/// Prints in one line where the request goes, with which rights, and who pays.
pub fn say(engine: &Engine, submission: &Submission) {
    let word = Openings { is_rehearsal: submission.is_rehearsal() }.mark("route:");
    output::say(Tone::Plain, &word, &text_with_rights(engine, submission));
}
