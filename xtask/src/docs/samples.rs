//! Samples in the pages that people write: what is shown there is what the program prints.
//!
//! A page has the commands in a block after `<!-- sample: NAME -->`. They are run in an empty home, in a small repository,
//! with the scripted agents of the program or an agent that is a line of shell; what they print takes the place of what
//! was there. Times and ids differ from run to run: where nothing else differs, the page stays as it is.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::program::Program;

/// The mark above a block.
const MARK: &str = "<!-- sample -->\n```console\n";

/// The settings of the place: an agent for work whose result is known beforehand.
const SETTINGS: &str = "agents.scripted = { adapter = \"plain\", tier = \"sonnet\", \
    command = [\"sh\", \"-c\", \"cat >/dev/null; sed -i s/tpyo/typo/ notes.txt; echo 'Corrected one word in notes.txt.'\"] }\n";

/// Returns a page with what its samples print now.
pub fn renewed(page: &str, program: &Program) -> io::Result<String> {
    let mut parts = page.split(MARK);
    let mut renewed = parts.next().unwrap_or_default().to_owned();
    let place = tempfile::tempdir()?;
    let project = place.path().join("project");
    prepare(place.path(), &project)?;
    for part in parts {
        let (block, rest) =
            part.split_once("```").ok_or_else(|| io::Error::other("a sample's block has no end"))?;
        let mut shown = String::new();
        for command in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            let said = said(program, place.path(), &project, command)?;
            shown += &format!("$ {command}\n{said}");
        }
        let kept = if steady(&shown) == steady(block) { block } else { &shown };
        renewed += &format!("{MARK}{kept}```{rest}");
    }
    Ok(renewed)
}

/// Makes a small repository with one commit, and the settings.
fn prepare(home: &Path, project: &Path) -> io::Result<()> {
    fs::create_dir_all(home.join(".config/pointsman"))?;
    fs::write(home.join(".config/pointsman/config.toml"), SETTINGS)?;
    fs::create_dir_all(project)?;
    fs::write(project.join("notes.txt"), "a tpyo\n")?;
    let words = ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "begin"];
    for args in [&["init", "--quiet"][..], &["add", "."], &words] {
        let status = Command::new("git").args(args).current_dir(project).env("HOME", home).status()?;
        if !status.success() {
            return Err(io::Error::other("git failed in the samples' place"));
        }
    }
    Ok(())
}

/// Returns everything that a command prints, as a terminal would show it.
fn said(program: &Program, home: &Path, project: &Path, command: &str) -> io::Result<String> {
    let path = format!("{}:/usr/bin:/bin", program.dir().display());
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {command}")])
        .env_clear()
        .env("HOME", home)
        .env("PATH", path)
        .env("COLUMNS", "100")
        .current_dir(project)
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.replace(&project.display().to_string(), "/home/you/project"))
}

/// Returns a text without what differs from run to run: times, ids, and the spaces that they need.
fn steady(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let before = std::iter::once("").chain(words.iter().copied());
    let steady = before.zip(&words).map(|(before, word)| if varies(word, before) { "" } else { word });
    steady.collect::<Vec<_>>().join(" ")
}

/// Tells whether a word differs from run to run; the one before it says what a short id is.
fn varies(word: &str, before: &str) -> bool {
    let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric());
    let all = |is_one: fn(char) -> bool| !bare.is_empty() && bare.chars().all(is_one);
    let is_number = all(|letter| letter.is_ascii_digit() || ".:-TZ".contains(letter));
    let is_id = bare.len() == 36 && all(|letter| letter.is_ascii_hexdigit() || letter == '-');
    let names_a_run = matches!(before, "run" | "diff" | "undo");
    let is_short_id = names_a_run
        && bare.len() == 6
        && all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    let is_duration =
        bare.starts_with(|letter: char| letter.is_ascii_digit()) && bare.ends_with(['s', 'm', 'h']);
    is_number || is_id || is_short_id || is_duration || matches!(bare, "ms" | "s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ids_are_no_difference_and_words_are() {
        let shown = "done: haiku-general · 6 ms · $0.00 · run gecdhb";
        assert_eq!(steady(shown), steady("done: haiku-general · 1.2 s · $0.00 · run k3f9qx"));
        let (one, other) =
            ("`01a22400-d5d6-7092-96ec-a5142dd68147`", "`01a22401-0000-7092-96ec-a5142dd68147`");
        assert_eq!(steady(one), steady(other));
        assert_ne!(steady("it is routed"), steady("it is asleep"), "six letters alone are no id");
        assert_ne!(steady(shown), steady("done: opus-general · 6 ms · $0.00 · run gecdhb"));
    }
}
