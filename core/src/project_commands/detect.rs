//! All commands of a project, the most fitting of each kind first.

use super::command::{CommandKind, ProjectCommand, RootFiles};
use super::{python, scripts, targets, tools};

/// Returns the commands of a project, each once.
///
/// What the project calls its tests itself (a target of a Makefile, a script of package.json) comes before what everybody
/// with its language would type.
pub fn project_commands(files: &RootFiles) -> Vec<ProjectCommand> {
    let found =
        [targets::commands(files), scripts::commands(files), tools::commands(files), python::commands(files)];
    let mut commands: Vec<ProjectCommand> = vec![];
    for command in found.into_iter().flatten() {
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    commands
}

/// Returns the first command of a kind.
pub fn first(commands: &[ProjectCommand], kind: CommandKind) -> Option<&ProjectCommand> {
    commands.iter().find(|command| command.kind == kind)
}

#[cfg(test)]
mod tests;
