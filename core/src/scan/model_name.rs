//! Names of models: their tier, and whether one that answered is the one that was asked for.

use crate::agent::Tier;

/// The longest name that is kept, in characters. Names are compared and never shown.
const CHARS_MAX: usize = 100;

/// What an agent's definition or a call writes where the model of the caller is meant.
const INHERIT: &str = "inherit";

/// Returns a name cut to a bound; `None` if it names no model.
pub(super) fn named(name: &str) -> Option<String> {
    let name = name.trim();
    (!name.is_empty() && name != INHERIT).then(|| name.chars().take(CHARS_MAX).collect())
}

/// Returns whether a model that answered is the one that was asked for: of the same tier, or, for families that have
/// none, with the words of the name that was asked for in its own (`claude-fable-5` for `fable`).
pub(super) fn is_as_asked(served: &str, asked: &str) -> bool {
    match (Tier::in_model_name(served), Tier::in_model_name(asked)) {
        (None, None) => has_words(served, asked),
        (served, asked) => served == asked,
    }
}

fn has_words(name: &str, words: &str) -> bool {
    let words = segments(words);
    segments(name).windows(words.len().max(1)).any(|window| window == words)
}

fn segments(name: &str) -> Vec<&str> {
    name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|segment| !segment.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_as_asked_by_its_tier_or_by_the_words_of_its_name() {
        for (served, asked, is_as) in [
            ("claude-haiku-4-5-20251001", "haiku", true),
            ("claude-sonnet-5-5", "haiku", false),
            ("claude-sonnet-4-5", "claude-sonnet-5-5[1m]", true),
            ("claude-fable-5", "fable", true),
            ("glm-4.6-air", "glm-4.6", true),
            ("glm-4.6", "glm-4.6-air", false),
            ("claude-opus-5", "fable", false),
            ("anything", "--", false),
        ] {
            assert_eq!(is_as_asked(served, asked), is_as, "{served} for {asked}");
        }
    }

    #[test]
    fn inheriting_names_no_model() {
        assert_eq!((named("inherit"), named(" "), named("haiku")), (None, None, Some("haiku".to_owned())));
    }
}
