//! Both programs: that of an older revision, built in a worktree below `target/`, and that of this tree.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How a program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Debug,
    Release,
}

/// The programs that are compared.
pub struct Builds {
    /// The program of the older revision.
    pub old: PathBuf,
    /// The program of this tree.
    pub new: PathBuf,
    /// The scripted agent of this tree's tests.
    pub fake_agent: PathBuf,
}

impl Builds {
    /// Builds what is not built yet. The worktree and its own target directory are kept for the next time.
    pub fn make(root: &Path, revision: &str, profile: Profile) -> io::Result<Builds> {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let tree = worktree(root, &target.join("upgrade"), revision)?;
        let mut old_target = tree.clone().into_os_string();
        old_target.push("-target");
        let old_target = PathBuf::from(old_target);
        eprintln!("building {}", tree.display());
        build(&tree, &old_target, profile, &["--locked", "--bin", "pointsman"])?;
        eprintln!("building {}", root.display());
        build(root, &target, profile, &["--bin", "pointsman"])?;
        // The agent is the same for both; how it is built does not matter.
        build(root, &target, Profile::Debug, &["--example", "fake-agent"])?;
        let below = match profile {
            Profile::Debug => "debug",
            Profile::Release => "release",
        };
        Ok(Builds {
            old: old_target.join(below).join("pointsman"),
            new: target.join(below).join("pointsman"),
            fake_agent: target.join("debug/examples/fake-agent"),
        })
    }
}

/// Checks out a revision into a directory named after its commit.
fn worktree(root: &Path, dir: &Path, revision: &str) -> io::Result<PathBuf> {
    let commit =
        git(root, &["rev-parse".as_ref(), "--short".as_ref(), format!("{revision}^{{commit}}").as_ref()])?;
    let tree = dir.join(commit);
    if !tree.join("Cargo.toml").exists() {
        // By force: `cargo clean` deletes the files, and git still has the worktree registered.
        let words = ["worktree", "add", "--quiet", "--force", "--detach"].map(AsRef::as_ref);
        git(root, &[&words[..], &[tree.as_os_str(), revision.as_ref()]].concat())?;
    }
    Ok(tree)
}

fn git(root: &Path, args: &[&std::ffi::OsStr]) -> io::Result<String> {
    let output = Command::new("git").current_dir(root).args(args).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("`git {}` failed: {}", args[0].display(), said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn build(tree: &Path, target: &Path, profile: Profile, what: &[&str]) -> io::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
        .current_dir(tree)
        .args(["build", "--quiet", "--package", "pointsman", "--target-dir"])
        .arg(target)
        .args(what);
    if profile == Profile::Release {
        command.arg("--release");
    }
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("{} cannot be built ({status})", tree.display())))
    }
}
