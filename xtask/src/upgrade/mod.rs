//! Whether this version can replace an older one while work goes on.
//!
//! Both programs are built and used as a user uses them: no file or statement is imitated.
//!
//! Reading order: this file, then `builds` (both programs), `place` (a home for both and what is done there), `cases`
//! (what must hold), `compare` (what a process of each costs).

mod builds;
mod cases;
mod compare;
mod place;

use std::io;
use std::path::Path;

use builds::{Builds, Profile};

/// The default revision: the last one whose ledger has schema version 3, without typed rows, with runs that are stopped
/// by signals only, and with shims that are started from the path of the program.
const LAST_WITH_SCHEMA_3: &str = "f4e5536bf9d9e0320672cc0d0ecb9518af84b9d7";

/// What to try, and on which older revision.
#[derive(Debug, PartialEq, Eq)]
pub struct UpgradeCheck {
    revision: String,
    /// Whether to compare times instead of trying cases.
    bench: bool,
}

impl UpgradeCheck {
    /// Reads `[--bench] [REV]`.
    pub fn of_args(args: &[String]) -> Option<UpgradeCheck> {
        let (flags, revisions): (Vec<&String>, Vec<&String>) =
            args.iter().partition(|arg| arg.starts_with('-'));
        let revision = match revisions.as_slice() {
            [] => LAST_WITH_SCHEMA_3.to_owned(),
            [one] => (*one).clone(),
            _ => return None,
        };
        match flags.as_slice() {
            [] => Some(UpgradeCheck { revision, bench: false }),
            [flag] if *flag == "--bench" => Some(UpgradeCheck { revision, bench: true }),
            _ => None,
        }
    }

    /// Builds both programs and tries them; returns whether all cases hold.
    pub fn run(&self, root: &Path) -> io::Result<bool> {
        let profile = if self.bench { Profile::Release } else { Profile::Debug };
        let builds = Builds::make(root, &self.revision, profile)?;
        if self.bench { compare::run(&builds).map(|()| true) } else { Ok(cases::run(&builds)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_revision_at_most_is_named_and_one_flag_is_known() {
        let read =
            |args: &[&str]| UpgradeCheck::of_args(&args.iter().map(ToString::to_string).collect::<Vec<_>>());
        let of = |revision: &str, bench| Some(UpgradeCheck { revision: revision.to_owned(), bench });
        assert_eq!(read(&[]), of(LAST_WITH_SCHEMA_3, false));
        assert_eq!(read(&["v1"]), of("v1", false));
        assert_eq!(read(&["--bench", "v1"]), of("v1", true));
        for wrong in [&["v1", "v2"][..], &["--fast"], &["--bench", "--bench"]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
