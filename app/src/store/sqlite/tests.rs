use super::super::tests::contract::{entry, short_run};
use super::*;

fn pragma(ledger: &Sqlite, name: &str) -> i64 {
    ledger.db.pragma_query_value(None, name, |row| row.get(0)).unwrap()
}

/// What is acknowledged is on the disk, and a file of somebody else's runs no code. Seen to fail with
/// `synchronous` set to less, and with each `trusted_schema` left out.
#[test]
fn a_ledger_is_written_through_and_its_schema_is_not_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let ledger = Sqlite::open(&path).unwrap();
    const FULL: i64 = 2;
    assert_eq!(pragma(&ledger, "synchronous"), FULL);
    for opened in [ledger, Sqlite::open_to_read(&path).unwrap(), Sqlite::open_to_peek(&path).unwrap()] {
        assert_eq!(pragma(&opened, "trusted_schema"), 0);
    }
}

/// A database that does not keep what it is given, as one that was tampered with. Seen to fail without `read_back`.
#[test]
fn what_cannot_be_read_back_as_it_was_written_is_not_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let mut ledger = Sqlite::open(&path).unwrap();
    let trigger = "CREATE TRIGGER loses AFTER INSERT ON events BEGIN \
                   DELETE FROM events WHERE run_id = NEW.run_id AND seq = NEW.seq; END";
    ledger.db.execute_batch(trigger).unwrap();
    let log = short_run("run-1", "s", pointsman_core::run::outcome::Verdict::Succeeded);
    assert!(ledger.append(&entry(&log, 0, 3)).is_err());
    ledger.db.execute_batch("DROP TRIGGER loses").unwrap();
    ledger.append(&entry(&log, 0, 3)).unwrap();
}

/// Every run opens it, beside others that write. Seen to fail with `auto_vacuum` set at every opening: each wrote a page
/// and waited for the disk, and for its turn.
#[test]
fn opening_a_ledger_again_writes_nothing_and_waits_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let first = Sqlite::open(&path).unwrap();
    let before = files(&path);
    first.db.execute_batch("BEGIN IMMEDIATE").unwrap();
    Sqlite::open(&path).unwrap();
    assert_eq!(files(&path), before);
}

/// Seen to fail: one such row failed every list, so that no run was recovered and nothing old was removed.
#[test]
fn a_row_that_is_not_understood_hides_no_other_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Sqlite::open(&dir.path().join("ledger.db")).unwrap();
    let newest = Runs::Newest { prefix: String::new(), count_max: 9 };
    let verdict = pointsman_core::run::outcome::Verdict::Succeeded;
    for run in ["run-1", "run-2", "run-3", "run-4", "run-5"] {
        let driver = Some(crate::process::identity::ProcessIdentity::own());
        let log = short_run(run, "s", verdict);
        let end = if run < "run-3" { 3 } else { 2 };
        ledger.append(&LedgerEntry { driver, ..entry(&log, 0, end) }).unwrap();
    }
    for (spoilt, row, what) in [
        (
            "UPDATE run_rows SET phase = 'of_tomorrow' WHERE run_id = 'run-3'",
            "run-3",
            "its phase is `of_tomorrow`",
        ),
        ("UPDATE run_rows SET verdict = 'so-so' WHERE run_id = 'run-2'", "run-2", "its verdict is `so-so`"),
        ("UPDATE run_rows SET session_id = '-x' WHERE run_id = 'run-3'", "run-3", "its session has no id"),
        ("UPDATE run_rows SET run_id = '../x' WHERE run_id = 'run-3'", "../x", "its id is none"),
        (
            "UPDATE run_rows SET run_id = CAST(x'ff41' AS TEXT) WHERE run_id = 'run-3'",
            "\u{fffd}A",
            "invalid utf-8",
        ),
        (
            "UPDATE run_rows SET updated_at = 9223372036854775807 WHERE run_id = 'run-2'",
            "run-2",
            "its time is 9223372036854775807",
        ),
        (
            "UPDATE drivers SET identity = '{\"of\":\"tomorrow\"}' WHERE run_id = 'run-4'",
            "run-4",
            "names no process",
        ),
        ("UPDATE drivers SET run_id = '-' WHERE run_id = 'run-4'", "-", "its id is none"),
    ] {
        ledger.db.execute_batch(&format!("BEGIN; {spoilt}")).unwrap();
        let odd = ledger.odd_rows(9).unwrap();
        assert_eq!((odd.len(), odd[0].key.as_str()), (1, row), "{spoilt}: {odd:?}");
        assert!(odd[0].what.contains(what), "{spoilt}: {odd:?}");
        let count = ledger.runs(&newest).unwrap().len();
        let open = ledger.runs(&Runs::Open).unwrap().len();
        let past = ledger.past().unwrap().runs.len();
        let drivers = ledger.drivers().unwrap();
        let known = drivers.iter().filter(|row| row.driver.is_some()).count();
        let (of_drivers, of_open) = (spoilt.contains("drivers"), spoilt.contains("run-3'"));
        assert_eq!(count, if of_drivers { 5 } else { 4 }, "{spoilt}");
        assert_eq!(open, if of_open { 2 } else { 3 }, "{spoilt}");
        assert_eq!(past, if spoilt.contains("run-2'") { 1 } else { 2 }, "{spoilt}");
        assert_eq!(known, if of_drivers { 2 } else { 3 }, "{spoilt}");
        ledger.db.execute_batch("ROLLBACK").unwrap();
        assert_eq!(ledger.odd_rows(9).unwrap(), [], "{spoilt}");
    }
}
