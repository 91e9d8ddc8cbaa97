//! The page of every verb and flag: the program's own help.

use std::io;
use std::path::Path;

use super::program::Program;

/// Returns the page.
pub fn page(program: &Program, home: &Path) -> io::Result<String> {
    let mut page = "# Commands\n\n\
        You want to know every verb and flag. This is what `--help` prints; `pointsman man DIR` writes the same as manual pages.\n"
        .to_owned();
    chapter(program, home, &[], &mut page)?;
    Ok(page)
}

/// Adds the help of a verb, and of the verbs below it.
fn chapter(program: &Program, home: &Path, verb: &[String], page: &mut String) -> io::Result<()> {
    let words: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
    let help = program.said(home, &words)?;
    let name = [&["pointsman".to_owned()], verb].concat().join(" ");
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    *page += &format!("\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n"));
    for below in verbs(&help).into_iter().filter(|below| below != "help") {
        chapter(program, home, &[verb, &[below]].concat(), page)?;
    }
    Ok(())
}

/// Returns the verbs that a help lists.
fn verbs(help: &str) -> Vec<String> {
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let is_named = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    listed.filter(is_named).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verbs_of_a_help_are_its_commands_without_what_is_said_of_them() {
        let help =
            "About.\n\nCommands:\n  run   Do it,\n        and say so\n  help  Print this\n\nOptions:\n  -h\n";
        assert_eq!(verbs(help), ["run", "help"]);
        assert!(verbs("Options:\n  -h\n").is_empty());
    }
}
