//! JSON files of an agent's CLI, read no worse than the CLI does: with a byte order mark, as UTF-16, with broken
//! characters. Comments and trailing commas, which it does not take, are understood here, and said.

use std::io;
use std::path::Path;

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::CstRootNode;
use pointsman_core::text::decode;
use serde_json::Value;

use crate::regular_file;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As JSON, or as nothing at all.
    Json,
    /// As JSON with comments or trailing commas: the CLI reads nothing of it.
    WithComments,
    /// As something else.
    Broken,
}

/// A JSON file as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonFile {
    /// What it says; `null` if that is nothing.
    pub value: Value,
    /// How it is written.
    pub form: Form,
}

/// Reads a file of at most `bytes_max` bytes.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<JsonFile> {
    Ok(parse(&decode::lenient(&regular_file::read(path, bytes_max)?)))
}

/// Reads a file that has nothing to say if it is missing or cannot be read.
pub fn value(path: &Path, bytes_max: u64) -> Value {
    read(path, bytes_max).map_or(Value::Null, |file| file.value)
}

/// Parses a text. Of a key that stands there twice the last counts, as for the CLI.
pub fn parse(text: &str) -> JsonFile {
    let text = without_mark(text);
    if text.trim().is_empty() {
        return JsonFile { value: Value::Null, form: Form::Json };
    }
    if let Ok(value) = serde_json::from_str(text) {
        return JsonFile { value, form: Form::Json };
    }
    let root = CstRootNode::parse(text, &ParseOptions::default()).ok();
    match root.and_then(|root| root.to_serde_value()) {
        Some(value) => JsonFile { value, form: Form::WithComments },
        None => JsonFile { value: Value::Null, form: Form::Broken },
    }
}

/// Returns a text without its byte order mark.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail with a parser of plain JSON alone.
    #[test]
    fn a_file_is_read_in_every_form_in_which_people_have_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        let one = serde_json::json!({"a": 1});
        for (bytes, expected, form) in [
            (b"{\"a\": 1}".as_slice(), &one, Form::Json),
            (b"\xef\xbb\xbf{\"a\": 1}", &one, Form::Json),
            (b"\xff\xfe{\0\"\0a\0\"\0:\x00\x31\0}\0", &one, Form::Json),
            (b"// mine\n{\"a\": 1,}", &one, Form::WithComments),
            (b"\xef\xbb\xbf{\"a\": /* one */ 1}", &one, Form::WithComments),
            (b"{\"a\": 0, \"a\": 1}", &one, Form::Json),
            (b"", &Value::Null, Form::Json),
            (b"\xef\xbb\xbf \n", &Value::Null, Form::Json),
            (b"{a = 1", &Value::Null, Form::Broken),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let read = read(&path, 100).unwrap();
            assert_eq!((&read.value, read.form), (expected, form), "{bytes:?}");
            assert_eq!(value(&path, 100), *expected);
        }
        assert_eq!(value(&dir.path().join("none"), 100), Value::Null);
        assert!(read(&path, 1).is_err(), "too large");
    }
}
