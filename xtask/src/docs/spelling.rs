//! Whether the commands in a page are commands: every verb and flag must stand in the program's own help.

use std::collections::BTreeMap;

/// The help of each verb, by its words: `runs diff`.
pub struct Helps<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Helps<'a> {
    /// Reads the page of commands.
    pub fn read(page: &'a str) -> Helps<'a> {
        let chapters = page.split("\n## `pointsman").skip(1);
        Helps(
            chapters
                .filter_map(|chapter| chapter.split_once('`'))
                .map(|(verb, help)| (verb.trim(), help))
                .collect(),
        )
    }

    /// Returns the commands of a page that the program would not understand.
    pub fn unknown(&self, page: &str) -> Vec<String> {
        let codes = page.split('`').skip(1).step_by(2).filter(|code| !code.is_empty());
        let commands = codes.flat_map(str::lines).filter_map(|line| line.split_once("pointsman "));
        // Cargo names the package.
        let commands = commands.filter(|(before, _)| !before.ends_with("-p ") && !before.ends_with("--bin "));
        let commands = commands.map(|(_, command)| command);
        commands.filter(|command| !self.understands(command)).map(str::to_owned).collect()
    }

    fn understands(&self, command: &str) -> bool {
        let own = command.split(" -- ").next().unwrap_or_default().split(['#', '|', ')', '>']).next();
        let unquoted: String = own.unwrap_or_default().split(['"', '\'']).step_by(2).collect();
        let words: Vec<&str> = unquoted.split_whitespace().collect();
        let known = (0..=words.len()).rev().find_map(|count| {
            let help = self.0.get(words[..count].join(" ").as_str())?;
            Some((count, help))
        });
        let Some((count, help)) = known else { return false };
        let is_verb = |word: &&&str| !word.starts_with('-') && !is_placeholder(word);
        if help.contains("\nCommands:\n") && words.get(count).as_ref().is_some_and(is_verb) {
            return false;
        }
        let flags = words.iter().filter(|word| word.starts_with('-') && word.len() > 1);
        let names = flags.map(|flag| flag.split('=').next().unwrap_or(flag));
        names.into_iter().all(|name| help.split([' ', ',', '\n', '[', '=', '`']).any(|word| word == name))
    }
}

/// Tells whether a word stands for others: `VERB`.
fn is_placeholder(word: &str) -> bool {
    word.chars().all(|letter| letter.is_ascii_uppercase())
}

#[test]
fn a_verb_or_flag_that_is_not_there_is_found() {
    let page = "# C\n\n## `pointsman`\n\nCommands:\n  runs\n\n## `pointsman runs`\n\nCommands:\n  diff\n\n## `pointsman runs diff`\n\n```text\n      --stat  Only the files\n  -h, --help\n```\n";
    let helps = Helps::read(page);
    let text = "`pointsman rus` `pointsman runs diff --stat latest` `pointsman runs dif x` `a | pointsman runs diff --sat \"--x\"`";
    assert_eq!(helps.unknown(text), ["rus", "runs dif x", "runs diff --sat \"--x\""]);
}
