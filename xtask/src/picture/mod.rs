//! `cargo xtask picture`: plays `pointsman demo` in a terminal window, and draws what was seen as an animated SVG.
//!
//! Reading order: the task here · `recording` (what the window showed, screen by screen) · `svg` (the drawing).

mod recording;
mod svg;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use recording::Window;

/// The window of the picture: as wide as a page that shows the README.
const WINDOW: Window = Window { rows: 26, columns: 100 };

/// The picture that the README shows.
const FILE: &str = "docs/demo.svg";

/// What to draw, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Picture {
    file: Option<PathBuf>,
}

impl Picture {
    /// Reads the arguments of the task.
    pub fn of_args(args: &[String]) -> Option<Picture> {
        match args {
            [] => Some(Picture { file: None }),
            [file] if !file.starts_with('-') => Some(Picture { file: Some(PathBuf::from(file)) }),
            _ => None,
        }
    }

    /// Builds the program, records its demonstration, and writes the picture. Returns whether the demonstration went well.
    pub fn run(&self, root: &Path) -> io::Result<bool> {
        let program = built(root)?;
        let mut command = Command::new(program);
        command.arg("demo");
        let recording = recording::record(command, WINDOW)?;
        let file = self.file.clone().unwrap_or_else(|| root.join(FILE));
        fs::write(&file, svg::drawn(&recording.screens, WINDOW))?;
        let seconds = recording.screens.iter().map(|screen| screen.shown_for.as_secs_f64()).sum::<f64>();
        println!("{}: {} screens, {seconds:.0} s", file.display(), recording.screens.len());
        Ok(recording.is_success)
    }
}

/// Builds the program as people have it, and returns its path.
fn built(root: &Path) -> io::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--package", "pointsman"]).current_dir(root).status()?;
    if !status.success() {
        return Err(io::Error::other("the program was not built"));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("debug/pointsman"))
}
