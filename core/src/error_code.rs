//! Error codes: the stable names of everything that can go wrong, one per cause.
//!
//! A code is never reassigned to another cause and never removed; a cause that no longer exists keeps its number. A new
//! code is added in the table below and nowhere else: the compiler then requires its page in `docs/errors/`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Generates the enum and its properties from one table, so that no code can lack one of them.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, exit $exit_code:literal;)*) => {
        /// Why something failed. Every failure that is reported to the user or to a program has one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl ErrorCode {
            /// Every code, in order.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name,)*];

            /// Returns the code as it is printed.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(ErrorCode::$name => $code,)*
                }
            }

            /// Returns the exit code of a program that fails for this reason.
            pub fn exit_code(self) -> u8 {
                match self {
                    $(ErrorCode::$name => $exit_code,)*
                }
            }

            /// Returns the page about the code, in Markdown.
            pub fn page(self) -> &'static str {
                match self {
                    $(ErrorCode::$name => include_str!(concat!("../../docs/errors/", $code, ".md")),)*
                }
            }
        }
    };
}

error_codes! {
    // The command line and the input.

    /// A verb or a flag that does not exist.
    UnknownWord = "E0101", exit 2;
    /// A flag with an invalid value, or without its value.
    WrongFlagValue = "E0102", exit 2;
    /// A missing verb or argument.
    MissingWord = "E0103", exit 2;
    /// Flags that conflict with each other.
    FlagConflict = "E0104", exit 2;
    /// No request was given.
    NoRequest = "E0105", exit 2;
    /// A request of nothing but whitespace.
    EmptyRequest = "E0106", exit 65;
    /// A request with a NUL character.
    NulInRequest = "E0107", exit 65;
    /// A request that exceeds the length limit.
    LongRequest = "E0108", exit 65;
    /// A request that is not UTF-8.
    RequestNotUtf8 = "E0109", exit 65;
    /// A file or standard input that cannot be read.
    UnreadableInput = "E0110", exit 65;
    /// A line of a batch that is not a request.
    BadBatchLine = "E0111", exit 65;
    /// A project that is not a usable directory.
    BadProject = "E0112", exit 65;
    /// An agent that does not exist.
    UnknownAgent = "E0113", exit 2;
    /// A question to the user with nobody at the terminal.
    NobodyToAsk = "E0114", exit 2;
    /// The user answered no.
    Declined = "E0115", exit 77;
    /// An error code that does not exist.
    UnknownCode = "E0116", exit 65;
    /// A row of labelled requests that cannot be read.
    BadLabelledRow = "E0117", exit 65;
    /// A file of labelled requests that contains none.
    NoLabelledRow = "E0118", exit 65;
    /// An evaluation misses a required threshold.
    ThresholdMissed = "E0119", exit 1;
    /// Past requests would be routed differently now.
    RoutesChanged = "E0120", exit 1;

    // Configuration and trust.

    /// A configuration file that is not TOML.
    NotToml = "E0201", exit 78;
    /// A setting that does not exist.
    UnknownSetting = "E0202", exit 78;
    /// A setting with a value of the wrong type.
    WrongSettingValue = "E0203", exit 78;
    /// A required setting that is missing.
    MissingSetting = "E0204", exit 78;
    /// A setting that breaks a rule or does not fit another.
    BrokenSettingRule = "E0205", exit 78;
    /// A configuration file that cannot be read.
    UnreadableSettings = "E0206", exit 78;
    /// There is no home directory.
    NoHome = "E0207", exit 78;
    /// A configuration file to be created that exists already.
    ConfigExists = "E0208", exit 73;
    /// The file of approvals cannot be used.
    BadApprovals = "E0209", exit 73;
    /// The file of approvals was written by a newer version.
    NewerApprovals = "E0210", exit 73;
    /// A policy file that is not TOML.
    PolicyNotToml = "E0211", exit 78;
    /// A key of a policy file that does not exist.
    UnknownPolicyKey = "E0212", exit 78;
    /// A value that its key in a policy file does not allow.
    WrongPolicyValue = "E0213", exit 78;
    /// A missing required key of a policy file.
    MissingPolicyKey = "E0214", exit 78;
    /// A pattern, regular expression or glob of a policy file that is invalid.
    BadPolicyPattern = "E0215", exit 78;
    /// A rule or word list that is inconsistent, or that a policy file may not change.
    BrokenPolicyRule = "E0216", exit 78;
    /// A policy file that cannot be read.
    UnreadablePolicy = "E0217", exit 78;

    // Bad ends of a run, in the order of docs/outcomes.md, then those without an outcome.

    /// Another tier answered, and the settings do not accept that.
    ModelMismatch = "E0301", exit 1;
    /// The agent ended without a result.
    NoResult = "E0302", exit 1;
    /// A result without an answer.
    EmptyAnswer = "E0303", exit 1;
    /// An answer that breaks the output contract.
    InvalidOutput = "E0304", exit 1;
    /// The turn limit was reached.
    MaxTurns = "E0305", exit 1;
    /// The agent asked for a stronger tier that it did not get.
    AskedEscalation = "E0306", exit 1;
    /// Tools were denied.
    PermissionDenied = "E0307", exit 77;
    /// The attempt took too long.
    TimeoutWall = "E0308", exit 124;
    /// The agent was silent for too long.
    TimeoutIdle = "E0309", exit 124;
    /// The agent gave no first sign of life.
    TimeoutStartup = "E0310", exit 124;
    /// The service is overloaded.
    Overloaded = "E0311", exit 75;
    /// Too many requests in a short time.
    Throttled = "E0312", exit 75;
    /// Network, server or machine trouble.
    Infrastructure = "E0313", exit 69;
    /// A process of ours that supervised or drove the run disappeared.
    WorkerLost = "E0314", exit 69;
    /// The account's limit is used up.
    Quota = "E0315", exit 75;
    /// The cost limit was reached.
    Budget = "E0316", exit 1;
    /// The API or the CLI rejected the request itself.
    InvalidRequest = "E0317", exit 65;
    /// The login is missing or refused.
    Auth = "E0318", exit 69;
    /// The account cannot pay.
    Billing = "E0319", exit 69;
    /// The agent's CLI was not found.
    AgentMissing = "E0320", exit 69;
    /// Ctrl-C.
    Interrupted = "E0321", exit 130;
    /// The run was asked to stop.
    StopRequested = "E0322", exit 143;
    /// The user must approve first.
    NotApproved = "E0323", exit 77;
    /// The agent's circuit breaker is open.
    BreakerOpen = "E0324", exit 75;
    /// The agent's CLI rejects its arguments or settings, or is not suitable.
    AgentConfiguration = "E0325", exit 78;
    /// The user's own check of the work failed.
    VerifyFailed = "E0326", exit 1;

    // The store and its runs.

    /// An unknown run.
    UnknownRun = "E0401", exit 65;
    /// A prefix that several ids share.
    AmbiguousRun = "E0402", exit 65;
    /// A run that is already over.
    NotRunning = "E0403", exit 65;
    /// A session that is used by another run.
    SessionBusy = "E0404", exit 75;
    /// The ledger cannot be read.
    UnreadableStore = "E0405", exit 69;
    /// A run whose log ends before there is anything to show.
    UnfinishedLog = "E0406", exit 65;
    /// The live log of a run cannot be read.
    UnreadableLiveLog = "E0407", exit 65;
    /// A run that was asked to stop and is still running.
    StillRunning = "E0408", exit 75;
    /// The process that drove the run is gone.
    DriverGone = "E0409", exit 69;
    /// What a run changed cannot be undone.
    CannotUndo = "E0410", exit 1;
    /// What a run changed is not kept.
    ChangesNotKept = "E0411", exit 65;
    /// A run left no conversation to go on with.
    NoConversation = "E0412", exit 65;

    // The environment.

    /// The background process could not be started.
    NoBackground = "E0501", exit 69;
    /// The process that drives a run could not be signalled.
    SignalRefused = "E0502", exit 69;
    /// The output could not be written.
    OutputLost = "E0503", exit 73;
    /// A file or directory could not be written.
    CannotWrite = "E0504", exit 73;
    /// The system refused something that every run needs.
    SystemRefused = "E0505", exit 73;
    /// A command of an agent's CLI that installs or removes the plugin failed.
    PluginCommand = "E0506", exit 69;
    /// A settings file of an agent's CLI is not JSON.
    ForeignSettings = "E0507", exit 78;
    /// A settings file of an agent's CLI may not be written.
    ReadOnlySettings = "E0508", exit 73;

    // Bugs.

    /// A run ended without a verdict.
    NoVerdict = "E0901", exit 70;
    /// Two processes of ours misunderstood each other.
    OddAnswer = "E0902", exit 70;
    /// The path of this program cannot be determined.
    NoOwnProgram = "E0903", exit 70;
    /// The program stopped in the middle because an invariant was violated.
    Panicked = "E0904", exit 70;
}

impl ErrorCode {
    /// Returns what the code means, in a few words: the title of its page.
    pub fn title(self) -> &'static str {
        let first_line = self.page().lines().next().unwrap_or_default();
        first_line.split_once(": ").map_or(first_line, |(_, title)| title)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is not an error code of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an error code of this version")]
pub struct UnknownCode;

impl FromStr for ErrorCode {
    type Err = UnknownCode;

    /// Parses a code, ignoring case.
    fn from_str(text: &str) -> Result<ErrorCode, UnknownCode> {
        let is_it = |code: &&ErrorCode| code.as_str().eq_ignore_ascii_case(text);
        ErrorCode::ALL.iter().find(is_it).copied().ok_or(UnknownCode)
    }
}

/// Reads the code of a stored record. A code of a newer version becomes `None`: the record must stay readable.
pub fn if_known<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<ErrorCode>, D::Error> {
    Ok(Option::<String>::deserialize(reader)?.and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_code_stands_for_two_causes_and_all_are_in_order() {
        let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        let sorted: BTreeSet<&str> = codes.iter().copied().collect();
        assert_eq!(codes, sorted.into_iter().collect::<Vec<_>>());
        let is_code = |code: &str| code.len() == 5 && code[1..].bytes().all(|b| b.is_ascii_digit());
        assert!(codes.iter().all(|code| code.starts_with('E') && is_code(code)));
    }

    #[test]
    fn a_code_is_read_as_it_is_written_and_in_small_letters() {
        for code in ErrorCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert_eq!(code.as_str().to_lowercase().parse(), Ok(*code));
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        assert_eq!("E9999".parse::<ErrorCode>(), Err(UnknownCode));
    }

    #[test]
    fn a_record_with_a_newer_versions_code_is_still_read() {
        #[derive(Deserialize)]
        struct Record {
            #[serde(default, deserialize_with = "if_known")]
            code: Option<ErrorCode>,
        }
        let read = |text: &str| serde_json::from_str::<Record>(text).unwrap().code;
        assert_eq!(read(r#"{"code": "E0315"}"#), Some(ErrorCode::Quota));
        assert_eq!((read(r#"{"code": "E0399"}"#), read("{}")), (None, None));
    }
}
