//! Whether the links between pages lead somewhere: to a file that is there, and to a heading of it.

use std::fs;
use std::path::Path;

/// Returns what is wrong with the links of a page. Addresses of the web are not looked at.
pub fn broken(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("the page can be read");
    let mut broken = vec![];
    for target in targets(&text) {
        let (file, heading) =
            target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
        let path = match file {
            "" => page.to_path_buf(),
            file => page.parent().expect("a folder").join(file),
        };
        let is_there = match heading {
            None => path.exists(),
            Some(heading) => {
                fs::read_to_string(&path).is_ok_and(|text| anchors(&text).any(|anchor| anchor == heading))
            }
        };
        if !is_there {
            broken.push(format!("{}: {target}", page.display()));
        }
    }
    broken
}

/// Returns what the links of a text lead to, outside of blocks of code.
fn targets(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    let linked = prose.flat_map(|part| part.split("](").skip(1).filter_map(|rest| rest.split(')').next()));
    linked.filter(|target| !target.contains("://")).collect()
}

/// Returns the anchors that headings get: in small letters, with a dash for each space, without signs.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    })
}

#[test]
fn a_link_to_no_file_or_no_heading_is_found() {
    let dir = tempfile::tempdir().expect("a folder");
    let page = dir.path().join("page.md");
    fs::write(
        &page,
        "# What it `is`\n[a](page.md) [b](#what-it-is) [c](gone.md) [d](#gone) [e](https://example.org)\n",
    )
    .expect("written");
    let broken = broken(&page);
    assert!(
        broken.len() == 2 && broken[0].ends_with("gone.md") && broken[1].ends_with("#gone"),
        "{broken:?}"
    );
}
