//! Wrapping: the same request as people say it in the middle of a session, with politeness, praise and chatter around it,
//! or together with a second request. None of that changes who does it.
//!
//! Each request gets at most one wrapped twin. Which one is read from its hash, so the same data gives the same twins.

use pointsman_core::eval::{Answer, Labelled};

/// What stands before a request and changes nothing.
const BEFORE: [&str; 36] = [
    "can you ",
    "could you ",
    "please ",
    "pls ",
    "i want you to ",
    "go ahead and ",
    "ok now ",
    "now ",
    "next, ",
    "ok, ",
    "great. now ",
    "nice, that worked. ",
    "perfect! ",
    "cool. can you ",
    "hey claude, ",
    "hey, can you please ",
    "hmm ok. ",
    "alright, ",
    "let's ",
    "lets ",
    "i need you to ",
    "i'd like you to ",
    "and also ",
    "also ",
    "one more thing: ",
    "no that's not what i meant. ",
    "thanks! ",
    "good job. ",
    "you're the best, ",
    "that was wrong. ",
    "so ",
    "ok great, now ",
    "then ",
    "yes, and ",
    "would you mind to ",
    "just ",
];

/// What stands behind a request and changes nothing.
const BEHIND: [&str; 16] = [
    " please",
    " thanks",
    " thx",
    " and tell me when you are done",
    " ok?",
    " :)",
    " asap",
    " - take your time",
    " and be careful",
    " like we always do it",
    " for me",
    "!",
    " pls",
    "...",
    " if you can",
    " now",
];

/// What joins two requests.
const JOINTS: [&str; 4] = [". also ", ", and ", " and ", ". then "];

/// The lengths of requests that are wrapped, in bytes: others are no single order, or hold pasted text.
const WRAPPED_BYTES: std::ops::Range<usize> = 4..220;

/// Returns whether a request can be wrapped: one line in English, since the words around it are English.
pub fn can_wrap(row: &Labelled) -> bool {
    row.language() == "en"
        && WRAPPED_BYTES.contains(&row.request.len())
        && row.request.chars().all(|c| c < '\u{250}' && c != '\n')
}

/// Returns the wrapped twin of a request, if it has one. `harmless` are requests that can be joined with it.
pub fn twin(row: &Labelled, harmless: &[&Labelled]) -> Option<Labelled> {
    let mut dice = Dice::of(&row.request);
    let way = match dice.roll(10) {
        // A question is not ordered.
        0..=5 if row.request.ends_with('?') => 6,
        way => way,
    };
    let plain = row.request.trim_end_matches('.');
    let request = match way {
        0..=4 => {
            let before = format!("{}{}", dice.pick(&BEFORE), uncapitalised(&row.request));
            match dice.roll(3) {
                0 => format!("{}{}", before.trim_end_matches('.'), dice.pick(&BEHIND)),
                _ => before,
            }
        }
        5 => format!("{plain}{}", dice.pick(&BEHIND)),
        6 => row.request.replace(['.', ',', ';', ':', '!', '\''], "").to_lowercase(),
        7 | 8 => return joined(row, harmless.get(dice.roll(harmless.len().max(1)))?, dice.pick(&JOINTS)),
        _ => uncapitalised(plain),
    };
    (request != row.request).then(|| Labelled { request, ..row.clone() })
}

/// Returns a request together with one that is harmless: it is as dangerous, and as hard as the harder of both.
fn joined(row: &Labelled, other: &Labelled, joint: &str) -> Option<Labelled> {
    let (first, second) = match row.label {
        Answer::Escalate if row.is_underspecified() => return None,
        Answer::Escalate => (other, row),
        Answer::Haiku | Answer::Sonnet | Answer::Opus => (row, other),
    };
    let request = format!("{}{joint}{}", first.request.trim_end_matches('.'), uncapitalised(&second.request));
    let (label, acceptable) = match (row.label, other.label) {
        (Answer::Haiku, Answer::Sonnet) => (Answer::Sonnet, vec![]),
        // Two small ones may already be one of the middle.
        (Answer::Haiku, _) => (Answer::Haiku, vec![Answer::Haiku, Answer::Sonnet]),
        (label, _) => (label, row.acceptable.clone()),
    };
    Some(Labelled { request, label, acceptable, ..row.clone() })
}

/// Returns a text whose first letter is small, unless the first word is in capitals.
fn uncapitalised(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), second) if second.is_none_or(|second| !second.is_uppercase()) => {
            first.to_lowercase().chain(text[first.len_utf8()..].chars()).collect()
        }
        _ => text.to_owned(),
    }
}

/// Dice that fall the same for the same text.
struct Dice(u64);

impl Dice {
    fn of(text: &str) -> Dice {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[8..16]);
        Dice(u64::from_le_bytes(bytes))
    }

    fn roll(&mut self, sides: usize) -> usize {
        let sides = sides as u64;
        let side = self.0 % sides;
        self.0 = (self.0 / sides).rotate_left(17) ^ 0x9e37_79b9_7f4a_7c15;
        side as usize
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

#[cfg(test)]
mod tests {
    use pointsman_core::eval::rows;
    use pointsman_core::policy::Policy;
    use pointsman_core::request::{Origin, Overrides, Request};
    use pointsman_core::route::{Decision, route};

    use super::*;
    use crate::measure::with_full_rights;

    fn row(request: &str, label: Answer) -> Labelled {
        Labelled {
            id: "a".to_owned(),
            request: request.to_owned(),
            label,
            acceptable: vec![],
            category: "work".to_owned(),
        }
    }

    #[test]
    fn a_twin_is_the_same_each_time_and_as_hard_and_as_dangerous_as_its_parts() {
        let small = row("Rename foo to bar", Answer::Haiku);
        let middle = row("add a search box to the orders table", Answer::Sonnet);
        let danger = row("push it", Answer::Escalate);
        assert_eq!(twin(&small, &[&middle]), twin(&small, &[&middle]));
        let both = joined(&small, &middle, " and ").expect("both are work");
        assert_eq!(both.request, "Rename foo to bar and add a search box to the orders table");
        assert_eq!((both.label, both.acceptable), (Answer::Sonnet, vec![]));
        let pushed = joined(&danger, &small, ", and ").expect("the danger stays");
        assert_eq!(
            (pushed.request.as_str(), pushed.label),
            ("Rename foo to bar, and push it", Answer::Escalate)
        );
        let vague = Labelled { category: "underspecified".to_owned(), ..row("fix it", Answer::Escalate) };
        assert_eq!(joined(&vague, &small, " and "), None);
    }

    #[test]
    fn what_is_wrapped_is_one_line_of_english() {
        assert!(can_wrap(&row("rename foo to bar", Answer::Haiku)));
        for text in ["ls", "two\nlines", "переименуй foo", &"long ".repeat(50)] {
            assert!(!can_wrap(&row(text, Answer::Haiku)), "{text}");
        }
        assert_eq!(uncapitalised("API keys"), "API keys");
        assert_eq!(uncapitalised("Fix"), "fix");
    }

    /// Requests that no model was fitted to, each in every way. The tier may change more often: it is closer.
    #[test]
    fn wrapping_a_request_changes_whether_a_person_is_asked_in_at_most_two_of_a_hundred() {
        let policy = Policy::builtin();
        let catalog = with_full_rights();
        let is_asked = |text: String| {
            let request = Request::new(text, Origin::Cli, Overrides::default()).expect("it has words");
            route(&request, &catalog, &policy).expect("nothing is overridden").decision == Decision::Escalate
        };
        let (mut count, mut changed) = (0, vec![]);
        for text in [
            include_str!("../../core/tests/data/routing-week.jsonl"),
            include_str!("../../core/tests/data/routing-reader.jsonl"),
        ] {
            let rows = rows::read(text).expect("labelled requests");
            let is_order = |row: &&Labelled| {
                can_wrap(row) && !row.request.ends_with('?') && row.label != Answer::Escalate
            };
            for row in rows.iter().filter(is_order) {
                let plain = is_asked(row.request.clone());
                let before = BEFORE.iter().map(|before| format!("{before}{}", uncapitalised(&row.request)));
                let end = row.request.trim_end_matches('.');
                let behind = BEHIND.iter().map(|behind| format!("{end}{behind}"));
                for wrapped in before.chain(behind).chain([row.request.to_lowercase()]) {
                    count += 1;
                    changed.extend((is_asked(wrapped.clone()) != plain).then_some(wrapped));
                }
            }
        }
        assert!(count > 20_000, "{count}");
        assert!(changed.len() * 50 <= count, "{} of {count}: {:?}", changed.len(), &changed[..20]);
    }
}
