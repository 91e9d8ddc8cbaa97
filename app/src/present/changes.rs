//! What a run changed, as text.

use anstyle::{AnsiColor, Style};
use pointsman_core::changes::undo::Obstacle;
use pointsman_core::changes::{Changes, FileChange};
use pointsman_core::text::counted;

use super::fit::{Line, Span};

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

/// Returns a patch in the colours that git gives it.
pub fn patch(text: &str) -> Vec<Line> {
    /// The lines above a file's first hunk, which say what the file is and no line of it.
    const ABOUT: [&str; 2] = ["+++ ", "--- "];
    let style = |line: &str, in_hunk: bool| match line.as_bytes().first() {
        Some(b'd') if line.starts_with("diff --git ") => Style::new().bold(),
        _ if !in_hunk && ABOUT.iter().any(|about| line.starts_with(about)) => Style::new().bold(),
        Some(b'@') => AnsiColor::Cyan.on_default(),
        Some(b'+') => AnsiColor::Green.on_default(),
        Some(b'-') => AnsiColor::Red.on_default(),
        _ => Style::new(),
    };
    let mut in_hunk = false;
    let lines = text.lines().map(|line| {
        in_hunk = line.starts_with("@@") || (in_hunk && !line.starts_with("diff --git "));
        vec![Span::new(line, style(line, in_hunk))]
    });
    lines.collect()
}

/// Returns what stands against undoing, one a line.
pub fn obstacles(obstacles: &[Obstacle]) -> String {
    let lines = obstacles.iter().take(FILES_SHOWN).map(|found| format!("`{}`: {}", found.path, found.why));
    let more = obstacles.len().saturating_sub(FILES_SHOWN);
    let rest = (more > 0).then(|| format!("and {more} more"));
    lines.chain(rest).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::present::fit;

    #[test]
    fn a_patch_has_the_colours_of_git_and_the_same_text() {
        let text = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n same\n--- a list\n+new\n";
        let lines = patch(text);
        let green_red_cyan = [AnsiColor::Green, AnsiColor::Red, AnsiColor::Cyan].map(AnsiColor::on_default);
        let [green, red, cyan] = green_red_cyan;
        let (bold, plain) = (Style::new().bold(), Style::new());
        let styles: Vec<Style> = lines.iter().map(|line| line[0].style).collect();
        assert_eq!(styles, [bold, bold, bold, cyan, plain, red, green]);
        assert_eq!(fit::unstyled(&lines) + "\n", text);
    }
}
