//! What the benches share: a home with its settings, and the program in it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Work that no person is asked about.
pub const REQUEST: &str = "rename foo to bar in lib.rs";

/// Makes a home with these settings.
pub fn home(settings: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join(".config/pointsman");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), settings).unwrap();
    home
}

/// Returns a command line of the program in a home, with nothing of ours around it.
pub fn pointsman(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(args).env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").current_dir(home);
    command
}
