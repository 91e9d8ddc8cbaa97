//! Scripts for the fake agent, as values. The words are explained in `tests/agents/script.rs`.

use std::fmt::Display;
use std::path::Path;

/// A script: steps that the agent does one after the other.
#[derive(Debug, Clone, Default)]
pub struct Fake {
    words: Vec<String>,
    /// Whether it speaks plain text instead of the stream of Claude Code.
    pub plain: bool,
}

impl Fake {
    /// Makes a script of one step.
    pub fn step<const N: usize>(words: [&dyn Display; N]) -> Fake {
        Fake { words: words.iter().map(ToString::to_string).collect(), plain: false }
    }

    /// Does another script after this one.
    pub fn then(mut self, next: Fake) -> Fake {
        self.words.extend(next.words);
        self.plain |= next.plain;
        self
    }

    /// Speaks plain text.
    pub fn plain(self) -> Fake {
        Fake { plain: true, ..self }
    }

    /// Returns the arguments of the fake agent.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.plain.then_some("plain").into_iter().chain(self.words.iter().map(String::as_str))
    }

    /// Answers and ends.
    pub fn completes(text: &str) -> Fake {
        Fake::step([&"completes", &text])
    }

    /// Answers, ends its turn, and lives on.
    pub fn answers(text: &str) -> Fake {
        Fake::step([&"answers", &text])
    }

    /// Says something and goes on.
    pub fn says(text: &str) -> Fake {
        Fake::step([&"says", &text])
    }

    /// Asks for a stronger tier when it is haiku; completes as anybody else.
    pub fn escalates() -> Fake {
        Fake::step([&"escalates"])
    }

    /// Is silent for ever.
    pub fn hangs() -> Fake {
        Fake::step([&"hangs"])
    }

    /// Begins its stream and is then silent for ever.
    pub fn hangs_after_init() -> Fake {
        Fake::step([&"hangs-after-init"])
    }

    /// Does not listen to the polite signal.
    pub fn ignores_term() -> Fake {
        Fake::step([&"ignores-term"])
    }

    /// Leaves three processes behind that do not want to be found.
    pub fn leaks_grandchild() -> Fake {
        Fake::step([&"leaks-grandchild"])
    }

    /// Leaves one process behind.
    pub fn leaves_background() -> Fake {
        Fake::step([&"leaves-background"])
    }

    /// Leaves a process that forks and exits without pause, in a new session each time; `file` is locked until it is gone.
    pub fn leaves_chain(file: &Path) -> Fake {
        Fake::step([&"leaves-chain", &file.display()])
    }

    /// Writes that many bytes: `stream`, `line`, `garbage` or `text`.
    pub fn floods(kind: &str, bytes: u64) -> Fake {
        Fake::step([&"floods", &kind, &bytes])
    }

    /// Writes what it was given into a file: `env`, `argv`, `stdin` or `cwd`.
    pub fn dumps(what: &str, file: &Path) -> Fake {
        Fake::step([&"dumps", &what, &file.display()])
    }

    /// Makes an empty file, for a test to wait for.
    pub fn touches(file: &Path) -> Fake {
        Fake::step([&"touches", &file.display()])
    }

    /// Writes a file.
    pub fn writes(file: &Path, text: &str) -> Fake {
        Fake::step([&"writes", &file.display(), &text])
    }

    /// Deletes a file.
    pub fn removes(file: &Path) -> Fake {
        Fake::step([&"removes", &file.display()])
    }

    /// Waits for a file.
    pub fn awaits(file: &Path) -> Fake {
        Fake::step([&"awaits", &file.display()])
    }

    /// Holds a file's lock to the end, and fails where another agent has it.
    pub fn locks(file: &Path) -> Fake {
        Fake::step([&"locks", &file.display()])
    }

    /// Ends its first starts with a step of one word; `state` is a file that counts them.
    pub fn first(count: u32, state: &Path, step: &str) -> Fake {
        Fake::step([&"first", &count, &state.display(), &step])
    }

    /// Is used up until then, seconds since 1970.
    pub fn rate_limited(resets_at: i64) -> Fake {
        Fake::step([&"rate-limited", &resets_at])
    }

    /// Fails with an API error.
    pub fn api_error(status: u16, kind: &str) -> Fake {
        Fake::step([&"api-error", &status, &kind])
    }

    /// Answers in another model's name.
    pub fn wrong_model(model: &str, text: &str) -> Fake {
        Fake::step([&"wrong-model", &model, &text])
    }

    /// Does a step of one word.
    pub fn just(step: &str) -> Fake {
        Fake::step([&step])
    }
}
