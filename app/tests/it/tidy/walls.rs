//! Who may name what: rooms by the table in `docs/architecture.md`, files without a circle, and what only one room
//! may call.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use super::paths::{Named, named};
use super::{Source, sources};

const ARCHITECTURE: &str = include_str!("../../../../docs/architecture.md");

/// Paths that code below a place must not name, except below other places.
struct Wall {
    below: &'static str,
    except: &'static [&'static str],
    paths: &'static [&'static str],
    because: &'static str,
}

const WALLS: [Wall; 10] = [
    Wall {
        below: "core/src",
        except: &[],
        paths: &[
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
    Wall {
        below: "core/src",
        except: &[],
        paths: &[
            "std::time::Instant::now",
            "std::time::SystemTime::now",
            "jiff::Timestamp::now",
            "jiff::Zoned::now",
        ],
        because: "core is told the time",
    },
    Wall {
        below: "app/src",
        except: &["app/src/process/"],
        paths: &["std::process::Command", "tokio::process"],
        because: "only process/ spawns",
    },
    Wall {
        below: "app/src",
        except: &["app/src/store/"],
        paths: &["rusqlite"],
        because: "only store/ holds SQL",
    },
    Wall {
        below: "app/src",
        except: &["app/src/config/", "app/src/assemble.rs"],
        paths: &[
            "std::env::var",
            "std::env::var_os",
            "std::env::vars",
            "std::env::vars_os",
            "std::env::set_var",
            "std::env::current_exe",
            "std::env::temp_dir",
            "std::env::home_dir",
        ],
        because: "only config/ and assemble.rs read the environment",
    },
    Wall {
        below: "app/src",
        except: &["app/src/clock.rs"],
        paths: &["std::time::SystemTime::now", "jiff::Timestamp::now", "jiff::Zoned::now"],
        because: "only clock.rs tells the time of day",
    },
    Wall {
        below: "app/src/engine",
        except: &[],
        paths: &["crate::clock::now", "crate::clock::local_now"],
        because: "the engine is handed a clock",
    },
    Wall {
        below: "app/src",
        except: &["app/src/entropy.rs", "app/src/store/mod.rs"],
        paths: &["getrandom", "uuid"],
        because: "only entropy.rs rolls dice; the store makes its key once",
    },
    Wall {
        below: "app/src",
        except: &["app/src/present/output.rs", "app/src/rehearsal/"],
        paths: &["println!", "eprintln!", "print!", "eprint!", "std::io::stdout"],
        because: "only present/output.rs prints; the scripted agent is a program of its own",
    },
    Wall {
        below: "app/src/store",
        except: &[],
        paths: &["crate::clock"],
        because: "the store is told the time",
    },
];

impl Wall {
    fn breaches(&self, code: &Code) -> Vec<String> {
        let stands_here = |path: &str| code.path.starts_with(path);
        if !stands_here(self.below) || self.except.iter().any(|path| stands_here(path)) {
            return vec![];
        }
        let is_below = |named: &str, path: &str| {
            named.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let breaks = |one: &&Named| self.paths.iter().any(|path| is_below(&one.path, path));
        let say = |one: &Named| format!("{}:{}: `{}`: {}", code.path, one.line, one.path, self.because);
        code.named.iter().filter(breaks).map(say).collect()
    }
}

/// A source without its tests: where it stands, and the paths that it names.
struct Code {
    path: String,
    module: Vec<String>,
    named: Vec<Named>,
}

impl Code {
    fn read(source: &Source) -> Code {
        let module = module(&source.path);
        let words: Vec<&str> = module.iter().map(String::as_str).collect();
        Code { named: named(&source.text, &words), path: source.path.clone(), module }
    }
}

/// Returns the module of a file, beginning with `crate`.
fn module(path: &str) -> Vec<String> {
    let below = path.split_once("/src/").expect("a source of a crate").1;
    let words = below.trim_end_matches(".rs").split('/').map(str::to_owned);
    let mut module: Vec<String> = iter::once("crate".to_owned()).chain(words).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

fn code_of(folder: &str) -> Vec<Code> {
    let sources = sources(&[folder]);
    sources.iter().filter(|source| !source.is_test()).map(Code::read).collect()
}

/// Who names whom, and on what line first.
type Arrows = BTreeMap<String, BTreeMap<String, String>>;

/// Returns the arrows between places, where `place` tells for a module path whose it is.
fn arrows(codes: &[Code], place: impl Fn(&[String]) -> Option<String>) -> Arrows {
    let mut arrows = Arrows::new();
    for code in codes {
        let Some(from) = place(&code.module) else { continue };
        let to = arrows.entry(from.clone()).or_default();
        for one in &code.named {
            let words: Vec<String> = one.path.split("::").map(str::to_owned).collect();
            if let Some(named) = place(&words).filter(|named| *named != from) {
                to.entry(named).or_insert_with(|| format!("{}:{}: `{}`", code.path, one.line, one.path));
            }
        }
    }
    arrows
}

/// Returns the room of a module path: its first module.
fn room(codes: &[Code]) -> impl Fn(&[String]) -> Option<String> {
    let rooms: BTreeSet<String> = codes.iter().filter_map(|code| code.module.get(1).cloned()).collect();
    move |path| match path {
        [first, second, ..] if first == "crate" => Some(second.clone()).filter(|name| rooms.contains(name)),
        _ => None,
    }
}

/// Returns the file of a module path: that of its longest known beginning.
fn file(codes: &[Code]) -> impl Fn(&[String]) -> Option<String> {
    let files: BTreeMap<Vec<String>, String> =
        codes.iter().map(|code| (code.module.clone(), code.path.clone())).collect();
    move |path| (1..=path.len()).rev().find_map(|count| files.get(&path[..count]).cloned())
}

/// Returns the rooms of a table in their order, each with the rooms that it says it imports.
fn rooms_on_paper(heading: &str) -> Vec<(String, BTreeSet<String>)> {
    let chapter = ARCHITECTURE.split_once(heading).unwrap().1;
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows =
        chapter.lines().skip_while(|line| !line.starts_with("|`")).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').skip(1).collect();
        (words(cells[0])[0].clone(), words(cells[1]).into_iter().collect())
    })
    .collect()
}

#[test]
fn rooms_import_what_the_architecture_says_and_only_from_below() {
    for (folder, heading) in [("app/src", "### Rooms of `app`"), ("core/src", "### Rooms of `core`")] {
        let codes = code_of(folder);
        let arrows = arrows(&codes, room(&codes));
        let on_paper = rooms_on_paper(heading);
        for (at, (name, _)) in on_paper.iter().enumerate() {
            let above: BTreeSet<&String> = on_paper[..=at].iter().map(|(name, _)| name).collect();
            let upward: Vec<_> = arrows[name].iter().filter(|(to, _)| above.contains(to)).collect();
            assert!(upward.is_empty(), "{heading}: `{name}` names a room that stands above it: {upward:#?}");
        }
        let said: BTreeMap<String, BTreeSet<String>> = on_paper.into_iter().collect();
        let found: BTreeMap<String, BTreeSet<String>> =
            arrows.into_iter().map(|(from, to)| (from, to.into_keys().collect())).collect();
        assert_eq!(said, found, "docs/architecture.md, {heading}");
    }
}

/// Seen to fail: a settings file's schema named its model, whose fields name the schema.
#[test]
fn no_file_names_one_that_names_it_however_far_around() {
    for folder in ["app/src", "core/src", "xtask/src"] {
        let codes = code_of(folder);
        let mut arrows = arrows(&codes, file(&codes));
        // A room's first file lists its parts, and they take from each other what the room is.
        for (from, to) in &mut arrows {
            to.retain(|to, _| !is_first_file_of(from, to) && !is_first_file_of(to, from));
        }
        assert_eq!(circle(&arrows), None, "{folder}");
    }
    let knot = [("a", "b"), ("b", "c"), ("c", "b")];
    let knot = knot.map(|(from, to)| (from.to_owned(), BTreeMap::from([(to.to_owned(), String::new())])));
    assert_eq!(circle(&knot.into()).unwrap(), ["b", "c", "b"]);
}

fn is_first_file_of(first: &str, part: &str) -> bool {
    let folder = match first.strip_suffix("/mod.rs") {
        Some(folder) => folder,
        None => first.trim_end_matches(".rs"),
    };
    part.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Returns a way from a place back to itself, if there is one.
fn circle(arrows: &Arrows) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|start| follow(start, &mut vec![], &mut done, arrows))
}

fn follow(
    at: &str,
    way: &mut Vec<String>,
    done: &mut BTreeSet<String>,
    arrows: &Arrows,
) -> Option<Vec<String>> {
    if let Some(begin) = way.iter().position(|place| place == at) {
        return Some(way[begin..].iter().cloned().chain([at.to_owned()]).collect());
    }
    if !done.insert(at.to_owned()) {
        return None;
    }
    way.push(at.to_owned());
    let found =
        arrows.get(at).into_iter().flat_map(BTreeMap::keys).find_map(|to| follow(to, way, done, arrows));
    way.pop();
    found
}

#[test]
fn every_room_keeps_to_what_it_may_do() {
    let codes: Vec<Code> = ["core/src", "app/src"].into_iter().flat_map(code_of).collect();
    let found: Vec<String> =
        WALLS.iter().flat_map(|wall| codes.iter().flat_map(|code| wall.breaches(code))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A wall that nothing can break guards nothing: each is shown a file that breaks it in every way, and the same as
/// comments, texts and tests.
#[test]
fn every_wall_finds_the_line_that_breaks_it() {
    for wall in &WALLS {
        for path in wall.paths {
            let call = format!("{path}()").replace("!()", "!(\"\")");
            let text = format!(
                "// {path} in a comment is fine.\nfn f() {{ \"{path}\"; }}\nfn g() {{ {call}; }}\n#[cfg(test)]\nmod tests {{ fn t() {{ {call}; }} }}"
            );
            let source = Source { path: format!("{}/room.rs", wall.below), text };
            assert_eq!(wall.breaches(&Code::read(&source)).len(), 1, "{path}");
        }
    }
}

/// A vendor's word is no path: it may stand in any name.
#[test]
fn the_process_room_has_never_heard_of_claude() {
    let sources = sources(&["app/src/process"]);
    let found: Vec<&str> = sources
        .iter()
        .filter(|source| {
            source.text.lines().any(|line| !line.starts_with("//") && line.to_lowercase().contains("claude"))
        })
        .map(|source| source.path.as_str())
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}
