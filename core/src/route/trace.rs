//! The trace of a decision: which rules were tried, and why they did or did not fire.
//!
//! A decision alone only needs to know what fired. Finding out why the rest did not takes longer than the decision, so
//! it is only done on demand (`Trace::everything`).

use serde::Serialize;

use crate::policy::file_rule::FileRule;

use crate::policy::layer::Layer;

/// The result of trying a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "reason")]
pub enum TraceOutcome {
    /// It matched. The first that fires in a layer decides.
    Fired,
    /// It did not count, for this reason.
    #[serde(rename = "passed-over")]
    Skipped(&'static str),
}

/// The words say little, but a session continues that gives them a meaning.
pub const IN_SESSION: &str = "the session that goes on says what is meant";
/// The words do not occur.
pub const NO_MATCH: &str = "no match";
/// The words occur with "not" or "without".
pub const NEGATED: &str = "negated";
/// The words occur only in a quotation, a paste, or code.
pub const QUOTED: &str = "only in quoted text";
/// The words occur, but as a question, a description, or a text to be written.
pub const MENTIONED: &str = "only described or asked about";
/// The words occur, and so does an exception of the rule.
pub const EXCEPTED: &str = "an exception of the rule applies";
/// The words occur, but the request is too long or has the wrong form for the rule.
pub const OTHER_FORM: &str = "another condition of the rule does not hold";
/// The rule is for other projects.
pub const OTHER_PROJECT: &str = "the project is of another kind";
/// The rule is for other times.
pub const OTHER_TIME: &str = "at another time";
/// The rule is for other languages.
pub const OTHER_LANGUAGE: &str = "in another language";
/// The rule is for other modes.
pub const OTHER_MODE: &str = "in another mode";
/// The rule names a stronger tier than the one that would be taken without it, and is an untrusted repository's.
pub const RAISES: &str = "no untrusted repository raises the tier";
/// A layer before this one has decided.
pub const SETTLED: &str = "an earlier layer decides";
/// The words are a model's.
pub const OF_A_MODEL: &str = "a model's words choose nothing";
/// The classifier does not consider it likely enough.
pub const UNLIKELY: &str = "not likely enough";

/// One rule that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceEntry {
    /// The rule's id.
    pub rule: String,
    /// Its layer.
    pub layer: Layer,
    /// The result.
    #[serde(flatten)]
    pub outcome: TraceOutcome,
    /// The rule's explanation, for display.
    pub because: String,
    /// The words that it matched, shortened.
    pub matched: Option<String>,
    /// Where the rule is written, `file:line`, if it is in a policy file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// Why a rule does not hold, and the words that would have matched.
pub(super) type Why = (&'static str, Option<String>);

/// The longest matched text that is shown, in characters.
const MATCHED_CHARS_MAX: usize = 80;

impl TraceEntry {
    fn new(
        rule: &str,
        layer: Layer,
        outcome: TraceOutcome,
        because: &str,
        matched: Option<&str>,
    ) -> TraceEntry {
        TraceEntry {
            rule: rule.to_owned(),
            layer,
            outcome,
            because: because.to_owned(),
            matched: matched.map(|text| text.chars().take(MATCHED_CHARS_MAX).collect()),
            origin: None,
        }
    }

    /// Returns whether the rule fired.
    pub fn has_fired(&self) -> bool {
        match self.outcome {
            TraceOutcome::Fired => true,
            TraceOutcome::Skipped(_) => false,
        }
    }
}

/// The rules that were tried, in order.
#[derive(Debug)]
pub(super) struct Trace {
    keeps_skipped: bool,
    entries: Vec<TraceEntry>,
}

impl Trace {
    /// Creates a trace that keeps only what fires.
    pub fn fired_only() -> Trace {
        Trace { keeps_skipped: false, entries: Vec::new() }
    }

    /// Creates a trace that keeps everything, with the reasons.
    pub fn everything() -> Trace {
        Trace { keeps_skipped: true, entries: Vec::new() }
    }

    /// Returns whether rules that did not fire are kept, with the reasons.
    pub fn keeps_skipped(&self) -> bool {
        self.keeps_skipped
    }

    /// Creates another trace of the same kind, to be appended to this one later.
    pub fn alike(&self) -> Trace {
        Trace { keeps_skipped: self.keeps_skipped, entries: Vec::new() }
    }

    /// Appends another trace.
    pub fn append(&mut self, mut other: Trace) {
        self.entries.append(&mut other.entries);
    }

    /// Records a rule that fired.
    pub fn fired(&mut self, rule: &str, layer: Layer, because: &str, matched: Option<&str>) {
        self.entries.push(TraceEntry::new(rule, layer, TraceOutcome::Fired, because, matched));
    }

    /// Records a rule that did not fire; `why` is only called if it is kept.
    pub fn skipped<'a>(
        &mut self,
        rule: &str,
        layer: Layer,
        because: &str,
        why: impl FnOnce() -> (&'static str, Option<&'a str>),
    ) {
        if self.keeps_skipped {
            let (reason, matched) = why();
            self.entries.push(TraceEntry::new(rule, layer, TraceOutcome::Skipped(reason), because, matched));
        }
    }

    /// Records the result of a rule of a policy file, with the place where it is written.
    pub fn of_file(&mut self, rule: &FileRule, held: &Result<Vec<String>, Why>) {
        let before = self.entries.len();
        match held {
            Ok(because) => {
                let matched = because.join(", ");
                let matched = (!matched.is_empty()).then_some(matched.as_str());
                self.fired(&rule.id, Layer::Policy, &rule.because, matched);
            }
            Err((reason, words)) => {
                self.skipped(&rule.id, Layer::Policy, &rule.because, || (reason, words.as_deref()));
            }
        }
        if let Some(look) = self.entries.get_mut(before) {
            look.origin = Some(rule.place.clone());
        }
    }

    /// Returns the ids of the rules that fired.
    pub fn fired_ids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(|look| look.has_fired()).map(|look| look.rule.as_str())
    }

    /// Returns the entries.
    pub fn into_entries(self) -> Vec<TraceEntry> {
        self.entries
    }
}
