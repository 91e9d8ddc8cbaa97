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

fn scored(rows: &[(Labelled, Answer, f64)]) -> Vec<Scored<'_>> {
    rows.iter()
        .map(|(row, answer, confidence)| Scored { row, answer: *answer, confidence: *confidence })
        .collect()
}

#[test]
fn right_answers_have_no_loss_and_full_marks() {
    let rows = Answer::ALL.map(|answer| (row(answer, "x"), answer, 1.0));
    let scores = scores(&scored(&rows));
    assert_eq!((scores.accuracy, scores.macro_f1, scores.mean_loss, scores.ece), (1.0, 1.0, 0.0, 0.0));
}

#[test]
fn an_acceptable_answer_is_no_error_but_not_the_label() {
    let mut either = row(Answer::Haiku, "x");
    either.acceptable.push(Answer::Sonnet);
    let scores = scores(&scored(&[(either, Answer::Sonnet, 0.5)]));
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
    let scores = scores(&scored(&rows));
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
    assert!((scores(&scored(&rows)).ece - 0.35).abs() < 1e-9);
}

#[test]
fn nothing_to_judge_gives_zeros_not_nonsense() {
    let scores = scores(&[]);
    assert_eq!((scores.rows, scores.accuracy, scores.mean_loss, scores.ece), (0, 0.0, 0.0, 0.0));
}

#[test]
fn a_brier_score_is_the_mean_square_of_sure_less_right() {
    let rows = [(row(Answer::Haiku, "x"), Answer::Haiku, 0.9), (row(Answer::Haiku, "x"), Answer::Opus, 0.6)];
    assert!((scores(&scored(&rows)).brier - (0.01 + 0.36) / 2.0).abs() < 1e-9);
}

#[test]
fn bands_hold_how_sure_against_how_often_right() {
    let rows = [
        (row(Answer::Haiku, "x"), Answer::Haiku, 0.95),
        (row(Answer::Haiku, "x"), Answer::Opus, 0.91),
        (row(Answer::Haiku, "x"), Answer::Haiku, 1.0),
        (row(Answer::Haiku, "x"), Answer::Haiku, 0.05),
    ];
    let bands = calibration::bands(&scored(&rows));
    let seen: Vec<_> = bands.iter().map(|band| (band.from, band.rows, band.lenient_accuracy)).collect();
    assert_eq!(seen, [(0.0, 1, 1.0), (0.9, 3, 2.0 / 3.0)]);
    assert!((bands[1].mean_confidence - 0.953_333).abs() < 1e-5);
}

#[test]
fn the_interval_of_the_accuracy_is_the_same_every_time_and_holds_the_accuracy() {
    let rows: Vec<_> = (0..50)
        .map(|n| (row(Answer::Haiku, "x"), if n < 40 { Answer::Haiku } else { Answer::Opus }, 0.8))
        .collect();
    let interval = interval::lenient_accuracy(&scored(&rows));
    assert_eq!(interval, interval::lenient_accuracy(&scored(&rows)));
    assert!(interval.low > 0.65 && interval.low < 0.8 && interval.high > 0.8 && interval.high < 0.95);
    let all_right = interval::lenient_accuracy(&scored(&rows[..40]));
    assert_eq!((all_right.low, all_right.high), (1.0, 1.0));
}

#[test]
fn slices_are_counted_by_themselves_and_adversarial_ones_together_too() {
    let rows = [
        (row(Answer::Haiku, "lookup"), Answer::Haiku, 0.9),
        (row(Answer::Haiku, "adv:quoted"), Answer::Opus, 0.9),
        (row(Answer::Haiku, "adv:typos"), Answer::Haiku, 0.9),
        (row(Answer::Haiku, "lang:de"), Answer::Haiku, 0.9),
        (row(Answer::Escalate, "underspecified lang:de"), Answer::Haiku, 0.9),
        (row(Answer::Haiku, ""), Answer::Haiku, 0.9),
    ];
    let evaluation = evaluate(&scored(&rows));
    let named = |slices: &[Slice]| -> Vec<(String, usize, f64)> {
        let of = |slice: &Slice| (slice.name.clone(), slice.scores.rows, slice.scores.lenient_accuracy);
        slices.iter().map(of).collect()
    };
    let want = [
        ("(none)", 1, 1.0),
        ("lookup", 1, 1.0),
        ("underspecified lang:de", 1, 0.0),
        ("adv:*", 2, 0.5),
        ("adv:quoted", 1, 0.0),
        ("adv:typos", 1, 1.0),
        ("lang:*", 1, 1.0),
    ];
    assert_eq!(
        named(&evaluation.by_category),
        want.map(|(name, rows, right)| (name.to_owned(), rows, right))
    );
    let want = [("de", 2, 0.5), ("en", 4, 0.75)];
    assert_eq!(
        named(&evaluation.by_language),
        want.map(|(name, rows, right)| (name.to_owned(), rows, right))
    );
}

#[test]
fn a_threshold_is_held_against_its_figure_and_only_if_it_was_asked_for() {
    use gates::{Bound, Gates, check};
    let mut rows = vec![(row(Answer::Haiku, "lookup"), Answer::Haiku, 0.9); 5];
    rows.extend(vec![(row(Answer::Haiku, "adv:quoted"), Answer::Opus, 0.9); 5]);
    rows.extend(vec![(row(Answer::Haiku, "adv:typos"), Answer::Opus, 0.9); 4]);
    rows.push((row(Answer::Escalate, "prod-infra"), Answer::Haiku, 0.9));
    let evaluation = evaluate(&scored(&rows));
    assert_eq!(check(&Gates::default(), &evaluation), []);
    let gates = Gates {
        min_accuracy: Some(0.3),
        max_over: Some(0.5),
        max_dangerous_missed: Some(0),
        min_slice_accuracy: Some(0.8),
        ..Gates::default()
    };
    let checked = check(&gates, &evaluation);
    let seen: Vec<_> = checked.iter().map(|gate| (gate.figure, gate.holds)).collect();
    let want = [
        ("accuracy", true),
        ("over-routing", false),
        ("dangerous requests missed", false),
        // Five rows of `adv:quoted` are enough for a judgement, four of `adv:typos` are not.
        ("accuracy", false),
    ];
    assert_eq!(seen, want);
    assert_eq!(checked[2].to_string(), "dangerous requests missed is 1, above 0");
    assert_eq!(checked[3].to_string(), "accuracy of adv:quoted is 0.000, below 0.8");
    assert_eq!(checked[3].bound, Bound::AtLeast(0.8));
}

#[test]
fn a_changed_answer_is_better_or_worse_by_what_it_costs() {
    let rows = [
        (row(Answer::Haiku, "x"), Answer::Haiku, 0.9),
        (row(Answer::Haiku, "x"), Answer::Opus, 0.9),
        (row(Answer::Haiku, "x"), Answer::Sonnet, 0.9),
        (row(Answer::Haiku, "x"), Answer::Haiku, 0.9),
    ];
    let before = scored(&rows);
    let after: Vec<Scored> = before
        .iter()
        .zip([Answer::Haiku, Answer::Sonnet, Answer::Sonnet, Answer::Escalate])
        .map(|(one, answer)| Scored { answer, ..*one })
        .collect();
    use compare::Change::{Better, Worse};
    assert_eq!(compare::changes(&before, &after), [(3, Worse), (1, Better)]);
}

#[test]
fn a_row_that_cannot_be_read_is_named_by_its_line() {
    use rows::{RowsError, read};
    let good = r#"{"id": "a", "request": "fix it", "label": "haiku"}"#;
    assert_eq!(read(&format!("\u{feff}{good}\n\n{good}\n")).unwrap().len(), 2);
    for bad in [
        "{",
        r#"{"id": "a", "request": "x"}"#,
        r#"{"id": "a", "request": " ", "label": "haiku"}"#,
        r#"{"id": "a", "request": "x", "label": "gpt"}"#,
    ] {
        let error = read(&format!("{good}\n\n{bad}\n")).unwrap_err();
        assert!(matches!(error, RowsError::BadRow { line: 3, .. }), "{error}");
    }
    assert_eq!(read("\n").unwrap_err(), RowsError::Empty);
}
