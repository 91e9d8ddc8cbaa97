//! `pointsman demo`: what pointsman does, shown by doing it, in a place of its own.

use std::io;
use std::time::Duration;

use pointsman_core::error_code::ErrorCode;
use pointsman_core::run::end::StopCause;
use pointsman_core::run::next;
use tokio::time::timeout;

use super::context::{environment, runtime};
use super::exit::Failure;
use crate::assemble;
use crate::demo::Stage;
use crate::engine::stops::Stops;
use crate::present::output;

/// A signal that the terminal sent to all of its programs is heard at once.
const SIGNAL_WAIT: Duration = Duration::from_secs(1);

/// A command that is shown, and the exit code that it must have.
type Command = (&'static [&'static str], i32);

/// One thing that is shown.
struct Scene {
    caption: &'static str,
    commands: &'static [Command],
}

const RENAME: &str = "Rename parse to parse_line in src/lib.rs";
const TYPO: &str = "Fix the typo in the README's second line";
const FLAG: &str = "Add a --json flag to the list command, with tests";
const RACE: &str = "Why does the pool deadlock under load? Find the race";
const SPLIT: &str = "Design how to split the storage layer into crates";
const DELETE: &str = "Delete the old backups on the production server";

/// The scenes before the driver is killed.
const BEFORE: [Scene; 5] = [
    Scene {
        caption: "Six requests: who should do each, and why. No model is asked.",
        commands: &[
            (&["route", RENAME], 0),
            (&["route", TYPO], 0),
            (&["route", FLAG], 0),
            (&["route", RACE], 0),
            (&["route", SPLIT], 0),
            (&["route", DELETE], 0),
        ],
    },
    Scene {
        caption: "What could do damage is held until a person says yes (exit code 77).",
        commands: &[(&["run", "--rehearse", DELETE], 77)],
    },
    Scene {
        caption: "Another model answers than was asked for: it is seen in the agent's own stream.",
        commands: &[(&["run", "--rehearse=mismatch", FLAG], 0)],
    },
    Scene {
        caption: "The agent says that it is too hard for it: one tier up, in the same session.",
        commands: &[(&["run", "--rehearse=escalate", TYPO], 0)],
    },
    Scene {
        caption: "The account's limit is reached: the run waits until it resets, and goes on.",
        commands: &[(&["run", "--rehearse=quota", "--wait", RENAME], 0)],
    },
];

/// What is in the background when its driver is killed.
const HANGING: Scene = Scene {
    caption: "A run in the background, and its driver is killed with -9.",
    commands: &[(&["run", "--detach", "--rehearse=hang", "--session", "race", RACE], 0)],
};

/// How it is looked at.
const LISTED: Command = (&["runs", "list", "-n", "1"], 0);

/// The scenes after that.
const AFTER: [Scene; 3] = [
    Scene {
        caption: "Nothing is lost: request, route and attempt are recorded, and its end is an honest one.",
        commands: &[(&["runs", "show", "latest"], 0)],
    },
    Scene {
        caption: "The same session goes on.",
        commands: &[(&["run", "--rehearse", "--session", "race", RACE], 0)],
    },
    Scene {
        caption: "The report.",
        commands: &[(&["runs", "list"], 0), (&["report", "routing", "--rehearsals"], 0)],
    },
];

/// Runs the verb.
pub fn main() -> Result<u8, Failure> {
    let environment = environment(None)?;
    let program = assemble::own_program().map_err(Failure::from)?;
    runtime()?.block_on(async {
        let mut stops = Stops::of_signals().map_err(|error| Failure::of_system(&error))?;
        let stage = Stage::open(program, &environment.env.texts()).map_err(|error| no_place(&error))?;
        let mut show = Show { stage, stops: &mut stops };
        show.all().await?;
        output::caption("That was real: real processes, a real ledger, a real kill; only the agent was a script.");
        output::text("`pointsman init` sets it up, `pointsman run \"…\"` does a request. All that was made here is removed.");
        Ok(0)
    })
}

struct Show<'a> {
    stage: Stage,
    stops: &'a mut Stops,
}

impl Show<'_> {
    async fn all(&mut self) -> Result<(), Failure> {
        for scene in &BEFORE {
            self.scene(scene).await?;
        }
        self.scene(&HANGING).await?;
        self.stage.wait_for_agent();
        self.command(&LISTED).await?;
        let Some(driver) = self.stage.driver() else {
            return Err(Failure::bare(ErrorCode::OddAnswer, "the run in the background has no driver"));
        };
        output::command(&format!("kill -9 {driver}"));
        self.stage.kill(driver);
        for scene in &AFTER {
            self.scene(scene).await?;
        }
        Ok(())
    }

    async fn scene(&mut self, scene: &Scene) -> Result<(), Failure> {
        output::caption(scene.caption);
        for command in scene.commands {
            self.command(command).await?;
        }
        Ok(())
    }

    async fn command(&mut self, (args, expected): &Command) -> Result<(), Failure> {
        output::command(&shown(args));
        let mut cause = None;
        let stop = async { cause = Some(self.stops.next().await) };
        // Messages and answers go the same way, so that they keep their order.
        let errors = output::data_stream().map_err(|error| Failure::of_system(&error))?;
        match self.stage.play(args, errors, stop).await {
            Ok(Some(code)) if code == *expected => Ok(()),
            // At a terminal, Ctrl-C reaches the program that is shown as well, and it may be the first to end.
            Ok(None | Some(130 | 143)) => Err(stopped(cause.unwrap_or(StopCause::Interrupt))),
            // It may also die of it before it hears signals: then ours is heard in a moment.
            Ok(Some(code)) => match timeout(SIGNAL_WAIT, self.stops.next()).await {
                Ok(cause) => Err(stopped(cause)),
                Err(_) => {
                    let message = format!("`{}` ended with {code}, not with {expected}", shown(args));
                    Err(Failure::new(ErrorCode::OddAnswer, message, "please report this: it is a bug"))
                }
            },
            Err(error) => Err(Failure::of_system(&error)),
        }
    }
}

/// Returns a command as a person would type it.
fn shown(args: &[&str]) -> String {
    let word = |arg: &&str| if arg.contains(' ') { format!("\"{arg}\"") } else { (*arg).to_owned() };
    let words: Vec<String> = std::iter::once("pointsman".to_owned()).chain(args.iter().map(word)).collect();
    words.join(" ")
}

fn stopped(cause: StopCause) -> Failure {
    let code = next::cancelled(cause).code.unwrap_or(ErrorCode::Interrupted);
    Failure::bare(code, "stopped; all that was made is removed")
}

fn no_place(error: &io::Error) -> Failure {
    let message = format!("there is no place for the demonstration: {error}");
    Failure::new(
        ErrorCode::CannotWrite,
        message,
        "make room in the directory for temporary files, or set TMPDIR",
    )
}
