//! The main working tree of a repository, and its further ones: trust is given to the main one and holds in all; what is
//! changed in a further one is apart.

use std::path::{Path, PathBuf};

use pointsman_core::routing_context::Isolation;

use super::small_file;

/// The largest of git's own small files that is read: a line with a path.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// Returns the main working tree of the one that begins at `top`; `top` itself if it is none of git's further ones.
///
/// A file `.git` may claim to belong to any repository. It is believed if that repository knows of it.
pub fn main_tree(top: &Path) -> PathBuf {
    main_of_linked(top).unwrap_or_else(|| top.to_path_buf())
}

/// Returns whether what is changed in the working tree that begins at `top` is apart from the person's own work.
pub fn isolation(top: &Path) -> Isolation {
    if main_of_linked(top).is_some() { Isolation::Worktree } else { Isolation::Shared }
}

fn main_of_linked(top: &Path) -> Option<PathBuf> {
    let link = top.join(".git");
    let read = |path: &Path| small_file::read(path, FILE_BYTES_MAX).ok();
    let said = read(&link)?;
    let admin = top.join(said.strip_prefix("gitdir:")?.trim()).canonicalize().ok()?;
    let back = admin.join(read(&admin.join("gitdir"))?.trim()).canonicalize().ok()?;
    if back != link.canonicalize().ok()? {
        return None;
    }
    let common = admin.join(read(&admin.join("commondir"))?.trim()).canonicalize().ok()?;
    let is_usual = common.file_name().is_some_and(|name| name == ".git") && admin.starts_with(&common);
    is_usual.then(|| common.parent().map(Path::to_path_buf))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixture::Fixture;

    #[test]
    fn a_further_working_tree_leads_to_the_main_one_and_a_false_one_does_not() {
        let fixture = Fixture::new();
        let (base, repo) = (fixture.base(), fixture.repo());
        fixture.dir("repo/.git/worktrees/wt");
        fixture.write("repo/.git/worktrees/wt/commondir", "../..\n");
        fixture.write("repo/.git/worktrees/wt/gitdir", &format!("{}/wt/.git\n", base.display()));
        let link = format!("gitdir: {}/.git/worktrees/wt\n", repo.display());
        fixture.write("wt/.git", &link);
        fixture.write("false/.git", &link);
        fixture.write("direct/.git", &format!("gitdir: {}/.git\n", repo.display()));
        assert_eq!(main_tree(&base.join("wt")), repo);
        assert_eq!(isolation(&base.join("wt")), Isolation::Worktree);
        for other in ["false", "direct", "repo", "home"] {
            assert_eq!(main_tree(&base.join(other)), base.join(other));
            assert_eq!(isolation(&base.join(other)), Isolation::Shared);
        }
    }
}
