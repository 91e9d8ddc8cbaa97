//! Flags of the agent's CLI that stand behind `--`, and images.

use std::path::{Path, PathBuf};

use pointsman_core::adapter::passed::PassedFlags;
use pointsman_core::agent::AdapterKind;
use pointsman_core::error_code::ErrorCode;

use super::exit::Failure;

/// The largest image that is taken, in bytes: what the model's API takes at most is a little less.
const IMAGE_BYTES_MAX: u64 = 10 << 20;

/// Separates the words behind `--`: the first one is the request if there was none before, whatever it begins with. For a
/// request on standard input `-` stands before.
pub fn separate(is_given: bool, behind: &[String]) -> (Option<String>, &[String]) {
    match behind.split_first() {
        Some((first, rest)) if !is_given => (Some(first.clone()), rest),
        _ => (None, behind),
    }
}

/// Reads the flags. Paths are those of the user's directory, wherever the agent works.
pub fn flags(words: &[String], cwd: &Path) -> Result<PassedFlags, Failure> {
    let read = AdapterKind::Claude.passed_flags(words).map_err(|error| {
        let hint = format!(
            "behind `--` these are passed on to Claude Code: {}",
            AdapterKind::Claude.flags_passed_on()
        );
        Failure::new(ErrorCode::FlagConflict, error.to_string(), hint)
    })?;
    let passed = AdapterKind::Claude.with_paths(read, |path| absolute(Path::new(path), cwd));
    for arg in &passed.args {
        let path = arg.split_once('=').filter(|(flag, _)| *flag == "--add-dir").map(|(_, path)| path);
        if let Some(path) = path.filter(|path| !Path::new(path).is_dir()) {
            let message = format!("`--add-dir`: `{path}` is not a directory");
            return Err(Failure::new(ErrorCode::UnreadableInput, message, "check the path"));
        }
    }
    Ok(passed)
}

/// Adds images to a request: the CLI attaches a file that is named like this.
pub fn with_images(request: String, images: &[PathBuf], cwd: &Path) -> Result<String, Failure> {
    let mut request = request;
    for (at, image) in images.iter().enumerate() {
        let path = absolute(image, cwd);
        let size = std::fs::metadata(&path).map_err(|error| unusable(&path, &error.to_string()))?;
        if !is_image(&path) {
            return Err(unusable(
                &path,
                "only png, jpg, gif and webp are understood; other files are named in the request",
            ));
        }
        if !size.is_file() || path.contains(['"', '\n', '\r']) {
            return Err(unusable(&path, "it is no file with a plain name"));
        }
        if size.len() > IMAGE_BYTES_MAX {
            return Err(unusable(&path, "it has more than 10 MB"));
        }
        let space = if at == 0 { "\n\n" } else { "\n" };
        request.push_str(&format!("{space}@\"{path}\""));
    }
    Ok(request)
}

fn is_image(path: &str) -> bool {
    let ending = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(&*ending, "png" | "jpg" | "jpeg" | "gif" | "webp")
}

fn unusable(path: &str, why: &str) -> Failure {
    Failure::new(
        ErrorCode::UnreadableInput,
        format!("the image `{path}` cannot be used: {why}"),
        "check the path",
    )
}

fn absolute(path: &Path, cwd: &Path) -> String {
    cwd.join(path).to_string_lossy().into_owned()
}
