//! The routing context: what a rule of a policy file may consider besides the words.
//!
//! All of it is passed in as plain values. The kinds of a project follow from the names in its root alone.

use std::collections::BTreeSet;

use jiff::civil::DateTime;

use crate::mode::Mode;

/// From this many Markdown files in a project's root on, it may be a collection of notes.
const NOTES_FROM: usize = 10;

/// A kind of project. A project can be of several kinds at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ProjectKind {
    Rust,
    Node,
    Python,
    Go,
    Java,
    Dotnet,
    Ruby,
    Php,
    Cpp,
    Latex,
    Notes,
}

impl ProjectKind {
    /// Every kind.
    pub const ALL: [ProjectKind; 11] = [
        ProjectKind::Rust,
        ProjectKind::Node,
        ProjectKind::Python,
        ProjectKind::Go,
        ProjectKind::Java,
        ProjectKind::Dotnet,
        ProjectKind::Ruby,
        ProjectKind::Php,
        ProjectKind::Cpp,
        ProjectKind::Latex,
        ProjectKind::Notes,
    ];

    /// Returns the name that policy files use.
    pub fn as_str(self) -> &'static str {
        match self {
            ProjectKind::Rust => "rust",
            ProjectKind::Node => "node",
            ProjectKind::Python => "python",
            ProjectKind::Go => "go",
            ProjectKind::Java => "java",
            ProjectKind::Dotnet => "dotnet",
            ProjectKind::Ruby => "ruby",
            ProjectKind::Php => "php",
            ProjectKind::Cpp => "cpp",
            ProjectKind::Latex => "latex",
            ProjectKind::Notes => "notes",
        }
    }

    /// Returns whether a name in the root is a mark of the kind.
    fn is_marked_by(self, name: &str) -> bool {
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        match self {
            ProjectKind::Rust => name == "Cargo.toml",
            ProjectKind::Node => matches!(name, "package.json" | "deno.json"),
            ProjectKind::Python => {
                matches!(name, "pyproject.toml" | "setup.py" | "setup.cfg" | "requirements.txt" | "Pipfile")
            }
            ProjectKind::Go => name == "go.mod",
            ProjectKind::Java => {
                matches!(name, "pom.xml" | "build.gradle" | "build.gradle.kts" | "settings.gradle")
            }
            ProjectKind::Dotnet => ends(&[".sln", ".csproj", ".fsproj"]),
            ProjectKind::Ruby => matches!(name, "Gemfile") || ends(&[".gemspec"]),
            ProjectKind::Php => name == "composer.json",
            ProjectKind::Cpp => matches!(name, "CMakeLists.txt" | "meson.build" | "configure.ac"),
            ProjectKind::Latex => ends(&[".tex", ".bib"]),
            ProjectKind::Notes => matches!(name, ".obsidian" | ".logseq" | ".zk" | ".foam"),
        }
    }

    /// Returns whether it is a kind of program.
    pub fn is_software(self) -> bool {
        !matches!(self, ProjectKind::Latex | ProjectKind::Notes)
    }
}

/// Whether what a run changes in files is apart from the person's own work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// It is not.
    #[default]
    Shared,
    /// The project is a further working tree of its repository, which can be thrown away.
    Worktree,
}

/// The context of a request. With the default, no rule that depends on any of it holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RoutingContext {
    /// The routing mode.
    pub mode: Option<Mode>,
    /// The local time of the machine.
    pub local_time: Option<DateTime>,
    /// The names of the files and directories in the project's root, in order.
    pub files: Vec<String>,
    /// The kinds of the project.
    pub kinds: BTreeSet<ProjectKind>,
    /// Whether the project is apart from the person's own work.
    pub isolation: Isolation,
}

impl RoutingContext {
    /// Creates the context that follows from the names in a project's root.
    pub fn of_files(mut files: Vec<String>) -> RoutingContext {
        files.sort();
        let marked = |kind: &ProjectKind| files.iter().any(|name| kind.is_marked_by(name));
        let mut kinds: BTreeSet<ProjectKind> = ProjectKind::ALL.into_iter().filter(marked).collect();
        let count = |ending: &str| files.iter().filter(|name| name.ends_with(ending)).count();
        // Every repository has a few Markdown files; in a collection of notes they are the majority.
        if count(".md") >= NOTES_FROM && count(".md") * 2 > files.len() {
            kinds.insert(ProjectKind::Notes);
        }
        RoutingContext { files, kinds, ..RoutingContext::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(files: &[&str]) -> Vec<&'static str> {
        let files = files.iter().map(|name| (*name).to_owned()).collect();
        RoutingContext::of_files(files).kinds.into_iter().map(ProjectKind::as_str).collect()
    }

    #[test]
    fn a_project_is_what_its_marker_files_say() {
        assert_eq!(kinds(&["Cargo.toml", "src"]), ["rust"]);
        assert_eq!(kinds(&["package.json", "pyproject.toml"]), ["node", "python"]);
        assert_eq!(kinds(&["paper.tex", "refs.bib", "Makefile"]), ["latex"]);
        assert_eq!(kinds(&[".obsidian", "Inbox.md"]), ["notes"]);
        assert!(kinds(&["README.md", "src", "latex"]).is_empty());
    }

    #[test]
    fn many_markdown_files_are_notes_only_where_they_are_most_of_it() {
        let pages: Vec<String> = (0..12).map(|n| format!("page-{n}.md")).collect();
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        assert_eq!(kinds(&pages), ["notes"]);
        let others: Vec<String> = (0..12).map(|n| format!("module_{n}.py")).collect();
        let both: Vec<&str> = pages.iter().copied().chain(others.iter().map(String::as_str)).collect();
        assert!(kinds(&both).is_empty());
    }
}
