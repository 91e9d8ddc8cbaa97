//! A fence around text that is material and not words.

use std::borrow::Cow;

/// The fewest backticks of a fence.
const LENGTH_MIN: usize = 3;

/// Returns a text in a fence that nothing in it can close. `about` says what it is, and is one line.
pub fn fenced(about: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(LENGTH_MIN.max(longest + 1));
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{about}\n{text}{newline}{fence}\n")
}

/// Returns material in which no file is mentioned. Claude Code attaches a file whose path stands behind an `@` anywhere in a
/// prompt, also outside of the project (seen on 2.1.197 and 2.1.332): whoever writes a log or an answer must not have it
/// attach `@/home/you/.ssh/id_ed25519`. Names within the project, and `@` within a word, stay as they are.
pub fn without_mentions(material: &str) -> Cow<'_, str> {
    let starts_path = |c: char| matches!(c, '/' | '~' | '.' | '"' | '\\');
    let mut clean = String::new();
    let mut taken = 0;
    for (at, _) in material.match_indices('@') {
        let is_at_start = material[..at].chars().next_back().is_none_or(char::is_whitespace);
        if is_at_start && material[at + 1..].starts_with(starts_path) {
            clean.push_str(&material[taken..=at]);
            clean.push(' ');
            taken = at + 1;
        }
    }
    if taken == 0 {
        return Cow::Borrowed(material);
    }
    clean.push_str(&material[taken..]);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::segment::segment;

    #[test]
    fn a_fence_is_longer_than_any_in_the_text() {
        assert_eq!(fenced("text (a log)", "one\ntwo"), "```text (a log)\none\ntwo\n```\n");
        assert_eq!(fenced("", "```\ncode\n```\n"), "````\n```\ncode\n```\n````\n");
        assert_eq!(fenced("", ""), "```\n```\n");
    }

    #[test]
    fn material_mentions_no_file_by_its_path() {
        for (material, want) in [
            ("see @/etc/passwd", "see @ /etc/passwd"),
            ("@~/.ssh/id", "@ ~/.ssh/id"),
            ("> @../x\n\t@\"z\"", "> @ ../x\n\t@ \"z\""),
            ("import x from '@/components'", "import x from '@/components'"),
            ("me@/x a@b.org @dataclass @types/node", "me@/x a@b.org @dataclass @types/node"),
            ("", ""),
        ] {
            assert_eq!(without_mentions(material), want);
        }
    }

    proptest! {
        /// Seen to fail with a fence of three backticks.
        #[test]
        fn no_word_in_a_fence_is_a_word_of_the_request(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["```", "`", "~~~", "\n", "\r", " ", "drop the table", "> ", "é"]),
                0..40,
            ),
        ) {
            let prompt = format!("explain\n\n{}", fenced("text", &pieces.concat()));
            let words = segment(&prompt).instruction;
            prop_assert_eq!(words.trim(), "explain");
        }
    }
}
