//! What a process of each program costs as a whole, measured in pairs so that both run under the same conditions.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::builds::Builds;
use super::place::{Place, REQUEST};

/// How often both are started. The first tenth is not counted.
const PAIR_COUNT: usize = 440;

/// Compares runs of an agent that does nothing, hooks, and decisions; prints a table.
pub fn run(builds: &Builds) -> io::Result<()> {
    // Each program has a ledger of its own version.
    let (old, again, new) =
        (installed(builds, &builds.old)?, installed(builds, &builds.old)?, installed(builds, &builds.new)?);
    println!("{PAIR_COUNT} pairs each, milliseconds; in the first line both are the older program");
    println!(
        "{:<26} {:>10} {:>10} {:>10} {:>10} {:>7} {:>7}",
        "", "old median", "p90", "new median", "p90", "ratio", "at p90"
    );
    let quick = ["run", "--agent", "quick", REQUEST];
    compare("`run` (old and old)", [&old, &again], &quick, false)?;
    compare("`run`", [&old, &new], &quick, false)?;
    compare("`hook`", [&old, &new], &["hook"], true)?;
    compare("`route`", [&old, &new], &["route", "-o", "json", REQUEST], false)
}

/// Returns a place with a program in it, and its input.
///
/// The program is copied there, in the same way for both: how a file was written to disk decides how the kernel keeps
/// it in memory, and the same program starts a tenth slower as the linker wrote it than as a copy.
fn installed(builds: &Builds, program: &Path) -> io::Result<Place> {
    let place = Place::new(builds)?;
    place.install(program).map_err(io::Error::other)?;
    let quick = "[agents.quick]\nadapter = \"plain\"\ntier = \"haiku\"\ncommand = [\"/bin/echo\", \"the answer is 42\"]\n";
    fs::write(place.path("config/pointsman/config.toml"), quick)?;
    let event = json!({"hook_event_name": "UserPromptSubmit", "session_id": "s1", "prompt_id": "p1", "prompt": REQUEST});
    fs::write(place.path("event.json"), event.to_string())?;
    Ok(place)
}

fn compare(name: &str, places: [&Place; 2], args: &[&str], with_event: bool) -> io::Result<()> {
    let one = |place: &Place| {
        let input = place.path("event.json");
        time(place.command(&place.installed, args), with_event.then_some(input.as_path()))
    };
    let mut pairs = Vec::with_capacity(PAIR_COUNT);
    for at in 0..PAIR_COUNT {
        // The second program finds traces of the first in the caches: they take turns.
        let pair = if at % 2 == 0 {
            let old = one(places[0])?;
            (old, one(places[1])?)
        } else {
            let new = one(places[1])?;
            (one(places[0])?, new)
        };
        pairs.push(pair);
    }
    let (old, new): (Vec<Duration>, Vec<Duration>) = pairs.split_off(PAIR_COUNT / 10).into_iter().unzip();
    let (old, new) = (Spread::of(old), Spread::of(new));
    let (ratio, at_p90) = (new.median / old.median, new.p90 / old.p90);
    println!(
        "{name:<26} {:>10.2} {:>10.2} {:>10.2} {:>10.2} {ratio:>7.3} {at_p90:>7.3}",
        old.median, old.p90, new.median, new.p90
    );
    Ok(())
}

fn time(mut command: Command, input: Option<&Path>) -> io::Result<Duration> {
    let stdin = input.map_or_else(|| Ok(Stdio::null()), |path| fs::File::open(path).map(Stdio::from))?;
    command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status()?;
    let took = begun.elapsed();
    if status.success() {
        Ok(took)
    } else {
        Err(io::Error::other(format!("{command:?} ended with {status}")))
    }
}

/// The spread of measured times, in milliseconds.
struct Spread {
    median: f64,
    p90: f64,
}

impl Spread {
    fn of(mut took: Vec<Duration>) -> Spread {
        took.sort();
        let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1e3;
        Spread { median: at(50), p90: at(90) }
    }
}
