//! A fence around text that is material and not words.

/// The fewest backticks of a fence.
const LENGTH_MIN: usize = 3;

/// Returns a text in a fence that nothing in it can close. `about` says what it is, and is one line.
pub fn fenced(about: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(LENGTH_MIN.max(longest + 1));
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{about}\n{text}{newline}{fence}\n")
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
