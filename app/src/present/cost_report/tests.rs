use jiff::tz::TimeZone;
use pointsman_core::agent::prices::PriceTable;
use pointsman_core::report::cost::{AtListPrices, CostRecords, TierChanges};
use pointsman_core::report::spent::Spent;
use pointsman_core::usage::Tokens;

use super::*;

fn group(name: &str, reported: f64, estimated: Option<f64>) -> CostGroup {
    let spent = Spent { reported_usd: Some(reported), estimated_usd: estimated };
    CostGroup {
        name: name.to_owned(),
        runs: 12,
        attempts: 13,
        attempts_without_cost: 1,
        spent,
        usd: spent.usd(),
        tokens: Tokens { input: 1234, output: 56_789, cache_read: 9_876_543, cache_write: 210_000 },
        at_list_prices: AtListPrices { as_routed_usd: 1.5, on_sonnet_usd: 4.6, on_opus_usd: 7.66 },
    }
}

fn report(by: CostBy, names: [&str; 3]) -> CostReport {
    let empty =
        CostRecords::default().report(by, &TimeZone::UTC, "Europe/Berlin".to_owned(), &PriceTable::builtin());
    let [a, b, c] = names;
    CostReport {
        groups: vec![group(a, 1.25, None), group(b, 0.005, Some(0.75)), group(c, 12.0, Some(0.1))],
        total: group("total", 13.255, Some(0.85)),
        tier_changes: Some(TierChanges { count: 3, cache_write_tokens: 120_000, usd_at_most: 0.69 }),
        rehearsals: 2,
        ..empty
    }
}

#[test]
fn a_cost_report_fits_the_terminal_and_has_bars_there() {
    let days = report(CostBy::Day, ["2026-11-26", "2026-11-27", "2026-11-28"]);
    let shown = |width| format!("{width:?}\n{}\n", fit::unstyled(&text(&days, None, width)));
    let shown: String = [Some(50), Some(80), Some(120), None].into_iter().map(shown).collect();
    let colours = fit::styled(&text(&days, None, Some(80))).replace('\u{1b}', "ESC");
    insta::assert_snapshot!(format!("{shown}colours\n{colours}"));
}

#[test]
fn a_cost_report_for_other_programs_has_every_figure() {
    let sessions =
        report(CostBy::Session, ["parser", "019a8c3e-7f10-7abc-8def-0123456789ab", "a|\u{1b}[31mb"]);
    let json = serde_json::to_string_pretty(&Printed::new(&sessions, None)).unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}\n\n{json}", csv(&sessions), markdown(&sessions)));
}

#[test]
fn an_empty_report_says_what_to_do() {
    let since = Some(Timestamp::UNIX_EPOCH);
    let empty = CostReport { groups: vec![], ..report(CostBy::Day, ["", "", ""]) };
    let said = |since| fit::unstyled(&text(&empty, since, None));
    assert!(
        said(since).contains("`--since all` looks further back; 2 rehearsals are left out"),
        "{}",
        said(since)
    );
    assert!(said(None).contains("`pointsman run` makes one"));
}
