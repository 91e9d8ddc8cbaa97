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

    /// Requests that no model was fitted to.
    fn unseen() -> Vec<Labelled> {
        [
            include_str!("../../core/tests/data/routing-week.jsonl"),
            include_str!("../../core/tests/data/routing-reader.jsonl"),
            include_str!("../../core/tests/data/routing-dev.jsonl"),
        ]
        .into_iter()
        .flat_map(|text| rows::read(text).expect("labelled requests"))
        .collect()
    }

    fn is_order(row: &&Labelled) -> bool {
        can_wrap(row) && !row.request.ends_with('?')
    }

    /// Returns a request in every way that people say it.
    fn wrapped(row: &Labelled) -> Vec<String> {
        let plain = row.request.trim_end_matches('.');
        let bare = row.request.replace(['.', ',', ';', ':', '!', '\''], "");
        let mut ways = vec![row.request.to_lowercase(), bare.clone(), bare.to_lowercase()];
        if is_order(&row) {
            ways.extend(BEFORE.iter().map(|before| format!("{before}{}", uncapitalised(&row.request))));
            ways.extend(BEHIND.iter().map(|behind| format!("{plain}{behind}")));
            ways.extend(
                BEFORE
                    .iter()
                    .zip(BEHIND.iter().cycle())
                    .map(|(before, behind)| format!("{before}{}{behind}", uncapitalised(plain))),
            );
        }
        ways
    }

    /// Returns two harmless requests as one, for each pair of neighbours and each joint.
    fn pairs(rows: &[Labelled]) -> Vec<(&str, &str, String)> {
        let harmless: Vec<&Labelled> =
            rows.iter().filter(|row| is_order(row) && row.label != Answer::Escalate).collect();
        let join = |pair: &[&Labelled], joint: &str| {
            format!("{}{joint}{}", pair[0].request.trim_end_matches('.'), uncapitalised(&pair[1].request))
        };
        let of_pair = |pair: &[&'_ Labelled]| JOINTS.map(|joint| join(pair, joint));
        harmless
            .windows(2)
            .flat_map(|pair| {
                of_pair(pair).map(|both| (pair[0].request.as_str(), pair[1].request.as_str(), both))
            })
            .collect()
    }

    /// Seen to fail with a model that was fitted without twins.
    #[test]
    fn wrapping_a_request_seldom_changes_whether_a_person_is_asked_or_who_does_it() {
        let policy = Policy::builtin();
        let catalog = with_full_rights();
        let routed = |text: &str| {
            let request =
                Request::new(text.to_owned(), Origin::Cli, Overrides::default()).expect("it has words");
            route(&request, &catalog, &policy).expect("nothing is overridden")
        };
        let is_asked = |text: &str| routed(text).decision == Decision::Escalate;
        let rows = unseen();
        assert!(rows.len() > 1000, "{}", rows.len());
        let (mut count, mut asked, mut tiers) = (0, vec![], 0);
        for row in &rows {
            let plain = routed(&row.request);
            for way in wrapped(row) {
                let now = routed(&way);
                count += 1;
                tiers += usize::from(plain.decision == Decision::Direct && now.tier != plain.tier);
                asked.extend((now.decision != plain.decision).then_some(way));
            }
        }
        let pairs: Vec<_> =
            pairs(&rows).into_iter().filter(|(one, other, _)| !is_asked(one) && !is_asked(other)).collect();
        let joined: Vec<_> = pairs.iter().filter(|(_, _, both)| is_asked(both)).collect();
        println!(
            "{count} ways: {} asked otherwise, {tiers} to another tier; {} of {} pairs asked otherwise",
            asked.len(),
            joined.len(),
            pairs.len()
        );
        assert!(asked.len() * 50 <= count, "{} of {count}: {:?}", asked.len(), &asked[..20]);
        assert!(tiers * 20 <= count, "{tiers} of {count}");
        assert!(joined.len() * 50 <= pairs.len(), "{} of {}: {:?}", joined.len(), pairs.len(), &joined[..20]);
    }
}
