//! Commands of Python projects, where several tools do the same thing.

use toml::Table;

use super::command::CommandKind::{Lint, Test};
use super::command::{ProjectCommand, RootFiles};

/// Files of which a Python project has at least one.
const MARKS: &[&str] = &[
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "Pipfile",
    "pytest.ini",
    "tox.ini",
    "noxfile.py",
    "manage.py",
];

/// How a tool is started inside the project's own environment, by the file of the tool that keeps it.
const PREFIXES: &[(&str, &str)] = &[
    ("uv.lock", "uv run "),
    ("poetry.lock", "poetry run "),
    ("pdm.lock", "pdm run "),
    ("Pipfile", "pipenv run "),
];

/// Returns the commands of a Python project.
pub fn commands(files: &RootFiles) -> Vec<ProjectCommand> {
    if !files.has_any(MARKS) {
        return vec![];
    }
    let project = Project { files, pyproject: files.text("pyproject.toml").parse().unwrap_or_default() };
    let prefix = PREFIXES.iter().find(|(mark, _)| files.has(mark)).map_or("", |(_, prefix)| prefix);
    let tests =
        project.tests().into_iter().map(|words| ProjectCommand::new(Test, format!("{prefix}{words}")));
    let lints =
        project.lints().into_iter().map(|words| ProjectCommand::new(Lint, format!("{prefix}{words}")));
    tests.chain(lints).collect()
}

struct Project<'a> {
    files: &'a RootFiles,
    pyproject: Table,
}

impl Project<'_> {
    /// Returns whether a tool has a file of its own, or a section in one that it shares.
    fn configures(&self, tool: &str, own: &[&str], sections: &[&str]) -> bool {
        let shared = ["setup.cfg", "tox.ini"];
        let has_section = |section: &&str| shared.iter().any(|file| self.files.text(file).contains(*section));
        let in_pyproject = self.pyproject.get("tool").and_then(|tools| tools.get(tool)).is_some();
        self.files.has_any(own) || in_pyproject || sections.iter().any(has_section)
    }

    /// Returns what runs the tests: the first that fits.
    fn tests(&self) -> Option<&'static str> {
        if self.configures("pytest", &["pytest.ini", "conftest.py"], &["[tool:pytest]", "[pytest]"]) {
            return Some("pytest");
        }
        let by_mark = [
            ("tox.ini", "tox"),
            ("noxfile.py", "nox"),
            ("manage.py", "python manage.py test"),
            ("tests", "pytest"),
            ("test", "pytest"),
        ];
        by_mark.into_iter().find(|(mark, _)| self.files.has(mark)).map(|(_, words)| words)
    }

    fn lints(&self) -> Vec<&'static str> {
        let tools = [
            ("ruff check", self.configures("ruff", &["ruff.toml", ".ruff.toml"], &[])),
            ("flake8", self.configures("flake8", &[".flake8"], &["[flake8]"])),
            ("mypy .", self.configures("mypy", &["mypy.ini", ".mypy.ini"], &["[mypy]"])),
            ("pyright", self.configures("pyright", &["pyrightconfig.json"], &[])),
        ];
        tools.into_iter().filter(|(_, is_there)| *is_there).map(|(words, _)| words).collect()
    }
}
