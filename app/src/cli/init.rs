//! `pointsman init`: what is there, and the first steps, each after a question.

use std::path::{Path, PathBuf};

use pointsman_core::error_code::ErrorCode;
use pointsman_core::policy::file_rule::Author;
use pointsman_core::project_commands::command::ProjectCommand;
use pointsman_core::project_commands::detect::project_commands;

use super::consent::Consent;
use super::context::environment;
use super::exit::Failure;
use super::setup_args::{InitArgs, PluginPlace, ScopeArg};
use super::{doctor, plugin, shell};
use crate::assemble::Environment;
use crate::config::completion_file::CompletionFile;
use crate::config::load::{Loaded, USER_FILE};
use crate::config::{init, policy, root_files};
use crate::plugin::{InstallScope, Installed};
use crate::present::checks::{self, Check, Severity};
use crate::present::human::short_path;
use crate::present::output::{self, Tone};

/// Runs the verb.
pub fn main(args: &InitArgs) -> Result<u8, Failure> {
    let environment = environment(None)?;
    let (loaded, trouble) = environment.settings_or_defaults();
    let mut found = doctor::agents_and_login(&environment, &loaded)?;
    found.push(project(&loaded.project.root));
    output::styled(&checks::lines(&found, output::width()));
    trouble.into_iter().for_each(|error| output::failure(&Failure::from(error)));
    let steps = Steps { environment: &environment, loaded: &loaded };
    let open: Vec<Step> = Step::ALL.into_iter().filter(|step| steps.is_open(*step)).collect();
    match args.consent.consent() {
        _ if args.dry_run => steps.announce(&open, "would do:"),
        Consent::Given => return Ok(steps.take(&open, Consent::Given)),
        Consent::Asked if output::is_interactive() => return Ok(steps.take(&open, Consent::Asked)),
        Consent::Asked if open.is_empty() => {}
        Consent::Asked => {
            steps.announce(&open, "would do:");
            return Err(Failure::new(
                ErrorCode::NobodyToAsk,
                "nobody is at the terminal to say yes, so nothing was done",
                "`--yes` says it beforehand",
            ));
        }
    }
    Ok(0)
}

/// Says what kind of project this is, by how it is tested and built. Nothing is written into it.
fn project(root: &Path) -> Check {
    let commands = project_commands(&root_files::read(root));
    let said = |command: &ProjectCommand| format!("{}: `{}`", command.kind.as_str(), command.command);
    let said: Vec<String> = commands.iter().map(said).collect();
    let detail =
        if said.is_empty() { "no known test, build or lint command".to_owned() } else { said.join(" · ") };
    Check::new("project", Severity::Ok, format!("{}; {detail}", root.display()))
}

/// One thing that a person sets up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Config,
    Policy,
    Plugin,
    Completions,
}

impl Step {
    const ALL: [Step; 4] = [Step::Config, Step::Policy, Step::Plugin, Step::Completions];
}

struct Steps<'a> {
    environment: &'a Environment,
    loaded: &'a Loaded,
}

impl Steps<'_> {
    /// Returns whether a step can be taken; where not, says why.
    fn is_open(&self, step: Step) -> bool {
        let there = |path: PathBuf| path.symlink_metadata().is_ok().then(|| self.short(&path));
        let config = &self.environment.dirs.config;
        let done = match step {
            Step::Config => there(config.join(USER_FILE)),
            Step::Policy => policy::user_file(config).ok().flatten().map(|path| self.short(&path)),
            Step::Plugin => return self.is_plugin_open(),
            Step::Completions => match self.completions() {
                Some(file) => file.holds(&shell::script(file.shell)).then(|| self.short(&file.path)),
                None => {
                    output::say(
                        Tone::Plain,
                        "left out:",
                        "completions; `pointsman completions SHELL` prints them",
                    );
                    return false;
                }
            },
        };
        done.iter().for_each(|path| output::say(Tone::Good, "already there:", path));
        done.is_none()
    }

    fn is_plugin_open(&self) -> bool {
        let plugin = self.environment.plugin(self.loaded).map_err(Failure::from);
        let installed = plugin.and_then(|plugin| {
            plugin::needs_cli(&plugin)?;
            Ok(plugin.installed(InstallScope::User)?)
        });
        match installed {
            Ok(Installed::No) => true,
            Ok(Installed::ByUs | Installed::ByOthers) => {
                output::say(Tone::Good, "already there:", "the plugin in Claude Code");
                false
            }
            Err(failure) => {
                output::say(Tone::Plain, "left out:", &format!("the plugin: {}", failure.message));
                false
            }
        }
    }

    fn announce(&self, steps: &[Step], word: &str) {
        steps.iter().for_each(|step| output::say(Tone::Plain, word, &self.what(*step)));
        if steps.is_empty() {
            output::say(Tone::Good, "nothing to do:", "all of it is there");
        }
    }

    /// Returns what a step does, as an order.
    fn what(&self, step: Step) -> String {
        let config = &self.environment.dirs.config;
        match step {
            Step::Config => {
                format!("write {}: every setting, commented out", self.short(&config.join(USER_FILE)))
            }
            Step::Policy => format!(
                "write {}: rules of your own, with examples in comments",
                self.short(&config.join(policy::USER_FILE))
            ),
            Step::Plugin => {
                "put the plugin into Claude Code's settings: it advises in your sessions".to_owned()
            }
            Step::Completions => self.completions().map_or_else(String::new, |file| {
                format!("write {}: completions for {}", self.short(&file.path), file.shell)
            }),
        }
    }

    /// Takes the steps, and returns the exit code: the first failure's, or 0. One that fails does not keep the others from
    /// being taken.
    fn take(&self, steps: &[Step], consent: Consent) -> u8 {
        let mut exit_code = 0;
        for step in steps {
            if let Err(failure) = self.take_one(*step, consent) {
                if failure.code == ErrorCode::Declined {
                    output::say(Tone::Plain, "left out:", "you said no");
                    continue;
                }
                output::failure(&failure);
                exit_code = if exit_code == 0 { failure.exit_code() } else { exit_code };
            }
        }
        if steps.is_empty() {
            output::say(Tone::Good, "nothing to do:", "all of it is there");
        }
        output::hint("`pointsman demo` shows what it does; `pointsman run \"…\"` does a request");
        exit_code
    }

    fn take_one(&self, step: Step, consent: Consent) -> Result<(), Failure> {
        let config = &self.environment.dirs.config;
        if step == Step::Plugin {
            // It shows the change to the settings and asks by itself.
            let everywhere = PluginPlace { scope: ScopeArg::User, project: None };
            return plugin::install(&everywhere, consent).map(drop);
        }
        if consent == Consent::Asked && !output::ask(&capitalized(&self.what(step))) {
            return Err(Failure::bare(ErrorCode::Declined, "you said no"));
        }
        let path = match step {
            Step::Config => init::write_user_config(config)?,
            Step::Policy => policy::write_first(config, Author::User)?,
            Step::Completions => self.write_completions()?,
            Step::Plugin => unreachable!("it was installed above"),
        };
        output::say(Tone::Good, "written:", &self.short(&path));
        Ok(())
    }

    fn write_completions(&self) -> Result<PathBuf, Failure> {
        let file = self.completions().expect("a step without a file is not open");
        let written = file.write(&shell::script(file.shell));
        written.map_err(|error| {
            let message = format!("`{}`: {error}", file.path.display());
            Failure::new(ErrorCode::CannotWrite, message, "check the path and its permissions")
        })?;
        if file.shell == clap_complete::Shell::Zsh {
            let dir = file.path.parent().map(|dir| self.short(dir)).unwrap_or_default();
            output::hint(&format!("zsh finds it with `fpath=({dir} $fpath)` before `compinit` in ~/.zshrc"));
        }
        Ok(file.path)
    }

    fn completions(&self) -> Option<CompletionFile> {
        CompletionFile::find(&self.environment.env, &self.environment.dirs)
    }

    fn short(&self, path: &Path) -> String {
        short_path(path, &self.environment.dirs.home)
    }
}

/// Returns an order as a question.
fn capitalized(order: &str) -> String {
    let mut letters = order.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}?", first.to_uppercase(), letters.as_str()))
}
