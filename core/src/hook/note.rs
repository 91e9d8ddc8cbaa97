//! What is remembered between the hooks of one session: what the user said about the current prompt.

use serde::{Deserialize, Serialize};

use super::delegation::PersonSaid;
use super::prompt::{Approval, LeftBecause};
use crate::route::{Answer, Route};

/// The memory of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The prompt. The note does not apply to any other one.
    pub prompt_id: Option<String>,
    /// What was said.
    pub said: PersonSaid,
    /// Whether the model was told to ask the user first.
    #[serde(default)]
    pub asked: bool,
}

/// How a prompt was treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteUpdate {
    /// It was routed.
    Routed {
        /// What the user said along with it.
        said: PersonSaid,
        /// Whether the model is told to ask first.
        asked: bool,
    },
    /// It was left alone.
    Left {
        /// Why.
        because: LeftBecause,
        /// What the words are, if they answer what the agent said.
        answer: Option<Answer>,
    },
}

/// Returns the note after a prompt; `None` if the earlier one stays as it is.
pub fn after(earlier: Option<&Note>, prompt_id: Option<&str>, update: NoteUpdate) -> Option<Note> {
    let was_asked = earlier.is_some_and(|note| note.asked);
    let (said, asked) = match update {
        NoteUpdate::Routed { said, asked } => (said, asked),
        NoteUpdate::Left { because: LeftBecause::Asked, .. } => (PersonSaid::LeaveAlone, false),
        // A message of the CLI itself is not a new prompt of the user's: what they said still holds.
        NoteUpdate::Left { because: LeftBecause::Notification, .. } => {
            (earlier.map(|note| note.said).unwrap_or_default(), was_asked)
        }
        // The question was ours, so this is the answer to it.
        NoteUpdate::Left { because: LeftBecause::Reply, answer: Some(Answer::Yes) } if was_asked => {
            (PersonSaid::Approved, false)
        }
        NoteUpdate::Left {
            because: LeftBecause::Reply | LeftBecause::Command | LeftBecause::Empty, ..
        } => (PersonSaid::Nothing, false),
    };
    // A message in the middle of a turn shares its id, and takes back nothing that was said for it.
    let same = earlier.filter(|note| prompt_id.is_some() && note.prompt_id.as_deref() == prompt_id);
    let takes_back = said == PersonSaid::Nothing && same.is_some_and(|note| note.said != PersonSaid::Nothing);
    (!takes_back).then(|| Note { prompt_id: prompt_id.map(str::to_owned), said, asked })
}

/// Returns whether the person has approved: beforehand by our mark, or with a yes to the question that we had the model ask.
pub fn approval(beforehand: Approval, earlier: Option<&Note>, route: &Route) -> Approval {
    let answers_us = earlier.is_some_and(|note| note.asked) && route.answer == Some(Answer::Yes);
    if answers_us { Approval::Given } else { beforehand }
}
