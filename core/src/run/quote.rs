//! Quotes an agent's text on one line.

/// The most of an agent's text in a one-line message, in characters.
const LINE_CHARS_MAX: usize = 300;

/// Returns text on one line, cut to a bound, without control characters.
pub(super) fn one_line(text: &str) -> String {
    let plain = without_escapes(text);
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(LINE_CHARS_MAX).collect()
}

/// Returns the line of a failing program's output that says why: the last one that mentions an error, or else all that
/// are not a warning, a stack frame or quoted source.
pub(super) fn telling_line(text: &str) -> String {
    let plain = without_escapes(text);
    let lines: Vec<&str> = plain.lines().map(str::trim).filter(|line| is_word_of_its_own(line)).collect();
    let Some(place) = lines.iter().rposition(|line| speaks_of_error(line)) else {
        return if lines.is_empty() { one_line(&plain) } else { one_line(&lines.join(" ")) };
    };
    // A line that ends with a colon is continued by the next one.
    let before = place.checked_sub(1).and_then(|at| lines.get(at)).filter(|line| line.ends_with(':'));
    let behind = lines.get(place + 1).filter(|_| lines[place].ends_with(':'));
    let sentence: Vec<&str> = before.into_iter().chain([&lines[place]]).chain(behind).copied().collect();
    one_line(&sentence.join(" "))
}

fn is_word_of_its_own(line: &str) -> bool {
    let lower = line.to_lowercase();
    let is_frame = line.starts_with("at ") || line.starts_with("Node.js v") || line.starts_with("Bun v");
    let is_source = line.contains(" | ") && line.starts_with(|c: char| c.is_ascii_digit());
    let is_mark = line.chars().all(|c| "^~-= ".contains(c));
    let is_warning = lower.contains("warning") || lower.starts_with("(use `") || lower.starts_with("warn");
    !(line.is_empty() || is_frame || is_source || is_mark || is_warning)
}

fn speaks_of_error(line: &str) -> bool {
    let lower = line.to_lowercase();
    [
        "error",
        "fatal",
        "invalid",
        "failed",
        "cannot",
        "could not",
        "denied",
        "not found",
        "refused",
        "unknown",
    ]
    .iter()
    .any(|sign| lower.contains(sign))
}

/// Removes the escape sequences with which programs colour their output.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = match behind.strip_prefix('[') {
            Some(sequence) => {
                let end =
                    sequence.find(|c: char| ('@'..='~').contains(&c)).map_or(sequence.len(), |at| at + 1);
                &sequence[end..]
            }
            None => behind,
        };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_telling_line_is_the_error_and_not_the_warning_or_the_stack() {
        for (said, want) in [
            (
                "(node:71) [DEP0040] DeprecationWarning: punycode is deprecated\n(Use `node --trace-deprecation` to show \
                 where)\nError: Invalid MCP configuration: mcpServers.db.command is required\n",
                "Error: Invalid MCP configuration: mcpServers.db.command is required",
            ),
            (
                "/x/cli.js:12\n    throw err;\n    ^\n\nTypeError: x is not a function\n    at foo (/x/cli.js:12:3)\n    at \
                 bar\n\nNode.js v20.11.1\n",
                "TypeError: x is not a function",
            ),
            ("\u{1b}[31merror:\u{1b}[0m unknown option '--bogus'\n", "error: unknown option '--bogus'"),
            (
                "Error: Invalid MCP configuration:\nMCP config file not found: /x.json\n",
                "Error: Invalid MCP configuration: MCP config file not found: /x.json",
            ),
            ("Error: Something odd:\nthe reason\n", "Error: Something odd: the reason"),
            ("just words\nmore words\n", "just words more words"),
            ("npm WARN old\n", "npm WARN old"),
            ("", ""),
        ] {
            assert_eq!(telling_line(said), want, "{said:?}");
        }
    }

    #[test]
    fn words_come_in_one_line_without_control_characters() {
        assert_eq!(one_line("blocked by hook:\n[x]: no\u{7}\tmore"), "blocked by hook: [x]: no more");
        assert_eq!(one_line(&"x".repeat(1000)).len(), LINE_CHARS_MAX);
    }
}
