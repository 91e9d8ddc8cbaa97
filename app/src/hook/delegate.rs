//! A prompt that a run does instead of the session: one run per prompt, no matter how many hooks are called for it.

use pointsman_core::agent::PermissionMode;
use pointsman_core::hook::answer::{HookAnswer, HookEffect};
use pointsman_core::hook::input::HookInput;
use pointsman_core::hook::prompt::{Approval, Wanted};
use pointsman_core::hook::takeover::{self, Stage, Takeover};
use pointsman_core::ids::RunId;
use pointsman_core::mode::Mode;
use pointsman_core::request::Origin;
use pointsman_core::run::spec::{RunSpec, SpecRights};

use super::context::HookContext;
use super::error::HookError;
use crate::assemble;
use crate::clock;
use crate::engine::background;
use crate::engine::hooks::{Claim, Marker};
use crate::entropy::Entropy;
use crate::present::route;

/// Returns the permission mode that the run may not exceed. A user who asks for a run by name means one with its own
/// rights, unless the session only plans.
fn permissions(input: &HookInput, wanted: Wanted) -> Option<&str> {
    let of_session = input.permission_mode.as_deref();
    of_session.filter(|mode| wanted != Wanted::Run || *mode == "plan")
}

/// A prompt to be delegated to a run.
pub struct Taken<'a> {
    /// Its name among the delegated prompts.
    pub name: String,
    /// The request.
    pub words: &'a str,
    /// Whether the user approved it.
    pub approval: Approval,
    /// What the user wants of us.
    pub wanted: Wanted,
}

/// Which hook delegated a prompt to a run, and the answer.
pub enum Delegated {
    /// This one: the run, and the answer.
    ByUs(RunId, HookAnswer),
    /// Another one, which has recorded it: the answer.
    ByAnother(HookAnswer),
}

/// Delegates a prompt to a run, one for each prompt. The hook waits only until the run exists, not for its end.
pub fn delegate(
    context: &HookContext,
    input: &HookInput,
    taken: &Taken<'_>,
    delegating: &dyn Fn(&RunId),
) -> Result<Delegated, HookError> {
    let ours =
        Takeover { run_id: Entropy::System.run_id(clock::now()), at: clock::now(), stage: Stage::Starting };
    delegating(&ours.run_id);
    let is_over = |earlier: &Takeover| takeover::is_over(earlier, input, ours.at);
    let waits_for = |other: &Takeover| delegating(&other.run_id);
    // Without a marker the run of another hook would go unnoticed: the session then does the work itself.
    let claim = context.store.claim(&taken.name, &ours, &is_over, &waits_for);
    match claim.map_err(HookError::NotClaimed)? {
        Claim::Ours(marker) => {
            let who = start(context, input, taken, &ours.run_id, marker)?;
            let reason = takeover::run_notice(&ours.run_id, Some(&who));
            Ok(Delegated::ByUs(ours.run_id, HookAnswer::of(HookEffect::Block { reason })))
        }
        Claim::Others(other) => {
            let reason = match other.stage {
                Stage::Begun => takeover::run_notice(&other.run_id, None),
                Stage::Starting => takeover::no_sign_notice(&other.run_id),
            };
            Ok(Delegated::ByAnother(HookAnswer::of(HookEffect::Block { reason })))
        }
    }
}

/// Starts the run; if that fails, gives the prompt back.
fn start(
    context: &HookContext,
    input: &HookInput,
    taken: &Taken<'_>,
    run_id: &RunId,
    marker: Marker,
) -> Result<String, HookError> {
    let spec = RunSpec {
        run_id: Some(run_id.clone()),
        approval: (taken.approval == Approval::Given).then(|| "the prompt".to_owned()),
        rights: SpecRights {
            ceiling: permissions(input, taken.wanted).map(PermissionMode::ceiling_of_session),
            ..SpecRights::default()
        },
        ..RunSpec::new(
            taken.words.to_owned(),
            Origin::Hook,
            Mode::Orchestration,
            context.environment.cwd.clone(),
        )
    };
    let own_program = assemble::own_program()?;
    let started = background::start(&own_program, &spec);
    match started.map(|submitted| route::text(&submitted.route)) {
        Ok(who) => {
            marker.begun();
            Ok(who)
        }
        Err(failure) => {
            marker.give_back();
            Err(HookError::NotStarted(failure.message))
        }
    }
}
