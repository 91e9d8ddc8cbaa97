//! P16: disks that are full at every byte, and such that fail when they are waited for.
//!
//! The system itself refuses to let a file grow beyond a limit: it writes the part that fits, and then fails, which is
//! what a full disk does. The limit holds for a whole process, so each of these tests runs in a process of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::super::journal::{self, Journal, Weight};
use super::super::spool::{Durability, SYNC_FAILS, Spool, Spooled, WRITTEN_THROUGH};
use super::super::{metrics, private};
use super::contract::at;

/// Says to a process that it is the one for a test.
const ALONE: &str = "POINTSMAN_TEST_ALONE";

/// Lines of different lengths.
const LINES: [&str; 5] = ["one", "the second", "3", "a fourth, and a longer one", "last"];

/// Runs a test in a process of its own.
#[expect(clippy::disallowed_methods, reason = "a test starts itself")]
fn alone(test: &str, body: impl FnOnce()) {
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    // The signal that comes with the limit ends a process that does not ignore it.
    let script = "trap '' XFSZ; exec \"$0\" \"$@\"";
    let program = std::env::current_exe().unwrap();
    let name = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).arg(program).args(["--exact", &name, "--nocapture"]);
    let ran = command.env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// Runs work while no file can have more bytes than that.
fn with_room_for<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::Fsize);
    let limit = Rlimit { current: Some(bytes as u64), maximum: before.maximum };
    setrlimit(Resource::Fsize, limit).unwrap();
    let done = work();
    setrlimit(Resource::Fsize, before).unwrap();
    done
}

/// Returns a place, and a spool that has it before another one.
fn spool(dir: &Path) -> Spool {
    Spool::new(vec![dir.join("first"), dir.join("second")], Durability::Power)
}

/// Appends words one by one; returns those that were acknowledged.
fn append<'a>(spool: &Spool, words: &[&'a str]) -> Vec<&'a str> {
    words.iter().copied().filter(|word| spool.append(&[word, word]).is_ok()).collect()
}

/// Returns each word twice.
fn twice<'a>(words: &[&'a str]) -> Vec<&'a str> {
    words.iter().flat_map(|word| [*word, *word]).collect()
}

fn drain(spool: &Spool) -> Vec<String> {
    let mut taken = vec![];
    spool.drain(|words: &[String]| {
        taken.extend_from_slice(words);
        Ok::<usize, ()>(words.len())
    });
    taken
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Seen to fail without the roll-back: half of what was refused was there.
#[test]
fn p16_a_spool_has_all_that_it_acknowledged_and_nothing_else_wherever_the_disk_is_full() {
    alone("p16_a_spool_has_all_that_it_acknowledged_and_nothing_else_wherever_the_disk_is_full", || {
        let mut refused_count = 0;
        for room in 0..150 {
            let dir = tempfile::tempdir().unwrap();
            let spool = Spool::new(vec![dir.path().join("only")], Durability::Power);
            let mut acknowledged = append(&spool, &["before"]);
            acknowledged.extend(with_room_for(room, || append(&spool, &LINES)));
            refused_count += 1 + LINES.len() - acknowledged.len();
            acknowledged.extend(append(&spool, &["afterwards"]));
            assert_eq!(spool.waiting::<String>().odd_lines, 0, "room for {room}");
            assert_eq!(drain(&spool), twice(&acknowledged), "room for {room}");
            assert_eq!(spool.waiting::<String>(), Spooled::default());
        }
        assert!((200..700).contains(&refused_count), "{refused_count}");
    });
}

/// Seen to fail with the first directory alone.
#[test]
fn p16_what_the_first_place_of_a_spool_has_no_room_for_is_in_the_second() {
    alone("p16_what_the_first_place_of_a_spool_has_no_room_for_is_in_the_second", || {
        let longest = LINES.iter().map(|word| 2 * (word.len() + 3)).max().unwrap();
        for room in longest..3 * longest {
            let dir = tempfile::tempdir().unwrap();
            let spool = spool(dir.path());
            append(&spool, &["a line that fills what there is of room"]);
            // The third line of some length goes back to the first place: what it refused leaves no trace.
            let word = [LINES[3]];
            assert_eq!(with_room_for(room, || append(&spool, &word)), word, "room for {room}");
            let mut found = drain(&spool);
            found.sort();
            assert_eq!(
                found,
                twice(&[LINES[3], "a line that fills what there is of room"]),
                "room for {room}"
            );
        }
    });
}

/// A disk may take a line and then fail to keep it. Seen to fail without the roll-back: the line that was refused was
/// there, and in the second place as well.
#[test]
fn p16_a_line_that_the_disk_takes_and_does_not_keep_is_not_acknowledged_and_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let spool = spool(dir.path());
    spool.append(&["before"]).unwrap();
    SYNC_FAILS.set(true);
    let error = spool.append(&["refused"]).unwrap_err();
    SYNC_FAILS.set(false);
    assert_eq!(error.to_string(), "a test lets the disk fail");
    spool.append(&["afterwards"]).unwrap();
    assert_eq!(drain(&spool), ["before", "afterwards"]);
}

/// Seen to fail with the file removed whatever became of the lines that were not understood.
#[test]
fn p16_a_drain_loses_no_line_wherever_the_disk_is_full() {
    alone("p16_a_drain_loses_no_line_wherever_the_disk_is_full", || {
        let mut cut_short_count = 0;
        for room in 0..60 {
            let dir = tempfile::tempdir().unwrap();
            let spool = spool(dir.path());
            append(&spool, &["one"]);
            spool.append(&[serde_json::json!({"of": "a newer version"})]).unwrap();
            append(&spool, &["two"]);
            let taken = with_room_for(room, || drain(&spool));
            assert_eq!(taken, twice(&["one", "two"]), "room for {room}");
            let again = drain(&spool);
            cut_short_count += usize::from(!again.is_empty());
            assert!(again.is_empty() || again == taken, "room for {room}: {again:?}");
            assert_eq!(spool.waiting::<String>(), Spooled { bytes: 0, odd_lines: 1 }, "room for {room}");
            let left = names(&dir.path().join("first"));
            assert!(matches!(&left[..], [kept] if kept.starts_with("kept-")), "room for {room}: {left:?}");
        }
        assert!((10..50).contains(&cut_short_count), "{cut_short_count}");
    });
}

/// Seen to fail with a rename that nobody waits for: a power loss may leave an empty file in its place.
#[test]
fn p16_lines_that_are_not_understood_are_on_the_disk_before_the_file_that_held_them_goes() {
    let dir = tempfile::tempdir().unwrap();
    let spool = spool(dir.path());
    spool.append(&[7]).unwrap();
    let before = WRITTEN_THROUGH.get();
    assert_eq!(drain(&spool), [""; 0]);
    assert_eq!(WRITTEN_THROUGH.get(), before + 1);
    spool.append(&[8]).unwrap();
    SYNC_FAILS.set(true);
    drain(&spool);
    SYNC_FAILS.set(false);
    assert_eq!(spool.peek::<u32>(), [7, 8], "the file that held it is still there");
}

/// A directory has the name that a file should get: neither rename is possible.
#[test]
fn p16_a_spool_that_cannot_be_renamed_waits() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().unwrap();
    let spool = spool(dir.path());
    append(&spool, &["one"]);
    let there = dir.path().join("first");
    let inode = fs::metadata(there.join("events.jsonl")).unwrap().ino();
    let in_the_way = there.join(format!("taken-{inode}-{}", std::process::id()));
    fs::create_dir(&in_the_way).unwrap();
    assert_eq!(drain(&spool), [""; 0]);
    append(&spool, &["two"]);
    fs::remove_dir(in_the_way).unwrap();
    assert_eq!(drain(&spool), twice(&["one", "two"]));
}

/// Checks that a file has the lines that were acknowledged, each on a line of its own, and besides them no more than the
/// beginning of others. One of those may be whole: all that it lacked was room for its line feed.
#[track_caller]
fn has_lines(path: &Path, acknowledged: &[String], refused: &[String], when: &str) {
    let text = fs::read_to_string(path).unwrap();
    let (kept, others): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| acknowledged.iter().any(|known| known == line));
    assert_eq!(kept, acknowledged, "{when}: {text:?}");
    let begin_one = |line: &&str| refused.iter().any(|whole| whole.starts_with(line));
    assert!(others.iter().all(begin_one), "{when}: {text:?}");
    assert!(
        others.iter().filter(|line| refused.iter().any(|known| known == *line)).count() <= 1,
        "{when}: {text:?}"
    );
}

/// Seen to fail: what was written next became part of the line that the disk had no room for.
#[test]
fn p16_a_live_log_loses_the_lines_that_there_was_no_room_for_and_no_other() {
    alone("p16_a_live_log_loses_the_lines_that_there_was_no_room_for_and_no_other", || {
        for (room, continues) in (0..60).flat_map(|room| [(room, true), (room, false)]) {
            let dir = tempfile::tempdir().unwrap();
            let run = dir.path().join("runs/run-1");
            let mut log = Journal::open(&run).unwrap();
            let mut acknowledged = vec!["before"];
            log.write("before", Weight::Fact).unwrap();
            let mut write = |line: &str| log.write(line, Weight::Live).is_ok();
            let (written, refused): (Vec<&str>, _) =
                with_room_for(room, || LINES.iter().partition(|line| write(line)));
            acknowledged.extend(written);
            // The run goes on when there is room again, or its driver died and somebody else writes its end.
            let mut log = if continues { log } else { Journal::open(&run).unwrap() };
            log.write("afterwards", Weight::Fact).unwrap();
            acknowledged.push("afterwards");
            let texts = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
            has_lines(
                &run.join(journal::FILE),
                &texts(acknowledged),
                &texts(refused),
                &format!("room for {room}"),
            );
        }
    });
}

/// Seen to fail: the next record became part of the one that the disk had no room for.
#[test]
fn p16_metrics_lose_the_records_that_there_was_no_room_for_and_no_other() {
    alone("p16_metrics_lose_the_records_that_there_was_no_room_for_and_no_other", || {
        for room in 0..80 {
            let dir = tempfile::tempdir().unwrap();
            let append = |word: &str| metrics::append(dir.path(), at(0), &word).is_ok();
            let (written, refused): (Vec<&str>, Vec<&str>) =
                with_room_for(room, || LINES.iter().partition(|word| append(word)));
            assert!(append("afterwards"));
            let quoted = |words: &[&str]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>();
            let (acknowledged, refused) =
                (quoted(&[&written[..], &["afterwards"]].concat()), quoted(&refused));
            let file = dir.path().join("metrics").join(&names(&dir.path().join("metrics"))[0]);
            has_lines(&file, &acknowledged, &refused, &format!("room for {room}"));
        }
    });
}

/// Seen to fail with the file written in place.
#[test]
fn p16_a_file_that_is_replaced_is_the_old_or_the_new_one_wherever_the_disk_is_full() {
    alone("p16_a_file_that_is_replaced_is_the_old_or_the_new_one_wherever_the_disk_is_full", || {
        for room in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("file");
            let made = with_room_for(room, || private::write_new(&path, b"the old one").is_ok());
            assert_eq!(names(dir.path()).len(), usize::from(made), "room for {room}");
            fs::write(&path, "the old one").unwrap();
            let replaced = with_room_for(room, || private::replace(&path, b"the new one, longer").is_ok());
            let now = if replaced { "the new one, longer" } else { "the old one" };
            assert_eq!(fs::read_to_string(&path).unwrap(), now, "room for {room}");
            assert_eq!((names(dir.path()).len(), made), (1, room >= 11), "room for {room}");
            assert_eq!(replaced, room >= 19, "room for {room}");
        }
    });
}
