//! `cargo xtask docs`: writes the reference pages from the code, and renews the samples in the others.
//!
//! Reading order: the task here · `program` (found or built) · `source` (what sources say about themselves) ·
//! `commands`, `settings`, `policy`, `tables`, `map` (the pages) · `samples` (in pages that people write) · `words` (how many) ·
//! `links`, `spelling` (whether they lead somewhere, and name what is there).

mod commands;
#[cfg(test)]
mod links;
mod map;
mod policy;
mod program;
mod samples;
mod settings;
mod source;
#[cfg(test)]
mod spelling;
mod tables;
mod words;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use program::Program;
use words::WRITTEN;

/// A page as it should be.
struct Page {
    path: PathBuf,
    text: String,
}

impl Page {
    fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == self.text)
    }
}

/// Writes every page that is not as it should be, and says which.
pub fn write(root: &Path) -> io::Result<bool> {
    for page in pages(root)?.iter().filter(|page| !page.is_current()) {
        if let Some(dir) = page.path.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::write(&page.path, &page.text)?;
        println!("written: {}", page.path.display());
    }
    let by_hand = words::by_hand(root)?;
    let words: usize = by_hand.iter().map(|(_, words)| words).sum();
    println!("{words} words by hand in {} pages; at most {}", by_hand.len(), words::WORDS_MAX);
    Ok(true)
}

/// Returns the reference pages, and the pages with samples.
fn pages(root: &Path) -> io::Result<Vec<Page>> {
    let program = Program::find(root)?;
    let home = tempfile::tempdir()?;
    let written = [
        ("commands", commands::page(&program, home.path())?),
        ("settings", settings::page(root, &program, home.path())?),
        ("policy", policy::page(root)?),
        ("errors", tables::errors()),
        ("outcomes", tables::outcomes(root)?),
        ("events", tables::events(root)?),
        ("map", map::page(root)?),
    ];
    let mut pages: Vec<Page> = written
        .into_iter()
        .map(|(name, text)| Page {
            path: root.join(format!("docs/reference/{name}.md")),
            text: format!("{WRITTEN}\n\n{text}"),
        })
        .collect();
    for (path, _) in words::by_hand(root)? {
        let text = samples::renewed(&fs::read_to_string(&path)?, &program)?;
        pages.push(Page { path, text });
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn every_reference_page_and_every_sample_is_what_the_code_says_now() {
        let pages = pages(&root()).expect("the pages can be made");
        let stale: Vec<_> = pages.iter().filter(|page| !page.is_current()).map(|page| &page.path).collect();
        assert!(stale.is_empty(), "not current, run `cargo xtask docs`: {stale:#?}");
    }

    #[test]
    fn every_link_between_pages_leads_somewhere() {
        let pages = words::all(&root()).expect("the pages can be read");
        let gone: Vec<String> = pages.iter().flat_map(|page| links::broken(page)).collect();
        assert!(gone.is_empty(), "{gone:#?}");
    }

    #[test]
    fn every_command_in_a_page_is_one_that_the_program_understands() {
        let root = root();
        let commands =
            fs::read_to_string(root.join("docs/reference/commands.md")).expect("the page is there");
        let helps = spelling::Helps::read(&commands);
        for (page, _) in words::by_hand(&root).expect("the pages can be read") {
            let unknown = helps.unknown(&fs::read_to_string(&page).expect("the page can be read"));
            assert!(unknown.is_empty(), "{}: {unknown:#?}", page.display());
        }
    }

    #[test]
    fn what_people_write_by_hand_can_be_read_in_an_hour() {
        let by_hand = words::by_hand(&root()).expect("the pages can be read");
        assert!(by_hand.len() > 10, "the pages were not found");
        let words: usize = by_hand.iter().map(|(_, words)| words).sum();
        assert!(words <= words::WORDS_MAX, "{words} words: {by_hand:#?}");
    }
}
