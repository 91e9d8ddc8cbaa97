//! Telling somebody that a run is over.

use pointsman_core::run::notify::{self, Attendance};

use crate::engine::Engine;
use crate::engine::notify::EndedRun;
use crate::present::output::{self, Tone, Verbosity};

/// Tells whoever the settings name of a run that nobody waited for. Nobody reads what a driver says, so failures are not
/// said.
pub fn tell_of_detached(engine: &Engine, ended: &EndedRun) {
    if notify::due(&ended.terms, Attendance::Nobody, ended.took).others {
        let _ = engine.notify(ended);
    }
}

/// Tells whoever the settings name; rings the terminal, if somebody waited at it.
pub fn tell(engine: &Engine, ended: &EndedRun, verbosity: Verbosity) {
    let is_seen = output::messages_are_seen();
    let attendance = if is_seen { Attendance::Terminal } else { Attendance::Script };
    let due = notify::due(&ended.terms, attendance, ended.took);
    if due.bell && verbosity == Verbosity::Normal {
        output::ring(engine.terminal_notifies().then_some(&ended.line));
    }
    if due.others {
        for failed in engine.notify(ended) {
            output::say(Tone::Warning, "notice:", &failed);
        }
    }
}
