//! What sources say about themselves: their first sentence, and the comments of what is in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Field, Fields, Item, ItemEnum, ItemStruct, Lit, Meta, Token, Type};

/// A source, read.
pub struct Source {
    items: Vec<Item>,
}

/// A variant or a field: its name in records, and its comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name in records.
    pub name: String,
    /// The comment, on one line.
    pub text: String,
}

/// A variant of an enum, with the fields of its records.
pub struct Variant {
    /// The variant.
    pub named: Named,
    /// Its fields, or those of the type that it holds.
    pub fields: Vec<Named>,
}

impl Source {
    /// Reads a source.
    pub fn read(path: &Path) -> io::Result<Source> {
        let text = fs::read_to_string(path)?;
        let file = syn::parse_file(&text)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        Ok(Source { items: file.items })
    }

    /// Returns the variants of an enum whose records have names in snake case. The types that they hold are looked for
    /// in these sources.
    pub fn variants(&self, name: &str, others: &[&Source]) -> io::Result<Vec<Variant>> {
        let found = self.items.iter().find_map(|item| match item {
            Item::Enum(found) if found.ident == name => Some(found),
            _ => None,
        });
        let ItemEnum { variants, .. } = found.ok_or_else(|| io::Error::other(format!("no enum `{name}`")))?;
        let sources: Vec<&Source> = std::iter::once(self).chain(others.iter().copied()).collect();
        let read = |variant: &syn::Variant| Variant {
            named: Named {
                name: renamed(&variant.attrs).unwrap_or_else(|| snake_case(&variant.ident.to_string())),
                text: comment(&variant.attrs),
            },
            fields: match &variant.fields {
                Fields::Named(fields) => fields.named.iter().map(field).collect(),
                Fields::Unnamed(fields) => {
                    fields.unnamed.iter().flat_map(|field| held(&field.ty, &sources)).collect()
                }
                Fields::Unit => vec![],
            },
        };
        Ok(variants.iter().map(read).collect())
    }

    /// Returns the literal arguments of every call of a function in a constant's list: `name("a", "b")`.
    pub fn calls(&self, constant: &str) -> Vec<(String, Vec<Option<String>>)> {
        let list = self.items.iter().find_map(|item| match item {
            Item::Const(found) if found.ident == constant => Some(&*found.expr),
            _ => None,
        });
        let Some(Expr::Reference(list)) = list else { return vec![] };
        let Expr::Array(list) = &*list.expr else { return vec![] };
        let call = |expr: &Expr| {
            let Expr::Call(call) = expr else { return None };
            let Expr::Path(function) = &*call.func else { return None };
            let function = function.path.segments.last()?.ident.to_string();
            Some((function, call.args.iter().map(literal).collect()))
        };
        list.elems.iter().filter_map(call).collect()
    }

    fn structure(&self, name: &str) -> Option<&ItemStruct> {
        self.items.iter().find_map(|item| match item {
            Item::Struct(found) if found.ident == name => Some(found),
            _ => None,
        })
    }
}

/// Returns the first sentence of the comment at the top of a source, in one line; empty if there is none.
pub fn first_sentence(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    let paragraph = without_links(&paragraph.join(" "));
    match paragraph.find(". ") {
        Some(end) => paragraph[..=end].to_owned(),
        None => paragraph,
    }
}

/// Returns a comment whose links to code are only names: pages cannot follow them.
fn without_links(text: &str) -> String {
    let mut parts = text.split("[`");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("`]").unwrap_or((part, ""));
        let rest =
            rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest);
        plain += &format!("`{name}`{rest}");
    }
    plain
}

/// Returns every Rust file below a directory, sorted, without those that only test.
pub fn sources(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![];
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if only_tests(&path) {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Tells whether only tests read a file or folder.
pub fn only_tests(path: &Path) -> bool {
    ["tests", "tests.rs", "fixture.rs", "snapshots"].iter().any(|name| path.ends_with(name))
}

/// Returns the fields of the type that a variant holds, looked through a box.
fn held(held_type: &Type, sources: &[&Source]) -> Vec<Named> {
    let Type::Path(path) = held_type else { return vec![] };
    let Some(last) = path.path.segments.last() else { return vec![] };
    if let syn::PathArguments::AngleBracketed(inner) = &last.arguments {
        let inner = inner.args.iter().find_map(|argument| match argument {
            syn::GenericArgument::Type(inner) => Some(inner),
            _ => None,
        });
        return inner.map(|inner| held(inner, sources)).unwrap_or_default();
    }
    let name = last.ident.to_string();
    let found = sources.iter().find_map(|source| source.structure(&name));
    found.map(|found| found.fields.iter().map(field).collect()).unwrap_or_default()
}

fn field(field: &Field) -> Named {
    let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    Named { name: renamed(&field.attrs).unwrap_or(name), text: comment(&field.attrs) }
}

/// Returns the text of an item's comments, on one line.
fn comment(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => literal(&pair.value),
        _ => None,
    });
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns the name that serde gives an item, where it is told one.
fn renamed(attributes: &[Attribute]) -> Option<String> {
    let serde = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    let metas = serde.filter_map(|attribute| {
        attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()
    });
    metas.flatten().find_map(|meta| match meta {
        Meta::NameValue(pair) if pair.path.is_ident("rename") => literal(&pair.value),
        _ => None,
    })
}

fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(found) => match &found.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_of_a_source_may_go_over_lines_and_ends_before_the_next() {
        let text = "//! One\n//! sentence of a.rs. Another.\n//!\n//! More.\nuse std::fs;\n";
        assert_eq!(first_sentence(text), "One sentence of a.rs.");
        assert_eq!(first_sentence("//! No end\n"), "No end");
        assert_eq!(first_sentence("//! A [`b`](c::b), [`D`]s.\n"), "A `b`, `D`s.");
        assert_eq!(first_sentence("use std::fs;\n"), "");
    }

    #[test]
    fn variants_have_the_names_of_records_and_the_fields_of_what_they_hold() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = "/// Kinds.\nenum Kind {\n /// It began.\n ItBegan(Box<Inner>),\n /// It ended.\n #[serde(rename = \"over\")]\n Ended { /// When.\n at: u8 },\n}\n\
                    struct Inner { /// Who.\n #[serde(default, rename = \"by\")] who: u8 }";
        fs::write(file.path(), text).expect("written");
        let variants = Source::read(file.path()).expect("read").variants("Kind", &[]).expect("an enum");
        let named = |name: &str, text: &str| Named { name: name.to_owned(), text: text.to_owned() };
        assert_eq!(variants[0].named, named("it_began", "It began."));
        assert_eq!(variants[0].fields, [named("by", "Who.")]);
        assert_eq!(variants[1].named, named("over", "It ended."));
        assert_eq!(variants[1].fields, [named("at", "When.")]);
    }
}
