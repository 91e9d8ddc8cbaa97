use proptest::prelude::*;

use super::*;

fn files(entries: &[(&str, &str)]) -> RootFiles {
    let mut files = RootFiles::of_names(entries.iter().map(|(name, _)| (*name).to_owned()));
    entries.iter().filter(|(_, text)| !text.is_empty()).for_each(|(name, text)| files.add_text(name, text));
    files
}

fn said(entries: &[(&str, &str)]) -> Vec<String> {
    let commands = project_commands(&files(entries));
    commands.iter().map(|command| format!("{}: {}", command.kind.as_str(), command.command)).collect()
}

#[test]
fn a_rust_project_is_tested_built_and_checked_by_cargo() {
    assert_eq!(
        said(&[("Cargo.toml", ""), ("src", "")]),
        ["test: cargo test", "build: cargo build", "lint: cargo clippy", "lint: cargo fmt --check"]
    );
}

#[test]
fn scripts_of_a_package_are_run_by_whom_the_project_uses() {
    let package =
        r#"{"scripts": {"test": "vitest", "lint": "eslint .", "build": "tsc", "deploy": "./ship"}}"#;
    let with = |lock: &str| said(&[("package.json", package), (lock, "")]);
    assert_eq!(with("package-lock.json"), ["test: npm test", "build: npm run build", "lint: npm run lint"]);
    assert_eq!(with("pnpm-lock.yaml")[0], "test: pnpm test");
    assert_eq!(with("yarn.lock")[2], "lint: yarn run lint");
    assert_eq!(with("bun.lock")[0], "test: bun run test");
    assert_eq!(with("README.md")[0], "test: npm test");
    let named = r#"{"packageManager": "pnpm@9.1.0", "scripts": {"test": "jest"}}"#;
    assert_eq!(said(&[("package.json", named), ("yarn.lock", "")]), ["test: pnpm test"]);
}

#[test]
fn a_script_that_does_nothing_or_never_ends_is_no_test() {
    let with =
        |test: &str| said(&[("package.json", &serde_json::json!({"scripts": {"test": test}}).to_string())]);
    assert!(with("echo \"Error: no test specified\" && exit 1").is_empty());
    assert!(with("jest --watch").is_empty());
    assert!(with("  ").is_empty());
    assert_eq!(with("jest"), ["test: npm test"]);
    assert!(said(&[("package.json", r#"{"scripts": {"test": 1}}"#)]).is_empty());
    assert!(said(&[("package.json", r#"{"scripts": "test"}"#)]).is_empty());
}

#[test]
fn a_python_project_is_tested_by_the_tool_that_it_configures() {
    assert_eq!(
        said(&[("pyproject.toml", "[tool.pytest.ini_options]\n[tool.ruff]\n")]),
        ["test: pytest", "lint: ruff check"]
    );
    assert_eq!(
        said(&[("pyproject.toml", "[project]\n"), ("tests", ""), ("uv.lock", "")]),
        ["test: uv run pytest"]
    );
    assert_eq!(said(&[("tox.ini", "[tox]\n[flake8]\n")]), ["test: tox", "lint: flake8"]);
    assert_eq!(said(&[("tox.ini", "[pytest]\n")]), ["test: pytest"]);
    assert_eq!(said(&[("manage.py", ""), ("Pipfile", "")]), ["test: pipenv run python manage.py test"]);
    assert!(said(&[("pyproject.toml", "[project]\n")]).is_empty());
    assert!(said(&[("pyproject.toml", "[tool")]).is_empty());
}

#[test]
fn targets_of_task_runners_come_first() {
    let makefile =
        "CC := gcc\n.PHONY: test lint\ntest lint: all\n\tcargo test\nbuild::\n\tcheck: no\ndeploy:\n\tship\n";
    assert_eq!(
        said(&[("Makefile", makefile), ("go.mod", "")]),
        [
            "test: make test",
            "build: make build",
            "lint: make lint",
            "test: go test ./...",
            "build: go build ./...",
            "lint: go vet ./..."
        ]
    );
    let justfile = "test := \"x\"\n@lint *args:\n  cargo clippy\nbuild target:\n  cargo build\ncheck mode=\"fast\": lint\n";
    assert_eq!(said(&[("justfile", justfile)]), ["test: just check", "lint: just lint"]);
    assert_eq!(
        said(&[("Taskfile.yml", "version: 3\ntasks:\n  test:\n    cmds: [x]\n")]),
        ["test: task test"]
    );
}

#[test]
fn an_assignment_or_a_comment_is_no_target() {
    assert!(said(&[("Makefile", "test := x\ntest ::= x\nCHECK=a:b\n# lint: later\n\ttest: x\n")]).is_empty());
}

#[test]
fn a_wrapper_is_used_where_there_is_one() {
    assert_eq!(said(&[("gradlew", ""), ("build.gradle.kts", "")])[0], "test: ./gradlew test");
    assert_eq!(said(&[("build.gradle", "")])[0], "test: gradle test");
    assert_eq!(said(&[("pom.xml", ""), ("mvnw", "")]), ["test: ./mvnw test", "build: ./mvnw compile"]);
    assert_eq!(said(&[("App.csproj", "")])[0], "test: dotnet test");
}

#[test]
fn a_place_without_a_known_mark_has_no_command() {
    assert!(said(&[("README.md", ""), ("src", "")]).is_empty());
}

#[test]
fn a_text_that_is_too_long_says_nothing() {
    let long = format!("test:\n{}", "#".repeat(RootFiles::TEXT_BYTES_MAX));
    assert!(said(&[("Makefile", &long)]).is_empty());
    assert_eq!(said(&[("Makefile", "test:\n")]), ["test: make test"]);
}

proptest! {
    /// Seen to fail with the name of a target taken from the file.
    #[test]
    fn no_word_of_a_file_gets_into_a_command(
        name in prop::sample::select(RootFiles::READ.to_vec()),
        script in "(test|lint|build|check)?[ -~\n]{0,20}",
        text in "([a-z;$&|` ]{0,12}:\n?|[ -~\n]{0,40})*",
    ) {
        let package = serde_json::json!({"packageManager": &script, "scripts": {&script: &text, "test": &text}}).to_string();
        for text in [&text, &package] {
            for command in project_commands(&files(&[(name, text)])) {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || " ./:_-".contains(c);
                prop_assert!(command.command.chars().all(is_plain), "{}", command.command);
                prop_assert!(command.command.len() <= 40);
            }
        }
    }
}
