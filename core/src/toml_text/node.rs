//! A text as a tree of values that remember where they were written; trees can be layered on each other.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::place::{Place, Source, SourceKind};
use super::problem::{PROBLEMS_MAX, Problem, ProblemKind, Problems};

/// What is under a key or in a list, and where.
#[derive(Clone)]
pub struct Node {
    source: Arc<Source>,
    /// The full key. It starts over at a table in a list; anything else in a list has the key of its list.
    pub(super) key: String,
    pub(super) key_at: usize,
    pub(super) value_at: usize,
    /// The value.
    pub value: Value,
}

/// Some values are keys of services: debug output shows none.
impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What a node holds.
#[derive(Clone)]
pub enum Value {
    /// Keys.
    Table(BTreeMap<String, Node>),
    /// A list.
    List(Vec<Node>),
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// A date or time, which no setting is.
    Datetime(String),
    /// A text from a flag or a variable; its type depends on the setting.
    Untyped(String),
}

impl Value {
    /// Returns the name of its type for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Table(_) => "a table",
            Value::List(_) => "a list",
            Value::Text(_) | Value::Untyped(_) => "a string",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a decimal number",
            Value::Bool(_) => "a boolean",
            Value::Datetime(_) => "a date or time",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{}", toml::Value::from(text.as_str())),
            Value::Integer(number) => write!(f, "{number}"),
            Value::Float(number) => write!(f, "{number:?}"),
            Value::Bool(yes) => write!(f, "{yes}"),
            Value::Untyped(text) | Value::Datetime(text) => f.write_str(text),
            Value::Table(_) => f.write_str("{…}"),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(|item| item.value.to_string()).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

impl Node {
    /// Parses a whole text, or reports which of its lines are not TOML.
    pub fn parse(source: &Arc<Source>) -> Result<Node, Vec<Problem>> {
        let (root, errors) = DeTable::parse_recoverable(&source.text);
        let problems = Problems::default();
        let mut line_before = 0;
        // Finding a line takes a walk through the text, so it is not done for every error of a text that is full of
        // errors.
        for error in errors.into_iter().take(4 * PROBLEMS_MAX) {
            let place = source.place(error.span().map_or(0, |span| span.start));
            // Further errors on the same line are mostly consequences.
            if std::mem::replace(&mut line_before, place.line) != place.line {
                let message = error.message().lines().next().unwrap_or_default();
                let what = format!("not valid TOML: {message}");
                problems.report(|| place, ProblemKind::NotToml, &what, "fix this line first");
            }
        }
        problems.into_result(Some(node(source, "", 0, 0, table(source, "", root.get_ref()))))
    }

    /// Creates a layer without any values.
    pub fn empty(kind: SourceKind) -> Node {
        node(&Source::new(kind, "", ""), "", 0, 0, Value::Table(BTreeMap::new()))
    }

    /// Creates a layer of flags: texts without lines, each named by the full key that it sets.
    pub fn of_values(kind: SourceKind, values: &[(String, String)]) -> Node {
        let mut layer = Node::empty(kind);
        for (key, text) in values {
            layer.set(&Source::new(kind, key.as_str(), ""), key, text);
        }
        layer
    }

    /// Sets one value from a text that has no lines: a variable or a flag.
    pub fn set(&mut self, source: &Arc<Source>, key: &str, text: &str) {
        let mut at = self;
        for part in key.split('.') {
            let empty = node(source, &at.below(part), 0, 0, Value::Table(BTreeMap::new()));
            if !matches!(at.value, Value::Table(_)) {
                at.value = Value::Table(BTreeMap::new());
            }
            let Value::Table(table) = &mut at.value else { unreachable!("made a table just above") };
            at = table.entry(part.to_owned()).or_insert(empty);
        }
        *at = node(source, key, 0, 0, Value::Untyped(text.to_owned()));
    }

    /// Returns this layer with another one on top: tables are merged, values and lists are replaced.
    pub fn under(self, upper: &Node) -> Node {
        let value = match (self.value, &upper.value) {
            (Value::Table(mut below), Value::Table(above)) => {
                for (key, node) in above {
                    let merged = match below.remove(key) {
                        Some(lower) => lower.under(node),
                        None => node.clone(),
                    };
                    below.insert(key.clone(), merged);
                }
                Value::Table(below)
            }
            (_, above) => above.clone(),
        };
        let Node { source, key, key_at, value_at, .. } = upper;
        Node { source: source.clone(), key: key.clone(), key_at: *key_at, value_at: *value_at, value }
    }

    /// Gives keys their present names: in every table of a table, an old name becomes the new one. If both names are
    /// there, the old one stays.
    pub fn renamed(mut self, names: &[(&str, &str, &str)]) -> Node {
        let Value::Table(root) = &mut self.value else { return self };
        for (table, old, new) in names {
            let Some(Node { value: Value::Table(tables), .. }) = root.get_mut(*table) else { continue };
            for one in tables.values_mut() {
                if let Value::Table(keys) = &mut one.value
                    && !keys.contains_key(*new)
                    && let Some(node) = keys.remove(*old)
                {
                    keys.insert((*new).to_owned(), node);
                }
            }
        }
        self
    }

    /// Keeps only the values for which `keep` returns `true`.
    pub fn retain(&mut self, keep: &mut dyn FnMut(&[&str], &Node) -> bool) {
        fn walk(node: &mut Node, path: &[&str], keep: &mut dyn FnMut(&[&str], &Node) -> bool) -> bool {
            let Value::Table(table) = &mut node.value else { return keep(path, node) };
            table.retain(|key, node| walk(node, &[path, &[key.as_str()]].concat(), keep));
            !table.is_empty()
        }
        walk(self, &[], keep);
    }

    /// Returns the node at a path.
    pub fn get(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, part| match &node.value {
            Value::Table(table) => table.get(*part),
            _ => None,
        })
    }

    /// Calls `visit` with every value that is not a table and its path, in key order.
    pub fn each_leaf<'n>(&'n self, visit: &mut impl FnMut(&[&'n str], &'n Node)) {
        fn walk<'n>(node: &'n Node, path: &[&'n str], visit: &mut impl FnMut(&[&'n str], &'n Node)) {
            let Value::Table(table) = &node.value else { return visit(path, node) };
            for (key, node) in table {
                walk(node, &[path, &[key.as_str()]].concat(), visit);
            }
        }
        walk(self, &[], visit);
    }

    /// Returns the kind of source that it is from.
    pub fn source_kind(&self) -> SourceKind {
        self.source.kind
    }

    /// Returns where its key was written.
    pub fn key_place(&self) -> Place {
        self.source.place(self.key_at)
    }

    /// Returns where its value was written.
    pub fn place(&self) -> Place {
        self.source.place(self.value_at)
    }

    /// Returns the full key of something in this table.
    pub(super) fn below(&self, name: &str) -> String {
        below(&self.key, name)
    }
}

fn below(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}

fn node(source: &Arc<Source>, key: &str, key_at: usize, value_at: usize, value: Value) -> Node {
    Node { source: source.clone(), key: key.to_owned(), key_at, value_at, value }
}

fn table(source: &Arc<Source>, key: &str, table: &DeTable) -> Value {
    let entry = |(name, item): (&Spanned<DeString>, &Spanned<DeValue>)| {
        let key = below(key, name.get_ref());
        let value = value(source, &key, item.get_ref());
        (name.get_ref().to_string(), node(source, &key, name.span().start, item.span().start, value))
    };
    Value::Table(table.iter().map(entry).collect())
}

fn item(source: &Arc<Source>, key: &str, item: &Spanned<DeValue>) -> Node {
    let key = if item.get_ref().is_table() { "" } else { key };
    let at = item.span().start;
    node(source, key, at, at, value(source, key, item.get_ref()))
}

fn value(source: &Arc<Source>, key: &str, value: &DeValue) -> Value {
    match value {
        DeValue::Table(inner) => table(source, key, inner),
        DeValue::Array(items) => Value::List(items.iter().map(|inner| item(source, key, inner)).collect()),
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Datetime(when) => Value::Datetime(when.to_string()),
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            // It has more than 64 bits: as a float it is close enough, and it does not count as a whole number.
            Err(_) => Value::Float(number.as_str().parse().unwrap_or(f64::INFINITY)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(layer: SourceKind, text: &str) -> Node {
        Node::parse(&Source::new(layer, "f.toml", text)).unwrap()
    }

    fn flat(node: &Node) -> Vec<String> {
        let mut lines = Vec::new();
        node.each_leaf(&mut |path, node| {
            lines.push(format!("{} = {} ({})", path.join("."), node.value, node.place()));
        });
        lines
    }

    #[test]
    fn the_upper_layer_wins_value_by_value_and_keeps_its_place() {
        let below = layer(SourceKind::User, "a = 1\n[t]\nx = \"é\"\ny = [1, 2]\n");
        let above = layer(SourceKind::Project, "[t]\ny = [3]\n  z = { w = true }\n");
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
        let mut node = Node::empty(SourceKind::Flag);
        node.set(&Source::new(SourceKind::Flag, "--set", ""), "a.b", "1");
        node.set(&Source::new(SourceKind::Flag, "--set", ""), "a.c", "2");
        assert_eq!(flat(&node), ["a.b = 1 (flag `--set`)", "a.c = 2 (flag `--set`)"]);
    }

    #[test]
    fn a_syntax_error_names_line_and_column() {
        let source = Source::new(SourceKind::User, "f.toml", "a = 1\nb = = 2\n");
        let problems = Node::parse(&source).unwrap_err();
        assert_eq!(problems[0].to_string(), "f.toml:2:5: not valid TOML: extra `=`, expected nothing");
    }

    #[test]
    fn nesting_without_end_is_refused_and_not_followed() {
        let text = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Node::parse(&Source::new(SourceKind::Project, "f.toml", text)).is_err());
    }
}
