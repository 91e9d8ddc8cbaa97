//! Rules about values that a type cannot state.

use pointsman_core::agent::Tier;
use pointsman_core::toml_text::node::Node;
use pointsman_core::toml_text::problem::{ProblemKind, Problems};

use super::error::Error;
use super::model::{AgentSettings, HumanDuration, PriceSettings, Settings};

/// The least that `store.bytes_max` may be.
const STORE_BYTES_MIN: u64 = 64 << 20;

const HINT: &str = "`pointsman config show --origin` lists every setting";

/// Checks the values; `root` tells where an invalid value was written.
pub fn check(settings: &Settings, root: &Node) -> Result<(), Error> {
    let mut rules = Rules { root, problems: Problems::default() };
    limits(settings, &mut rules);
    tiers(settings, &mut rules);
    told(settings, &mut rules);
    for (name, agent) in &settings.agents {
        agent_rules(name.as_str(), agent, &mut rules);
    }
    for pattern in &settings.environment.allow {
        let start = pattern.strip_suffix('*').unwrap_or(pattern);
        let is_name = !pattern.is_empty() && !start.contains(['*', '=', '\0']);
        rules.must(is_name, &["environment", "allow"], || {
            format!("has `{pattern:?}`, which is neither a name nor a name with a trailing `*`")
        });
    }
    Ok(rules.problems.into_result(Some(()))?)
}

struct Rules<'n> {
    root: &'n Node,
    problems: Problems,
}

impl Rules<'_> {
    /// Records the first broken rule.
    fn must(&mut self, holds: bool, path: &[&str], message: impl FnOnce() -> String) {
        if !holds && self.problems.count() == 0 {
            let node = self.root.get(path).unwrap_or(self.root);
            let what = format!("`{}` {}", path.join("."), message());
            self.problems.report(|| node.place(), ProblemKind::BrokenRule, &what, HINT);
        }
    }
}

fn limits(settings: &Settings, rules: &mut Rules<'_>) {
    let limits = &settings.limits;
    let long = |duration: HumanDuration| !duration.0.is_zero();
    for (path, holds) in [
        (["limits", "timeout"], long(limits.timeout)),
        (["limits", "idle"], long(limits.idle)),
        (["limits", "startup"], long(limits.startup)),
        (["limits", "attempts"], limits.attempts > 0),
        (["limits", "max_turns"], limits.max_turns.is_none_or(|turns| turns > 0)),
        (["limits", "max_usd"], limits.max_usd.is_none_or(|usd| usd.is_finite() && usd > 0.0)),
        (["limits", "answer_bytes_max"], limits.answer_bytes_max > 0),
        (["retry", "base"], long(settings.retry.base)),
        (["breaker", "threshold"], settings.breaker.threshold > 0),
        (["judge", "timeout"], long(settings.arbiter.timeout)),
        (["store", "keep"], long(settings.store.keep)),
    ] {
        rules.must(holds, &path, || "must be greater than zero".to_owned());
    }
    rules.must(settings.store.bytes_max >= STORE_BYTES_MIN, &["store", "bytes_max"], || {
        format!("must be at least {STORE_BYTES_MIN}: a single live log may be as long")
    });
    let is_share = (0.0..=1.0).contains(&settings.arbiter.below);
    rules.must(is_share, &["judge", "below"], || "must be between 0 and 1".to_owned());
    // Of two values that do not fit together, the one from the later layer is to blame.
    let kind = |key| rules.root.get(&["retry", key]).map(Node::source_kind);
    let (blamed, message) = match kind("cap") >= kind("base") {
        true => ("cap", "must not be shorter than `retry.base`"),
        false => ("base", "must not be longer than `retry.cap`"),
    };
    rules.must(settings.retry.cap >= settings.retry.base, &["retry", blamed], || message.to_owned());
}

fn tiers(settings: &Settings, rules: &mut Rules<'_>) {
    for tier in Tier::ALL {
        let of = settings.tiers.get(tier);
        rules.must(settings.agents.contains_key(&of.agent), &["tiers", tier.as_str(), "agent"], || {
            let known: Vec<_> = settings.agents.keys().map(|name| name.as_str()).collect();
            format!("names agent `{}`, which does not exist; known agents: {}", of.agent, known.join(", "))
        });
        rules.must(is_model(&of.model), &["tiers", tier.as_str(), "model"], not_a_model);
        rules.must(of.price.is_none_or(is_price), &["tiers", tier.as_str(), "price"], not_a_price);
    }
    let prices = &settings.prices;
    for (tier, price) in [("haiku", prices.haiku), ("sonnet", prices.sonnet), ("opus", prices.opus)] {
        rules.must(is_price(price), &["prices", tier], not_a_price);
    }
}

fn is_price(price: PriceSettings) -> bool {
    let PriceSettings { input, output, cache_read, cache_write } = price;
    [input, output, cache_read, cache_write].iter().all(|usd| usd.is_finite() && *usd >= 0.0)
}

fn not_a_price() -> String {
    "must have finite numbers that are not negative".to_owned()
}

fn told(settings: &Settings, rules: &mut Rules<'_>) {
    let command = &settings.notify.command;
    let names_a_program = command.first().is_none_or(|program| !program.is_empty());
    rules.must(names_a_program, &["notify", "command"], || "must name a program".to_owned());
    let no_nul = command.iter().all(|word| !word.contains('\0'));
    rules.must(no_nul, &["notify", "command"], || "must not have a NUL character".to_owned());
}

fn agent_rules(name: &str, agent: &AgentSettings, rules: &mut Rules<'_>) {
    let program = agent.command.first().is_some_and(|program| !program.is_empty());
    rules.must(program, &["agents", name, "command"], || "must name a program".to_owned());
    let no_nul = agent.command.iter().all(|word| !word.contains('\0'));
    rules.must(no_nul, &["agents", name, "command"], || "must not have a NUL character".to_owned());
    for (key, model) in [("model", &agent.model), ("fallback_model", &agent.fallback_model)] {
        let holds = model.as_deref().is_none_or(is_model);
        rules.must(holds, &["agents", name, key], not_a_model);
    }
    let no_flag = agent.cli_agent.as_deref().is_none_or(|name| !name.is_empty() && !name.starts_with('-'));
    rules.must(no_flag, &["agents", name, "cli_agent"], || "is not the name of an agent".to_owned());
    for (variable, value) in &agent.env {
        let holds = !variable.is_empty() && !variable.contains(['=', '\0']) && !value.contains('\0');
        rules.must(holds, &["agents", name, "env", variable], || "cannot be a variable".to_owned());
    }
}

fn not_a_model() -> String {
    "is not the name of a model".to_owned()
}

/// Returns whether a text can be a model's name. It becomes an argument: it must not look like a flag.
pub fn is_model(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_:/@[]".contains(&b);
    text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.len() <= 256
        && text.bytes().all(allowed)
}
