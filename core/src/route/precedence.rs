//! How much of a request is decided before the classifier is asked, and by whom.

/// How much of a request is settled before the classifier is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Settled {
    /// Nothing.
    #[default]
    Nothing,
    /// Who does it, by a rule that may not answer doubts: a repository's.
    Tier,
    /// Who does it, and what is meant: by a preset that the person switched on.
    Meaning,
    /// Who does it, by the person: a flag, or a rule of their own policy.
    ByPerson,
}
