//! The context of one event: settings, mode, agents, policy, and where facts go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pointsman_core::agent::Tier;
use pointsman_core::conversation::Context;
use pointsman_core::hook::delegation::{self, Enforcing, KnownAgents};
use pointsman_core::hook::fact::{FACT_VERSION, HookEvent, HookFact};
use pointsman_core::hook::input::{Event, HookInput};
use pointsman_core::hook::kind::Definition;
use pointsman_core::hook::mode::{self, ModeChoice};
use pointsman_core::hook::note::{self, Note, NoteUpdate};
use pointsman_core::mode::Mode;
use pointsman_core::policy::Policy;
use pointsman_core::redact::redact;
use pointsman_core::request::{Request, Speaker};
use pointsman_core::route::Route;
use pointsman_core::routing_context::RoutingContext;

use super::definitions;
use super::error::HookError;
use crate::assemble::{AssembleError, Environment};
use crate::clock;
use crate::config::load::Loaded;
use crate::config::login;
use crate::engine::hooks::{HOOK_BYTES_MAX, HookStore, enrich};
use crate::engine::project::Decider;
use crate::entropy::Entropy;

/// The context of one event.
pub struct HookContext {
    /// The surroundings.
    pub environment: Environment,
    /// The session's mode, and why it was chosen.
    pub choice: ModeChoice,
    /// The agents that the session's CLI knows.
    pub known: KnownAgents,
    /// Where facts and notes go.
    pub store: HookStore,
    loaded: Loaded,
    begun: Instant,
}

impl HookContext {
    /// Determines the context; `None` inside an agent of our own, where our hooks stay silent.
    pub fn find(input: &HookInput, begun: Instant) -> Result<Option<HookContext>, HookError> {
        let cwd = input.cwd.clone().unwrap_or_else(|| PathBuf::from("."));
        let environment = Environment::new(cwd)?;
        if environment.env.text("POINTSMAN_DEPTH").is_some_and(|depth| depth != "0") {
            return Ok(None);
        }
        let environment = Environment { cwd: project_dir(&environment), ..environment };
        let loaded = environment.settings_for_hook()?;
        let set_by = match loaded.origin("routing_mode") {
            Some(origin) => format!("routing_mode is set by {origin}"),
            None => "routing_mode has its default".to_owned(),
        };
        let choice =
            mode::select(loaded.settings.routing_mode, &set_by, &environment.hook_signals(), &input.session);
        let known = match environment.env.text("CLAUDE_PLUGIN_ROOT") {
            _ if input.session_agent.is_some() => KnownAgents::Unknown,
            Some(_) => KnownAgents::Plugin,
            None => KnownAgents::Builtin,
        };
        let store = HookStore::new(environment.store_paths());
        Ok(Some(HookContext { environment, choice, known, store, loaded, begun }))
    }

    /// Returns whether the session's delegations are held to their routes, where its event cannot be read.
    pub fn holds_delegations() -> bool {
        let nothing = HookInput::parse(b"{}", Some("PreToolUse")).ok();
        let context = nothing.and_then(|input| HookContext::find(&input, Instant::now()).ok().flatten());
        context.is_some_and(|context| context.choice.mode == Some(Mode::Enforced))
    }

    /// Returns what enforcing may do.
    pub fn enforcing(&self) -> Enforcing {
        let settings = &self.loaded.settings;
        Enforcing {
            defined_agents: settings.enforce_defined_agents,
            unreachable: settings.unreachable_models,
        }
    }

    /// Returns the models that the CLI's aliases stand for, by the session's environment.
    pub fn aliases(&self) -> BTreeMap<Tier, String> {
        let model =
            |tier: Tier| self.environment.env.text(&delegation::alias_variable(tier)).map(str::to_owned);
        Tier::ALL.into_iter().filter_map(|tier| Some((tier, model(tier)?))).collect()
    }

    /// Assembles what is needed to decide, and returns what was left out of it because it is broken.
    pub fn decider(&self) -> Result<(Decider, Option<HookError>), HookError> {
        let catalog = self.loaded.catalog().map_err(AssembleError::from)?;
        match self.environment.policy(&self.loaded, &catalog) {
            Ok(here) => {
                let of_policy = here.left_out.first().map(ToString::to_string);
                let left_out = self.loaded.left_out.as_ref().map(ToString::to_string).or(of_policy);
                Ok((Environment::decider_with(catalog, here), left_out.map(HookError::LeftOut)))
            }
            // A broken policy file of the user's has no effect; the built-in policy still asks them.
            Err(error) => {
                let decider = Decider::new(catalog, Policy::builtin(), RoutingContext::default());
                Ok((decider, Some(error.into())))
            }
        }
    }

    /// Returns whether the agent of a route is installed.
    pub fn can_run(&self, decider: &Decider, route: &Route) -> bool {
        decider.catalog().get(&route.agent).is_some_and(|agent| self.environment.is_installed(agent))
    }

    /// Returns the note of this prompt.
    pub fn note(&self, input: &HookInput) -> Option<Note> {
        self.store.read_note(&input.session).filter(|note| note.prompt_id == input.prompt_id)
    }

    /// Stores what a prompt says, for the hooks that follow it.
    pub fn note_down(
        &self,
        input: &HookInput,
        earlier: Option<&Note>,
        update: NoteUpdate,
    ) -> Result<(), HookError> {
        let Some(note) = note::after(earlier, input.prompt_id.as_deref(), update) else { return Ok(()) };
        self.store.write_note(&input.session, &note).map_err(HookError::NotNoted)
    }

    /// Stores that a session begins or goes on.
    pub fn note_start(&self, input: &HookInput, source: &str) -> Result<(), HookError> {
        let earlier = self.store.read_note(&input.session);
        let Some(note) = note::at_start(earlier.as_ref(), source) else { return Ok(()) };
        self.store.write_note(&input.session, &note).map_err(HookError::NotNoted)
    }

    /// Returns the definition of a kind of subagent, if a file of a person's or of a plugin has one.
    pub fn definition(&self, kind: &str) -> Option<Definition> {
        let config_dir = login::claude_dir(&self.environment.env, &self.environment.dirs.home);
        definitions::find(kind, &self.environment.cwd, &self.environment.dirs.home, &config_dir)
    }

    /// Returns the hash of a request, keyed if prompts are not stored.
    pub fn hash(&self, request: &Request) -> String {
        if self.loaded.settings.store_prompts {
            request.hash()
        } else {
            request.keyed_hash(&self.environment.store_paths().hash_key())
        }
    }

    /// Returns a route as it is recorded: its reason may quote the prompt.
    pub fn kept(&self, route: Route) -> Route {
        let keeps = self.loaded.settings.store_prompts;
        route.with_words(|words| keeps.then(|| redact(words).into_owned()))
    }

    /// Records a fact.
    pub fn record(&self, input: &HookInput, what: HookEvent) -> Result<(), HookError> {
        let mut fact = HookFact {
            version: FACT_VERSION,
            id: Entropy::System.uuid(clock::now()).parse().expect("a UUID is a valid id"),
            at: clock::now(),
            session: input.session.clone(),
            prompt_id: input.prompt_id.clone(),
            project_root: self.loaded.project.root.display().to_string(),
            mode: self.choice.mode,
            mode_because: self.choice.because.clone(),
            is_experiment: self.choice.is_experiment,
            hook_us: u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            what,
        };
        let last_message = match &input.event {
            Event::Stop { last_message } | Event::SubagentStop { last_message, .. } => {
                last_message.as_deref()
            }
            _ => None,
        };
        enrich(&mut fact, last_message, HOOK_BYTES_MAX);
        self.store.record(&fact).map_err(HookError::NotRecorded)
    }
}

/// Returns the session's project: the current directory may have changed in the middle of the session.
fn project_dir(environment: &Environment) -> PathBuf {
    let given = environment.env.text("CLAUDE_PROJECT_DIR").map(PathBuf::from);
    given
        .filter(|dir| dir.is_absolute() && Path::new(dir).is_dir())
        .unwrap_or_else(|| environment.cwd.clone())
}

/// Decides about a text; `None` if it is not a request.
pub fn routed(
    decider: &Decider,
    mode: Mode,
    words: &str,
    speaker: Speaker,
    context: Context,
) -> Result<Option<(Request, Route)>, HookError> {
    let Some(mut request) = Request::of_session(words) else { return Ok(None) };
    request.speaker = speaker;
    request.context = context;
    request.routing_context.mode = Some(mode);
    let route = decider.decide(&mut request)?;
    Ok(Some((request, route)))
}
