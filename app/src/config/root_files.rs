//! The files in a project's root that say how it is tested and built. All of them are untrusted.

use std::path::Path;

use pointsman_core::project_commands::command::RootFiles;

use super::policy::names_in;
use super::small_file::read_within;

/// Reads the names in a root, and those texts that say more. One that cannot be read, or leads out of the root, says nothing.
pub fn read(root: &Path) -> RootFiles {
    let mut files = RootFiles::of_names(names_in(root));
    for name in RootFiles::READ {
        if files.has(name)
            && let Ok(text) = read_within(root, &root.join(name), RootFiles::TEXT_BYTES_MAX as u64)
        {
            files.add_text(name, &text);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use pointsman_core::project_commands::detect::project_commands;

    use super::*;

    #[test]
    fn a_file_that_leads_out_of_the_root_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let root = dir.join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(dir.join("outside"), "test:\n").unwrap();
        symlink(dir.join("outside"), root.join("Makefile")).unwrap();
        assert!(project_commands(&read(&root)).is_empty());
        std::fs::remove_file(root.join("Makefile")).unwrap();
        std::fs::write(root.join("Makefile"), "test:\n").unwrap();
        assert_eq!(project_commands(&read(&root))[0].command, "make test");
    }
}
