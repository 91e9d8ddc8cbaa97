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
    /// How many tokens its model has in a prompt cache that is still warm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_tokens: Option<u64>,
    /// What a yes would agree to.
    #[serde(default)]
    pub proposal: Proposal,
}

/// What a yes would agree to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Proposal {
    /// Nothing.
    #[default]
    None,
    /// Something that the agent asked or proposed in words that are not known.
    Open,
    /// What the agent said last, in these words.
    Words(String),
}

impl Context {
    /// Creates the context of a session of which nothing but its existence is known.
    pub fn of_session() -> Context {
        Context::Session(Session::default())
    }

    /// Creates the context of a session in which an agent said this last.
    pub fn after(last_tier: Option<Tier>, said: &str) -> Context {
        Context::Session(Session { last_tier, warm_tokens: None, proposal: Proposal::read(said) })
    }

    /// Returns the same with what the session's model has in a warm cache.
    pub fn with_warm_tokens(self, warm_tokens: Option<u64>) -> Context {
        match self {
            Context::Fresh => Context::Fresh,
            Context::Session(session) => Context::Session(Session { warm_tokens, ..session }),
        }
    }

    /// Returns whether the words stand alone.
    pub fn is_fresh(&self) -> bool {
        self.session().is_none()
    }

    /// Returns the same with the agent's words replaced; `None` keeps only that there were some.
    pub fn with_words(&self, replace: impl FnOnce(&str) -> Option<String>) -> Context {
        let Context::Session(session) = self else { return self.clone() };
        let Proposal::Words(words) = &session.proposal else { return self.clone() };
        let proposal = replace(words).map_or(Proposal::Open, Proposal::Words);
        Context::Session(Session { proposal, ..session.clone() })
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
    /// Reads what an agent said last: its last lines. A yes may be about any of them: "This drops the table. Ok?", and the
    /// command in the code block below it. A report names no danger that is still to come.
    pub fn read(said: &str) -> Proposal {
        let lines = last_lines(said);
        if lines.is_empty() { Proposal::None } else { Proposal::Words(lines.join("\n")) }
    }

    /// Returns the option with this number, from 1, with all its lines; `None` if there is no such option.
    pub fn option(words: &str, number: usize) -> Option<String> {
        let lines: Vec<&str> = words.lines().collect();
        let marks: Vec<(usize, usize)> =
            lines.iter().enumerate().filter_map(|(at, line)| Some((at, option_number(line)?))).collect();
        let marks = if marks.is_empty() { bullets(&lines) } else { marks };
        let nth = marks.iter().position(|(_, its)| *its == number)?;
        let (from, end) = (marks[nth].0, marks.get(nth + 1).map_or(lines.len(), |(at, _)| *at));
        // What is asked about all options stands behind the last one.
        let is_of_it = |line: &&&str| !line.trim_end().ends_with(['?', '？', '؟']);
        let rest = lines[from + 1..end].iter().take_while(is_of_it).copied();
        Some(std::iter::once(lines[from]).chain(rest).collect::<Vec<_>>().join("\n"))
    }
}

/// Returns the lines that are items of a list without numbers, counted.
fn bullets(lines: &[&str]) -> Vec<(usize, usize)> {
    let is_item = |line: &&str| line.starts_with(['-', '•', '–', '+']);
    let items = lines.iter().enumerate().filter(|(_, line)| is_item(line));
    items.enumerate().map(|(n, (at, _))| (at, n + 1)).collect()
}

/// Returns the last lines of a text that have words, without marks of emphasis.
fn last_lines(said: &str) -> Vec<String> {
    let from = said.len().saturating_sub(SAID_BYTES);
    let from = (from..=said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or(said.len());
    let has_words = |line: &&str| line.chars().any(char::is_alphanumeric) && !line.starts_with("```");
    let mut lines: Vec<String> = said[from..]
        .lines()
        .map(str::trim)
        .filter(has_words)
        .map(|line| line.replace(['`', '*'], ""))
        .collect();
    lines.split_off(lines.len().saturating_sub(LINES_MAX))
}

/// Words before the number of an option, in small letters.
const OPTION_WORDS: [&str; 12] = [
    "option ",
    "variante ",
    "variant ",
    "opción ",
    "opcion ",
    "opção ",
    "opcao ",
    "opzione ",
    "вариант ",
    "opcja ",
    "方案",
    "選択肢",
];

/// Returns the number of a line `2. …`, `2) …`, `b) …`, `(2) …`, `### 2. …` or `Option 2: …`.
fn option_number(line: &str) -> Option<usize> {
    let line = line.trim_start_matches(['-', '•', '(', ' ', '#', '|', '[']);
    let lower = line.to_lowercase();
    let word =
        OPTION_WORDS.iter().find(|word| lower.starts_with(**word) && line.is_char_boundary(word.len()));
    let rest = &line[word.map_or(0, |word| word.len())..];
    let first = rest.chars().next()?;
    let behind = rest[first.len_utf8()..].chars().next();
    let ends = match behind {
        None => word.is_some(),
        Some(c) if word.is_some() => !c.is_alphanumeric(),
        Some(c) => matches!(c, '.' | ')' | ':' | '、' | '．' | ']' | '\u{fe0f}' | '\u{20e3}'),
    };
    let number = match first {
        '1'..='9' => first.to_digit(10)? as usize,
        'a'..='f' | 'A'..='F' => first.to_ascii_lowercase() as usize - 'a' as usize + 1,
        '一' => 1,
        '二' => 2,
        '三' => 3,
        _ => return None,
    };
    ends.then_some(number)
}

/// How a sentence begins that asks whether something should be done; what follows is the order.
const LEAD_INS: [&str; 44] = [
    "i'm about to ",
    "i am about to ",
    "i'd now ",
    "i would now ",
    "i'll now ",
    "i will now ",
    "the only way is to ",
    "this will ",
    "that will ",
    "i need to ",
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

/// Returns what a yes to these words would order: without the form of a question, each sentence on a line.
pub fn as_order(proposal: &str) -> String {
    let mut order = String::new();
    for line in proposal.lines() {
        let line = line.trim_start_matches(['-', '•', '+', '#', '|', '>', ' ']);
        let line = match option_number(line).and(line.find(['.', ')', ':', '、'])) {
            Some(at) if at < 20 => line[at..].trim_start_matches(['.', ')', ':', '、']),
            _ => line,
        };
        for sentence in sentences(line) {
            order.push_str(
                without_lead_in(&sentence.trim().replace('’', "'"))
                    .trim_end_matches(['?', '？', '؟', '.', ' ']),
            );
            order.push_str(".\n");
        }
    }
    order
}

fn without_lead_in(sentence: &str) -> &str {
    let lower = sentence.to_lowercase();
    let is_there = |lead: &&&str| lower.starts_with(**lead) && sentence.is_char_boundary(lead.len());
    LEAD_INS
        .iter()
        .filter(is_there)
        .max_by_key(|lead| lead.len())
        .map_or(sentence, |lead| &sentence[lead.len()..])
}

/// Returns the sentences of a line, each with its end mark.
fn sentences(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line.trim_start();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.char_indices().find(|(at, c)| {
            let next = rest[at + c.len_utf8()..].chars().next();
            let is_end = matches!(c, '.' | '?' | '!' | ':') && next.is_none_or(char::is_whitespace);
            is_end || matches!(c, '。' | '？' | '！' | '؟' | '：')
        });
        let (sentence, left) = rest.split_at(end.map_or(rest.len(), |(at, c)| at + c.len_utf8()));
        rest = left.trim_start();
        Some(sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_what_was_said_at_the_end_with_its_code() {
        for (said, proposal) in [
            ("", Proposal::None),
            ("\n```\n```\n", Proposal::None),
            ("Shall I push `main`?", Proposal::Words("Shall I push main?".to_owned())),
            (
                "Run this?\n\n```bash\nrm -rf ~/data\n```",
                Proposal::Words("Run this?\nrm -rf ~/data".to_owned()),
            ),
        ] {
            assert_eq!(Proposal::read(said), proposal, "{said:?}");
        }
        let long = format!("first\n{}last", "line\n".repeat(100));
        let Proposal::Words(words) = Proposal::read(&long) else { panic!("there are words") };
        assert_eq!((words.lines().count(), words.ends_with("last")), (LINES_MAX, true));
    }

    #[test]
    fn an_option_is_found_by_its_number_with_all_its_lines() {
        let words = "Two ways:\n1. keep it\n2) drop it\nand create it again\nWhich one?";
        assert_eq!(Proposal::option(words, 1).as_deref(), Some("1. keep it"));
        assert_eq!(Proposal::option(words, 2).as_deref(), Some("2) drop it\nand create it again"));
        assert_eq!(Proposal::option(words, 3), None);
        for words in [
            "### 1. Keep\nas it is\n### 2. Drop\nthe table",
            "### Option A: Keep\n### Option B: Drop",
            "- Keep it\n- Drop it",
            "A) Keep it\nB) Drop it",
            "1\u{fe0f}\u{20e3} Keep it\n2\u{fe0f}\u{20e3} Drop it",
            "方案一：Keep\n方案二：Drop",
            "Variante 1: Keep\nVariante 2: Drop",
        ] {
            let second = Proposal::option(words, 2).unwrap_or_default();
            assert!(second.contains("Drop") && !second.contains("Keep"), "{words}: {second}");
        }
        assert_eq!(Proposal::option("I found 2 things. A test fails.", 1), None);
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
