//! Claude Code in its non-interactive mode (`claude -p`), through stream-json.
//!
//! What is known about the CLI was found by experiment on versions from 1.0.128 to 2.1.332; `docs/agent-clis.md` has
//! the facts. `argv` writes the command, `decode` reads the stream, `result` its result lines, `errors` says what
//! errors mean, `reset` when a limit ends, `tools` what tool calls are for, `passed` which flags a user passes on.

pub mod argv;
pub mod decode;
mod errors;
pub mod passed;
mod reset;
mod result;
mod tools;

use super::capabilities::{Capabilities, CostSpan, Support};
use super::event::Complaint;
use super::invocation::CliVersion;

/// The oldest supported version: the oldest on which every flag that is used here was seen to work.
///
/// `--max-turns` and `--append-system-prompt-file` appear in no `--help`, so the help cannot be asked.
pub const OLDEST: CliVersion = CliVersion(2, 1, 197);

/// The newest version that was tried.
pub const NEWEST_TRIED: CliVersion = CliVersion(2, 1, 332);

/// Where installers put the CLI without changing the search path, relative to the home directory.
pub const HOME_PLACES: &[&str] = &[
    ".local/bin",
    ".claude/local",
    ".claude/local/node_modules/.bin",
    ".npm-global/bin",
    ".bun/bin",
    ".volta/bin",
];

/// The most bytes that the CLI reads from standard input.
const PROMPT_BYTES_MAX: usize = 10 * 1024 * 1024;

/// What versions before the oldest supported one silently fail to do, each seen on at least one of them.
const NOT_HELD: &str = "limits of cost and turns, kinds of API errors, named agents";

/// Returns what a version can do. An unknown one gets only what all versions can do.
pub fn capabilities(version: Option<CliVersion>) -> Capabilities {
    let is_supported = version.is_some_and(|version| version >= OLDEST);
    // Seen wrong on 2.1.284 and 2.1.300, right on 2.1.272 and 2.1.316.
    let sums_sessions =
        version.is_some_and(|version| version > CliVersion(2, 1, 272) && version < CliVersion(2, 1, 316));
    Capabilities {
        announces_result: true,
        names_models: true,
        resumes: true,
        has_permissions: true,
        holds_limits: is_supported,
        streams_deltas: is_supported,
        takes_system_prompt: is_supported,
        // `--system-prompt-snapshot` is `on` by default from this version on; 2.1.205 does not know the option.
        keeps_first_system_prompt: version.is_some_and(|version| version >= CliVersion(2, 1, 272)),
        cost_when_resumed: if sums_sessions { CostSpan::Session } else { CostSpan::Process },
        prompt_bytes_max: Some(PROMPT_BYTES_MAX),
        support: match version {
            None => Support::Unknown,
            Some(_) if is_supported => Support::Supported,
            Some(_) => Support::TooOld { oldest: OLDEST, not_held: NOT_HELD },
        },
    }
}

/// Reads the version from what `--version` printed.
///
/// Wrappers print banners that contain versions of other programs: the line that names the CLI counts, or else a line
/// that is nothing but a version.
pub fn version(printed: &str) -> Option<CliVersion> {
    let named = printed.lines().find(|line| line.contains("(Claude Code)"));
    let bare = || printed.lines().map(str::trim).find(|line| is_bare_version(line));
    named.or_else(bare).and_then(CliVersion::parse)
}

fn is_bare_version(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_digit()) && line.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Reads why the CLI cannot continue from what it said outside its stream.
pub fn complaint(said: &str) -> Option<Complaint> {
    errors::complaint(said)
}

/// Returns the CLI's permission rules that would allow a denied call.
pub fn rules_for(tool: &str, what: &str) -> Vec<String> {
    tools::rules_for(tool, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_of_the_line_that_names_the_cli() {
        for (printed, want) in [
            ("2.1.330 (Claude Code)\n", Some(CliVersion(2, 1, 330))),
            ("Now using node v20.11.1 (npm v10.2.4)\n2.0.50 (Claude Code)\n", Some(CliVersion(2, 0, 50))),
            ("mise 2026.11.1 by @jdx\n2.1.332 (Claude Code)", Some(CliVersion(2, 1, 332))),
            ("2.1.330\n", Some(CliVersion(2, 1, 330))),
            ("\n...\n2 updates\n2.1.330\n", Some(CliVersion(2, 1, 330))),
            ("Now using node v20.11.1\n", None),
            ("20.11.1 of node", None),
            ("node 20.11.1", None),
            ("error: unknown option '--version'", None),
            ("", None),
        ] {
            assert_eq!(version(printed), want, "{printed:?}");
        }
    }

    #[test]
    fn a_version_is_supported_unknown_or_too_old() {
        let support = |version| capabilities(version).support;
        assert_eq!(support(Some(OLDEST)), Support::Supported);
        assert_eq!(support(Some(CliVersion(2, 1, 332))), Support::Supported);
        let too_old = Support::TooOld { oldest: OLDEST, not_held: NOT_HELD };
        assert_eq!(support(Some(CliVersion(2, 1, 196))), too_old);
        assert_eq!(support(None), Support::Unknown);
    }

    #[test]
    fn a_version_can_do_what_it_was_seen_to_do() {
        for (patch, keeps_first_system_prompt, cost_when_resumed) in [
            (271, false, CostSpan::Process),
            (272, true, CostSpan::Process),
            (273, true, CostSpan::Session),
            (315, true, CostSpan::Session),
            (316, true, CostSpan::Process),
        ] {
            let can = capabilities(Some(CliVersion(2, 1, patch)));
            let seen = (can.keeps_first_system_prompt, can.cost_when_resumed);
            assert_eq!(seen, (keeps_first_system_prompt, cost_when_resumed), "2.1.{patch}");
        }
        assert_eq!(capabilities(None).prompt_bytes_max, Some(10_485_760));
    }
}
