//! The daily metrics records: the predecessor's fields under its names, then ours.

use jiff::Timestamp;
use serde::Serialize;

use super::run::{RunReport, SCHEMA_VERSION};
use crate::agent::Tier;
use crate::hook::fact::{HookEvent, HookFact};
use crate::mode::Mode;
use crate::request::request_hash;
use crate::route::{Decision, Route};
use crate::usage::Tokens;

/// One `orchestrated_execution` record. Contains the request's hash, never its words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrchestratedExecution<'a> {
    record_type: &'static str,
    timestamp: Timestamp,
    session_id: &'a str,
    request_hash: &'a str,
    routing_decision: RoutingDecision<'a>,
    execution_result: ExecutionResult<'a>,
    orchestration_mode: &'static str,
    schema_version: u32,
    run_id: &'a str,
    rehearsal: bool,
    verdict: &'a str,
    attempt_count: usize,
    outcomes: Vec<&'static str>,
    models_served: Vec<&'a str>,
    tier_routed: &'a str,
    layer: serde_json::Value,
    rules: &'a [String],
    policy_hash: &'a str,
    duration_ms: u64,
    tokens: Tokens,
    cost_usd: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct RoutingDecision<'a> {
    decision: serde_json::Value,
    agent: &'a str,
    reason: &'a str,
    confidence: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ExecutionResult<'a> {
    agent: &'a str,
    exit_code: u8,
    escalated: bool,
    final_agent: &'a str,
}

impl<'a> OrchestratedExecution<'a> {
    /// Creates the record of a finished run; `None` if it is not finished.
    pub fn of(report: &'a RunReport) -> Option<OrchestratedExecution<'a>> {
        let (route, verdict) = (&report.route.as_ref()?.route, report.verdict?);
        let routed = route.agent.as_str();
        let word = |value| serde_json::to_value(value).unwrap_or_default();
        Some(OrchestratedExecution {
            record_type: "orchestrated_execution",
            timestamp: report.finished_at?,
            session_id: report.session_id.as_str(),
            request_hash: &report.request_hash,
            routing_decision: RoutingDecision {
                decision: word(route.decision),
                agent: routed,
                reason: &route.reason,
                confidence: route.confidence,
            },
            execution_result: ExecutionResult {
                agent: report.attempts.first().map_or(routed, |attempt| attempt.agent.as_str()),
                exit_code: report.exit_code?,
                escalated: report.escalated,
                final_agent: report.attempts.last().map_or(routed, |attempt| attempt.agent.as_str()),
            },
            orchestration_mode: "external",
            schema_version: report.schema_version,
            run_id: report.run_id.as_str(),
            rehearsal: report.rehearsal,
            verdict: verdict.recorded_name(),
            attempt_count: report.attempts.len(),
            outcomes: report.attempts.iter().filter_map(|a| a.outcome.map(|o| o.as_str())).collect(),
            models_served: report
                .attempts
                .iter()
                .flat_map(|a| &a.models_served)
                .map(String::as_str)
                .collect(),
            tier_routed: route.tier.as_str(),
            layer: serde_json::to_value(route.layer).unwrap_or_default(),
            rules: &route.rules,
            policy_hash: &route.policy_hash,
            duration_ms: report.attempts.iter().map(|attempt| attempt.duration_ms).sum(),
            tokens: report.tokens(),
            cost_usd: report.cost_usd(),
        })
    }
}

/// A project as the predecessor names it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct ProjectName<'a> {
    id: String,
    root: &'a str,
}

impl<'a> ProjectName<'a> {
    fn of(root: &'a str) -> ProjectName<'a> {
        ProjectName { id: request_hash(root), root }
    }
}

/// The record of a hook's fact, for those facts that the predecessor had records of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum HookRecord<'a> {
    /// A prompt was routed.
    RoutingRecommendation(RoutingRecommendation<'a>),
    /// A subagent ended.
    AgentEvent(AgentEventRecord<'a>),
}

/// One `routing_recommendation` record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoutingRecommendation<'a> {
    record_type: &'static str,
    timestamp: Timestamp,
    request_hash: &'a str,
    project: ProjectName<'a>,
    recommendation: Recommended<'a>,
    full_analysis: &'a Route,
    schema_version: u32,
    session_id: &'a str,
    prompt_id: Option<&'a str>,
    routing_mode: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Recommended<'a> {
    agent: &'a str,
    reason: &'a str,
    confidence: f64,
}

/// One `agent_event` record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentEventRecord<'a> {
    record_type: &'static str,
    event: &'static str,
    timestamp: Timestamp,
    project: ProjectName<'a>,
    agent_type: &'a str,
    agent_id: &'a str,
    model_tier: Option<&'static str>,
    exit_status: &'static str,
    duration_ms: Option<u64>,
    duration_sec: Option<f64>,
    schema_version: u32,
    session_id: &'a str,
    models_served: &'a [String],
}

impl<'a> HookRecord<'a> {
    /// Creates the record of a fact; `None` if the predecessor had none.
    pub fn of(fact: &'a HookFact, tier_of: &dyn Fn(&str) -> Option<Tier>) -> Option<HookRecord<'a>> {
        let project = ProjectName::of(&fact.project_root);
        match &fact.what {
            HookEvent::RoutingRecommendation(one) => {
                let asks = one.route.decision == Decision::Escalate;
                Some(HookRecord::RoutingRecommendation(RoutingRecommendation {
                    record_type: "routing_recommendation",
                    timestamp: fact.at,
                    request_hash: &one.request_hash,
                    project,
                    recommendation: Recommended {
                        agent: if asks { "escalate" } else { one.route.agent.as_str() },
                        reason: &one.route.reason,
                        confidence: one.route.confidence,
                    },
                    full_analysis: &one.route,
                    schema_version: SCHEMA_VERSION,
                    session_id: fact.session.as_str(),
                    prompt_id: fact.prompt_id.as_deref(),
                    routing_mode: fact.mode.map(Mode::as_str),
                }))
            }
            HookEvent::SubagentEnded { agent_id, agent_type, ran, .. } => {
                let duration_ms = ran.as_ref().map(|ran| ran.duration_ms);
                let served = ran.as_ref().map_or(&[][..], |ran| &ran.models_served);
                let failed = ran.as_ref().is_none_or(|ran| ran.answers == 0);
                Some(HookRecord::AgentEvent(AgentEventRecord {
                    record_type: "agent_event",
                    event: "agent_stop",
                    timestamp: fact.at,
                    project,
                    agent_type,
                    agent_id,
                    model_tier: served.first().and_then(|model| tier_of(model)).map(Tier::as_str),
                    exit_status: if failed { "unknown" } else { "success" },
                    duration_ms,
                    duration_sec: duration_ms.map(|ms| ms as f64 / 1000.0),
                    schema_version: SCHEMA_VERSION,
                    session_id: fact.session.as_str(),
                    models_served: served,
                }))
            }
            _ => None,
        }
    }
}
