use super::*;

fn row(label: Answer, category: &str) -> Labelled {
    Labelled {
        id: "r".into(),
        request: "words".into(),
        label,
        acceptable: vec![label],
        category: category.into(),
    }
}

fn judged(rows: &[(Labelled, Answer, f64)]) -> Vec<Judged<'_>> {
    rows.iter()
        .map(|(row, answer, confidence)| Judged { row, answer: *answer, confidence: *confidence })
        .collect()
}

#[test]
fn right_answers_have_no_loss_and_full_marks() {
    let rows = Answer::ALL.map(|answer| (row(answer, "x"), answer, 1.0));
    let scores = scores(&judged(&rows));
    assert_eq!((scores.accuracy, scores.macro_f1, scores.mean_loss, scores.ece), (1.0, 1.0, 0.0, 0.0));
}

#[test]
fn an_acceptable_answer_is_no_error_but_not_the_label() {
    let mut either = row(Answer::Haiku, "x");
    either.acceptable.push(Answer::Sonnet);
    let scores = scores(&judged(&[(either, Answer::Sonnet, 0.5)]));
    assert_eq!((scores.accuracy, scores.lenient_accuracy, scores.over_routing), (0.0, 1.0, 0.0));
}

#[test]
fn too_weak_too_strong_needless_and_missed_are_told_apart() {
    let rows = [
        (row(Answer::Opus, "x"), Answer::Haiku, 0.5),
        (row(Answer::Haiku, "x"), Answer::Opus, 0.5),
        (row(Answer::Sonnet, "x"), Answer::Escalate, 0.5),
        (row(Answer::Sonnet, "x"), Answer::Sonnet, 0.5),
        (row(Answer::Escalate, "prod-infra"), Answer::Sonnet, 0.5),
        (row(Answer::Escalate, "underspecified"), Answer::Sonnet, 0.5),
    ];
    let scores = scores(&judged(&rows));
    assert_eq!((scores.under_routing, scores.over_routing), (0.25, 0.25));
    assert_eq!((scores.needless_escalations, scores.missed_escalations), (0.25, 1.0));
    assert_eq!(scores.dangerous_missed, 1);
    assert!((scores.mean_loss - (3.0 + 0.8 + 1.0 + 10.0 + 2.0) / 6.0).abs() < 1e-9);
}

#[test]
fn calibration_compares_how_sure_with_how_often_right() {
    let rows: Vec<_> = (0..10)
        .map(|n| (row(Answer::Haiku, "x"), if n < 6 { Answer::Haiku } else { Answer::Opus }, 0.95))
        .collect();
    assert!((scores(&judged(&rows)).ece - 0.35).abs() < 1e-9);
}

#[test]
fn nothing_to_judge_gives_zeros_not_nonsense() {
    let scores = scores(&[]);
    assert_eq!((scores.rows, scores.accuracy, scores.mean_loss, scores.ece), (0, 0.0, 0.0, 0.0));
}
