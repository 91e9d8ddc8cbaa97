//! The daily metrics record of a run: the predecessor's fields with its names, then ours.

use jiff::Timestamp;
use serde::Serialize;

use super::run::RunReport;
use crate::run::tokens::Tokens;

/// One `orchestrated_execution` record. Carries the request's hash, never its words.
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
    /// Makes the record of a run that is over; `None` for one that is not.
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
            verdict: verdict.as_str(),
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
