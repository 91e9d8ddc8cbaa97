//! Flags of the CLI that a user passes on, behind `--`: those that leave what we rely on as it is.

use crate::adapter::passed::{NotPassed, PassedFlags};

const ADD_DIR: &str = "--add-dir";
const MCP_CONFIG: &str = "--mcp-config";
const APPEND_SYSTEM_PROMPT: &str = "--append-system-prompt";

/// The flags that are passed on, for messages.
pub const ACCEPTED: &str = "--add-dir, --mcp-config, --append-system-prompt, --disallowedTools, --tools, --effort, --betas, --strict-mcp-config, \
     --disable-slash-commands";

/// How many values a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    None,
    One,
    Many,
}

fn accepted(flag: &str) -> Option<Takes> {
    match flag {
        ADD_DIR | MCP_CONFIG | "--disallowedTools" | "--disallowed-tools" | "--tools" | "--betas" => {
            Some(Takes::Many)
        }
        APPEND_SYSTEM_PROMPT | "--effort" => Some(Takes::One),
        "--strict-mcp-config" | "--disable-slash-commands" => Some(Takes::None),
        _ => None,
    }
}

/// Returns what to do instead of passing on a flag that is ours.
fn ours(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "-p"
        | "--print"
        | "--output-format"
        | "--input-format"
        | "--verbose"
        | "--include-partial-messages"
        | "--replay-user-messages"
        | "--json-schema"
        | "--bg"
        | "--background"
        | "--debug"
        | "-d"
        | "--worktree"
        | "-w" => "the agent's output would not be understood",
        "-c"
        | "--continue"
        | "-r"
        | "--resume"
        | "--session-id"
        | "--fork-session"
        | "--no-session-persistence" => "use `--continue` or `--session NAME` of `pointsman run`",
        "-m" | "--model" | "--fallback-model" | "--agent" | "--agents" => {
            "the route chooses; `--tier` or `--agent` of `pointsman run` fixes it"
        }
        "--permission-mode" | "--dangerously-skip-permissions" | "--allow-dangerously-skip-permissions" => {
            "use `--permission-mode`, `--permission-profile` or `--allow-tool` of `pointsman run`"
        }
        "--allowedTools" | "--allowed-tools" => {
            "use `--allow-tool RULE` of `pointsman run`, which the route shows"
        }
        "--max-turns" => "use `--max-turns` of `pointsman run`",
        "--max-budget-usd" => "use `--max-usd` of `pointsman run`",
        "--system-prompt" | "--system-prompt-file" | "--append-system-prompt-file" => {
            "the output contract stands there; `--append-system-prompt TEXT` adds to it"
        }
        "--settings" | "--setting-sources" | "--bare" | "--plugin-dir" => {
            "what the agent's settings are is decided by trust: see `pointsman trust`"
        }
        _ => return None,
    })
}

/// Reads the words behind `--`.
pub fn read(words: &[String]) -> Result<PassedFlags, NotPassed> {
    let mut passed = PassedFlags::default();
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            return Err(NotPassed::Stray { word: word.to_owned() });
        }
        let (flag, joined) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (word, None),
        };
        let takes = accepted(flag).ok_or_else(|| refused(flag))?;
        let mut values: Vec<&str> = joined.into_iter().collect();
        let count_max = match takes {
            Takes::None => 0,
            Takes::One => 1,
            Takes::Many => usize::MAX,
        };
        while values.len() < count_max && (joined.is_none() || takes == Takes::Many) {
            let Some(value) = words.next_if(|word| !word.starts_with('-')) else { break };
            values.push(value);
        }
        if (takes == Takes::None) != values.is_empty() {
            return Err(NotPassed::NoValue { flag: flag.to_owned() });
        }
        match flag {
            APPEND_SYSTEM_PROMPT => passed.system_prompt = values.first().map(|text| (*text).to_owned()),
            _ if takes == Takes::None => passed.args.push(flag.to_owned()),
            _ => passed.args.extend(values.iter().map(|value| format!("{flag}={value}"))),
        }
    }
    passed.widens_reach =
        passed.args.iter().any(|arg| arg.starts_with(ADD_DIR) || arg.starts_with(MCP_CONFIG));
    Ok(passed)
}

fn refused(flag: &str) -> NotPassed {
    let flag = flag.to_owned();
    match ours(&flag) {
        Some(instead) => NotPassed::Ours { flag, instead },
        None => NotPassed::Unknown { flag },
    }
}

/// Returns the flags with the paths in them changed.
pub fn with_paths(mut passed: PassedFlags, change: impl Fn(&str) -> String) -> PassedFlags {
    for arg in &mut passed.args {
        if let Some((flag @ (ADD_DIR | MCP_CONFIG), value)) = arg.split_once('=')
            && !value.trim_start().starts_with('{')
        {
            *arg = format!("{flag}={}", change(value));
        }
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<PassedFlags, NotPassed> {
        read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn flags_are_passed_on_with_each_value_bound_to_its_flag() {
        let passed = of(&[
            "--add-dir",
            "../a",
            "../b",
            "--mcp-config=x.json",
            "--effort",
            "high",
            "--append-system-prompt",
            "Answer in French.",
            "--strict-mcp-config",
        ]);
        let passed = passed.unwrap();
        assert_eq!(
            passed.args,
            [
                "--add-dir=../a",
                "--add-dir=../b",
                "--mcp-config=x.json",
                "--effort=high",
                "--strict-mcp-config"
            ]
        );
        assert_eq!(passed.system_prompt.as_deref(), Some("Answer in French."));
        assert!(passed.widens_reach);
        assert!(!of(&["--effort=low"]).unwrap().widens_reach);
        assert!(of(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_would_break_a_run_is_refused_with_what_to_use_instead() {
        for (words, says) in [
            (&["--output-format", "text"][..], "would not be understood"),
            (&["--model=opus"], "`--tier`"),
            (&["--dangerously-skip-permissions"], "--permission-profile"),
            (&["--system-prompt", "x"], "--append-system-prompt TEXT"),
            (&["--settings", "{}"], "pointsman trust"),
            (&["--resume"], "--session NAME"),
            (&["--brand-new"], "`--brand-new` is not passed on"),
            (&["--add-dir"], "lacks its value"),
            (&["--add-dir", "--effort", "x"], "`--add-dir` lacks its value"),
            (&["--effort", "high", "and more"], "`and more` belongs to no flag"),
            (&["--strict-mcp-config=x"], "lacks its value"),
        ] {
            let error = of(words).unwrap_err().to_string();
            assert!(error.contains(says), "{words:?}: {error}");
        }
    }

    #[test]
    fn paths_are_told_from_settings_in_json() {
        let passed = of(&["--add-dir", "a", "--mcp-config", "{\"a\":1}", "b.json", "--effort", "c"]).unwrap();
        let changed = with_paths(passed, |path| format!("/x/{path}"));
        assert_eq!(
            changed.args,
            ["--add-dir=/x/a", "--mcp-config={\"a\":1}", "--mcp-config=/x/b.json", "--effort=c"]
        );
    }
}
