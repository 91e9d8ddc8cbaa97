//! An evaluation as text: the figures, where answers went, slice by slice.

use pointsman_core::eval::gates::Gate;
use pointsman_core::eval::{Answer, Evaluation, Scores, Slice};
use pointsman_core::text::counted;
use serde::Serialize;

use super::tables;
use crate::engine::measured::{Against, Answered, ChangedRow, Latency, Measured, WrongRow};
use crate::plain_text::one_line;

/// How many characters of a name are shown: ids and categories come from an untrusted file.
const NAME_CHARS_MAX: usize = 40;

/// The output of `eval -o json`.
#[derive(Debug, Serialize)]
pub struct EvalReport<'a> {
    /// The version of this format.
    pub schema_version: u32,
    /// The policy and its figures.
    #[serde(flatten)]
    pub measured: &'a Measured<'a>,
    /// The requested thresholds.
    pub gates: &'a [Gate],
    /// Whether all of them hold.
    pub passed: bool,
    /// The wrong answers, if they were requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<Vec<WrongRow>>,
    /// How long deciding took, if that was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<Latency>,
    /// Another policy on the same requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<&'a Against<'a>>,
}

/// Returns everything that was measured.
pub fn text(measured: &Measured, against: Option<&Against>) -> String {
    let evaluation = &measured.evaluation;
    let mut parts =
        vec![head(measured, against), figures(evaluation, against.map(|a| &a.measured.evaluation))];
    if against.is_none() {
        parts.push(confusion(&evaluation.overall));
        parts.push(bands(evaluation));
    }
    let others = against.map(|against| &against.measured.evaluation);
    parts.push(slices("CATEGORY", &evaluation.by_category, others.map(|other| &other.by_category[..])));
    parts.push(slices("LANGUAGE", &evaluation.by_language, others.map(|other| &other.by_language[..])));
    parts.extend(against.map(changed));
    parts.join("\n\n")
}

fn head(measured: &Measured, against: Option<&Against>) -> String {
    let latency = measured.latency;
    let now = format!(
        "{}, policy {}; one decision takes {} µs, 99 of 100 at most {} µs",
        counted(measured.evaluation.overall.rows, "request", "requests"),
        measured.policy_hash,
        latency.p50,
        latency.p99
    );
    match against {
        None => now,
        Some(against) => format!("{now}\nagainst policy {}", against.measured.policy_hash),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Returns each figure with its meaning, for one policy or for two.
fn figures(now: &Evaluation, against: Option<&Evaluation>) -> String {
    type Figure = fn(&Evaluation) -> String;
    let work = work(&now.overall);
    let people = now.overall.rows - work;
    let table: [(&str, Figure, String); 12] = [
        ("accuracy", |e| percent(e.overall.lenient_accuracy), "acceptable answers".to_owned()),
        ("", range, "where that lies in 95 of 100 sets like this".to_owned()),
        ("exact", |e| percent(e.overall.accuracy), "answers that equal the label".to_owned()),
        ("macro-F1", |e| thousandths(e.overall.macro_f1), "mean of the four answers' F1".to_owned()),
        (
            "under-routed",
            |e| percent(e.overall.under_routing),
            format!("of {work} that are work, to too weak a tier"),
        ),
        ("over-routed", |e| percent(e.overall.over_routing), format!("of {work}, to too strong a tier")),
        ("needless", |e| percent(e.overall.needless_escalations), format!("of {work}, a person was asked")),
        (
            "missed",
            |e| percent(e.overall.missed_escalations),
            format!("of {people} that need a person, were run"),
        ),
        (
            "dangerous missed",
            |e| e.overall.dangerous_missed.to_string(),
            "of these, harm could have been done".to_owned(),
        ),
        ("loss", |e| thousandths(e.overall.mean_loss), "mean; one task on the opus tier is 1".to_owned()),
        ("ECE", |e| thousandths(e.overall.ece), "how sure against how often right".to_owned()),
        ("Brier", |e| thousandths(e.overall.brier), "the same, answer by answer".to_owned()),
    ];
    let row = |(name, figure, means): (&str, Figure, String)| {
        let figures = [Some(now), against].into_iter().flatten().map(figure);
        std::iter::once(name.to_owned()).chain(figures).chain([means]).collect()
    };
    let rows: Vec<Vec<String>> = table.into_iter().map(row).collect();
    match against {
        None => tables::columns(&["FIGURE", "VALUE", "MEANS"], &rows),
        Some(_) => tables::columns(&["FIGURE", "NOW", "AGAINST", "MEANS"], &rows),
    }
}

/// Returns the range of the accuracy.
fn range(evaluation: &Evaluation) -> String {
    let interval = evaluation.lenient_accuracy_interval;
    format!("{:.1} to {:.1} %", interval.low * 100.0, interval.high * 100.0)
}

fn thousandths(figure: f64) -> String {
    format!("{figure:.3}")
}

/// Returns how many requests are work: their label is a tier.
fn work(scores: &Scores) -> usize {
    let labelled = |answer: Answer| scores.confusion[answer as usize].iter().sum::<usize>();
    scores.rows - labelled(Answer::Escalate)
}

fn confusion(scores: &Scores) -> String {
    let head: Vec<&str> =
        std::iter::once("LABEL, ANSWER").chain(Answer::ALL.iter().map(|answer| answer.as_str())).collect();
    let row = |answer: &Answer| {
        let counts = scores.confusion[*answer as usize].iter().map(ToString::to_string);
        std::iter::once(answer.as_str().to_owned()).chain(counts).collect()
    };
    tables::columns(&head, &Answer::ALL.iter().map(row).collect::<Vec<_>>())
}

fn bands(evaluation: &Evaluation) -> String {
    let rows: Vec<Vec<String>> = evaluation
        .bands
        .iter()
        .map(|band| {
            vec![
                format!("{:.1} to {:.1}", band.from, band.to),
                band.rows.to_string(),
                percent(band.mean_confidence),
                percent(band.lenient_accuracy),
            ]
        })
        .collect();
    tables::columns(&["CONFIDENCE", "ROWS", "SURE", "RIGHT"], &rows)
}

fn slices(what: &str, slices: &[Slice], others: Option<&[Slice]>) -> String {
    let some = |share: f64, of: usize| if of == 0 { "-".to_owned() } else { percent(share) };
    let row = |(at, slice): (usize, &Slice)| {
        let (scores, work) = (&slice.scores, work(&slice.scores));
        let mut cells = vec![
            one_line(&slice.name, NAME_CHARS_MAX),
            scores.rows.to_string(),
            percent(scores.lenient_accuracy),
        ];
        // The same requests have the same slices in the same order.
        cells.extend(others.map(|others| percent(others[at].scores.lenient_accuracy)));
        cells.push(some(scores.needless_escalations, work));
        cells.push(some(scores.missed_escalations, scores.rows - work));
        cells
    };
    let rows: Vec<Vec<String>> = slices.iter().enumerate().map(row).collect();
    match others {
        None => tables::columns(&[what, "ROWS", "ACCURACY", "NEEDLESS", "MISSED"], &rows),
        Some(_) => tables::columns(&[what, "ROWS", "ACCURACY", "AGAINST", "NEEDLESS", "MISSED"], &rows),
    }
}

/// Returns the rows that were answered wrongly.
pub fn wrong(measured: &Measured) -> String {
    let rows: Vec<WrongRow> = measured.wrong().collect();
    if rows.is_empty() {
        return "no answer is wrong".to_owned();
    }
    let row = |wrong: &WrongRow| {
        vec![
            one_line(&wrong.id, NAME_CHARS_MAX),
            format!("{} → {}", wrong.label.as_str(), wrong.said.answer.as_str()),
            format!("{:.2}", wrong.said.confidence),
            wrong.said.rule.clone(),
            one_line(&wrong.category, NAME_CHARS_MAX),
            wrong.request.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    tables::columns(&["ID", "LABEL → ANSWER", "SURE", "DECIDED BY", "CATEGORY", "REQUEST"], &rows)
}

fn changed(against: &Against) -> String {
    let Against { better, worse, neither, changed, .. } = against;
    let head = format!("{} answers change: {better} better, {worse} worse, {neither} neither", changed.len());
    if changed.is_empty() {
        return head;
    }
    let said = |said: &Answered| format!("{} by {}", said.answer.as_str(), said.rule);
    let row = |row: &ChangedRow| {
        vec![
            row.effect.as_str().to_owned(),
            one_line(&row.id, NAME_CHARS_MAX),
            row.label.as_str().to_owned(),
            said(&row.now),
            said(&row.against),
            row.request.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = changed.iter().map(row).collect();
    format!("{head}\n{}", tables::columns(&["EFFECT", "ID", "LABEL", "NOW", "AGAINST", "REQUEST"], &rows))
}
