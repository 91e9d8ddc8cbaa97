//! The engine in a simulated environment: scripted processes, a ledger that fails on demand, a clock that runs as fast
//! as the test, seeded random numbers, and a machine on which processes die.

mod place;
mod simulation;

use std::time::Duration;

use pointsman_core::run::end::StopCause;
use pointsman_core::run::event::Fact;
use pointsman_core::run::next::OnLimit;
use pointsman_core::run::outcome::{Outcome, Verdict};
use pointsman_core::run::spec::{RunSpec, SpecLimits};

use super::record::Unwatched;
use super::stops::Stops;
use crate::process::scripted::Script;
use place::{Answer, Place};

fn outcomes(report: &pointsman_core::report::run::RunReport) -> Vec<Outcome> {
    report.attempts.iter().filter_map(|attempt| attempt.outcome).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_is_stored_before_its_agent_is_spawned_and_its_end_when_it_is_over() {
    let place = Place::new(1, |launch, _| Answer::of(launch).completes("renamed it in three places"));
    let run = place.run(1, place.spec()).await.unwrap();
    assert_eq!(
        (run.verdict, run.answer.as_deref()),
        (Some(Verdict::Succeeded), Some("renamed it in three places"))
    );
    let kinds: Vec<&str> = place.log(&run.run_id).iter().map(|event| event.fact.kind()).collect();
    assert_eq!(kinds, ["requested", "routed", "attempt_started", "attempt_ended", "finished"]);
    assert_eq!(place.launches().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_agent_is_stopped_and_tried_once_more_on_virtual_time() {
    let place = Place::new(2, |launch, nth| match nth {
        0 => Script::new().hangs(),
        _ => Answer::of(launch).completes("renamed it the second time"),
    });
    let run = place.run(1, place.spec()).await.unwrap();
    assert_eq!(outcomes(&run), [Outcome::TimeoutStartup, Outcome::Completed]);
    assert_eq!(run.verdict, Some(Verdict::Succeeded));
}

/// The waits of a whole night pass in a moment, and the machine's clock is set back meanwhile.
#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_a_reset_goes_on_after_it_although_the_clock_was_set() {
    let place = Place::new(3, |launch, nth| match nth {
        0 => Answer::of(launch).meets_the_limit(5 * 3600),
        _ => Answer::of(launch).completes("renamed it in the morning"),
    });
    let limits = SpecLimits { on_limit: OnLimit::Wait, ..SpecLimits::default() };
    let spec = RunSpec { limits, ..place.spec() };
    let begun = tokio::time::Instant::now();
    let (run, ()) = tokio::join!(place.run(1, spec), async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        place.clock.jump(-600_000);
    });
    assert_eq!(run.unwrap().verdict, Some(Verdict::Succeeded));
    let hours = begun.elapsed().as_secs_f64() / 3600.0;
    assert!((5.1..5.5).contains(&hours), "{hours}: ten minutes longer by a clock that was set back");
}

#[tokio::test(start_paused = true)]
async fn a_run_is_stopped_while_it_waits_between_attempts() {
    let place = Place::new(4, |launch, _| Answer::of(launch).meets_overload());
    let engine = place.engine(1);
    let submission = engine.submit(place.project(&place.spec()), place.spec()).await.unwrap();
    let mut run = submission.begin(&engine, Box::new(Unwatched));
    let mut stops = Stops::new();
    let handle = stops.handle();
    let (report, ()) = tokio::join!(super::drive::drive(&engine, &mut run, &mut stops), async {
        // Waits until the first backoff has begun, as the log shows.
        while !place.all_events().iter().any(|event| matches!(event.fact, Fact::Waiting { .. })) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        handle.stop(StopCause::Interrupt);
    });
    assert_eq!((report.verdict, report.exit_code), (Some(Verdict::Cancelled), Some(130)));
}

/// Seen to fail with the driver not polling for the row.
#[tokio::test(start_paused = true)]
async fn a_wish_to_stop_a_run_is_seen_within_two_seconds() {
    let place = Place::new(5, |launch, _| Answer::of(launch).begins().hangs());
    let looks = place.engine(2);
    let (report, asked_at) = tokio::join!(place.run(1, place.spec()), async {
        let project = place.project(&place.spec());
        let found = loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            if let Ok(found) = looks.find(&project, "latest").await {
                break found;
            }
        };
        place.ledger.0.lock().unwrap().request_cancel(&found.id);
        tokio::time::Instant::now()
    });
    let report = report.unwrap();
    assert_eq!((report.verdict, report.exit_code), (Some(Verdict::Cancelled), Some(143)));
    assert!(asked_at.elapsed() <= Duration::from_secs(2), "{:?}", asked_at.elapsed());
}
