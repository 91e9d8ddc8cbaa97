//! Counts this hook: one that gives up or is killed records nothing else.

use std::path::PathBuf;
use std::sync::OnceLock;

use jiff::Timestamp;

use super::context::HookContext;
use crate::assemble::Environment;
use crate::clock;
use crate::engine::hooks::HookCounts;

/// The count of this process.
#[derive(Default)]
pub struct Count {
    begun: OnceLock<(HookCounts, Timestamp)>,
}

impl Count {
    /// Counts the hook before its work begins, unless hooks are off.
    pub fn begun(&self, context: &HookContext) {
        if context.choice.mode.is_some() {
            self.begin(&context.environment);
        }
    }

    /// Counts that it has answered.
    pub fn ended(&self) {
        if let Some((counts, at)) = self.begun.get() {
            // Uncounted, it looks like one that gave up; the answer was given all the same.
            let _ = counts.ended(*at);
        }
    }

    /// Counts a hook that gave up before its work began: it waited for its input, or for the settings.
    pub fn gave_up(&self) {
        let environment = Environment::new(PathBuf::from(".")).ok().filter(|_| self.begun.get().is_none());
        let is_silent = |environment: &Environment| {
            let is_set =
                |name: &str, silent: &dyn Fn(&str) -> bool| environment.env.text(name).is_some_and(silent);
            is_set("POINTSMAN_DEPTH", &|depth| depth != "0")
                || is_set("POINTSMAN_MODE", &|mode| mode == "off")
        };
        if let Some(environment) = environment.filter(|environment| !is_silent(environment)) {
            self.begin(&environment);
        }
    }

    fn begin(&self, environment: &Environment) {
        let (counts, at) = (HookCounts::new(&environment.store_paths().state), clock::now());
        // Where nothing can be written, the hook itself will say so.
        if counts.begun(at).is_ok() {
            let _ = self.begun.set((counts, at));
        }
    }
}
