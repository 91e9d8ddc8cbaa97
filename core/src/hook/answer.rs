//! What the CLI reads on a hook's standard output.

use serde_json::{Map, Value, json};

/// An answer to an event.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HookAnswer {
    /// What it does.
    pub effect: HookEffect,
    /// One line for the person, shown by the CLI.
    pub notice: Option<String>,
}

/// What an answer does.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum HookEffect {
    /// Nothing: the CLI goes on as it would have.
    #[default]
    None,
    /// Text for the model beside the event.
    Context {
        /// The event's name.
        event: &'static str,
        /// The text.
        text: String,
    },
    /// The prompt does not reach the model.
    Block {
        /// Why, for the person.
        reason: String,
    },
    /// The tool is given another input, whole.
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
    /// An answer with an effect and nothing for the person.
    pub fn of(effect: HookEffect) -> HookAnswer {
        HookAnswer { effect, notice: None }
    }

    /// Returns the JSON to print; `None` where silence says it.
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
