//! A command of a project, and the files that say so.

use std::collections::{BTreeMap, BTreeSet};

/// What a command is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommandKind {
    /// It runs the tests.
    Test,
    /// It compiles the project.
    Build,
    /// It looks at the sources and changes nothing.
    Lint,
}

impl CommandKind {
    /// Returns the name of the kind in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            CommandKind::Test => "test",
            CommandKind::Build => "build",
            CommandKind::Lint => "lint",
        }
    }
}

/// A command that a project is tested, built or checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectCommand {
    /// What it is for.
    pub kind: CommandKind,
    /// Its words, with single blanks between them: a program and plain arguments, and nothing that a shell would expand.
    pub command: String,
}

impl ProjectCommand {
    /// Creates a command.
    pub fn new(kind: CommandKind, command: impl Into<String>) -> ProjectCommand {
        ProjectCommand { kind, command: command.into() }
    }
}

/// The files in a project's root: all of their names, and the texts of those that say more than their name does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RootFiles {
    names: BTreeSet<String>,
    texts: BTreeMap<String, String>,
}

impl RootFiles {
    /// The files whose text is looked at, where there is one. All others are known by their names alone.
    pub const READ: [&str; 13] = [
        "package.json",
        "composer.json",
        "pyproject.toml",
        "setup.cfg",
        "tox.ini",
        "Makefile",
        "makefile",
        "GNUmakefile",
        "justfile",
        "Justfile",
        ".justfile",
        "Taskfile.yml",
        "Taskfile.yaml",
    ];

    /// The largest text that is looked at, in bytes; of a longer one, nothing is.
    pub const TEXT_BYTES_MAX: usize = 256 * 1024;

    /// Creates the files from the names of everything in the root.
    pub fn of_names(names: impl IntoIterator<Item = String>) -> RootFiles {
        RootFiles { names: names.into_iter().collect(), texts: BTreeMap::new() }
    }

    /// Adds the text of one of [`RootFiles::READ`]; a text that is too long is left out.
    pub fn add_text(&mut self, name: &str, text: &str) {
        if text.len() <= Self::TEXT_BYTES_MAX {
            self.names.insert(name.to_owned());
            self.texts.insert(name.to_owned(), text.to_owned());
        }
    }

    /// Returns whether there is a file of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Returns whether there is one of the names; `*.x` stands for every name that ends in `.x`.
    pub fn has_any(&self, marks: &[&str]) -> bool {
        marks.iter().any(|mark| match mark.strip_prefix('*') {
            Some(ending) => self.names.iter().any(|name| name.ends_with(ending)),
            None => self.has(mark),
        })
    }

    /// Returns the text of a file; empty if it was not read.
    pub fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }
}
