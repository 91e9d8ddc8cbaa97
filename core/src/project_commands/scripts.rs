//! Scripts of package.json and composer.json.

use serde_json::Value;

use super::command::CommandKind::{Build, Lint, Test};
use super::command::{CommandKind, ProjectCommand, RootFiles};

/// The names of scripts that count. A script of any other name may do anything.
const SCRIPTS: &[(CommandKind, &str)] = &[
    (Test, "test"),
    (Test, "test:unit"),
    (Build, "build"),
    (Build, "compile"),
    (Lint, "lint"),
    (Lint, "typecheck"),
    (Lint, "type-check"),
    (Lint, "format:check"),
];

/// A program that runs the scripts of package.json, and its lock files.
struct Manager {
    name: &'static str,
    locks: &'static [&'static str],
}

const MANAGERS: &[Manager] = &[
    Manager { name: "pnpm", locks: &["pnpm-lock.yaml", "pnpm-workspace.yaml"] },
    Manager { name: "yarn", locks: &["yarn.lock"] },
    Manager { name: "bun", locks: &["bun.lock", "bun.lockb"] },
    Manager { name: NPM, locks: &["package-lock.json", "npm-shrinkwrap.json"] },
];

/// Who runs scripts where nothing says otherwise.
const NPM: &str = "npm";

/// Returns the commands of the scripts.
pub fn commands(files: &RootFiles) -> Vec<ProjectCommand> {
    let package = parsed(files.text("package.json"));
    let manager = manager(&package, files);
    let node = of_file(&package, |name| match name {
        // `bun test` would be its own test runner, and not the script.
        "test" if manager != "bun" => format!("{manager} test"),
        name => format!("{manager} run {name}"),
    });
    let php = of_file(&parsed(files.text("composer.json")), |name| format!("composer run {name}"));
    [node, php].concat()
}

fn of_file(file: &Value, command: impl Fn(&str) -> String) -> Vec<ProjectCommand> {
    let defined = SCRIPTS.iter().filter(|(_, name)| is_usable(&file["scripts"][name]));
    defined.map(|(kind, name)| ProjectCommand::new(*kind, command(name))).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default()
}

/// Returns who runs the scripts: whom the project names, else whose lock file there is.
fn manager(package: &Value, files: &RootFiles) -> &'static str {
    let named = package["packageManager"].as_str().and_then(|text| text.split('@').next());
    let by_name = MANAGERS.iter().find(|manager| Some(manager.name) == named);
    let by_lock = || MANAGERS.iter().find(|manager| files.has_any(manager.locks));
    by_name.or_else(by_lock).map_or(NPM, |manager| manager.name)
}

/// Returns whether a script does something and comes to an end: `npm init` writes one that only complains, and one that
/// watches never ends.
fn is_usable(script: &Value) -> bool {
    let words = match script {
        Value::String(words) => words.as_str(),
        // composer takes a list of commands as well.
        Value::Array(commands) => return !commands.is_empty(),
        _ => return false,
    };
    let watches = words.split_whitespace().any(|word| matches!(word, "--watch" | "--watchAll" | "watch"));
    !words.trim().is_empty() && !words.contains("no test specified") && !watches
}
