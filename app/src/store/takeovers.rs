//! One prompt, one run: a marker for each prompt that hooks delegate, created by the first hook.
//!
//! The creator of a marker holds its lock while the run is being started, and the lock ends with its process, however
//! that ends. So a second hook waits no longer than needed, and never for a dead process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_core::hook::takeover::{Stage, Takeover};

use super::lock::is_at;
use super::private;
use crate::regular_file;

/// A marker is two short texts and a word; anything longer is not one.
const MARKER_BYTES_MAX: u64 = 4096;

/// How often a marker may change hands while we look: each time another hook failed to start the run.
const TRIES_MAX: usize = 8;

/// How long a marker is kept. Hooks of one prompt are called at the same moment; this only bounds the number of
/// markers.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Who takes over a prompt.
#[derive(Debug)]
pub enum Claim {
    /// We do: we start the run.
    Ours(Marker),
    /// Another hook was first.
    Others(Takeover),
}

/// A marker of ours. While it exists, other hooks of the same prompt wait.
#[derive(Debug)]
pub struct Marker {
    lock: File,
    path: PathBuf,
    takeover: Takeover,
}

impl Marker {
    /// Records that the run exists.
    pub fn begun(self) {
        let begun = Takeover { stage: Stage::Begun, ..self.takeover.clone() };
        // Without this the other hooks still name the run, and report that nothing was heard of it.
        let _ = private::replace(&self.path, &bytes(&begun));
    }

    /// Removes the marker because there is no run: the next hook becomes the first.
    pub fn give_back(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Claims a prompt, or finds the hook that did. `is_over` returns whether an earlier takeover no longer counts;
/// `waits_for` is called with the takeover whose run we wait for, since that can take as long as starting one.
pub fn claim(
    dir: &Path,
    name: &str,
    takeover: &Takeover,
    is_over: &dyn Fn(&Takeover) -> bool,
    waits_for: &dyn Fn(&Takeover),
) -> io::Result<Claim> {
    private::ensure_dir(dir).map_err(io::Error::other)?;
    let path = dir.join(name);
    for _ in 0..TRIES_MAX {
        if let Some(marker) = make(&path, takeover)? {
            prune(dir, &marker);
            return Ok(Claim::Ours(marker));
        }
        if let Some(earlier) = look(&path, is_over, waits_for)? {
            return Ok(Claim::Others(earlier));
        }
    }
    Err(io::Error::other("the marker of this prompt changes hands again and again"))
}

/// Creates the marker, locked before any other process can see it; `None` if there already is one.
fn make(path: &Path, takeover: &Takeover) -> io::Result<Option<Marker>> {
    let file = private::written_beside(path, &bytes(takeover))?;
    // On a file system without locks nobody waits for us; the marker alone still limits the prompt to one run.
    let _ = file.as_file().lock();
    match file.persist_noclobber(path) {
        Ok(lock) => Ok(Some(Marker { lock, path: path.to_owned(), takeover: takeover.clone() })),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error.error),
    }
}

/// Reads an existing marker; `None` if it is no longer there.
fn look(
    path: &Path,
    is_over: &dyn Fn(&Takeover) -> bool,
    waits_for: &dyn Fn(&Takeover),
) -> io::Result<Option<Takeover>> {
    let file = match regular_file::open_with(
        OpenOptions::new().read(true).write(true),
        rustix::fs::OFlags::empty(),
        path,
    ) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = vec![];
    (&file).take(MARKER_BYTES_MAX).read_to_end(&mut text)?;
    let earlier: Takeover = serde_json::from_slice(&text)?;
    let is_over = is_over(&earlier);
    if earlier.stage == Stage::Begun && !is_over {
        return Ok(Some(earlier));
    }
    waits_for(&earlier);
    let _ = file.lock();
    if !is_at(&file, path) {
        // It was removed, or says by now that the run exists.
        return Ok(None);
    }
    if is_over {
        // Done under its lock, so that no newer marker is removed.
        fs::remove_file(path)?;
        return Ok(None);
    }
    // Its creator died before the run was there.
    Ok(Some(earlier))
}

/// Removes old markers; a failure to remove one is ignored.
fn prune(dir: &Path, newest: &Marker) {
    let Ok(now) = newest.lock.metadata().and_then(|meta| meta.modified()) else { return };
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|meta| meta.modified());
        let is_old = modified.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > KEPT_FOR));
        if is_old {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn bytes(takeover: &Takeover) -> Vec<u8> {
    serde_json::to_vec(takeover).expect("plain data has a JSON form")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::SystemTime;

    use super::*;

    fn takeover(run: &str) -> Takeover {
        Takeover { run_id: run.parse().unwrap(), at: jiff::Timestamp::UNIX_EPOCH, stage: Stage::Starting }
    }

    fn claimed(dir: &Path, run: &str) -> Claim {
        claim(dir, "prompt", &takeover(run), &|_| false, &|_| ()).unwrap()
    }

    fn ours(claim: Claim) -> Marker {
        match claim {
            Claim::Ours(marker) => marker,
            Claim::Others(other) => panic!("{other:?} was first"),
        }
    }

    fn others(claim: Claim) -> Takeover {
        match claim {
            Claim::Ours(marker) => panic!("{marker:?}: nobody was first"),
            Claim::Others(other) => other,
        }
    }

    /// A second hook comes while the first is at work; then the first does something. Returns what the second gets.
    fn second_while(first_does: fn(Marker)) -> Claim {
        let dir = tempfile::tempdir().unwrap();
        let first = ours(claimed(dir.path(), "first"));
        let (sender, waiting) = mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let waits_for = |other: &Takeover| sender.send(other.run_id.clone()).unwrap();
                claim(dir.path(), "prompt", &takeover("second"), &|_| false, &waits_for).unwrap()
            });
            assert_eq!(waiting.recv().unwrap().as_str(), "first", "it is named before it is there");
            first_does(first);
            second.join().unwrap()
        })
    }

    #[test]
    fn the_second_waits_until_the_run_is_there_and_names_it() {
        let begun = Takeover { stage: Stage::Begun, ..takeover("first") };
        assert_eq!(others(second_while(Marker::begun)), begun);
    }

    #[test]
    fn the_second_is_first_where_the_other_could_start_no_run() {
        assert_eq!(ours(second_while(Marker::give_back)).takeover, takeover("second"));
    }

    #[test]
    fn a_prompt_whose_taker_died_is_not_taken_twice() {
        assert_eq!(others(second_while(drop)), takeover("first"), "the run may be at work");
    }

    #[test]
    fn of_many_at_once_exactly_one_takes_the_prompt() {
        let dir = tempfile::tempdir().unwrap();
        let claims: Vec<Claim> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..16)
                .map(|n| {
                    let dir = dir.path();
                    scope.spawn(move || match claimed(dir, &format!("run-{n}")) {
                        Claim::Ours(marker) => {
                            let taken = marker.takeover.clone();
                            marker.begun();
                            Claim::Others(taken)
                        }
                        other => other,
                    })
                })
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let runs: std::collections::BTreeSet<_> =
            claims.into_iter().map(|claim| others(claim).run_id).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
    }

    #[test]
    fn a_takeover_that_counts_no_more_makes_way_and_a_younger_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        ours(claimed(dir.path(), "first")).begun();
        let is_first = |earlier: &Takeover| earlier.run_id.as_str() == "first";
        let again = |run: &str| claim(dir.path(), "prompt", &takeover(run), &is_first, &|_| ()).unwrap();
        ours(again("second")).begun();
        assert_eq!(others(again("third")).run_id.as_str(), "second");
    }

    #[test]
    fn old_markers_are_removed_when_a_new_one_is_made() {
        let dir = tempfile::tempdir().unwrap();
        for (name, age) in [("old", KEPT_FOR * 2), ("young", KEPT_FOR / 2)] {
            let file = File::create(dir.path().join(name)).unwrap();
            #[expect(clippy::disallowed_methods, reason = "a file's age is told by the system's clock")]
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        ours(claimed(dir.path(), "first")).begun();
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["prompt", "young"]);
    }
}
