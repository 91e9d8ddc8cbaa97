//! Layers of settings as trees, merged value by value; each value remembers where it was written.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use toml_edit::{Document, Item, TableLike};

use super::error::Error;

/// The layers, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Compiled in.
    Default,
    /// The user's file.
    User,
    /// The project's file.
    Project,
    /// An environment variable.
    Env,
    /// The command line.
    Flag,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The layer.
    pub layer: Layer,
    /// The file, the variable or the flag.
    pub source: String,
    /// The line, from 1; 0 where the source has no lines.
    pub line: usize,
    /// The column in characters, from 1; 0 where the source has no lines.
    pub column: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layer {
            Layer::Default => f.write_str("default"),
            Layer::User | Layer::Project => write!(f, "{}:{}:{}", self.source, self.line, self.column),
            Layer::Env => write!(f, "environment variable `{}`", self.source),
            Layer::Flag => write!(f, "flag `{}`", self.source),
        }
    }
}

/// One text that settings were read from.
pub struct Source {
    layer: Layer,
    name: String,
    text: String,
}

impl Source {
    /// Makes a source; for a file, `text` is its content, otherwise it is empty.
    pub fn new(layer: Layer, name: impl Into<String>, text: impl Into<String>) -> Arc<Source> {
        Arc::new(Source { layer, name: name.into(), text: text.into() })
    }

    /// Returns the origin of a byte of the text. Lines are counted only when somebody asks.
    fn origin(&self, at: usize) -> Origin {
        let (line, column) = if self.text.is_empty() { (0, 0) } else { position(&self.text, at) };
        Origin { layer: self.layer, source: self.name.clone(), line, column }
    }
}

fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.chars().rev().take_while(|c| *c != '\n').count();
    (line, column)
}

/// A value as its layer wrote it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// true or false.
    Bool(bool),
    /// A date or time, which no setting is.
    Datetime(String),
    /// A list.
    Array(Vec<Value>),
    /// A table inside a list, which no setting is.
    TableInArray,
    /// A text from a flag or a variable; the setting it is for decides what it means.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::String(text) => write!(f, "{}", toml_edit::Value::from(text.as_str())),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Float(number) => write!(f, "{number:?}"),
            Value::Bool(yes) => write!(f, "{yes}"),
            Value::Text(text) | Value::Datetime(text) => f.write_str(text),
            Value::TableInArray => f.write_str("{…}"),
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(Value::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

/// A table or a value, and where it was written.
#[derive(Clone)]
pub struct Node {
    source: Arc<Source>,
    key_at: usize,
    value_at: usize,
    /// What is there.
    pub content: Content,
}

/// Some values are keys: a debug print shows none.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("source", &self.source.name).finish_non_exhaustive()
    }
}

/// What a node holds.
#[derive(Clone)]
pub enum Content {
    /// Keys.
    Table(BTreeMap<String, Node>),
    /// A value.
    Leaf(Value),
}

impl Node {
    /// Reads a whole file.
    pub fn parse(source: &Arc<Source>) -> Result<Node, Error> {
        let document = Document::parse(source.text.as_str()).map_err(|error| Error::Syntax {
            at: source.origin(error.span().map_or(0, |span| span.start)),
            message: error.message().lines().next().unwrap_or_default().to_owned(),
        })?;
        Ok(Node {
            source: source.clone(),
            key_at: 0,
            value_at: 0,
            content: Content::Table(children(source, document.as_table())),
        })
    }

    /// Makes a layer without any value.
    pub fn empty(layer: Layer) -> Node {
        let source = Source::new(layer, "", "");
        Node { source, key_at: 0, value_at: 0, content: Content::Table(BTreeMap::new()) }
    }

    /// Sets one value from a text that has no lines: a variable or a flag.
    pub fn set(&mut self, source: &Arc<Source>, key: &str, text: &str) {
        let leaf = |content| Node { source: source.clone(), key_at: 0, value_at: 0, content };
        let mut at = self;
        for part in key.split('.') {
            if !matches!(at.content, Content::Table(_)) {
                at.content = Content::Table(BTreeMap::new());
            }
            let Content::Table(table) = &mut at.content else { unreachable!("made a table just above") };
            at = table.entry(part.to_owned()).or_insert_with(|| leaf(Content::Table(BTreeMap::new())));
        }
        *at = leaf(Content::Leaf(Value::Text(text.to_owned())));
    }

    /// Returns this layer with another on top: tables are merged, values and lists are replaced.
    pub fn under(self, upper: &Node) -> Node {
        let content = match (self.content, &upper.content) {
            (Content::Table(mut below), Content::Table(above)) => {
                for (key, node) in above {
                    let merged = match below.remove(key) {
                        Some(lower) => lower.under(node),
                        None => node.clone(),
                    };
                    below.insert(key.clone(), merged);
                }
                Content::Table(below)
            }
            (_, above) => above.clone(),
        };
        Node { source: upper.source.clone(), key_at: upper.key_at, value_at: upper.value_at, content }
    }

    /// Keeps the values that `keep` says yes to.
    pub fn retain(&mut self, keep: &mut impl FnMut(&[&str], &Node) -> bool) {
        fn walk(
            table: &mut BTreeMap<String, Node>,
            path: &[&str],
            keep: &mut impl FnMut(&[&str], &Node) -> bool,
        ) {
            table.retain(|key, node| {
                let path = [path, &[key.as_str()]].concat();
                if let Content::Table(inner) = &mut node.content {
                    walk(inner, &path, keep);
                    return !inner.is_empty();
                }
                keep(&path, node)
            });
        }
        if let Content::Table(table) = &mut self.content {
            walk(table, &[], keep);
        }
    }

    /// Returns the node at a path.
    pub fn get(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, part| match &node.content {
            Content::Table(table) => table.get(*part),
            Content::Leaf(_) => None,
        })
    }

    /// Calls `visit` with every value and its path, in key order.
    pub fn each_leaf<'n>(&'n self, visit: &mut impl FnMut(&[&'n str], &'n Node, &'n Value)) {
        fn walk<'n>(
            node: &'n Node,
            path: &[&'n str],
            visit: &mut impl FnMut(&[&'n str], &'n Node, &'n Value),
        ) {
            match &node.content {
                Content::Leaf(value) => visit(path, node, value),
                Content::Table(table) => {
                    for (key, node) in table {
                        walk(node, &[path, &[key.as_str()]].concat(), visit);
                    }
                }
            }
        }
        walk(self, &[], visit);
    }

    /// Returns the layer that wrote it.
    pub fn layer(&self) -> Layer {
        self.source.layer
    }

    /// Returns where its key was written.
    pub fn key_origin(&self) -> Origin {
        self.source.origin(self.key_at)
    }

    /// Returns where its value was written.
    pub fn value_origin(&self) -> Origin {
        self.source.origin(self.value_at)
    }
}

fn children(source: &Arc<Source>, table: &dyn TableLike) -> BTreeMap<String, Node> {
    let mut nodes = BTreeMap::new();
    for (name, item) in table.iter() {
        let key_span = table.key(name).and_then(toml_edit::Key::span);
        let key_at = key_span.or_else(|| item.span()).map_or(0, |span| span.start);
        let value_at = item.span().map_or(key_at, |span| span.start);
        if let Some(content) = content(source, item) {
            let node = Node { source: source.clone(), key_at, value_at, content };
            nodes.insert(name.to_owned(), node);
        }
    }
    nodes
}

fn content(source: &Arc<Source>, item: &Item) -> Option<Content> {
    if let Some(table) = item.as_table_like() {
        return Some(Content::Table(children(source, table)));
    }
    match item {
        Item::Value(value) => Some(Content::Leaf(leaf(value))),
        Item::ArrayOfTables(tables) => {
            Some(Content::Leaf(Value::Array(vec![Value::TableInArray; tables.len()])))
        }
        Item::None | Item::Table(_) => None,
    }
}

fn leaf(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => Value::String(text.value().clone()),
        toml_edit::Value::Integer(number) => Value::Integer(*number.value()),
        toml_edit::Value::Float(number) => Value::Float(*number.value()),
        toml_edit::Value::Boolean(yes) => Value::Bool(*yes.value()),
        toml_edit::Value::Datetime(when) => Value::Datetime(when.value().to_string()),
        toml_edit::Value::Array(items) => Value::Array(items.iter().map(leaf).collect()),
        toml_edit::Value::InlineTable(_) => Value::TableInArray,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(layer: Layer, text: &str) -> Node {
        Node::parse(&Source::new(layer, "f.toml", text)).unwrap()
    }

    fn flat(node: &Node) -> Vec<String> {
        let mut lines = Vec::new();
        node.each_leaf(&mut |path, node, value| {
            lines.push(format!("{} = {value} ({})", path.join("."), node.value_origin()));
        });
        lines
    }

    #[test]
    fn the_upper_layer_wins_value_by_value_and_keeps_its_place() {
        let below = layer(Layer::User, "a = 1\n[t]\nx = \"é\"\ny = [1, 2]\n");
        let above = layer(Layer::Project, "[t]\ny = [3]\n  z = { w = true }\n");
        assert_eq!(
            flat(&below.under(&above)),
            [
                "a = 1 (f.toml:1:5)",
                "t.x = \"é\" (f.toml:3:5)",
                "t.y = [3] (f.toml:2:5)",
                "t.z.w = true (f.toml:3:13)",
            ]
        );
    }

    #[test]
    fn a_flag_sets_a_value_deep_inside() {
        let mut node = Node::empty(Layer::Flag);
        node.set(&Source::new(Layer::Flag, "--set", ""), "a.b", "1");
        node.set(&Source::new(Layer::Flag, "--set", ""), "a.c", "2");
        assert_eq!(flat(&node), ["a.b = 1 (flag `--set`)", "a.c = 2 (flag `--set`)"]);
    }

    #[test]
    fn a_syntax_error_names_line_and_column() {
        let source = Source::new(Layer::User, "f.toml", "a = 1\nb = = 2\n");
        let error = Node::parse(&source).unwrap_err().to_string();
        assert!(error.starts_with("f.toml:2:5: not valid TOML: "), "{error}");
    }

    #[test]
    fn nesting_without_end_is_refused_and_not_followed() {
        let text = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Node::parse(&Source::new(Layer::Project, "f.toml", text)).is_err());
    }
}
