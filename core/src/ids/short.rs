//! Short forms of ids that are UUIDs: derived from the id, never stored, easy to type.
//!
//! The form is the last 60 bits of the id, which are random, as 12 digits of Crockford's base 32: no `i`, `l`, `o`, `u`.
//! Its beginning is shown and accepted. Where a text could be the beginning of a whole id as well, both readings count,
//! and whoever asks hears that it fits several.

/// How many digits are shown where nothing collides: of a thousand runs, one list in two thousand has a collision.
pub const SHORT_LEN: usize = 6;

/// The fewest digits that stand for an id: fewer are more likely a slip.
const SHORT_LEN_MIN: usize = 4;

/// How many digits the whole form has.
const WHOLE_LEN: usize = 12;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Returns the whole short form of an id, or `None` if the id is no UUID: a name that a person gave is its own form.
fn whole(id: &str) -> Option<String> {
    let hex: String = id.split('-').collect();
    let has_its_form = id.len() == 36 && hex.len() == 32;
    let bits = u128::from_str_radix(&hex, 16).ok().filter(|_| has_its_form)?;
    let digit = |place: usize| {
        let value = (bits >> (5 * (WHOLE_LEN - 1 - place))) & 31;
        char::from(DIGITS[usize::try_from(value).expect("five bits")])
    };
    Some((0..WHOLE_LEN).map(digit).collect())
}

/// Returns whether an id is a UUID, and so has a short form.
pub fn is_uuid(id: &str) -> bool {
    whole(id).is_some()
}

/// Returns the short form of one id.
pub fn short(id: &str) -> String {
    whole(id).map_or_else(|| id.to_owned(), |form| form[..SHORT_LEN].to_owned())
}

/// Returns the short forms of a list of ids, all of one length: as many digits as it takes to tell them apart.
pub fn short_forms(ids: &[&str]) -> Vec<String> {
    let forms: Vec<Option<String>> = ids.iter().map(|id| whole(id)).collect();
    let mut sorted: Vec<(&str, &str)> =
        forms.iter().zip(ids).filter_map(|(form, id)| Some((form.as_deref()?, *id))).collect();
    sorted.sort_unstable();
    // The same id may be in the list twice, and needs no telling apart.
    sorted.dedup_by_key(|(_, id)| *id);
    let in_common = |(a, b): (&str, &str)| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let longest = sorted.windows(2).map(|pair| in_common((pair[0].0, pair[1].0))).max().unwrap_or(0);
    let len = (longest + 1).clamp(SHORT_LEN, WHOLE_LEN);
    let cut =
        |(form, id): (Option<String>, &&str)| form.map_or((*id).to_owned(), |form| form[..len].to_owned());
    forms.into_iter().zip(ids).map(cut).collect()
}

/// Returns whether a text can be the beginning of a short form as it is shown.
pub fn is_short_form(text: &str) -> bool {
    (SHORT_LEN..=WHOLE_LEN).contains(&text.len()) && normalised(text).is_some()
}

/// Returns whether a text stands for an id: the beginning of it, or of its short form.
pub fn stands_for(text: &str, id: &str) -> bool {
    let is_short = || {
        let text = normalised(text).filter(|text| text.len() >= SHORT_LEN_MIN);
        text.is_some_and(|text| whole(id).is_some_and(|form| form.starts_with(&text)))
    };
    id.starts_with(text) || is_short()
}

/// Returns digits as this program writes them: people read a 0 as an O, and a 1 as an I or an L.
fn normalised(text: &str) -> Option<String> {
    let digit = |c: char| match c.to_ascii_lowercase() {
        'o' => Some('0'),
        'i' | 'l' => Some('1'),
        c if c.is_ascii() && DIGITS.contains(&(c as u8)) => Some(c),
        _ => None,
    };
    text.chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "019a8c3e-7f10-7abc-8def-0123456789ab";

    fn any_id() -> impl Strategy<Value = String> {
        any::<u128>().prop_map(|bits| {
            let hex = format!("{bits:032x}");
            [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
        })
    }

    #[test]
    fn the_short_form_is_made_of_the_random_end_of_an_id() {
        // 0xdef0123456789ab, five bits at a time: 11011 11011 11000 00001 00100 01101 …
        assert_eq!(short(ID), "vvr14d");
        assert_eq!(whole(ID).unwrap(), "vvr14d2pf2db");
        assert_eq!(short(&ID.replace("019a8c3e-7f10-7abc", "019a8c3e-7f10-7000")), "vvr14d");
        assert_eq!(short("refactoring"), "refactoring", "a name is its own short form");
    }

    #[test]
    fn a_list_has_as_many_digits_as_it_takes_to_tell_its_ids_apart() {
        let other = "019a8c3e-7f10-7abc-8def-012345678000";
        let forms = short_forms(&[ID, other, ID, "name"]);
        assert_eq!(forms, ["vvr14d2pf2", "vvr14d2pf0", "vvr14d2pf2", "name"]);
        assert_eq!(short_forms(&[ID, "name"]), ["vvr14d", "name"]);
        assert_eq!(short_forms(&[]), Vec::<String>::new());
    }

    #[test]
    fn what_people_read_wrong_is_understood() {
        for text in ["vvr1", "VVR14D", "vvrl4d", "VVRi4D2PF2DB", "019a8c", "0", ID] {
            assert!(stands_for(text, ID), "{text}");
        }
        for text in ["vvr", "vvr14e", "vr14d2", "u", "vvr14d2pf2db0", " "] {
            assert!(!stands_for(text, ID), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_form_stands_for_its_id_and_tells_it_from_the_others(
            ids in proptest::collection::btree_set(any_id(), 1..40)
        ) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let forms = short_forms(&ids);
            for (form, id) in forms.iter().zip(&ids) {
                prop_assert!(stands_for(form, id) && stands_for(&form.to_uppercase(), id));
                prop_assert!(is_short_form(form));
                // Two ids whose last 60 bits are the same have one form; then only the whole id helps.
                let alike = ids.iter().filter(|other| whole(other) == whole(id)).count();
                prop_assert_eq!(forms.iter().filter(|other| *other == form).count(), alike);
            }
        }

        #[test]
        fn any_text_is_looked_at_without_a_panic(text in "\\PC{0,40}", id in any_id()) {
            let _ = (stands_for(&text, &id), short(&text), is_short_form(&text));
            prop_assert!(stands_for(&id, &id));
        }
    }
}
