//! The look at a project before a run.

use tokio::task::JoinHandle;

use crate::changes::Before;

/// The look at a project before a run.
#[derive(Default)]
pub enum FirstLook {
    /// Nothing was looked at.
    #[default]
    None,
    /// It is being looked at, while the agent is prepared.
    Begun(JoinHandle<Before>),
    /// It was looked at.
    Done(Before),
}

impl FirstLook {
    /// Waits until it was looked at: no agent may change anything before that.
    pub async fn done(&mut self) {
        if let FirstLook::Begun(look) = self {
            *self = FirstLook::Done(look.await.unwrap_or(Before::Nothing));
        }
    }
}
