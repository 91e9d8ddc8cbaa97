//! The map: every file of the two crates with the first sentence of its own comment.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::source::{first_sentence, sources};

/// Returns the page.
pub fn page(root: &Path) -> io::Result<String> {
    let mut page = "# The map\n\n\
        You want to find the file that does something. Each is described by the first sentence of its own comment;\n\
        [architecture.md](../architecture.md) says how they work together.\n"
        .to_owned();
    for folder in ["core/src", "app/src"] {
        let _ = write!(page, "\n## `{folder}`\n\n| file | what it is for |\n|---|---|\n");
        let dir = root.join(folder);
        for path in sources(&dir)? {
            let name = path.strip_prefix(&dir).unwrap_or(&path).display().to_string();
            let sentence = first_sentence(&fs::read_to_string(&path)?);
            let _ = writeln!(page, "| `{name}` | {} |", sentence.replace('|', "\\|"));
        }
    }
    Ok(page)
}
