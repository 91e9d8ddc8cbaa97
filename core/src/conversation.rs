//! The conversation that a request belongs to: what the agent already knows, and what it proposed.

use serde::{Deserialize, Serialize};

use crate::agent::Tier;

/// How much of what an agent said last is read, in bytes from its end: a proposal stands there.
const SAID_BYTES: usize = 6000;

/// How many lines from the end are searched for a proposal.
const LINES_MAX: usize = 16;

/// Whether the agent already knows the context of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Context {
    /// The words stand alone.
    #[default]
    Fresh,
    /// A session continues: "try again" means something there.
    Session(Session),
}

/// What is known of a session that continues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The tier that did the work before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_tier: Option<Tier>,
    /// What the agent waits for.
    #[serde(default)]
    pub proposal: Proposal,
}

/// Whether the agent waits for an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proposal {
    /// It does not.
    #[default]
    None,
    /// It asked or proposed something, and its words are not known.
    Open,
    /// It asked or proposed this.
    Words(String),
}

impl Context {
    /// Creates the context of a session of which nothing but its existence is known.
    pub fn of_session() -> Context {
        Context::Session(Session::default())
    }

    /// Creates the context of a session in which an agent said this last.
    pub fn after(last_tier: Option<Tier>, said: &str) -> Context {
        Context::Session(Session { last_tier, proposal: Proposal::read(said) })
    }

    /// Returns whether the words stand alone.
    pub fn is_fresh(&self) -> bool {
        self.session().is_none()
    }

    /// Returns the same with the agent's words replaced; `None` keeps only that it waits.
    pub fn with_words(&self, replace: impl FnOnce(&str) -> Option<String>) -> Context {
        let Context::Session(Session { last_tier, proposal: Proposal::Words(words) }) = self else {
            return self.clone();
        };
        let proposal = replace(words).map_or(Proposal::Open, Proposal::Words);
        Context::Session(Session { last_tier: *last_tier, proposal })
    }

    /// Returns the session, if one continues.
    pub fn session(&self) -> Option<&Session> {
        match self {
            Context::Fresh => None,
            Context::Session(session) => Some(session),
        }
    }
}

impl Proposal {
    /// Reads what an agent said last: the questions, announcements and options near its end, line by line. What was only
    /// reported is no proposal.
    pub fn read(said: &str) -> Proposal {
        let lines = last_lines(said);
        let mut proposed: Vec<String> = vec![];
        for line in &lines {
            if let Some(option) = option_of(line) {
                proposed.push(option.to_owned());
            } else {
                proposed.extend(sentences(line).filter(|sentence| proposes(sentence)).map(str::to_owned));
            }
        }
        // A list is one of options only if something is asked or announced about it; otherwise it reports.
        let asks = lines.iter().any(|line| option_of(line).is_none() && sentences(line).any(proposes));
        if asks { Proposal::Words(proposed.join("\n")) } else { Proposal::None }
    }

    /// Returns the option with this number, from 1; `None` if there is no such option.
    pub fn option(words: &str, number: usize) -> Option<&str> {
        let wanted = |line: &&str| option_number(line) == Some(number);
        words.lines().find(wanted)
    }
}

/// Returns the last lines of a text that have words, without code blocks and marks of emphasis.
fn last_lines(said: &str) -> Vec<String> {
    let from = said.len().saturating_sub(SAID_BYTES);
    let from = (from..=said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or(said.len());
    let mut is_code = false;
    let mut lines: Vec<String> = vec![];
    for line in said[from..].lines() {
        let line = line.trim();
        if line.starts_with("```") {
            is_code = !is_code;
        } else if !is_code && line.chars().any(char::is_alphanumeric) {
            lines.push(line.replace(['`', '*'], ""));
        }
    }
    lines.split_off(lines.len().saturating_sub(LINES_MAX))
}

/// Returns a line that is an item of a list.
fn option_of(line: &str) -> Option<&str> {
    let is_item = option_number(line).is_some() || line.starts_with(['-', '•', '–', '+']);
    is_item.then_some(line)
}

/// Returns the number of a line `2. …`, `2) …`, `b) …`, `(2) …` or `Option 2: …`.
fn option_number(line: &str) -> Option<usize> {
    let line = line.trim_start_matches(['-', '•', '(', ' ', '#']);
    let lower = line.get(..7).map(str::to_ascii_lowercase);
    let is_named = lower.is_some_and(|head| head == "option ");
    let rest = if is_named { &line[7..] } else { line };
    let mut chars = rest.chars();
    let first = chars.next()?;
    let ends = chars.next().is_none_or(|c| matches!(c, '.' | ')' | ':' | ' ' | '、' | '．'));
    let is_bare = chars.as_str().is_empty() || rest[first.len_utf8()..].starts_with(' ');
    let number = match first {
        '1'..='9' => first.to_digit(10)? as usize,
        'a'..='f' | 'A'..='F' => first.to_ascii_lowercase() as usize - 'a' as usize + 1,
        _ => return None,
    };
    (ends && (is_named || !is_bare)).then_some(number)
}

/// Returns the sentences of a line, each with its end mark.
fn sentences(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.char_indices().find(|(at, c)| {
            let next = rest[at + c.len_utf8()..].chars().next();
            matches!(c, '。' | '？' | '！' | '؟')
                || (matches!(c, '.' | '?' | '!') && next.is_none_or(char::is_whitespace))
        });
        let (sentence, left) = rest.split_at(end.map_or(rest.len(), |(at, c)| at + c.len_utf8()));
        rest = left.trim_start();
        Some(sentence)
    })
}

/// How a sentence begins that announces or offers something, in folded words.
const ANNOUNCEMENTS: [&str; 30] = [
    "i'll ",
    "i will ",
    "i can ",
    "i could ",
    "i would ",
    "i'd ",
    "i suggest ",
    "i recommend ",
    "i propose ",
    "i plan to ",
    "i'm going to ",
    "i am going to ",
    "i'm ready to ",
    "ready to ",
    "let me know ",
    "next i ",
    "next, i ",
    "if you want",
    "if you like",
    "my plan",
    "the plan",
    "ich kann ",
    "ich würde ",
    "ich werde ",
    "je peux ",
    "je vais ",
    "puedo ",
    "posso ",
    "я могу ",
    "могу ",
];

fn proposes(sentence: &str) -> bool {
    let lower = sentence.trim().to_lowercase().replace('’', "'");
    lower.ends_with(['?', '？', '؟']) || ANNOUNCEMENTS.iter().any(|start| lower.starts_with(start))
}

/// How a sentence begins that asks whether something should be done; what follows is the order.
const LEAD_INS: [&str; 34] = [
    "shall i ",
    "should i ",
    "may i ",
    "can i ",
    "could i ",
    "do you want me to ",
    "want me to ",
    "would you like me to ",
    "would you like to ",
    "do you want to ",
    "ok to ",
    "okay to ",
    "is it ok if i ",
    "is it okay to ",
    "i'll ",
    "i will ",
    "i can ",
    "i could ",
    "i would ",
    "i'd ",
    "i suggest to ",
    "i'm going to ",
    "i'm ready to ",
    "ready to ",
    "if you want, i can ",
    "if you like, i can ",
    "soll ich ",
    "möchtest du, dass ich ",
    "dois-je ",
    "veux-tu que je ",
    "¿quieres que ",
    "quer que eu ",
    "vuoi che ",
    "мне ",
];

/// Returns what a yes to these words would order: without the form of a question, each line a sentence.
pub fn as_order(proposal: &str) -> String {
    let mut order = String::new();
    for line in proposal.lines() {
        let line = line.trim().replace('’', "'");
        let lower = line.to_lowercase();
        let lead =
            LEAD_INS.iter().find(|lead| lower.starts_with(**lead) && line.is_char_boundary(lead.len()));
        let rest = &line[lead.map_or(0, |lead| lead.len())..];
        let rest = rest.trim_start_matches(|c: char| matches!(c, '-' | '•' | '+' | ' '));
        order.push_str(rest.trim_end_matches(['?', '？', '؟', '.', ' ']));
        order.push_str(".\n");
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_what_is_asked_or_announced_at_the_end() {
        for (said, proposal) in [
            ("Done. All 12 tests pass.", Proposal::None),
            ("- fixed a\n- fixed b", Proposal::None),
            ("", Proposal::None),
            (
                "I fixed it and pushed nothing. Shall I push the branch?",
                Proposal::Words("Shall I push the branch?".to_owned()),
            ),
            (
                "Two ways:\n1. keep the table\n2. drop the table\nWhich one do you want?",
                Proposal::Words("1. keep the table\n2. drop the table\nWhich one do you want?".to_owned()),
            ),
            ("I'll now delete the bucket.", Proposal::Words("I'll now delete the bucket.".to_owned())),
            ("ブランチをプッシュしますか？", Proposal::Words("ブランチをプッシュしますか？".to_owned())),
            ("Look:\n```\nshall i?\n```\nDone.", Proposal::None),
        ] {
            assert_eq!(Proposal::read(said), proposal, "{said:?}");
        }
    }

    #[test]
    fn an_option_is_found_by_its_number() {
        let words = "1. keep it\n2) drop it\nOption 3: rename it\nb) other";
        assert_eq!(Proposal::option(words, 1), Some("1. keep it"));
        assert_eq!(Proposal::option(words, 2), Some("2) drop it"));
        assert_eq!(Proposal::option(words, 3), Some("Option 3: rename it"));
        assert_eq!(Proposal::option(words, 4), None);
    }

    #[test]
    fn a_yes_orders_what_was_asked() {
        assert_eq!(as_order("Shall I push the branch?\nI'll deploy it."), "push the branch.\ndeploy it.\n");
        assert_eq!(as_order("Soll ich den Branch pushen?"), "den Branch pushen.\n");
    }

    #[test]
    fn any_text_is_read() {
        for text in ["\u{130}\u{130}?", "İ’ll ?", "a", "?", "1", "Option ", "🙂. 🙂?"] {
            let _ = (Proposal::read(text), as_order(text), Proposal::option(text, 1));
        }
    }
}
