//! Agent files: `.claude/agents/<name>.md`, a YAML front matter and a prompt, as Claude Code reads them.
//!
//! Only what routing needs is kept. The prompt stays in the file: the CLI reads it itself. A key that is not known here
//! to be harmless counts as privileged, so that no future key can change the CLI's behaviour unchecked.

pub mod claim;

use serde_json::{Map, Value};

use crate::ids::{AgentName, InvalidId};

/// The largest agent file that is read. Real ones have a few kilobytes.
pub const AGENT_FILE_BYTES_MAX: usize = 256 * 1024;

/// The largest front matter that is parsed.
const FRONT_MATTER_BYTES_MAX: usize = 32 * 1024;

/// How deep a front matter may nest. Hooks, the deepest key in real use, need about six levels.
const DEPTH_MAX: usize = 16;

/// Keys that give an agent no right that other agents do not have.
const HARMLESS_KEYS: [&str; 8] =
    ["name", "description", "model", "tools", "color", "effort", "maxTurns", "skills"];

/// What an agent file says about its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentFile {
    /// The agent's name; the file's name if the front matter has none.
    pub name: AgentName,
    /// What the agent is for, in one line.
    pub description: String,
    /// A model alias, a full model name, or `inherit`.
    pub model: Option<String>,
    /// The tools that the agent is limited to; `None` if it has all.
    pub tools: Option<Vec<String>>,
    /// The permission mode it asks for (a privileged key).
    pub permission_mode: Option<String>,
    /// Keys that are not known to be harmless, in file order.
    pub privileged_keys: Vec<String>,
}

/// Why an agent file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentFileError {
    /// It has more bytes than are read.
    #[error("it has {bytes} bytes; at most {max} are read")]
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many are allowed.
        max: usize,
    },
    /// The first line is not `---`.
    #[error("it has no front matter: the first line must be `---`")]
    NoFrontMatter,
    /// There is no second `---`.
    #[error("its front matter is not closed by a line `---`")]
    Unclosed,
    /// It is not YAML, or not a mapping.
    #[error("its front matter is not a YAML mapping: {message}")]
    Yaml {
        /// The line in the file, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A known key has a value of another type.
    #[error("`{key}` must be {expected}")]
    WrongType {
        /// The line in the file, from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The name is not valid.
    #[error(transparent)]
    Name(#[from] InvalidId),
}

impl AgentFileError {
    /// Returns the line of the file that is at fault, from 1.
    pub fn line(&self) -> usize {
        match self {
            AgentFileError::Yaml { line, .. } | AgentFileError::WrongType { line, .. } => *line,
            AgentFileError::TooLarge { .. }
            | AgentFileError::NoFrontMatter
            | AgentFileError::Unclosed
            | AgentFileError::Name(_) => 1,
        }
    }
}

/// Reads the front matter of an agent file whose name without `.md` is `file_stem`.
pub fn parse_agent_file(file_stem: &str, text: &str) -> Result<AgentFile, AgentFileError> {
    if text.len() > AGENT_FILE_BYTES_MAX {
        return Err(AgentFileError::TooLarge { bytes: text.len(), max: AGENT_FILE_BYTES_MAX });
    }
    parse_opening(file_stem, text)
}

/// Returns the prompt of an agent file: what stands behind its front matter.
pub fn prompt(text: &str) -> &str {
    parts(text).map_or("", |(_front_matter, prompt)| prompt)
}

/// Keys with which an agent may do or start more than its session.
const WIDENING_KEYS: [&str; 3] = ["hooks", "mcpServers", "permissionMode"];

/// Returns whether an agent file may have such a key. Versions of the CLI before 2.1.284 follow them in folders that
/// nobody accepted, also when the agent is delegated to.
pub fn may_widen_rights(text: &str) -> bool {
    let front_matter = front_matter(text).unwrap_or(text);
    // A key may be spelt with escapes.
    front_matter.contains('\\') || WIDENING_KEYS.iter().any(|key| front_matter.contains(key))
}

/// What a file says of a kind of subagent. Its name has any form: the CLI takes `Python Engineer` as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindFile {
    /// The name.
    pub name: String,
    /// A model alias, a full model name, or `inherit`.
    pub model: Option<String>,
    /// The tools that the kind is limited to; `None` if it has all.
    pub tools: Option<Vec<String>>,
}

/// Reads of an agent file what a delegation depends on, as leniently as it goes: a file that we cannot read may still name a
/// model that the CLI follows. `None` if there is no front matter.
pub fn parse_kind(file_stem: &str, text: &str) -> Option<KindFile> {
    let yaml = front_matter(text.trim_start_matches('\u{feff}')).ok()?;
    let keys = (yaml.len() <= FRONT_MATTER_BYTES_MAX).then(|| parse_keys(yaml).ok()).flatten();
    let keys = keys.unwrap_or_else(|| keys_by_lines(yaml));
    let reader = Reader { keys: &keys, yaml };
    let text = |key: &'static str| reader.text(key).ok().flatten().filter(|text| !text.is_empty());
    let tools = reader.list("tools").ok().flatten();
    Some(KindFile { name: text("name").unwrap_or_else(|| file_stem.to_owned()), model: text("model"), tools })
}

/// Returns the keys at the beginnings of lines, each with the text behind it.
fn keys_by_lines(yaml: &str) -> Map<String, Value> {
    let key = |line: &str| {
        let (key, value) = line.split_once(':')?;
        let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        ["name", "model", "tools"].contains(&key).then(|| (key.to_owned(), Value::from(value)))
    };
    yaml.lines().filter_map(key).collect()
}

/// Reads the front matter, however much stands behind it.
fn parse_opening(file_stem: &str, text: &str) -> Result<AgentFile, AgentFileError> {
    let yaml = front_matter(text)?;
    if yaml.len() > FRONT_MATTER_BYTES_MAX {
        return Err(AgentFileError::TooLarge { bytes: yaml.len(), max: FRONT_MATTER_BYTES_MAX });
    }
    let keys = parse_keys(yaml)?;
    let reader = Reader { keys: &keys, yaml };
    let name = reader.text("name")?.unwrap_or_else(|| file_stem.to_owned());
    Ok(AgentFile {
        name: name.parse()?,
        description: reader.text("description")?.unwrap_or_default(),
        model: reader.text("model")?.filter(|model| !model.is_empty()),
        tools: reader.list("tools")?,
        permission_mode: keys.get("permissionMode").and_then(Value::as_str).map(str::to_owned),
        privileged_keys: keys.keys().filter(|key| !HARMLESS_KEYS.contains(&key.as_str())).cloned().collect(),
    })
}

/// Parses a front matter. The CLI's own generator writes descriptions that contain `: ` without quotes, and can read them back.
fn parse_keys(yaml: &str) -> Result<Map<String, Value>, AgentFileError> {
    parse_mapping(yaml).or_else(|error| match with_quoted_description(yaml) {
        Some(quoted) => parse_mapping(&quoted).map_err(|_| error),
        None => Err(error),
    })
}

fn front_matter(text: &str) -> Result<&str, AgentFileError> {
    parts(text).map(|(front_matter, _prompt)| front_matter)
}

/// Returns the text between the first line `---` and the next one, and the text behind that.
fn parts(text: &str) -> Result<(&str, &str), AgentFileError> {
    // Only these count as blank: if we ended the front matter earlier than the CLI does, it would see keys that we do
    // not.
    let is_fence = |line: &str| line.trim_end_matches([' ', '\t', '\r', '\n']) == "---";
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().filter(|line| is_fence(line)).ok_or(AgentFileError::NoFrontMatter)?;
    let mut end = first.len();
    for line in lines {
        if is_fence(line) {
            return Ok((&text[first.len()..end], &text[end + line.len()..]));
        }
        end += line.len();
    }
    Err(AgentFileError::Unclosed)
}

fn parse_mapping(yaml: &str) -> Result<Map<String, Value>, AgentFileError> {
    // Aliases are of no use here and let a small file grow large: none are followed.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_aliases: 0, max_anchors: 0, max_documents: 1 },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options::<Option<Map<String, Value>>>(yaml, options)
        .map(Option::unwrap_or_default)
        .map_err(|error| AgentFileError::Yaml {
            // The fence is the first line of the file.
            line: 1 + error.location().map_or(1, |at| usize::try_from(at.line()).unwrap_or(1)).max(1),
            message: reason(&error.to_string()),
        })
}

/// Returns the front matter with its one-line description in quotes; `None` if there is no such unquoted description.
fn with_quoted_description(yaml: &str) -> Option<String> {
    const KEY: &str = "description: ";
    let line = yaml.lines().find(|line| line.starts_with(KEY))?;
    let value = line.strip_prefix(KEY)?.trim();
    let is_plain = !value.starts_with(['"', '\'', '|', '>', '[', '{', '&', '*', '!']);
    // What some parsers take for a line break could hide a key inside the quotes.
    let is_one_line = !value.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    (is_plain && is_one_line)
        .then(|| yaml.replacen(line, &format!("{KEY}'{}'", value.replace('\'', "''")), 1))
}

/// Returns the first line of the parser's message, without the position: it counts lines from the fence.
fn reason(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).collect()
}

struct Reader<'a> {
    keys: &'a Map<String, Value>,
    yaml: &'a str,
}

impl Reader<'_> {
    fn text(&self, key: &'static str) -> Result<Option<String>, AgentFileError> {
        match self.keys.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(_) => Err(self.wrong_type(key, "a text")),
        }
    }

    /// Reads a list, or a string with commas, which is how the CLI's own generator writes it.
    fn list(&self, key: &'static str) -> Result<Option<Vec<String>>, AgentFileError> {
        let split = |text: &str| -> Vec<String> {
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        };
        match self.keys.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(split(text))),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .map(Some)
                .ok_or_else(|| self.wrong_type(key, "a list of names")),
            Some(_) => Err(self.wrong_type(key, "a list of names")),
        }
    }

    fn wrong_type(&self, key: &'static str, expected: &'static str) -> AgentFileError {
        let at = self.yaml.lines().position(|line| line.trim_start().starts_with(key)).unwrap_or(0);
        AgentFileError::WrongType { line: at + 2, key, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AgentFile, AgentFileError> {
        parse_agent_file("from-file", text)
    }

    /// Seen to fail with the strict reader: the model that the file names did not hold.
    #[test]
    fn what_a_kind_runs_on_is_read_from_files_that_are_not_strictly_right() {
        let kind = |text: &str| parse_kind("from-file", text).map(|kind| (kind.name, kind.model));
        let found = |name: &str, model: Option<&str>| Some((name.to_owned(), model.map(str::to_owned)));
        for (text, expected) in [
            ("---\nname: Python Engineer\nmodel: sonnet\n---\n", found("Python Engineer", Some("sonnet"))),
            ("\u{feff}---\r\nname: x\r\nmodel: opus\r\n---\r\n", found("x", Some("opus"))),
            ("---\nmodel: claude-opus-4-8\n---\n", found("from-file", Some("claude-opus-4-8"))),
            ("---\nname: x\nname: x\nmodel: \"haiku\" # cheap\n---\n", found("x", Some("haiku"))),
            ("---\nname: x\ndescription: [1\nmodel: inherit\n---\n", found("x", Some("inherit"))),
            ("---\nname: x\nmodel: [a]\n---\n", found("x", None)),
            ("name: x\nmodel: opus\n", None),
        ] {
            assert_eq!(kind(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_plain_agent_file_is_read_and_its_unknown_keys_are_privileged() {
        let text = "---\nname: reviewer\ndescription: Reviews code.\nmodel: opus\ntools: Read, Grep\ncolor: red\n\
                    permissionMode: plan\nhooks:\n  Stop: []\nsomethingNew: 1\n---\nYou review.\n---\n";
        assert_eq!(
            parse(text).unwrap(),
            AgentFile {
                name: "reviewer".parse().unwrap(),
                description: "Reviews code.".to_owned(),
                model: Some("opus".to_owned()),
                tools: Some(vec!["Read".to_owned(), "Grep".to_owned()]),
                permission_mode: Some("plan".to_owned()),
                privileged_keys: vec![
                    "permissionMode".to_owned(),
                    "hooks".to_owned(),
                    "somethingNew".to_owned()
                ],
            }
        );
    }

    #[test]
    fn the_file_gives_the_name_that_the_front_matter_lacks() {
        for text in ["---\n---\n", "---\r\n\r\n---\r\nbody", "---\n# only a comment\n---"] {
            let file = parse(text).unwrap();
            assert_eq!((file.name.as_str(), file.tools, file.privileged_keys.len()), ("from-file", None, 0));
        }
    }

    #[test]
    fn tools_may_be_a_list() {
        let file = parse("---\ntools: [Read, Bash]\n---\n").unwrap();
        assert_eq!(file.tools.unwrap(), ["Read", "Bash"]);
    }

    #[test]
    fn a_description_as_the_clis_generator_writes_it_is_read() {
        let text =
            "---\nname: x\ndescription: Use it when: it's time.\\nuser: \"go\" # now\nhooks: {}\n---\n";
        let file = parse(text).unwrap();
        assert_eq!(file.description, "Use it when: it's time.\\nuser: \"go\" # now");
        assert_eq!(file.privileged_keys, ["hooks"]);
    }

    #[test]
    fn no_odd_line_break_hides_a_key() {
        for text in [
            "---\nname: x\n---\u{85}\nhooks: {}\n---\n",
            "---\nname: x\ndescription: a: b\rhooks: {}\n---\n",
            "---\nname: x\ndescription: a: b\u{2028}hooks: {}\n---\n",
        ] {
            let keys = parse(text).map(|file| file.privileged_keys);
            assert!(keys.as_ref().map_or(true, |keys| !keys.is_empty()), "{text:?}: {keys:?}");
        }
    }

    #[test]
    fn a_malformed_file_is_an_error_with_its_line() {
        for (text, line, part) in [
            ("name: x\n", 1, "no front matter"),
            ("\u{feff}---\nname: x\n---\n", 1, "no front matter"),
            ("---\nname: x\n", 1, "not closed"),
            ("---\nname: x\ndescription: [1\n---\n", 3, "YAML"),
            ("---\nname: x\nname: y\n---\n", 3, "YAML"),
            ("---\n- a\n---\n", 2, "YAML"),
            ("---\nname: x\nmodel: [a]\n---\n", 3, "`model` must be a text"),
            ("---\ntools: {a: b}\n---\n", 2, "`tools` must be a list"),
            ("---\nname: ../x\n---\n", 1, "not valid"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(part), "{text:?}: {error}");
            assert!((line..=line + 1).contains(&error.line()), "{text:?}: line {}", error.line());
        }
    }

    #[test]
    fn a_file_made_to_exhaust_the_reader_is_refused() {
        let deep = format!("---\nx: {}{}\n---\n", "[".repeat(5000), "]".repeat(5000));
        let bomb = "---\na: &a [x, x]\nb: [*a, *a]\n---\n".to_owned();
        let large = format!("---\nname: x\n---\n{}", "x".repeat(AGENT_FILE_BYTES_MAX));
        let wide = format!("---\nx: {}\n---\n", "x".repeat(FRONT_MATTER_BYTES_MAX));
        for text in [deep, bomb, large, wide] {
            assert!(parse(&text).is_err());
        }
    }
}
