//! Targets of task runners: make, just, Task.

use super::command::CommandKind::{Build, Lint, Test};
use super::command::{CommandKind, ProjectCommand, RootFiles};

/// The names of targets that count. A target of any other name may do anything, and is nobody's test.
const TARGETS: &[(CommandKind, &str)] =
    &[(Test, "test"), (Test, "tests"), (Test, "check"), (Build, "build"), (Build, "all"), (Lint, "lint")];

/// A task runner: its program, and the names of its file in the order in which it looks for them.
struct Runner {
    program: &'static str,
    files: &'static [&'static str],
    names: fn(&str) -> Option<&str>,
}

const RUNNERS: &[Runner] = &[
    Runner { program: "just", files: &["justfile", "Justfile", ".justfile"], names: recipe },
    Runner { program: "make", files: &["GNUmakefile", "makefile", "Makefile"], names: target },
    Runner { program: "task", files: &["Taskfile.yml", "Taskfile.yaml"], names: task },
];

/// Returns the commands of the task runners' files.
pub fn commands(files: &RootFiles) -> Vec<ProjectCommand> {
    RUNNERS.iter().flat_map(|runner| of_runner(runner, files)).collect()
}

fn of_runner(runner: &Runner, files: &RootFiles) -> Vec<ProjectCommand> {
    let Some(file) = runner.files.iter().find(|name| files.has(name)) else { return vec![] };
    let defined: Vec<&str> =
        files.text(file).lines().filter_map(runner.names).flat_map(str::split_whitespace).collect();
    let is_defined = |&&(_, name): &&(CommandKind, &str)| defined.contains(&name);
    let command =
        |&(kind, name): &(CommandKind, &str)| ProjectCommand::new(kind, format!("{} {name}", runner.program));
    TARGETS.iter().filter(is_defined).map(command).collect()
}

/// Returns the targets that a line of a Makefile defines: what stands before the colon, unless it is an assignment.
fn target(line: &str) -> Option<&str> {
    let (names, rest) = line.split_once(':')?;
    let is_rule =
        !line.starts_with([' ', '\t', '#', '.']) && !rest.starts_with('=') && !rest.starts_with(":=");
    (is_rule && !names.contains('=')).then_some(names)
}

/// Returns the recipe that a line of a justfile defines. One that must be given an argument cannot be run as it is.
fn recipe(line: &str) -> Option<&str> {
    let (head, rest) = line.split_once(':')?;
    let is_rule = !line.starts_with([' ', '\t', '#', '[']) && !rest.starts_with('=');
    let (name, parameters) = head.split_once(' ').unwrap_or((head, ""));
    let is_free = |parameter: &str| parameter.starts_with('*') || parameter.contains('=');
    (is_rule && parameters.split_whitespace().all(is_free)).then(|| name.trim_start_matches('@'))
}

/// Returns the task that a line of a Taskfile begins, as people indent it.
fn task(line: &str) -> Option<&str> {
    line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?.trim_end().strip_suffix(':')
}
