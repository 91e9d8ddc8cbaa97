//! Which names an agent file may claim.
//!
//! The CLI is given a name and searches for the file itself, and it reads more than we do: files of any size, with
//! broken bytes, at any depth, behind links, and front matters that are no YAML. A name counts only if no file that we
//! skip or cannot read may have it.

use super::{AgentFileError, parse_opening};
use crate::ids::AgentName;

/// How much of a file a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// Its beginning.
    Head,
}

/// The names that a file may claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// None: it is an agent to no reader.
    Nothing,
    /// This one.
    Name(AgentName),
    /// Any name that stands in this text, which is in lower case.
    Within(String),
    /// Any name at all.
    Any,
}

impl Claim {
    /// Returns what a file claims whose name without `.md` is `file_stem`.
    pub fn of(file_stem: &str, text: &str, extent: Extent) -> Claim {
        match (parse_opening(file_stem, text), extent) {
            (Ok(agent), _) => Claim::Name(agent.name),
            (Err(AgentFileError::NoFrontMatter), _) if is_without_front_matter(text) => Claim::Nothing,
            (Err(_), Extent::Head) => Claim::Any,
            // A lenient reader may undo escapes in what is no YAML to us.
            (Err(_), Extent::Whole) if text.contains('\\') => Claim::Any,
            (Err(_), Extent::Whole) => Claim::Within(text.to_lowercase()),
        }
    }

    /// Returns whether this name may be the file's.
    pub fn may_be(&self, name: &AgentName) -> bool {
        match self {
            Claim::Nothing => false,
            Claim::Name(claimed) => claimed == name,
            Claim::Within(text) => text.contains(name.as_str()),
            Claim::Any => true,
        }
    }
}

/// Returns whether a text has no front matter that a lenient reader could still find: a readme is an agent to none.
fn is_without_front_matter(text: &str) -> bool {
    let begun = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    !begun.is_empty() && !begun.starts_with("---")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> AgentName {
        text.parse().unwrap()
    }

    #[test]
    fn a_file_claims_its_name_and_an_unclear_one_whatever_it_may_mean() {
        let large = format!("---\nname: big\n---\n{}", "x".repeat(super::super::AGENT_FILE_BYTES_MAX));
        for (text, extent, claimed, free) in [
            ("---\nname: reviewer\nhooks: {}\n---\n", Extent::Whole, "reviewer", "stem"),
            ("---\nhooks: {}\n---\n", Extent::Whole, "stem", "reviewer"),
            ("---\n\"name\": \"revi\\u0065wer\"\n---\n", Extent::Whole, "reviewer", "stem"),
            ("---\nname: reviewer\ndescription: [x\n---\n", Extent::Whole, "reviewer", "other"),
            ("\u{feff}---\nname: reviewer\n---\n", Extent::Whole, "reviewer", "other"),
            ("---\nname: Reviewer\n---\n", Extent::Whole, "reviewer", "other"),
            (&large, Extent::Whole, "big", "other"),
        ] {
            let claim = Claim::of("stem", text, extent);
            assert!(claim.may_be(&name(claimed)) && !claim.may_be(&name(free)), "{claim:?}");
        }
        for (text, extent) in [
            ("---\nname: \"revi\\u0065wer\"\nx: [\n---\n", Extent::Whole),
            ("---\nname: revi", Extent::Head),
            ("", Extent::Head),
        ] {
            assert_eq!(Claim::of("stem", text, extent), Claim::Any, "{text:?}");
        }
        assert_eq!(Claim::of("stem", "# About these agents\nreviewer", Extent::Whole), Claim::Nothing);
    }

    proptest! {
        /// Whatever stands around it: a name that a file has in clear is claimed by it.
        #[test]
        fn a_name_behind_a_fence_is_never_free(
            before in "[\u{feff} \n]{0,3}",
            front in "[a-z:\\[\\]{}\"'# -]{0,30}",
            behind in "\\PC{0,60}",
        ) {
            let text = format!("{before}---\n{front}\nname: reviewer\n---\n{behind}");
            prop_assert!(Claim::of("stem", &text, Extent::Whole).may_be(&name("reviewer")), "{text:?}");
        }
    }
}
