//! What an agent's output says, in our words: no name, code or phrase of a CLI leaves its adapter.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::agent::PermissionMode;
use crate::agent_env::Payer;
use crate::usage::Tokens;

/// One fact from an agent's output.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentEvent {
    /// The agent has begun.
    Started(Started),
    /// A complete piece of text from the main thread.
    Text {
        /// The text.
        text: String,
    },
    /// The next characters of a text that will come again whole, for people who watch.
    TextDelta {
        /// The characters.
        text: String,
    },
    /// The CLI takes back what the main thread said last.
    TextWithdrawn,
    /// Words that the CLI made itself in the place of an answer.
    CliText {
        /// The words.
        text: String,
    },
    /// The agent calls a tool.
    ToolCalled(ToolCall),
    /// A tool call is over.
    ToolEnded {
        /// The call.
        id: String,
        /// Whether it failed.
        failed: bool,
    },
    /// A main-thread answer came from this model.
    ModelAnswered {
        /// The model's name, as the API gave it.
        model: String,
    },
    /// The CLI switched to the fallback model that it was started with.
    ModelFallback {
        /// The model that was asked for.
        from: String,
        /// The model that goes on.
        to: String,
    },
    /// An API call failed.
    ApiError {
        /// How.
        failure: ApiFailure,
        /// Whether the CLI asks again by itself.
        will_retry: bool,
    },
    /// The account's limits, as the server reported them.
    RateLimit(RateLimit),
    /// A background task began.
    TaskOpened {
        /// The task's id.
        id: String,
        /// What works in it.
        kind: TaskKind,
    },
    /// A background task ended.
    TaskClosed {
        /// The task's id.
        id: String,
    },
    /// These background tasks are open, and no others.
    TasksListed {
        /// Their ids and what works in them.
        open: Vec<(String, TaskKind)>,
    },
    /// A tool was not allowed.
    PermissionDenied(DeniedCall),
    /// The running sum of what one API call used, before the result says it for good.
    Usage {
        /// The call's id. `None`: the newest call.
        message_id: Option<String>,
        /// What it used so far; a field that is not told again is 0.
        tokens: Tokens,
    },
    /// The model ended its turn in the main thread: it has said all that it wanted to say.
    TurnEnded,
    /// The agent's turn is over, by its own account.
    Result(Box<AgentResult>),
    /// A line of text where a record should be: often the only word of a CLI that does not start.
    PlainText {
        /// The line, cut to a bound.
        text: String,
    },
    /// Nothing that anybody waits for, but a sign of life (tool results, progress, thinking).
    Alive,
    /// A record of a kind that this version does not know. Kept, never fatal.
    Unknown {
        /// What the record calls itself.
        kind: String,
        /// The record, cut to a bound.
        raw: String,
    },
    /// A record of a known kind in a shape that cannot be read.
    Unreadable {
        /// What the record calls itself.
        kind: String,
        /// The record, cut to a bound.
        raw: String,
    },
}

/// The beginning of an agent's stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Started {
    /// The agent's own session id.
    pub session_id: Option<String>,
    /// The CLI's version.
    pub cli_version: Option<String>,
    /// Where the CLI says it found its key, in its own words, for people.
    pub key_source: Option<String>,
    /// The payer, where the CLI says so.
    pub payer: Option<Payer>,
    /// The permission mode that the agent works in, by its own account.
    pub permission_mode: Option<PermissionMode>,
    /// The model that it means to ask, where it says so.
    pub model: Option<String>,
    /// The tools that the agent has, where it lists them.
    pub tools: Option<Vec<String>>,
    /// Servers of tools that did not start.
    pub servers_failed: Vec<String>,
}

/// How an API call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiErrorKind {
    /// The login is missing or refused.
    Login,
    /// The login is being renewed by somebody else: a moment later it is there.
    LoginRenewing,
    /// The account's limit is used up.
    AccountLimit,
    /// The account cannot pay.
    Billing,
    /// Too many requests in a short time.
    TooManyRequests,
    /// The service has too much to do.
    Overloaded,
    /// The request itself is refused: too long, an unknown model, a wrong field.
    BadRequest,
    /// The answer reached the limit of output.
    OutputLimit,
    /// The model refused to answer.
    Refusal,
    /// Network or server trouble.
    Service,
}

impl ApiErrorKind {
    /// Returns the kind's name.
    pub fn as_str(self) -> &'static str {
        match self {
            ApiErrorKind::Login => "login",
            ApiErrorKind::LoginRenewing => "login_renewing",
            ApiErrorKind::AccountLimit => "account_limit",
            ApiErrorKind::Billing => "billing",
            ApiErrorKind::TooManyRequests => "too_many_requests",
            ApiErrorKind::Overloaded => "overloaded",
            ApiErrorKind::BadRequest => "bad_request",
            ApiErrorKind::OutputLimit => "output_limit",
            ApiErrorKind::Refusal => "refusal",
            ApiErrorKind::Service => "service",
        }
    }
}

/// A failed API call, with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiFailure {
    /// How it failed.
    pub kind: ApiErrorKind,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What the CLI says about it.
    pub text: Option<String>,
    /// The limit that was reached, where one was.
    pub limit: Option<LimitReached>,
}

/// A limit of the account that was reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitReached {
    /// Which window, where that is known.
    pub window: Option<String>,
    /// When it starts anew.
    pub reset: Option<Reset>,
}

/// When a limit starts anew, as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// At an instant, seconds since 1970.
    At(i64),
    /// The next time that it is so late on any day, minutes since midnight, UTC.
    DailyUtc {
        /// Minutes since midnight.
        minutes: u16,
    },
    /// On the next such day of a year, UTC.
    YearlyUtc {
        /// The month, from 1.
        month: i8,
        /// The day of the month, from 1.
        day: i8,
        /// Minutes since midnight.
        minutes: u16,
    },
}

impl Reset {
    /// Returns the instant that is meant by somebody who says it now.
    pub fn instant(self, now: Timestamp) -> Option<Timestamp> {
        let today = now.to_zoned(TimeZone::UTC).datetime();
        let at = |date: Date, minutes: u16| {
            let time =
                Time::new(i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?, 0, 0).ok()?;
            date.to_datetime(time).to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        };
        match self {
            Reset::At(seconds) => Timestamp::from_second(seconds).ok(),
            Reset::DailyUtc { minutes } => {
                let days = [today.date(), today.date().tomorrow().ok()?];
                days.into_iter().filter_map(|day| at(day, minutes)).find(|instant| *instant > now)
            }
            Reset::YearlyUtc { month, day, minutes } => {
                let dates = [today.year(), today.year() + 1].map(|year| Date::new(year, month, day).ok());
                dates
                    .into_iter()
                    .flatten()
                    .filter_map(|date| at(date, minutes))
                    .find(|instant| *instant > now)
            }
        }
    }
}

/// What the server said about the account's limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// The server's word for where the account stands, for people.
    pub status: String,
    /// When the named window starts anew, seconds since 1970.
    pub resets_at: Option<i64>,
    /// Which window: `five_hour`, `seven_day`, …
    pub window: Option<String>,
    /// How much of the window is used, 0 to 1.
    pub utilization: Option<f64>,
    /// Whether requests are turned away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_reached: bool,
    /// Whether requests are served beyond the limit, for money.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_overage: bool,
}

/// What works in a background task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// An agent: what it finds is waited for.
    Agent,
    /// A shell command, often a server that never ends.
    Shell,
}

/// What a tool call is for, as far as the call itself tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolPurpose {
    /// It changes something, or runs something.
    Work,
    /// It only looks.
    Look,
    /// It arranges the agent's own affairs: delegations, questions.
    Arrange,
    /// It keeps the agent's own notes: often the last thing that it does, after it answered.
    Note,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The call's id.
    pub id: String,
    /// The tool's name.
    pub tool: String,
    /// What it was called for, in one line: the command, the file, the address.
    pub what: String,
    /// What the call is for.
    pub purpose: ToolPurpose,
    /// Whether a subagent calls it.
    pub subagent: bool,
}

/// A tool call that was not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedCall {
    /// The call's id, where it is told.
    pub id: Option<String>,
    /// The tool's name.
    pub tool: String,
    /// What it was called for, where it is told.
    pub what: Option<String>,
    /// What the call is for, where that can be told.
    pub purpose: Option<ToolPurpose>,
}

/// How the agent's turn ended, by its own account.
#[derive(Debug, Clone, PartialEq)]
pub enum EndKind {
    /// It answered.
    Answered,
    /// The limit of turns was reached.
    MaxTurns,
    /// The limit of cost was reached.
    Budget,
    /// The answer never had the form that was asked for.
    WrongForm,
    /// A hook refused the prompt, or stopped the turn.
    HookRefused,
    /// It was interrupted.
    Interrupted,
    /// It failed, and says why in words that are known.
    Failed(Complaint),
    /// It names an error of its own.
    Error,
}

/// The agent's own account of a finished turn.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentResult {
    /// How it ended.
    pub end: EndKind,
    /// The answer, or the error's text.
    pub text: Option<String>,
    /// The tool calls that were not allowed.
    pub denied: Vec<DeniedCall>,
    /// Messages about an error that has no text.
    pub errors: Vec<String>,
    /// The agent's session.
    pub session_id: Option<String>,
    /// The payer, where the result says so.
    pub payer: Option<Payer>,
    /// What the agent reports to have cost.
    pub cost: ReportedCost,
    /// What was used, over all models and subagents.
    pub tokens: Tokens,
}

impl Default for AgentResult {
    fn default() -> AgentResult {
        AgentResult {
            end: EndKind::Answered,
            text: None,
            denied: vec![],
            errors: vec![],
            session_id: None,
            payer: None,
            cost: ReportedCost::None,
            tokens: Tokens::default(),
        }
    }
}

/// The cost that a result line reports, and over what it was summed, in US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum ReportedCost {
    /// None was reported.
    #[default]
    None,
    /// Since the last result line of this process: shares add up.
    SinceLastResult(f64),
    /// Since the process began: the last one counts.
    Invocation(f64),
    /// A figure that cannot be: negative, not a number, or beyond any account.
    Odd,
}

/// Why a CLI could not go on, by its own account.
#[derive(Debug, Clone, PartialEq)]
pub enum Complaint {
    /// An API call failed, or would have.
    Api(ApiFailure),
    /// It refuses its arguments or its settings.
    Configuration,
    /// It cannot run on this machine: a part of it is missing.
    Missing,
    /// The machine is in trouble: no space, no memory, no network; or the CLI broke down.
    Machine,
    /// The session to resume is unknown to it.
    SessionUnknown,
}
