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
