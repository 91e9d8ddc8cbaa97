//! What a run changed, as text.

use pointsman_core::changes::undo::Obstacle;
use pointsman_core::changes::{Changes, FileChange};
use pointsman_core::text::counted;

/// The most files that are listed after a run.
const FILES_SHOWN: usize = 8;

/// Returns how many files changed, and by how many lines.
pub fn summary(changes: &Changes) -> String {
    let files = counted(changes.file_count, "file", "files");
    match (changes.added_lines, changes.removed_lines) {
        (0, 0) => files,
        (added, removed) => format!("{files} +{added} −{removed}"),
    }
}

/// Returns the first files, one a line.
pub fn files(changes: &Changes) -> Vec<String> {
    let shown = changes.files.iter().take(FILES_SHOWN).map(file);
    let more = changes.file_count.saturating_sub(FILES_SHOWN as u64);
    shown.chain((more > 0).then(|| format!("and {more} more"))).collect()
}

/// Returns one file: what happened to it, and by how many lines.
pub fn file(change: &FileChange) -> String {
    let lines = match (change.added, change.removed) {
        (Some(added), Some(removed)) => format!("  +{added} −{removed}"),
        _ => String::new(),
    };
    format!("{} {}{lines}", change.kind.letter(), change.path)
}

/// Returns what stands against undoing, one a line.
pub fn obstacles(obstacles: &[Obstacle]) -> String {
    let lines = obstacles.iter().take(FILES_SHOWN).map(|found| format!("`{}`: {}", found.path, found.why));
    let more = obstacles.len().saturating_sub(FILES_SHOWN);
    let rest = (more > 0).then(|| format!("and {more} more"));
    lines.chain(rest).collect::<Vec<_>>().join("; ")
}
