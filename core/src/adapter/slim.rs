//! Shortens a JSON record of any length while it is read, so that what matters in it survives.
//!
//! A result line holds the answer in a few kilobytes and, beside it, whatever tools were given: files, images, whole
//! databases. Long values are cut and very long members dropped; the names, figures and the answer stay.

/// The most that is kept of a string at the top level of a record, such as the answer.
const TOP_TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The most that is kept of a string further inside.
const INNER_TEXT_BYTES_MAX: usize = 4 * 1024;

/// The most that is kept of a list or an object at the top level of a record; a longer one loses its end.
const MEMBER_BYTES_MAX: usize = 512 * 1024;

/// The most that is kept of a record. One that is still longer is discarded.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Shortens the JSON objects of one line; whatever is outside of them is dropped.
#[derive(Debug, Default)]
pub struct Slimmer {
    records: Vec<String>,
    kept: Vec<u8>,
    depth: usize,
    text: Option<Text>,
    member: Member,
    is_too_long: bool,
}

/// The member of the record that is being read.
#[derive(Debug, Default)]
struct Member {
    /// Where its value begins in `kept`.
    begin: usize,
    /// Whether its value is a list or an object.
    kind: Option<Container>,
    /// Where the last complete element of the value ends.
    whole_to: Option<usize>,
    /// Whether the rest of it is dropped.
    is_dropped: bool,
}

#[derive(Debug, Clone, Copy)]
enum Container {
    List,
    Object,
}

/// Where the reader is in a string.
#[derive(Debug, Default)]
struct Text {
    length: usize,
    /// How many bytes of an escape are still to come.
    escape_left: usize,
    is_cut: bool,
}

impl Slimmer {
    /// Reads the next bytes of the line.
    pub fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.take(*byte);
            if self.kept.len() > KEPT_BYTES_MAX {
                self.kept.clear();
                self.is_too_long = true;
            }
        }
    }

    /// Takes the records that are complete by now.
    pub fn records(&mut self) -> Vec<String> {
        std::mem::take(&mut self.records)
    }

    fn take(&mut self, byte: u8) {
        match (&mut self.text, byte) {
            (Some(text), _) => {
                let ends = text.escape_left == 0 && byte == b'"';
                let limit = if self.depth == 1 { TOP_TEXT_BYTES_MAX } else { INNER_TEXT_BYTES_MAX };
                let keeps = text.keeps(byte, limit);
                if ends {
                    self.text = None;
                }
                if keeps || ends {
                    self.keep(byte);
                }
            }
            // Blanks between tokens mean nothing.
            (None, b' ' | b'\t' | b'\r' | b'\n') => {}
            (None, b'{') => self.open(byte, Container::Object),
            // Anything outside of a record is noise.
            (None, _) if self.depth == 0 => {}
            (None, b'[') => self.open(byte, Container::List),
            (None, b'}' | b']') => self.close(byte),
            (None, b'"') => {
                self.text = Some(Text::default());
                self.keep(byte);
            }
            (None, b',') if self.depth == 1 => {
                self.member.is_dropped = false;
                self.keep(byte);
            }
            (None, b',') if self.depth == 2 && !self.member.is_dropped => {
                self.member.whole_to = Some(self.kept.len());
                self.keep(byte);
            }
            (None, b':') if self.depth == 1 => {
                self.keep(byte);
                self.member = Member { begin: self.kept.len(), ..Member::default() };
            }
            (None, _) => self.keep(byte),
        }
    }

    fn open(&mut self, byte: u8, kind: Container) {
        self.depth += 1;
        if self.depth == 1 {
            self.member = Member::default();
        }
        if self.depth == 2 {
            self.member.kind = Some(kind);
        }
        self.keep(byte);
    }

    fn close(&mut self, byte: u8) {
        self.depth -= 1;
        if self.depth == 0 {
            self.member.is_dropped = false;
        }
        self.keep(byte);
        if self.depth == 0 {
            let record = std::mem::take(&mut self.kept);
            if !std::mem::take(&mut self.is_too_long) {
                self.records.push(String::from_utf8_lossy(&record).into_owned());
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.member.is_dropped || self.is_too_long {
            return;
        }
        self.kept.push(byte);
        if self.depth > 1 && self.kept.len() - self.member.begin > MEMBER_BYTES_MAX {
            self.cut_member();
        }
    }

    /// Ends a long member after its last complete element; one without any becomes `null`.
    fn cut_member(&mut self) {
        self.member.is_dropped = true;
        match (self.member.whole_to, self.member.kind) {
            (Some(end), Some(kind)) => {
                self.kept.truncate(end);
                self.kept.push(match kind {
                    Container::List => b']',
                    Container::Object => b'}',
                });
            }
            (Some(_) | None, _) => {
                self.kept.truncate(self.member.begin);
                self.kept.extend_from_slice(b"null");
            }
        }
    }
}

impl Text {
    /// Returns whether the byte is kept. A string is cut between characters and never within an escape.
    fn keeps(&mut self, byte: u8, limit: usize) -> bool {
        let begins_character = byte & 0xc0 != 0x80;
        self.length += 1;
        self.is_cut |= self.length > limit && self.escape_left == 0 && begins_character;
        self.escape_left = match (self.escape_left, byte) {
            (0, b'\\') => 1,
            (0, _) => 0,
            // Four digits follow; no digit is a `u`.
            (1, b'u') => 4,
            (left, _) => left - 1,
        };
        !self.is_cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slim(line: &str, piece: usize) -> Option<serde_json::Value> {
        let mut slimmer = Slimmer::default();
        line.as_bytes().chunks(piece).for_each(|bytes| slimmer.push(bytes));
        slimmer
            .records()
            .pop()
            .map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:.200}")))
    }

    #[test]
    fn a_record_without_long_values_stays_as_it_is() {
        let line = r#"{"type":"result","n":-1.5e3,"a":[1,{"b":"\"x\\"}],"result":"é \ud83d\ude00 \n","t":true,"z":null}"#;
        for piece in [1, 7, 1000] {
            assert_eq!(slim(line, piece), serde_json::from_str(line).unwrap());
        }
    }

    #[test]
    fn the_answer_survives_beside_huge_members_and_texts() {
        let huge = "x\\\"é".repeat(1 << 20);
        let line = format!(
            r#"warning {{"permission_denials":[{{"tool_name":"Write","tool_input":{{"content":"{huge}"}}}}],
            "many":[{}1],"result":"the answer","is_error":false}} tail"#,
            "1,".repeat(1 << 20)
        );
        let kept = slim(&line, 4096).unwrap();
        assert_eq!((kept["result"].as_str(), kept["is_error"].as_bool()), (Some("the answer"), Some(false)));
        assert_eq!(kept["permission_denials"][0]["tool_name"], "Write");
        let content = kept["permission_denials"][0]["tool_input"]["content"].as_str().unwrap();
        assert!(content.starts_with("x\"éx") && content.len() <= INNER_TEXT_BYTES_MAX);
        assert!(kept["many"].as_array().is_some_and(|many| many.len() > 100_000 && many.len() < 1 << 20));
    }

    #[test]
    fn many_denials_keep_the_first_ones_and_many_records_are_each_their_own() {
        let denial = format!(r#"{{"tool_name":"Write","tool_input":{{"content":"{}"}}}}"#, "x".repeat(300));
        let line =
            format!(r#"{{"permission_denials":[{}],"result":"kept"}}"#, vec![denial; 80_000].join(","));
        let kept = slim(&line, 4096).unwrap();
        let denials = kept["permission_denials"].as_array().unwrap().len();
        assert!(kept["result"] == "kept" && (1000..80_000).contains(&denials), "{denials}");

        let mut slimmer = Slimmer::default();
        slimmer.push(format!("[{}]", vec![r#"{"type":"user"}"#; 500_000].join(",")).as_bytes());
        assert_eq!(slimmer.records().len(), 500_000);
    }

    #[test]
    fn a_huge_answer_keeps_its_beginning() {
        let line = format!(r#"{{"result":"{}","x":1}}"#, "\\u00e9".repeat(1 << 20));
        let kept = slim(&line, 65536).unwrap();
        let answer = kept["result"].as_str().unwrap();
        assert!(answer.starts_with("éé") && answer.len() > TOP_TEXT_BYTES_MAX / 6);
        assert_eq!(kept["x"], 1);
    }

    #[test]
    fn a_text_is_cut_between_characters_and_never_within_an_escape() {
        for character in ["é", "🙂", "\\u00e9", "\\\\"] {
            for lead in 0..character.len() {
                let text = format!("{}{}", "x".repeat(lead), character.repeat(INNER_TEXT_BYTES_MAX));
                let kept = slim(&format!(r#"{{"a":{{"b":"{text}"}}}}"#), 4096).unwrap();
                let text: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
                let kept = kept["a"]["b"].as_str().unwrap();
                assert!(text.starts_with(kept) && kept.len() > INNER_TEXT_BYTES_MAX / 4, "{kept:.20}");
            }
        }
    }

    #[test]
    fn a_member_that_is_short_enough_stays_wherever_it_begins() {
        let answer = "x".repeat(MEMBER_BYTES_MAX);
        let list = vec!["1"; MEMBER_BYTES_MAX / 3].join(",");
        let line = format!(r#"{{"result":"{answer}","many":[{list}]}}"#);
        assert_eq!(slim(&line, 4096), serde_json::from_str(&line).unwrap());
    }

    #[test]
    fn what_is_no_record_or_stays_too_long_is_none() {
        assert_eq!(slim(&"x".repeat(1 << 20), 4096), None);
        assert_eq!(slim(r#"{"cut":"in the mid"#, 4096), None);
        let keys: String = (0..5).map(|n| format!(r#""k{n}":"{}","#, "y".repeat(1 << 20))).collect();
        assert_eq!(slim(&format!("{{{keys}\"z\":1}}"), 4096), None);
    }
}
