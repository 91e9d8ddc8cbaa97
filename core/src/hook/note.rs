//! What is remembered between the hooks of one session: what the user said about the current prompt.

use serde::{Deserialize, Serialize};

use super::delegation::PersonSaid;
use super::prompt::{Approval, LeftBecause};
use crate::route::{Answer, Route};

/// The memory of one session. It outlives the session's process: a session that is resumed goes on with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The prompt. What was said does not apply to any other one.
    pub prompt_id: Option<String>,
    /// What was said.
    pub said: PersonSaid,
    /// Whether what would be asked was approved.
    #[serde(default)]
    pub approved: bool,
    /// Whether the model was told to ask the user first.
    #[serde(default)]
    pub asked: bool,
    /// Whether the session was resumed: it has a conversation that no run of ours knows.
    #[serde(default)]
    pub resumed: bool,
}

impl Note {
    /// Returns whether what would be asked was approved. Notes of older versions say it in `said` alone.
    pub fn is_approved(&self) -> bool {
        self.approved || self.said == PersonSaid::Approved
    }
}

/// How a prompt was treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoteUpdate {
    /// It was routed.
    Routed {
        /// What the user said along with it.
        said: PersonSaid,
        /// Whether the user approved.
        approval: Approval,
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
    let prompt_id = prompt_id.map(str::to_owned);
    let before = earlier.cloned().unwrap_or_default();
    let fresh = Note { prompt_id: prompt_id.clone(), resumed: before.resumed, ..Note::default() };
    let note = match update {
        NoteUpdate::Routed { said, approval, asked } => {
            Note { said, approved: approval == Approval::Given, asked, ..fresh }
        }
        NoteUpdate::Left { because: LeftBecause::Asked, .. } => {
            Note { said: PersonSaid::LeaveAlone, ..fresh }
        }
        // A message of the CLI itself is not a new prompt of the user's: what they said still holds.
        NoteUpdate::Left { because: LeftBecause::Machine, .. } => {
            Note { prompt_id: prompt_id.clone(), ..before }
        }
        // The question was ours, so this is the answer to it.
        NoteUpdate::Left { because: LeftBecause::Reply, answer: Some(Answer::Yes) } if before.asked => {
            Note { said: PersonSaid::Approved, approved: true, ..fresh }
        }
        NoteUpdate::Left {
            because: LeftBecause::Reply | LeftBecause::Command | LeftBecause::Empty, ..
        } => fresh,
    };
    // A message in the middle of a turn shares its id, and takes back nothing that was said for it.
    match earlier.filter(|earlier| prompt_id.is_some() && earlier.prompt_id == prompt_id) {
        Some(same) => Some(joined(same, note)).filter(|joined| joined != same),
        None => Some(note),
    }
}

/// Returns what was said in two messages of one turn, the later of which may say more.
fn joined(earlier: &Note, later: Note) -> Note {
    if later.said == PersonSaid::LeaveAlone {
        return later;
    }
    let said = match (&earlier.said, later.said) {
        (said, PersonSaid::Nothing | PersonSaid::Approved) if *said != PersonSaid::Nothing => said.clone(),
        (PersonSaid::Tier(tier), PersonSaid::Agent(_)) => PersonSaid::Tier(*tier),
        (_, said) => said,
    };
    Note { said, approved: earlier.approved || later.approved, ..later }
}

/// Returns the note of a session that begins or goes on, by the CLI's word for how; `None` if it stays as it is.
pub fn at_start(earlier: Option<&Note>, source: &str) -> Option<Note> {
    match source {
        "resume" => Some(Note { resumed: true, ..earlier.cloned().unwrap_or_default() }),
        "startup" | "clear" => earlier.map(|_| Note::default()),
        _ => None,
    }
}

/// Returns whether the person has approved: beforehand by our mark, or with a yes to the question that we had the model ask.
pub fn approval(beforehand: Approval, earlier: Option<&Note>, route: &Route) -> Approval {
    let answers_us = earlier.is_some_and(|note| note.asked) && route.answer == Some(Answer::Yes);
    if answers_us { Approval::Given } else { beforehand }
}
