//! Judges versions of the Claude CLI: runs the tests of the real CLI on versions from npm, and prints a table.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The tests that are run by default: those about what a version keeps of a session.
const CASES: &str = "real_claude_resume";

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Versions on npm, as given.
    versions: Vec<String>,
    /// A substring of the names of the tests to run.
    cases: String,
}

/// Whether each test passed, by its name.
type Ends = BTreeMap<String, bool>;

impl Matrix {
    /// Reads `VERSION… [--cases FILTER]`. Versions must be numbers: the meaning of a tag changes from day to day.
    pub fn of_args(args: &[String]) -> Option<Matrix> {
        let mut matrix = Matrix { versions: Vec::new(), cases: CASES.to_owned() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--cases" => matrix.cases = args.next()?.clone(),
                version if is_version(version) => matrix.versions.push(version.to_owned()),
                _ => return None,
            }
        }
        (!matrix.versions.is_empty()).then_some(matrix)
    }

    /// Installs the versions, runs the tests on each and prints the table; returns whether all passed.
    pub fn run(&self, root: &Path) -> io::Result<bool> {
        let cache = cache()?;
        let mut columns = Vec::new();
        for version in &self.versions {
            let claude = install(version, &cache)?;
            eprintln!("claude {version}: running the tests");
            let ends = self.run_on(&claude, root, &cache.join(format!("cli-matrix-{version}.log")))?;
            columns.push((version.as_str(), ends));
        }
        print!("{}", table(&columns));
        Ok(columns.iter().all(|(_, ends)| ends.values().all(|passed| *passed)))
    }

    /// Runs the tests on one version. Their output is kept in a file, which is named if one fails.
    fn run_on(&self, claude: &Path, root: &Path, log: &Path) -> io::Result<Ends> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let output = Command::new(cargo)
            .current_dir(root)
            .args([
                "test",
                "-q",
                "-p",
                "pointsman",
                "--test",
                "it",
                "--",
                "--ignored",
                "--format",
                "pretty",
                &self.cases,
            ])
            .env("POINTSMAN_TEST_CLAUDE", claude)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        fs::write(log, &output.stdout)?;
        let ends = ends(&String::from_utf8_lossy(&output.stdout));
        if ends.is_empty() {
            return Err(io::Error::other(format!("no test ran that is named `{}`", self.cases)));
        }
        if ends.values().any(|passed| !passed) {
            eprintln!("some failed; what they printed stands in {}", log.display());
        }
        Ok(ends)
    }
}

fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok())
}

/// Returns the directory of downloaded CLIs, which `.ci/run` uses as well.
fn cache() -> io::Result<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let dir = caches.ok_or_else(|| io::Error::other("neither XDG_CACHE_HOME nor HOME is set"))?;
    let dir = dir.join("pointsman-ci");
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// Installs a version unless it is already there, and returns its program.
fn install(version: &str, cache: &Path) -> io::Result<PathBuf> {
    let dir = cache.join(format!("claude-{version}"));
    let program = dir.join("node_modules/.bin/claude");
    if !program.exists() {
        let package = format!("@anthropic-ai/claude-code@{version}");
        let status = Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .args([dir.as_os_str(), package.as_ref()])
            .status()
            .map_err(|error| io::Error::other(format!("`npm` does not start: {error}")))?;
        if !status.success() {
            return Err(io::Error::other(format!("`npm install {package}` failed ({status})")));
        }
    }
    Ok(program)
}

/// Reads the results of tests from their output: `test NAME ... ok`.
fn ends(printed: &str) -> Ends {
    let of_line = |line: &str| {
        let (name, end) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
        matches!(end, "ok" | "FAILED").then(|| (name.to_owned(), end == "ok"))
    };
    printed.lines().filter_map(of_line).collect()
}

/// Returns a Markdown table: one row per test, as a sentence, and one column per version.
fn table(columns: &[(&str, Ends)]) -> String {
    let names: BTreeSet<&String> = columns.iter().flat_map(|(_, ends)| ends.keys()).collect();
    let head: String = columns.iter().map(|(version, _)| format!(" {version} |")).collect();
    let mut table = format!("| case |{head}\n|---|{}\n", "---|".repeat(columns.len()));
    for name in names {
        let sentence = name.rsplit("::").next().unwrap_or(name).replace('_', " ");
        let cell = |ends: &Ends| match ends.get(name) {
            Some(true) => " yes |",
            Some(false) => " **no** |",
            None => " – |",
        };
        let cells: String = columns.iter().map(|(_, ends)| cell(ends)).collect();
        table.push_str(&format!("| {sentence} |{cells}\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Option<Matrix> {
        Matrix::of_args(&args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn versions_are_numbers_and_at_least_one_is_needed() {
        let two = read(&["2.1.332", "--cases", "real_claude", "2.1.197"]).expect("two versions");
        assert_eq!(two.versions, ["2.1.332", "2.1.197"]);
        assert_eq!(two.cases, "real_claude");
        for wrong in [&[][..], &["latest"], &["2.1"], &["2.1.x"], &["2.1.332", "--cases"], &["../2.1.332"]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_table_has_a_row_per_case_and_a_column_per_version() {
        let new = ends("running 2 tests\ntest a::one_case ... ok\ntest a::two ... FAILED\n\nfailures:\n");
        let old = ends("test a::one_case ... ok\ntest result: FAILED. 1 passed\n");
        let expected = "\
| case | 2.1.332 | 2.1.197 |
|---|---|---|
| one case | yes | yes |
| two | **no** | – |
";
        assert_eq!(table(&[("2.1.332", new), ("2.1.197", old)]), expected);
    }
}
