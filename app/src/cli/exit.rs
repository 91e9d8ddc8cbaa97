//! Exit codes, and how a failure is reported.

use pointsman_core::error_code::ErrorCode;
pub use pointsman_core::report::failure::{Failure, FailureReport};
use pointsman_core::route::RouteError;
use pointsman_core::run::next;
use pointsman_core::toml_text::place::SourceKind;
use pointsman_core::toml_text::problem::{PROBLEMS_MAX, Problem, ProblemKind};

use crate::assemble::AssembleError;
use crate::config;
use crate::config::init::InitError;
use crate::config::policy::PolicyReadError;
use crate::config::trust;
use crate::engine::error::EngineError;
use crate::plugin::PluginError;

/// The table for `--help`: every code that a verb can end with.
pub const TABLE: &str = "\
Exit codes:
  0    done
  1    the agent's work failed, or a check found problems
  2    the command line was not understood
  65   bad input: the prompt, a file, an id
  69   an agent or a service is not available (missing, not logged in, down)
  70   a bug of pointsman
  73   something could not be created
  75   try again later (quota, overload, a busy session)
  77   refused: a person must approve it, or a tool was denied
  78   the configuration is wrong
  124  the agent took too long
  130  stopped by Ctrl-C; 143 stopped by a signal

A failure also has an error code: `pointsman explain --codes` lists them.";

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        let (code, hint) = match error {
            EngineError::StoppedWaiting { cause } => {
                // A wait that is stopped has the same code as a run that is stopped.
                let code = next::cancelled(cause).code.unwrap_or(ErrorCode::Interrupted);
                return Failure::bare(code, error.to_string());
            }
            EngineError::Request(error) => return error.into(),
            EngineError::Route(RouteError::UnknownAgent { .. }) => {
                (ErrorCode::UnknownAgent, "`pointsman config show` lists the agents")
            }
            EngineError::SessionBusy { .. } => {
                (ErrorCode::SessionBusy, "`--wait` waits for it; `pointsman runs list` shows it")
            }
            EngineError::UnknownRun { .. } => (
                ErrorCode::UnknownRun,
                "`pointsman runs list` shows the runs, and says if there are some that it cannot read; `latest` is the newest",
            ),
            EngineError::AmbiguousRun { .. } => (ErrorCode::AmbiguousRun, "give more of the id"),
            EngineError::Store { .. } => {
                (ErrorCode::UnreadableStore, "`pointsman doctor` says what is wrong and what fixes it")
            }
            EngineError::NotRunning { .. } => (ErrorCode::NotRunning, "`pointsman runs show` has its end"),
            EngineError::Signal { .. } => (ErrorCode::SignalRefused, "it may belong to another user"),
        };
        Failure::new(code, error.to_string(), hint)
    }
}

impl From<AssembleError> for Failure {
    fn from(error: AssembleError) -> Failure {
        match error {
            AssembleError::NoHome(error) => error.into(),
            AssembleError::OddStateDir(_) => Failure::new(
                ErrorCode::NoHome,
                error.to_string(),
                "set POINTSMAN_STATE_DIR to a directory whose name is UTF-8",
            ),
            AssembleError::Config(error) => (*error).into(),
            AssembleError::Catalog(error) => Failure::new(
                ErrorCode::BrokenSettingRule,
                error.to_string(),
                "`pointsman config show --origin` shows where each setting comes from",
            ),
            AssembleError::UnreadablePolicy(error) => error.into(),
            AssembleError::Policy(problems) => of_problems(problems),
            AssembleError::OwnProgram(_) => Failure::bare(ErrorCode::NoOwnProgram, error.to_string()),
        }
    }
}

impl From<PolicyReadError> for Failure {
    fn from(error: PolicyReadError) -> Failure {
        Failure::new(ErrorCode::UnreadablePolicy, error.to_string(), "fix the file, or move it away")
    }
}

/// Reports everything that is wrong with policy files: the first problem with its hint, then the others with theirs.
fn of_problems(problems: Vec<Problem>) -> Failure {
    let Some((first, others)) = problems.split_first() else {
        return Failure::bare(ErrorCode::BrokenPolicyRule, "a policy file is wrong");
    };
    let also = |problem: &Problem| format!("\n  also: {problem}; {}", problem.hint);
    let more = if problems.len() < PROBLEMS_MAX { "" } else { "\n  there may be more: these are the first" };
    let message = format!("{first}{}{more}", others.iter().map(also).collect::<String>());
    Failure { problems: problems.clone(), ..Failure::new(codes(first.kind).1, message, first.hint.clone()) }
}

impl From<config::error::Error> for Failure {
    fn from(error: config::error::Error) -> Failure {
        use config::error::Error;
        let code = match &error {
            Error::Problem(problem) if problem.at.source_kind == SourceKind::Flag => {
                ErrorCode::WrongFlagValue
            }
            Error::Problem(problem) => codes(problem.kind).0,
            Error::Unreadable { .. } => ErrorCode::UnreadableSettings,
        };
        Failure::new(code, error.to_string(), error.hint())
    }
}

/// Returns the error codes for a kind of problem: in settings, and in a policy file.
fn codes(kind: ProblemKind) -> (ErrorCode, ErrorCode) {
    match kind {
        ProblemKind::NotToml => (ErrorCode::NotToml, ErrorCode::PolicyNotToml),
        ProblemKind::UnknownKey => (ErrorCode::UnknownSetting, ErrorCode::UnknownPolicyKey),
        ProblemKind::WrongValue => (ErrorCode::WrongSettingValue, ErrorCode::WrongPolicyValue),
        ProblemKind::MissingKey => (ErrorCode::MissingSetting, ErrorCode::MissingPolicyKey),
        ProblemKind::BadPattern => (ErrorCode::BrokenSettingRule, ErrorCode::BadPolicyPattern),
        ProblemKind::BrokenRule => (ErrorCode::BrokenSettingRule, ErrorCode::BrokenPolicyRule),
    }
}

impl From<config::env::NoHome> for Failure {
    fn from(error: config::env::NoHome) -> Failure {
        Failure::new(ErrorCode::NoHome, error.to_string(), "set HOME to your home directory")
    }
}

impl From<PluginError> for Failure {
    fn from(error: PluginError) -> Failure {
        let (code, hint) = match &error {
            PluginError::Cli { .. } => {
                (ErrorCode::PluginCommand, "run that command by hand: it says more".to_owned())
            }
            PluginError::NotJson { .. } => {
                (ErrorCode::ForeignSettings, "fix the file and try again; nothing was changed".to_owned())
            }
            PluginError::Commented { .. } => (
                ErrorCode::ForeignSettings,
                "make it plain JSON and try again; nothing was changed".to_owned(),
            ),
            PluginError::ReadOnly { .. } => (
                ErrorCode::ReadOnlySettings,
                "nothing was changed; make it writable, or change it where it is made".to_owned(),
            ),
            PluginError::File { .. } => {
                (ErrorCode::CannotWrite, "check the path and its permissions".to_owned())
            }
        };
        Failure::new(code, error.to_string(), hint)
    }
}

impl From<InitError> for Failure {
    fn from(error: InitError) -> Failure {
        let (code, hint) = match &error {
            InitError::Exists { .. } => {
                (ErrorCode::ConfigExists, "`pointsman config show --origin` shows what holds now")
            }
            InitError::Write { .. } => (ErrorCode::CannotWrite, "check that you may write there"),
        };
        Failure::new(code, with_cause(&error), hint)
    }
}

impl From<trust::Error> for Failure {
    fn from(error: trust::Error) -> Failure {
        let (code, hint) = match &error {
            trust::Error::Io { .. } => (ErrorCode::BadApprovals, "check that you may read and write it"),
            trust::Error::Damaged { .. } => {
                (ErrorCode::BadApprovals, "repair or remove the file; approvals are then to be given anew")
            }
            trust::Error::Newer { .. } => {
                (ErrorCode::NewerApprovals, "use the pointsman that wrote it, or a newer one")
            }
            trust::Error::NotText { .. } => {
                (ErrorCode::BadProject, "give another directory with `--project`")
            }
        };
        Failure::new(code, with_cause(&error), hint)
    }
}

/// Returns an error together with its cause.
fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
