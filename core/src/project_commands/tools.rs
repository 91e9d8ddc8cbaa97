//! Tools that are known by a file's name alone: what everybody with that language types.

use super::command::CommandKind::{Build, Lint, Test};
use super::command::{CommandKind, ProjectCommand, RootFiles};

/// A tool: one of its marks must be there, none of those of its better kind.
struct Tool {
    marks: &'static [&'static str],
    unless: &'static [&'static str],
    commands: &'static [(CommandKind, &'static str)],
}

const fn tool(marks: &'static [&'static str], commands: &'static [(CommandKind, &'static str)]) -> Tool {
    Tool { marks, unless: &[], commands }
}

const GRADLE: &[&str] = &["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"];

const TOOLS: &[Tool] = &[
    tool(
        &["Cargo.toml"],
        &[(Test, "cargo test"), (Build, "cargo build"), (Lint, "cargo clippy"), (Lint, "cargo fmt --check")],
    ),
    tool(
        &["go.mod", "go.work"],
        &[(Test, "go test ./..."), (Build, "go build ./..."), (Lint, "go vet ./...")],
    ),
    tool(
        &[".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json"],
        &[(Lint, "golangci-lint run")],
    ),
    tool(
        &["deno.json", "deno.jsonc"],
        &[(Test, "deno test"), (Lint, "deno lint"), (Lint, "deno fmt --check")],
    ),
    tool(&["gradlew"], &[(Test, "./gradlew test"), (Build, "./gradlew assemble")]),
    Tool {
        marks: GRADLE,
        unless: &["gradlew"],
        commands: &[(Test, "gradle test"), (Build, "gradle assemble")],
    },
    tool(&["mvnw"], &[(Test, "./mvnw test"), (Build, "./mvnw compile")]),
    Tool { marks: &["pom.xml"], unless: &["mvnw"], commands: &[(Test, "mvn test"), (Build, "mvn compile")] },
    tool(&["build.sbt"], &[(Test, "sbt test"), (Build, "sbt compile")]),
    tool(
        &["*.sln", "*.slnx", "*.csproj", "*.fsproj"],
        &[(Test, "dotnet test"), (Build, "dotnet build"), (Lint, "dotnet format --verify-no-changes")],
    ),
    tool(&["mix.exs"], &[(Test, "mix test"), (Build, "mix compile"), (Lint, "mix format --check-formatted")]),
    tool(&[".rspec"], &[(Test, "bundle exec rspec")]),
    tool(&["Rakefile"], &[(Test, "bundle exec rake test")]),
    tool(&[".rubocop.yml"], &[(Lint, "bundle exec rubocop")]),
    tool(&["phpunit.xml", "phpunit.xml.dist"], &[(Test, "vendor/bin/phpunit")]),
    tool(&["phpstan.neon", "phpstan.neon.dist"], &[(Lint, "vendor/bin/phpstan analyse")]),
    tool(&["Package.swift"], &[(Test, "swift test"), (Build, "swift build")]),
    tool(&["pubspec.yaml"], &[(Test, "dart test"), (Lint, "dart analyze")]),
    tool(&["build.zig"], &[(Test, "zig build test"), (Build, "zig build")]),
    tool(&["stack.yaml"], &[(Test, "stack test"), (Build, "stack build")]),
    Tool {
        marks: &["*.cabal", "cabal.project"],
        unless: &["stack.yaml"],
        commands: &[(Test, "cabal test"), (Build, "cabal build")],
    },
    tool(&["CMakeLists.txt"], &[(Test, "ctest --test-dir build"), (Build, "cmake --build build")]),
    tool(&["meson.build"], &[(Test, "meson test -C build"), (Build, "meson compile -C build")]),
];

/// Returns the commands of the tools whose marks are there.
pub fn commands(files: &RootFiles) -> Vec<ProjectCommand> {
    let is_there = |tool: &&Tool| files.has_any(tool.marks) && !files.has_any(tool.unless);
    let of_tool = |tool: &'static Tool| tool.commands.iter();
    TOOLS
        .iter()
        .filter(is_there)
        .flat_map(of_tool)
        .map(|(kind, words)| ProjectCommand::new(*kind, *words))
        .collect()
}
