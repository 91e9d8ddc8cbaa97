//! What an agent's output says, in our own terms: no name, code or phrase of a CLI leaves its adapter.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::agent::PermissionMode;
use crate::agent_env::Payer;
use crate::ids::{AgentSessionId, StreamId};
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
    /// The next characters of a text that will be repeated in full, for live display.
    TextDelta {
        /// The characters.
        text: String,
    },
    /// The CLI withdraws what the main thread said last.
    TextWithdrawn,
    /// Text that the CLI itself made in place of an answer.
    CliText {
        /// The words.
        text: String,
    },
    /// The agent calls a tool.
    ToolCalled(ToolCall),
    /// A tool call is over.
    ToolEnded {
        /// The call.
        id: StreamId,
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
        /// The model that takes over.
        to: String,
    },
    /// An API call failed.
    ApiError {
        /// How.
        failure: ApiFailure,
        /// Whether the CLI retries by itself.
        will_retry: bool,
    },
    /// The account's limits, as the server reported them.
    RateLimit(RateLimit),
    /// A background task began.
    TaskOpened {
        /// The task's id.
        id: StreamId,
        /// What works in it.
        kind: TaskKind,
    },
    /// A background task ended.
    TaskClosed {
        /// The task's id.
        id: StreamId,
    },
    /// Exactly these background tasks are open.
    TasksListed {
        /// Their ids and what works in them.
        open: Vec<(StreamId, TaskKind)>,
    },
    /// A tool was not allowed.
    PermissionDenied(DeniedCall),
    /// The running sum of what one API call used, before the result gives the final figures.
    Usage {
        /// The call's id; `None` means the latest call.
        message_id: Option<StreamId>,
        /// What it used so far; a field that is not reported again is 0.
        tokens: Tokens,
    },
    /// The model ended its turn in the main thread: it has said all that it wanted to say.
    TurnEnded,
    /// The agent's turn is over, by its own account.
    Result(Box<AgentResult>),
    /// A line of text where a record should be: often all that a CLI that fails to start has to say.
    PlainText {
        /// The line, cut to a bound.
        text: String,
    },
    /// A sign of life that carries nothing of interest (tool results, progress, thinking).
    Alive,
    /// A record of a kind that is not known here. Kept, never fatal.
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
    pub session_id: Option<AgentSessionId>,
    /// The CLI's version.
    pub cli_version: Option<String>,
    /// Where the CLI says it found its key, in its own words, for display.
    pub key_source: Option<String>,
    /// The payer, if the CLI reports it.
    pub payer: Option<Payer>,
    /// The permission mode that the agent works in, by its own account.
    pub permission_mode: Option<PermissionMode>,
    /// The model that it intends to use, if it says so.
    pub model: Option<String>,
    /// The tools that the agent has, if it lists them.
    pub tools: Option<Vec<String>>,
    /// MCP servers that failed to start.
    pub servers_failed: Vec<String>,
}

/// How an API call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiErrorKind {
    /// The login is missing or refused.
    Login,
    /// Another process is renewing the login: it will be available a moment later.
    LoginRenewing,
    /// The account's limit is used up.
    AccountLimit,
    /// The account cannot pay.
    Billing,
    /// Too many requests in a short time.
    TooManyRequests,
    /// The service is overloaded.
    Overloaded,
    /// The request itself is refused: too long, an unknown model, a wrong field.
    BadRequest,
    /// The answer reached the output limit.
    OutputLimit,
    /// The model refused to answer.
    Refusal,
    /// Network or server trouble.
    Service,
}

impl ApiErrorKind {
    /// All kinds.
    pub const ALL: [ApiErrorKind; 10] = [
        ApiErrorKind::Login,
        ApiErrorKind::LoginRenewing,
        ApiErrorKind::AccountLimit,
        ApiErrorKind::Billing,
        ApiErrorKind::TooManyRequests,
        ApiErrorKind::Overloaded,
        ApiErrorKind::BadRequest,
        ApiErrorKind::OutputLimit,
        ApiErrorKind::Refusal,
        ApiErrorKind::Service,
    ];

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

/// A failed API call, with what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiFailure {
    /// How it failed.
    pub kind: ApiErrorKind,
    /// The HTTP status.
    pub status: Option<u16>,
    /// What the CLI says about it.
    pub text: Option<String>,
    /// The limit that was reached, if any.
    pub limit: Option<LimitReached>,
}

/// A limit of the account that was reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitReached {
    /// Which window, if known.
    pub window: Option<String>,
    /// When it resets.
    pub reset: Option<Reset>,
}

/// When a limit resets, as it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// At an instant, seconds since 1970.
    At(i64),
    /// The next time it is this time of day, in minutes since midnight, UTC.
    DailyUtc {
        /// Minutes since midnight.
        minutes: u16,
    },
    /// The next time it is this day of the year, UTC.
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
    /// Returns the instant that is meant if this is said now.
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
    /// The server's word for the state of the account, for display.
    pub status: String,
    /// When the named window resets, in seconds since 1970.
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

/// What runs in a background task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// An agent: what it finds is waited for.
    Agent,
    /// A shell command, often a server that never ends.
    Shell,
}

/// What a tool call is for, as far as can be told from the call itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolPurpose {
    /// It changes something, or runs something.
    Work,
    /// It only reads.
    Inspect,
    /// It arranges the agent's own affairs: delegations, questions.
    Arrange,
    /// It keeps the agent's own notes: often the last thing that it does, after it has answered.
    Note,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The call's id, if reported.
    pub id: Option<StreamId>,
    /// The tool's name.
    pub tool: String,
    /// What it was called with, in one line: the command, the file, the address.
    pub what: String,
    /// What the call is for.
    pub purpose: ToolPurpose,
    /// Whether a subagent calls it.
    pub subagent: bool,
}

/// A tool call that was not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeniedCall {
    /// The call's id, if reported.
    pub id: Option<StreamId>,
    /// The tool's name.
    pub tool: String,
    /// What it was called with, if reported.
    pub what: Option<String>,
    /// What the call is for, if that can be told.
    pub purpose: Option<ToolPurpose>,
}

/// How the agent's turn ended, by its own account.
#[derive(Debug, Clone, PartialEq)]
pub enum EndKind {
    /// It answered.
    Answered,
    /// The turn limit was reached.
    MaxTurns,
    /// The cost limit was reached.
    Budget,
    /// The answer never had the required form.
    WrongForm,
    /// A hook refused the prompt, or stopped the turn.
    HookRefused,
    /// It was interrupted.
    Interrupted,
    /// It failed, for a reason that is recognized.
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
    /// Messages about an error that has no text of its own.
    pub errors: Vec<String>,
    /// The agent's session.
    pub session_id: Option<AgentSessionId>,
    /// The payer, if the result says so.
    pub payer: Option<Payer>,
    /// What the agent reports as its cost.
    pub cost: ReportedCost,
    /// The tokens used, over all models and subagents.
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

/// The cost that a result line reports, in US dollars, and what it is summed over.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum ReportedCost {
    /// None was reported.
    #[default]
    None,
    /// Since the last result line of this process: the shares add up.
    SinceLastResult(f64),
    /// Since the process began: the last one counts.
    Invocation(f64),
    /// An impossible figure: negative, not a number, or beyond any plausible account.
    Odd,
}

/// Why a CLI could not continue, by its own account.
#[derive(Debug, Clone, PartialEq)]
pub enum Complaint {
    /// An API call failed, or would have.
    Api(ApiFailure),
    /// It refuses its arguments or its settings.
    Configuration,
    /// It cannot run on this machine: some part of it is missing.
    Missing,
    /// The machine is in trouble: no space, no memory, no network; or the CLI crashed.
    Machine,
    /// It does not know the session to resume.
    SessionUnknown,
}
