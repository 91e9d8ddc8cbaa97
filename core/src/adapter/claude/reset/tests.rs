use super::*;

#[test]
fn the_time_of_a_reset_is_read_where_its_offset_is_known() {
    let daily = |minutes| Some(Reset::DailyUtc { minutes });
    for (text, want) in [
        ("You've hit your 5-hour limit · resets 8pm (UTC)", daily(20 * 60)),
        ("You've hit your limit · resets 12am (UTC)", daily(0)),
        ("5-hour limit reached ∙ resets 9:23pm (UTC)", daily(21 * 60 + 23)),
        ("… · resets Jul 18, 12pm (UTC)", Some(Reset::YearlyUtc { month: 7, day: 18, minutes: 720 })),
        (
            "… · resets Dec 1, 12:30am (UTC). Switch",
            Some(Reset::YearlyUtc { month: 12, day: 1, minutes: 30 }),
        ),
        (
            "… · resets Jan 26, 2027, 4:30pm (UTC)",
            Some(Reset::YearlyUtc { month: 1, day: 26, minutes: 16 * 60 + 30 }),
        ),
        ("Claude AI usage limit reached|1752033600", Some(Reset::At(1_752_033_600))),
        ("You will regain access on 2026-12-01 at 00:00 UTC.", Some(Reset::At(1_796_083_200))),
        ("… · resets 2am (Europe/Berlin)", None),
        ("… · resets 25pm (UTC)", None),
        ("no time", None),
    ] {
        assert_eq!(reset_in(text), want, "{text}");
    }
}

#[test]
fn a_reset_is_the_next_such_instant() {
    let now: jiff::Timestamp = "2026-11-27T17:00:00Z".parse().unwrap();
    let instant = |reset: Reset| reset.instant(now).map(|at| at.to_string());
    assert_eq!(instant(Reset::DailyUtc { minutes: 20 * 60 }).as_deref(), Some("2026-11-27T20:00:00Z"));
    assert_eq!(instant(Reset::DailyUtc { minutes: 60 }).as_deref(), Some("2026-11-28T01:00:00Z"));
    // A limit that is reached now does not end now.
    assert_eq!(instant(Reset::DailyUtc { minutes: 17 * 60 }).as_deref(), Some("2026-11-28T17:00:00Z"));
    let this_minute = Reset::YearlyUtc { month: 11, day: 27, minutes: 17 * 60 };
    assert_eq!(instant(this_minute).as_deref(), Some("2027-11-27T17:00:00Z"));
    let yearly = |month, day| Reset::YearlyUtc { month, day, minutes: 0 };
    assert_eq!(instant(yearly(12, 1)).as_deref(), Some("2026-12-01T00:00:00Z"));
    assert_eq!(instant(yearly(1, 26)).as_deref(), Some("2027-01-26T00:00:00Z"));
    assert_eq!(instant(yearly(2, 31)), None);
    assert_eq!(instant(Reset::At(i64::MAX)), None);
}
