//! `pointsman run --detach`: the run continues in a process of its own.

use pointsman_core::run::spec::RunSpec;

use super::exit::Failure;
use super::request_args::RunArgs;
use crate::assemble;
use crate::engine::background::{self, Submitted};
use crate::present::human::Openings;
use crate::present::output::{self, Format, Tone, Verbosity};
use crate::present::route;

/// Starts the run in the background and prints its id.
pub fn start(args: &RunArgs, spec: &RunSpec) -> Result<u8, Failure> {
    Ok(print(&background::start(&assemble::own_program()?, spec)?, args))
}

fn print(submitted: &Submitted, args: &RunArgs) -> u8 {
    match args.output {
        Format::Text => output::text(&submitted.run_id),
        Format::Json | Format::Jsonl => output::json(submitted),
    }
    if let Some(code) = submitted.code {
        output::say(Tone::Bad, &output::coded("refused", Some(code)), &route::text(&submitted.route));
        output::hint("`--approve` runs it");
        output::more(code);
        return code.exit_code();
    }
    if args.verbosity() == Verbosity::Normal {
        let (notices, notice) = submitted.said.split_at(submitted.said.len().saturating_sub(1));
        notices.iter().for_each(|notice| output::say(Tone::Warning, "notice:", notice));
        let word = Openings { is_rehearsal: submitted.rehearsal }.mark("route:");
        notice.iter().for_each(|notice| output::say(Tone::Plain, &word, notice));
        output::hint(&format!("`pointsman runs logs -f {}` follows it", submitted.short_id));
    }
    0
}
