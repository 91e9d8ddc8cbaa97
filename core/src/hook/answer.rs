//! What the CLI reads from a hook's standard output.

use serde_json::{Map, Value, json};

/// An answer to an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HookAnswer {
    /// What it does.
    pub effect: HookEffect,
    /// One line for the user, shown by the CLI.
    pub notice: Option<String>,
}

/// What an answer does.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum HookEffect {
    /// Nothing: the CLI continues as it would have anyway.
    #[default]
    None,
    /// Text for the model in addition to the event.
    Context {
        /// The event's name.
        event: &'static str,
        /// The text.
        text: String,
    },
    /// The prompt does not reach the model.
    Block {
        /// Why, for the user.
        reason: String,
    },
    /// The tool gets a different input, which replaces the old one entirely.
    Rewrite {
        /// The input.
        input: Map<String, Value>,
    },
    /// The tool is not used.
    Deny {
        /// Why, for the model.
        reason: String,
    },
}

impl HookAnswer {
    /// Creates an answer with an effect and no notice for the user.
    pub fn of(effect: HookEffect) -> HookAnswer {
        HookAnswer { effect, notice: None }
    }

    /// Returns the JSON to print; `None` if silence is the answer.
    pub fn to_json(&self) -> Option<Value> {
        let mut said = match &self.effect {
            HookEffect::None => json!({}),
            HookEffect::Context { event, text } => {
                json!({"hookSpecificOutput": {"hookEventName": event, "additionalContext": text}})
            }
            HookEffect::Block { reason } => json!({"decision": "block", "reason": reason}),
            HookEffect::Rewrite { input } => {
                json!({"hookSpecificOutput": {"hookEventName": "PreToolUse", "updatedInput": input}})
            }
            HookEffect::Deny { reason } => json!({"hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": "deny",
                "permissionDecisionReason": reason,
            }}),
        };
        if let Some(notice) = &self.notice {
            said["systemMessage"] = json!(notice);
        }
        said.as_object().is_some_and(|fields| !fields.is_empty()).then_some(said)
    }
}
