//! The paths that a source names in its code: what it imports, and what it says in full. Its tests are left out.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemUse, Macro, UseTree};

/// A path in full, from the crate on, and the line on which it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub path: String,
    pub line: usize,
}

/// Returns the paths of a source; `module` is its own, beginning with `crate`.
pub fn named(text: &str, module: &[&str]) -> Vec<Named> {
    let file: File = syn::parse_file(text).expect("the source was compiled");
    let mut reader = Reader { module, imports: BTreeMap::new(), found: vec![] };
    let code: Vec<&Item> = file.items.iter().filter(|item| !is_test(attributes(item))).collect();
    for item in &code {
        let mut uses = Uses { module, found: vec![] };
        uses.visit_item(item);
        reader.imports.extend(uses.found.iter().map(|(name, path, _)| (name.clone(), path.clone())));
        reader.found.extend(uses.found.into_iter().map(|(_, path, line)| Named { path, line }));
    }
    code.into_iter().for_each(|item| reader.visit_item(item));
    reader.found
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|one| {
        one.path().is_ident("cfg") && one.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// Returns a path in full: `self`, `super` and `crate` are followed.
fn in_full(path: &[String], module: &[&str]) -> Vec<String> {
    let mut base: Vec<String> = module.iter().map(|&part| part.to_owned()).collect();
    match path.first().map(String::as_str) {
        Some("crate") => path.to_vec(),
        Some("self") => base.into_iter().chain(path[1..].iter().cloned()).collect(),
        Some("super") => {
            base.pop();
            let parent: Vec<&str> = base.iter().map(String::as_str).collect();
            let rest = &path[1..];
            match rest.first().map(String::as_str) {
                Some("super") => in_full(rest, &parent),
                _ => base.iter().cloned().chain(rest.iter().cloned()).collect(),
            }
        }
        _ => path.to_vec(),
    }
}

/// Collects imports: the name, the path in full, the line.
struct Uses<'a> {
    module: &'a [&'a str],
    found: Vec<(String, String, usize)>,
}

impl Uses<'_> {
    fn flatten(&mut self, tree: &UseTree, before: &[String]) {
        let then = |name: String| before.iter().cloned().chain([name]).collect::<Vec<String>>();
        match tree {
            UseTree::Path(it) => self.flatten(&it.tree, &then(it.ident.to_string())),
            UseTree::Group(it) => it.items.iter().for_each(|one| self.flatten(one, before)),
            UseTree::Glob(it) => self.add("*".to_owned(), before, it.star_token.spans[0].start().line),
            UseTree::Name(it) if it.ident == "self" => {
                self.add(before.last().cloned().unwrap_or_default(), before, it.ident.span().start().line);
            }
            UseTree::Name(it) => {
                self.add(it.ident.to_string(), &then(it.ident.to_string()), it.ident.span().start().line);
            }
            UseTree::Rename(it) => {
                self.add(it.rename.to_string(), &then(it.ident.to_string()), it.ident.span().start().line);
            }
        }
    }

    fn add(&mut self, name: String, path: &[String], line: usize) {
        self.found.push((name, in_full(path, self.module).join("::"), line));
    }
}

impl<'ast> Visit<'ast> for Uses<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.flatten(&item.tree, &[]);
    }
}

/// Collects every path; its first word is followed through the imports.
struct Reader<'a> {
    module: &'a [&'a str],
    imports: BTreeMap<String, String>,
    found: Vec<Named>,
}

impl Reader<'_> {
    fn add(&mut self, path: &[String], line: usize) {
        let mut full = in_full(path, self.module);
        if let Some(import) = full.first().and_then(|first| self.imports.get(first)) {
            full.splice(0..1, import.split("::").map(str::to_owned));
        }
        self.found.push(Named { path: full.join("::"), line });
    }

    /// Code in a macro is no syntax tree: its paths are words with `::` between them.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut line, mut colons) = (vec![], 0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(word) if path.is_empty() || colons == 2 => {
                    line = word.span().start().line;
                    path.push(word.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                TokenTree::Punct(mark) if mark.as_char() == '!' && !path.is_empty() => {
                    self.add_macro(&path, line);
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(word) => {
                    self.add(&path, line);
                    (path, line, colons) = (vec![word.to_string()], word.span().start().line, 0);
                    continue;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            if !path.is_empty() {
                self.add(&path, line);
            }
            (path, colons) = (vec![], 0);
        }
        if !path.is_empty() {
            self.add(&path, line);
        }
    }

    fn add_macro(&mut self, path: &[String], line: usize) {
        self.found.push(Named { path: format!("{}!", path.join("::")), line });
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_use(&mut self, _: &'ast ItemUse) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |segment| segment.ident.span().start().line);
        self.add(&words, line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let words: Vec<String> = call.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = call.path.segments.first().map_or(0, |segment| segment.ident.span().start().line);
        self.add_macro(&words, line);
        self.tokens(call.tokens.clone());
    }
}

/// The names are followed as the compiler follows them; what only looks like a name is none.
#[test]
fn paths_are_read_in_full_whichever_way_they_are_said() {
    let text = r#"
        use std::{env, fs as files};
        use super::launch::{self, Marks as M};
        use crate::store;
        /// Speaks of crate::config, and names it not.
        fn f() {
            let text = "crate::config::load";
            env::var("X");
            files::read("x");
            launch::prepare(M::NONE);
            store::open();
            self::g();
            super::super::present::say();
            println!("{}", crate::clock::now());
        }
        #[cfg(test)]
        mod tests {
            use crate::config;
        }
    "#;
    let found = named(text, &["crate", "engine", "attempt"]);
    let has = |path: &str| found.iter().any(|one| one.path == path);
    for path in [
        "std::env::var",
        "std::fs::read",
        "crate::engine::launch::prepare",
        "crate::engine::launch::Marks::NONE",
        "crate::store::open",
        "crate::engine::attempt::g",
        "crate::present::say",
        "println!",
        "crate::clock::now",
    ] {
        assert!(has(path), "{path} in {found:#?}");
    }
    assert!(!found.iter().any(|one| one.path.contains("config")), "{found:#?}");
}
