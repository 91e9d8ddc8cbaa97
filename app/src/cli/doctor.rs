//! `pointsman doctor`: what is installed, who would pay, what is broken, and how to repair it.

use std::path::Path;

use pointsman_core::adapter::capabilities::Support;
use pointsman_core::adapter::invocation::CliVersion;
use pointsman_core::agent_env::{LoginState, Payer};
use pointsman_core::error_code::ErrorCode;
use pointsman_core::gate::Obstacle;
use pointsman_core::ids::AgentName;
use pointsman_core::text::counted;

use super::context::{environment_to_look, runtime};
use super::exit::Failure;
use super::gate;
use super::setup_args::DoctorArgs;
use crate::assemble::{AssembleError, Environment};
use crate::config::error::Warning;
use crate::config::load::Loaded;
use crate::config::login::Login;
use crate::config::project::trust_hint;
use crate::engine::health::{AgentHealth, Spooled, StoreHealth};
use crate::plugin::conflicting_hooks::ConflictingHook;
use crate::present;
use crate::present::checks::{self, Check, Checks, Severity};
use crate::present::human::{name, short_path};
use crate::present::obstacles;
use crate::present::output::{self, PlainFormat};
use crate::present::payer;

/// Runs the verb.
pub fn main(args: &DoctorArgs) -> Result<u8, Failure> {
    let environment = environment_to_look()?;
    let (loaded, trouble) = environment.settings_or_defaults();
    let mut checks = vec![];
    if let Some(error) = trouble {
        let failure = Failure::from(error);
        let broken = Check::new(
            "configuration",
            Severity::Broken,
            format!("{}; below, the defaults hold", failure.message),
        );
        checks.push(Check { code: Some(failure.code), hint: failure.hint, ..broken });
    }
    checks.extend(configuration(&environment, &loaded));
    checks.extend(policy(&environment, &loaded));
    if args.fix {
        checks.extend(repair(&environment, &loaded)?);
    }
    checks.extend(inspect(&environment, &loaded)?);
    match args.output {
        PlainFormat::Json => output::json(&Checks::new(&checks)),
        PlainFormat::Text => output::styled(&checks::lines(&checks, output::width())),
    }
    Ok(u8::from(!checks::are_healthy(&checks)))
}

fn repair(environment: &Environment, loaded: &Loaded) -> Result<Vec<Check>, Failure> {
    let (engine, project) = (environment.engine()?, environment.project(loaded)?);
    let check = |detail: String| Check::new("repair", Severity::Ok, detail);
    Ok(match runtime()?.block_on(engine.repair(&project)) {
        Ok(done) if done.is_empty() => vec![check("nothing needed repair".to_owned())],
        Ok(done) => done.into_iter().map(check).collect(),
        Err(error) => vec![Check::new("repair", Severity::Broken, error.to_string())],
    })
}

/// Checks the CLIs of the agents, and who would pay.
pub fn agents_and_login(environment: &Environment, loaded: &Loaded) -> Result<Vec<Check>, Failure> {
    let (engine, project) = (environment.engine_to_read()?, environment.project(loaded)?);
    let agents = runtime()?.block_on(engine.agent_health(&project));
    let login = login(environment.login().as_ref(), &engine.payers(&project));
    Ok(agents.iter().map(agent).chain([login]).collect())
}

fn inspect(environment: &Environment, loaded: &Loaded) -> Result<Vec<Check>, Failure> {
    let (engine, project) = (environment.engine_to_read()?, environment.project(loaded)?);
    let (agents, health) =
        runtime()?.block_on(async { (engine.agent_health(&project).await, engine.store_health().await) });
    let mut checks: Vec<Check> = agents.iter().map(agent).collect();
    checks.push(login(environment.login().as_ref(), &engine.payers(&project)));
    checks.extend(repository(loaded));
    checks.extend(stray_keys(environment, loaded, engine.login()));
    checks.extend(store(&health));
    checks.extend(hooks(environment, loaded)?);
    Ok(checks)
}

/// Checks for other hooks on the Agent tool, and for what keeps ours from running: with two hooks that rewrite, the last
/// to finish wins, which differs from call to call.
fn hooks(environment: &Environment, loaded: &Loaded) -> Result<Vec<Check>, Failure> {
    let conflicting = environment.conflicting_hooks(&loaded.project.root);
    let check = |hook: &ConflictingHook| {
        let detail = format!(
            "`{}` in {} runs on the Agent tool and may rewrite what our hook rewrites",
            hook.command,
            hook.file.display()
        );
        Check::new("hooks", Severity::Warning, detail)
            .hint("if it changes `model` or `subagent_type`, keep one of the two: `routing_mode = \"directive\"` rewrites nothing")
    };
    let mut checks: Vec<Check> = conflicting.iter().map(check).collect();
    // That our own settings are broken is said above.
    let plugin = environment.plugin(loaded)?;
    for obstacle in gate::obstacles(environment, loaded, &plugin, None)? {
        let severity = match obstacle {
            Obstacle::FolderMissing => Severity::Broken,
            _ => Severity::Warning,
        };
        let said = obstacles::text(&obstacle, &environment.dirs.home);
        checks.push(Check::new("hooks", severity, said.what).hint(said.remedy));
    }
    Ok(checks)
}

/// Checks the policy files. A broken one keeps `run` from working, and nothing else.
fn policy(environment: &Environment, loaded: &Loaded) -> Vec<Check> {
    let here = match loaded
        .catalog()
        .map_err(AssembleError::from)
        .and_then(|catalog| environment.policy(loaded, &catalog))
    {
        Ok(here) => here,
        Err(error) => {
            let failure = Failure::from(error);
            let broken = Check::new("policy", Severity::Broken, failure.message);
            return vec![Check { code: Some(failure.code), hint: failure.hint, ..broken }];
        }
    };
    let files = here.policy.files();
    let presets: Vec<&str> = files.presets.keys().map(|preset| preset.as_str()).collect();
    let detail = match (files.rules.len(), presets.join(", ")) {
        (0, _) => "the built-in rules alone".to_owned(),
        (count, presets) if presets.is_empty() => {
            format!("{} of policy files", counted(count, "rule", "rules"))
        }
        (count, presets) => {
            let rules = counted(count, "rule", "rules");
            format!("{rules} of policy files, with the presets {presets}")
        }
    };
    let mut checks = vec![Check::new("policy", Severity::Ok, detail)];
    checks.extend(here.warnings.iter().map(|warning| warned("policy", warning)));
    checks
}

fn warned(name: &str, warning: &Warning) -> Check {
    let check = Check::new(name, Severity::Warning, warning.to_string());
    Check { hint: warning.hint.clone(), ..check }
}

fn configuration(environment: &Environment, loaded: &Loaded) -> Vec<Check> {
    let file = environment.dirs.config.join(crate::config::load::USER_FILE);
    let file = short_path(&file, &environment.dirs.home);
    let mut checks = vec![Check::new(
        "configuration",
        Severity::Ok,
        format!(
            "{} settings; yours: {file}; project: {} ({})",
            loaded.entries().len(),
            loaded.project.root.display(),
            name(loaded.trust)
        ),
    )];
    checks.extend(loaded.warnings.iter().map(|warning| warned("configuration", warning)));
    checks
}

fn agent(health: &AgentHealth) -> Check {
    let name = format!("agent CLI `{}`", health.program);
    let used = format!("used by {}", health.agents.join(", "));
    match (&health.path, &health.version) {
        (None, _) if !health.is_needed => {
            Check::new(&name, Severity::Ok, format!("not found, and no tier needs it; {used}"))
        }
        (None, _) => Check::new(&name, Severity::Broken, format!("not found; {used}")).hint(
            "install it (`npm install -g @anthropic-ai/claude-code`), or name it in `agents.NAME.command`",
        ),
        (Some(path), Some(version)) => of_version(&name, path, *version, health, &used),
        (Some(path), None) if health.support == Support::Supported => {
            Check::new(&name, Severity::Ok, format!("{}; {used}", path.display()))
        }
        (Some(path), None) => Check::new(
            &name,
            Severity::Warning,
            format!("{} does not tell its version; {used}", path.display()),
        )
        .hint("run it with `--version` by hand; until then only the basic flags are used"),
    }
}

fn of_version(name: &str, path: &Path, version: CliVersion, health: &AgentHealth, used: &str) -> Check {
    let Support::TooOld { oldest, not_held } = health.support else {
        let newer =
            health.newest_tried.map(|newest| format!(", newer than {newest}, the newest that was tried"));
        let newer = newer.unwrap_or_default();
        return Check::new(
            name,
            Severity::Ok,
            format!("{} (version {version}{newer}); {used}", path.display()),
        );
    };
    let detail = format!("{} is version {version}, and {oldest} or newer is needed; {used}", path.display());
    let severity = match (health.is_allowed_to_be_old, health.is_needed) {
        (false, true) => Severity::Broken,
        (_, _) => Severity::Warning,
    };
    let check = Check::new(name, severity, detail);
    let code = (severity == Severity::Broken).then_some(ErrorCode::AgentConfiguration);
    Check { code, ..check }
        .hint(format!("update it (`allow_old_cli = true` runs it all the same, without {not_held})"))
}

fn login(login: Option<&Login>, payers: &[(AgentName, Payer)]) -> Check {
    let place = match login {
        Some(Login::Token) => "a token in CLAUDE_CODE_OAUTH_TOKEN".to_owned(),
        Some(Login::File(file)) => format!("{}", file.display()),
        Some(Login::Keychain) => "the keychain".to_owned(),
        None => "no subscription login was found".to_owned(),
    };
    let detail = format!("{place}; {}", who_pays(payers));
    if payers.iter().any(|(_, payer)| *payer == Payer::Unknown) && login.is_none() {
        return Check::new("login", Severity::Warning, detail)
            .hint("log in (`claude`, then `/login`) or set ANTHROPIC_API_KEY, unless the agent has its own settings");
    }
    Check::new("login", Severity::Ok, detail)
}

/// Says of each payer once which agents it pays for.
fn who_pays(payers: &[(AgentName, Payer)]) -> String {
    let mut by_payer: Vec<(String, Vec<&str>)> = vec![];
    for (agent, payer) in payers {
        let payer = payer::text(*payer);
        match by_payer.iter_mut().find(|(known, _)| *known == payer) {
            Some((_, agents)) => agents.push(agent.as_str()),
            None => by_payer.push((payer, vec![agent.as_str()])),
        }
    }
    if let [(payer, _)] = &by_payer[..] {
        return format!("all agents: {payer}");
    }
    let said = by_payer.iter().map(|(payer, agents)| format!("{}: {payer}", agents.join(", ")));
    said.collect::<Vec<_>>().join("; ")
}

/// Checks what the repository asks of Claude Code.
fn repository(loaded: &Loaded) -> Vec<Check> {
    let asked = present::repository::lines(&loaded.repository, &trust_hint(&loaded.project.root));
    let set = present::repository::set_by_project(&loaded.set_by_project());
    let severity = if loaded.repository.awaits_a_yes() { Severity::Warning } else { Severity::Ok };
    let check = |severity: Severity| move |line: String| Check::new("repository", severity, line);
    asked.into_iter().map(check(severity)).chain(set.map(check(Severity::Ok))).collect()
}

fn stray_keys(environment: &Environment, loaded: &Loaded, login: LoginState) -> Vec<Check> {
    let mut checks = vec![];
    let in_environment = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"];
    for name in in_environment
        .into_iter()
        .filter(|name| environment.env.text(name).is_some() && login == LoginState::LoggedIn)
    {
        checks.push(Check::new(
            "who pays",
            Severity::Ok,
            format!("`{name}` in your environment is kept from agents: the subscription pays"),
        ));
    }
    for key in environment.stray_keys(&loaded.project.root, LoginState::LoggedIn) {
        let file = short_path(&key.file, &environment.dirs.home);
        checks.push(
            Check::new(
                "who pays",
                Severity::Warning,
                format!("`{}` in {file} could change who pays, or where a login is sent", key.name),
            )
            .hint("remove it, or say `billing = \"api\"` for the agents that should use it"),
        );
    }
    checks
}

/// Below this a disk counts as full: a run with all its records may need as much.
const ROOM_MIN: u64 = 64 << 20;

/// Checks whether the disk has room for what is recorded.
fn disk(health: &StoreHealth) -> Option<Check> {
    let room = health.room.filter(|room| *room < ROOM_MIN)?;
    let dir = health.ledger.parent().unwrap_or(&health.ledger).display();
    let detail = format!("the disk of `{dir}` is full: {} MB are left", room >> 20);
    let hint = "make room: runs still give their answers, but what cannot be recorded is lost when the spool has no room either";
    Some(Check::new("disk", Severity::Broken, detail).hint(hint))
}

fn store(health: &StoreHealth) -> Vec<Check> {
    let mut checks = vec![match &health.trouble {
        None => Check::new(
            "store",
            Severity::Ok,
            format!("{} ({} known)", health.ledger.display(), counted(health.run_count, "run", "runs")),
        ),
        Some(trouble) => Check::new("store", Severity::Broken, trouble.clone()).hint(if health.is_repairable {
            "`pointsman doctor --fix` moves the damaged file aside and begins a new one; nothing is deleted"
        } else {
            "runs still work and are kept in the spool; fix the cause and run `pointsman doctor` again"
        }),
    }];
    checks.extend(odd_rows(health));
    for (what, why) in &health.unwritable {
        let detail = format!("{what} cannot be written: {why}");
        checks.push(Check::new("store", Severity::Warning, detail).hint("move away what stands there"));
    }
    checks.extend(disk(health));
    checks.extend(spool("events of runs", health.spooled));
    // Facts of hooks always wait for a while: only lines that are not understood are worth reporting.
    checks.extend(spool("facts of hooks", Spooled { bytes: 0, ..health.spooled_by_hooks }));
    for row in health.breakers.iter().filter(|row| row.breaker.name() != "closed") {
        checks.push(
            Check::new(
                "breaker",
                Severity::Warning,
                format!("{} with {} is {}", row.agent, row.model, row.breaker.name()),
            )
            .hint("its service failed again and again; it closes by itself once a call succeeds"),
        );
    }
    checks
}

/// How many rows that are not understood are named.
const ODD_ROWS_SHOWN: usize = 10;

/// Tells which rows of the ledger are not understood.
fn odd_rows(health: &StoreHealth) -> Option<Check> {
    let count = health.odd_rows.len();
    let named = health.odd_rows.iter().take(ODD_ROWS_SHOWN).cloned().collect::<Vec<_>>().join("; ");
    let more = if count > ODD_ROWS_SHOWN { "; and more" } else { "" };
    let rows = counted(count, "row of the ledger is", "rows of the ledger are");
    let detail = format!("{rows} not understood, and not shown: {named}{more}");
    let hint = "a newer version may have written them: use that one; nothing is deleted";
    (count > 0).then(|| Check::new("store", Severity::Warning, detail).hint(hint))
}

/// Checks what is waiting in a spool, and what stays there because it is not understood.
fn spool(of: &str, waiting: Spooled) -> Vec<Check> {
    let mut checks = vec![];
    if waiting.bytes > 0 {
        let detail = format!("{} bytes of {of} wait to be imported", waiting.bytes);
        checks.push(
            Check::new("spool", Severity::Warning, detail)
                .hint("the next run or `pointsman doctor --fix` imports them"),
        );
    }
    if waiting.odd_lines > 0 {
        let lines = counted(waiting.odd_lines, "line", "lines");
        let detail = format!("{lines} of {of} not understood by this version, and kept");
        checks.push(
            Check::new("spool", Severity::Warning, detail)
                .hint("a newer version may have written them: it imports them when it runs next"),
        );
    }
    checks
}
