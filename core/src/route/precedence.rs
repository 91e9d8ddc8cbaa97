//! How much of a request is settled before the classifier is asked, and by what.

/// How much of a request is settled before the classifier is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Precedence {
    /// Nothing.
    #[default]
    Nothing,
    /// The tier, by a rule that may not settle doubts: a repository's.
    Tier,
    /// The tier, and what is meant: by a preset that the user switched on.
    Meaning,
    /// The tier, by the user: a flag, or a rule of their own policy.
    ByPerson,
}
