//! Where a value ends: in quotes of any kind, or bare.

use std::ops::Range;

use super::shape::Quoting;

/// The most space between a name, its sign and its value: tables and settings are aligned.
pub(super) const GAP_MAX: usize = 48;

/// The longest rest that is taken for a value whose closing quote was cut off, in bytes.
const UNCLOSED_MAX: usize = 1024;

/// How many characters that may belong to a value are left out at its end: `,`, `"`, and the like.
pub(super) const TRIMMED_MAX: usize = 8;

/// Returns how long the rest of a long value is.
pub(super) fn rest_len(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || "\"'`".contains(c)).unwrap_or(text.len())
}

/// Returns the value that begins at `at` or after some space, without its quotes.
pub(super) fn value_at(line: &str, at: usize) -> Option<(Range<usize>, Quoting)> {
    let rest = line[at..].trim_start_matches([' ', '\t']);
    let rest = behind_quote_code(rest);
    let start = line.len() - rest.len();
    if start - at > GAP_MAX || rest.is_empty() {
        return None;
    }
    // What a language writes before a quote: `b"`, `r#"`, `@"`, `f'`; and emphasis of prose.
    let prefix = rest.bytes().take_while(|b| b"brfuLR@#$*(&[{".contains(b)).count().min(4);
    let slashes = rest[prefix..].bytes().take_while(|b| *b == b'\\').count();
    let quote = rest[prefix + slashes..].chars().next().filter(|c| "\"'`".contains(*c));
    match quote {
        Some(quote) => {
            let from = start + prefix + slashes + 1;
            Some((from..from + closing(&line[from..], quote, slashes), Quoting::Quoted))
        }
        None => {
            let to = start + bare_len(rest);
            (to > start).then_some((start..to, Quoting::Bare))
        }
    }
}

/// Returns where a quoted value ends; one whose quote is missing was cut off and goes to the end.
fn closing(text: &str, quote: char, slashes: usize) -> usize {
    let mut run = 0;
    // YAML and SQL double a quote that belongs to the value.
    let mut skips = false;
    for (at, c) in text.char_indices() {
        let is_doubled = |at: usize| quote == '\'' && slashes == 0 && text[at + 1..].starts_with(quote);
        if c == quote && run == slashes && !skips {
            if !is_doubled(at) {
                return at - slashes;
            }
            skips = true;
        } else {
            skips = false;
        }
        run = if c == '\\' { run + 1 } else { 0 };
    }
    if text.len() > UNCLOSED_MAX { bare_len(text) } else { text.trim_end().len() }
}

/// Returns how long an unquoted value is: to the next space, or to what clearly begins something else.
fn bare_len(text: &str) -> usize {
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        let behind = &text[at + c.len_utf8()..];
        let ends = match c {
            c if c.is_whitespace() => true,
            '"' | '\'' | '`' => {
                behind.is_empty()
                    || behind.starts_with([' ', ',', ';', ':', ')', ']', '}', '>', '\\', '\t', '<'])
            }
            '<' => behind.starts_with('/'),
            '&' if is_entity(behind) => true,
            '%' => behind.starts_with("26") || behind.starts_with("22"),
            ';' | '&' | ',' | '|' => begins_assignment(behind) || behind.starts_with(['|', '&']),
            '\\' => {
                behind.starts_with(['"', '\''])
                    || behind.starts_with("u00")
                    || (behind.starts_with(['n', 'r', 't'])
                        && (behind.len() == 1
                            || begins_assignment(&behind[1..])
                            || behind[1..].starts_with(['"', '\'', '\\', '-'])))
            }
            _ => false,
        };
        if ends {
            end = at;
            break;
        }
    }
    let value = &text[..end];
    let mut trimmed = value.trim_end_matches([',', ';', '"', '\'', '`', '*']);
    for (open, close) in [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>')] {
        while trimmed.ends_with(close) && trimmed.matches(close).count() > trimmed.matches(open).count() {
            trimmed = &trimmed[..trimmed.len() - 1];
        }
    }
    trimmed.trim_end_matches([',', ';', '.', ':', '"', '\'', '`', '*']).len()
}

/// Returns text behind a quote that is written as a code.
pub(super) fn behind_quote_code(text: &str) -> &str {
    let codes = ["&quot;", "&#34;", "&#39;", "&#x22;", "&#x27;", "\\u0022", "\\u0027", "%22", "%27"];
    codes.iter().find_map(|code| text.strip_prefix(code)).unwrap_or(text)
}

/// Returns text without the escape sequence that it may begin with.
pub(super) fn without_colour(text: &str) -> &str {
    let sequence = text.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m'));
    let is_colour =
        |(digits, _): &(&str, &str)| digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
    sequence.filter(is_colour).map_or(text, |(_, rest)| rest)
}

/// Returns whether text behind a `&` makes an entity of markup of it: `quot;`.
fn is_entity(text: &str) -> bool {
    let text = text.strip_prefix('#').unwrap_or(text);
    let name = text.bytes().take(7).take_while(u8::is_ascii_alphanumeric).count();
    (2..=6).contains(&name) && text[name..].starts_with(';')
}

/// Returns whether text begins with a name and a sign: `Database=`, `user:`.
fn begins_assignment(text: &str) -> bool {
    let name = text.bytes().take(40).take_while(|b| b.is_ascii_alphanumeric() || b"_-. ".contains(b)).count();
    name > 0 && name < 40 && text[name..].starts_with(['=', ':'])
}
