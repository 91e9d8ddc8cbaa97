//! What the sources themselves must keep to: who may import and call what (`docs/architecture.md`, "Invariants"),
//! and that every file says what it is for and can be held in the head.
//!
//! Each rule is a row of [`RULES`]: where it holds, which words of code must not stand there, and why. The
//! tests of a source file are left out: they may do what they must.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this is probably two things.
const LINES_MAX: usize = 600;

/// Files that are longer all the same, each with its reason.
const LONG: [(&str, &str); 0] = [];

/// Files of tests beside what they test: their room says what it is for.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.ends_with("/fixture.rs")
        || path.contains("/src/") && path.contains("/tests/")
}

/// Words that must not stand in code below a path, except below other paths.
struct Rule {
    below: &'static str,
    except: &'static [&'static str],
    words: &'static [&'static str],
    because: &'static str,
}

const RULES: [Rule; 15] = [
    Rule {
        below: "core/src",
        except: &[],
        words: &[
            "std::fs",
            "std::env",
            "std::net",
            "std::process",
            "tokio",
            "rusqlite",
            "getrandom",
            "tempfile",
        ],
        because: "core decides; what it needs to know is an argument",
    },
    Rule {
        below: "core/src",
        except: &[],
        words: &["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"],
        because: "core is told the time",
    },
    Rule {
        below: "app/src",
        except: &["app/src/process/"],
        words: &["Command::new(", "process::Command"],
        because: "only process/ spawns",
    },
    Rule {
        below: "app/src",
        except: &["app/src/store/"],
        words: &["rusqlite"],
        because: "only store/ holds SQL",
    },
    Rule {
        below: "app/src",
        except: &["app/src/config/", "app/src/assemble.rs"],
        words: &[
            "env::var",
            "env::vars",
            "env::set_var",
            "env::current_exe",
            "env::temp_dir",
            "env::home_dir",
        ],
        because: "only config/ and assemble.rs read the environment",
    },
    Rule {
        below: "app/src",
        except: &["app/src/clock.rs"],
        words: &["SystemTime::now", "Timestamp::now", "Zoned::now"],
        because: "only clock.rs tells the time of day",
    },
    Rule {
        below: "app/src/engine",
        except: &[],
        words: &["clock::now", "clock::local_now"],
        because: "the engine is handed a clock",
    },
    Rule {
        below: "app/src/store",
        except: &[],
        words: &["crate::clock"],
        because: "the store is told the time",
    },
    Rule {
        below: "app/src",
        except: &["app/src/entropy.rs", "app/src/store/mod.rs"],
        words: &["getrandom", "uuid::", "Uuid::"],
        because: "only entropy.rs rolls dice; the store makes its key once",
    },
    Rule {
        below: "app/src",
        except: &["app/src/present/output.rs", "app/src/rehearsal/"],
        words: &["println!", "eprintln!", "print!(", "eprint!(", "io::stdout()"],
        because: "only present/output.rs prints; the scripted agent is a program of its own",
    },
    Rule {
        below: "app/src/cli",
        except: &[],
        words: &["crate::store", "crate::process"],
        because: "a face knows the engine and core's types",
    },
    Rule {
        below: "app/src/engine",
        except: &[],
        words: &["crate::config", "crate::assemble", "crate::cli"],
        because: "the engine is given ready values",
    },
    Rule {
        below: "app/src/process",
        except: &[],
        words: &["crate::config", "crate::assemble", "crate::cli", "crate::engine", "crate::store"],
        because: "no arrow goes back up",
    },
    Rule {
        below: "app/src/process",
        except: &[],
        words: &["claude", "Claude", "\"claude"],
        because: "process/ has never heard of Claude",
    },
    Rule {
        below: "app/src/store",
        except: &[],
        words: &["crate::config", "crate::assemble", "crate::cli", "crate::engine"],
        because: "no arrow goes back up",
    },
];

struct Source {
    /// The path below the repository.
    path: String,
    text: String,
}

impl Source {
    /// Returns the lines of code with their numbers: no comments, and nothing after the tests begin.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test_file = is_test_file(&self.path);
        let lines = self.text.lines().enumerate().take_while(move |(_, line)| {
            !is_test_file && !line.starts_with("#[cfg(test)]") && !line.starts_with("mod tests {")
        });
        lines.map(|(at, line)| (at + 1, line.trim())).filter(|(_, line)| !line.starts_with("//"))
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let files =
        ["core/src", "core/tests", "app/src", "app/tests"].map(|dir| crate::sandbox::walk(&root.join(dir)));
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let mut sources: Vec<Source> = files
        .into_iter()
        .flatten()
        .filter(is_rust)
        .map(|path| Source {
            text: fs::read_to_string(&path).unwrap(),
            path: path.strip_prefix(root).unwrap().display().to_string(),
        })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 50, "the sources were not found");
    sources
}

fn breaches(rule: &Rule, source: &Source) -> Vec<String> {
    let holds_here = source.path.starts_with(rule.below);
    if !holds_here || rule.except.iter().any(|path| source.path.starts_with(path)) {
        return vec![];
    }
    // Right after a quotation mark begins a text that only speaks of it.
    let is_code = |line: &str, word: &str| line.match_indices(word).any(|(at, _)| !line[..at].ends_with('"'));
    let found = |line: &str| rule.words.iter().find(|word| is_code(line, word)).copied();
    let lines = source.code().filter_map(|(number, line)| Some((number, found(line)?)));
    lines.map(|(number, word)| format!("{}:{number}: `{word}`: {}", source.path, rule.because)).collect()
}

#[test]
fn every_room_keeps_to_what_it_may_do() {
    let sources = sources();
    let found: Vec<String> =
        RULES.iter().flat_map(|rule| sources.iter().flat_map(|source| breaches(rule, source))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A rule that nothing can break guards nothing: each is shown a line that breaks it.
#[test]
fn every_rule_finds_the_line_that_breaks_it() {
    for rule in &RULES {
        for word in rule.words {
            let text = format!(
                "//! A room.\n// {word} in a comment is fine.\nlet x = {word};\n#[cfg(test)]\n{word}"
            );
            let source = Source { path: format!("{}/room.rs", rule.below), text };
            assert_eq!(breaches(rule, &source).len(), 1, "{word}");
        }
    }
}

/// The rooms that a room imports, by what its sources name with `crate::`.
fn imports(crate_dir: &str) -> BTreeMap<String, BTreeSet<String>> {
    let sources = sources();
    let within = |source: &Source| source.path.strip_prefix(crate_dir).map(str::to_owned);
    let room_of = |path: &str| path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
    let rooms: BTreeSet<String> = sources
        .iter()
        .filter_map(within)
        .map(|path| room_of(&path))
        .filter(|room| room != "lib" && room != "main")
        .collect();
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !is_test_file(&source.path)) {
        let Some(room) = within(source).map(|path| room_of(&path)) else { continue };
        let code: Vec<&str> = source.code().map(|(_, line)| line).collect();
        let named = code.join(" ");
        for after in named.split("crate::").skip(1) {
            // `crate::{a::b, c}` names several; every other way names one.
            let list =
                after.strip_prefix('{').map_or(after, |list| list.split('}').next().unwrap_or_default());
            let count = if after.starts_with('{') { usize::MAX } else { 1 };
            let words = list.split(|c: char| !c.is_alphanumeric() && c != '_').take(count);
            let known = words.filter(|word| *word != room && rooms.contains(*word)).map(str::to_owned);
            imports.entry(room.clone()).or_default().extend(known);
        }
    }
    imports
}

/// Returns the way from a room back to itself, if there is one.
fn circle(imports: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn follow(at: &str, way: &mut Vec<String>, imports: &BTreeMap<String, BTreeSet<String>>) -> bool {
        if way.iter().any(|room| room == at) {
            way.push(at.to_owned());
            return true;
        }
        way.push(at.to_owned());
        let found = imports.get(at).into_iter().flatten().any(|next| follow(next, way, imports));
        if !found {
            way.pop();
        }
        found
    }
    imports.keys().find_map(|room| {
        let mut way = vec![];
        follow(room, &mut way, imports).then_some(way)
    })
}

/// Seen to fail: in `core` eleven rooms imported each other, in `app` the command line and the hooks.
#[test]
fn no_room_imports_one_that_imports_it_however_far_around() {
    for crate_dir in ["core/src/", "app/src/"] {
        let imports = imports(crate_dir);
        assert!(imports.len() > 5, "{crate_dir}: {imports:?}");
        assert_eq!(circle(&imports), None, "{crate_dir}");
    }
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let knot = BTreeMap::from([
        ("a".to_owned(), of(&["b"])),
        ("b".to_owned(), of(&["c"])),
        ("c".to_owned(), of(&["b"])),
    ]);
    assert_eq!(circle(&knot).unwrap(), ["a", "b", "c", "b"]);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |source: &Source| !source.text.starts_with("//!") && !is_test_file(&source.path);
    let found: Vec<String> = sources().into_iter().filter(silent).map(|source| source.path).collect();
    assert!(found.is_empty(), "no `//!` line at the top of: {found:#?}");
}

#[test]
fn every_file_can_be_held_in_the_head() {
    let is_long = |source: &Source| {
        source.text.lines().count() > LINES_MAX && !LONG.iter().any(|(path, _)| *path == source.path)
    };
    let found: Vec<String> = sources().into_iter().filter(is_long).map(|source| source.path).collect();
    assert!(found.is_empty(), "more than {LINES_MAX} lines, and no reason given in tidy.rs: {found:#?}");
}
