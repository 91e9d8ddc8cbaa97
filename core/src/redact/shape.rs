//! The shape of a text: whether it is random, as secrets are, or made of words, as code and prose are.
//!
//! No dictionary is needed. Words, names and paths change between small letters, capitals and digits rarely and in
//! known ways (`readAll2Files`); random characters change all the time.

/// How much of a text must look random where hardly anything but a secret stands.
pub(super) const SOME: usize = STRETCH_MIN;

/// The shortest stretch of letters and digits that can be told from a word.
const STRETCH_MIN: usize = 8;

/// From here on, the letters alone tell a random stretch from a word.
const LETTERS_MIN: usize = 12;

/// The letters that follow a letter in words and names, from `a` to `z`; other pairs are rare. Counted in prose and code
/// in several languages: they are two of five pairs, and nearly all that words have.
const FOLLOWERS: [&[u8]; 26] = [
    b"bcdfgiklmnprstuvxy",
    b"aceilorsu",
    b"acehiklmoprstu",
    b"abdeilorsu",
    b"abcdefgilmnopqrstvwxy",
    b"adefilorstu",
    b"aehilnorsu",
    b"aeiortu",
    b"abcdefglmnoprstvxz",
    b"e",
    b"eis",
    b"adefilopstuy",
    b"abeimopsu",
    b"acdefgiklnopstuv",
    b"abcdfgiklmnoprstuvw",
    b"acehiloprstuy",
    b"u",
    b"acdefgiklmnoprstuvy",
    b"acehiklmoprstuy",
    b"acdefhilmoprstuy",
    b"abcdefgilmnprst",
    b"aei",
    b"aehinors",
    b"ept",
    b"nps",
    b"e",
];

/// The same as bits: `a` is the lowest.
const FOLLOWER_BITS: [u32; 26] = {
    let mut bits = [0; 26];
    let mut first = 0;
    while first < bits.len() {
        let mut at = 0;
        while at < FOLLOWERS[first].len() {
            bits[first] |= 1 << (FOLLOWERS[first][at] - b'a');
            at += 1;
        }
        first += 1;
    }
    bits
};

/// Returns how many characters of a text stand in stretches that look random.
pub(super) fn random_len(text: &str) -> usize {
    stretches(text).filter(|stretch| is_random(stretch)).map(str::len).sum()
}

/// Returns whether a text is a random token: at least `min` characters of it look random, and nothing in it is foreign
/// to tokens.
pub(super) fn is_token(text: &str, min: usize) -> bool {
    let is_hex = || {
        let any = |test: fn(&u8) -> bool| text.bytes().any(|byte| test(&byte));
        text.len() >= min.max(8)
            && text.bytes().all(|byte| byte.is_ascii_hexdigit())
            && any(u8::is_ascii_digit)
            && any(u8::is_ascii_alphabetic)
    };
    text.bytes().all(|b| b.is_ascii_graphic()) && (random_len(text) >= min || is_hex())
}

/// Returns the stretches of letters and digits.
fn stretches(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|stretch| stretch.len() >= STRETCH_MIN)
}

fn is_random(stretch: &str) -> bool {
    if !stretch.is_ascii() || repeats(stretch) {
        return false;
    }
    let parts = Parts::of(stretch.as_bytes());
    // In tenths, because whole numbers are too coarse.
    let mean = stretch.len() * 10 / parts.count;
    let strange = parts.strange * 10 / stretch.len();
    let is_hex = stretch.len() >= 16 && stretch.bytes().all(|byte| byte.is_ascii_hexdigit());
    let changes = match parts.digits {
        0 => false,
        _ if is_hex => parts.count >= 5,
        _ => (parts.count >= 4 && mean < 25) || (parts.digit_runs >= 3 && mean < 36),
    };
    // Words of every language have some strange pairs, but long words not in a row.
    let needed = match (stretch.len(), parts.digits, parts.has_both_cases) {
        (..LETTERS_MIN, 0, _) => 17,
        (..LETTERS_MIN, ..) => 13,
        (_, 1.., _) => 8,
        (_, 0, true) => 10,
        (_, 0, false) => 14,
    };
    changes || strange >= needed
}

/// Returns whether a stretch is only a few characters again and again, such as `xxxxxxxx` or `0000000a`.
fn repeats(stretch: &str) -> bool {
    let mut seen = 0_u128;
    stretch.bytes().for_each(|b| seen |= 1 << (b & 127));
    seen.count_ones() < 5
}

/// What a stretch is made of. A part is a number, a word, or a run of capitals.
#[derive(Debug, Default)]
struct Parts {
    count: usize,
    digits: usize,
    digit_runs: usize,
    has_both_cases: bool,
    /// How much of it no word has: rare pairs of letters count most, then changes between parts.
    strange: usize,
}

impl Parts {
    fn of(stretch: &[u8]) -> Parts {
        let mut parts = Parts::default();
        for (at, &byte) in stretch.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| stretch[at]);
            let behind = stretch.get(at + 1);
            let begins = match before {
                None => true,
                Some(before) if before.is_ascii_digit() != byte.is_ascii_digit() => true,
                Some(before) if before.is_ascii_lowercase() && byte.is_ascii_uppercase() => true,
                // The capital after others that begins a word: the `S` of `HTTPServer`.
                Some(before) => {
                    before.is_ascii_uppercase()
                        && byte.is_ascii_uppercase()
                        && behind.is_some_and(u8::is_ascii_lowercase)
                }
            };
            parts.count += usize::from(begins);
            if byte.is_ascii_digit() {
                parts.digits += 1;
                parts.digit_runs += usize::from(begins);
            }
            let follows = before.is_some_and(|before| is_common(before, byte));
            parts.strange += match before {
                None => 0,
                Some(_) if begins => 2,
                Some(_) if byte.is_ascii_digit() || follows => 0,
                Some(_) => 4,
            };
            let stands_alone = begins && behind.is_none_or(|behind| behind.is_ascii_digit());
            parts.strange += usize::from(stands_alone && byte.is_ascii_alphabetic());
        }
        let any = |test: fn(&u8) -> bool| stretch.iter().any(test);
        parts.has_both_cases = any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase);
        parts
    }
}

/// Returns whether two letters follow each other in words.
fn is_common(first: u8, second: u8) -> bool {
    let place = |letter: u8| letter.to_ascii_lowercase().wrapping_sub(b'a');
    let followers = FOLLOWER_BITS.get(usize::from(place(first))).copied().unwrap_or(0);
    second.is_ascii_alphabetic() && followers & (1 << place(second)) != 0
}

/// Returns whether a text stands for a value that is filled in elsewhere: `${VAR}`, `<your key>`, `****`, `{{ x }}`.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let framed = |open: &str, close: &str| text.starts_with(open) && text.ends_with(close);
    let brackets = [("<", ">"), ("{", "}"), ("[", "]"), ("(", ")"), ("%", "%"), ("@", "@"), ("__", "__")];
    let opened = ["${", "$(", "{{", "#{", "<%", "%(", "<%=", "!Ref", "!Sub", "!vault", "ENC[", "[redacted"];
    // A variable of a shell. What looks random behind the sign is a password that begins with it.
    let variable = text
        .strip_prefix('$')
        .is_some_and(|name| is_identifier(name.trim_start_matches(['{', ':'])) && random_len(name) == 0);
    let dull = text.bytes().all(|b| b"*.-_xX#?0 ".contains(&b))
        || ((text.contains("...") || text.contains('…')) && random_len(text) == 0);
    let filler = text.to_ascii_lowercase();
    let stands_for = [
        "your",
        "xxx",
        "my-",
        "my_",
        "example",
        "changeme",
        "change-me",
        "change_me",
        "placeholder",
        "dummy",
    ];
    let is_open = opened.iter().any(|open| text.starts_with(open));
    (is_open && (random_len(text) == 0 || text.contains(['}', ')', '>', ']', ':'])))
        || (brackets.iter().any(|(open, close)| framed(open, close)) && random_len(text) == 0)
        || variable
        || dull
        || (stands_for.iter().any(|word| filler.starts_with(word)) && random_len(text) == 0)
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:".contains(&b))
}

/// Returns whether an unquoted value is code that computes the secret: a call, an index, a path of names, a type.
pub(super) fn is_code(text: &str) -> bool {
    let core = text.trim_start_matches(['&', '*', '!', '$', '@', '(', '-', '\\']);
    let name_len = core.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_.:?>-".contains(b)).count();
    let (name, rest) = core.split_at(name_len);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && random_len(name) == 0;
    let is_path = name.contains('.') || name.contains("::") || name.contains("->") || name.contains('_');
    let rest = rest.strip_prefix('!').filter(|rest| rest.starts_with(['(', '['])).unwrap_or(rest);
    (is_name && (rest.starts_with(['(', '[', '{', '<', '"', '\'']) || (rest.is_empty() && is_path)))
        || text.ends_with("()")
}

/// Returns whether a value that is named a password or a secret is one that a person has chosen, or a random one.
pub(super) fn is_password(text: &str, quoting: Quoting) -> bool {
    let has = |test: fn(&char) -> bool| text.chars().any(|c| test(&c));
    let letters = has(|c| c.is_alphabetic());
    let digits = has(|c| c.is_ascii_digit());
    if text.chars().any(char::is_whitespace) {
        // A sentence about a password; a passphrase of plain words cannot be told from it.
        return quoting == Quoting::Quoted
            && text.split_whitespace().count() <= 3
            && random_len(text) >= STRETCH_MIN;
    }
    if random_len(text) >= STRETCH_MIN {
        return true;
    }
    let length = text.chars().count();
    let marks = text.chars().skip(1).any(|c| "!@#$%^&*?+=~;|".contains(c));
    match (letters, digits) {
        _ if length < 6 => false,
        (true, true) => is_human_choice(text, quoting),
        (true, false) => marks && quoting == Quoting::Quoted && !text.contains(['(', '{', '<', '/', '%']),
        (false, true) => length <= 20 && text.bytes().all(|b| b.is_ascii_digit()),
        (false, false) => false,
    }
}

/// Returns whether letters with digits are a password: one that looks like a version, a unit or a name of code is not.
fn is_human_choice(text: &str, quoting: Quoting) -> bool {
    let is_version =
        text.trim_start_matches(['^', '~', '=', '>', '<', 'v']).starts_with(|c: char| c.is_ascii_digit())
            && text.contains('.');
    let is_known = [
        "sha1", "sha256", "sha384", "sha512", "md5", "base64", "utf8", "utf-8", "argon2", "oauth2", "rs256",
        "hs256",
    ]
    .iter()
    .any(|name| text.to_ascii_lowercase().contains(name));
    let is_path = text.contains(['/', '\\']);
    // Letters of scripts with spaces between words: in others, a whole sentence has the form of a password.
    let is_letter = |c: char| c.is_alphabetic() && c < '\u{2e80}';
    let plain = text.chars().all(|c| is_letter(c) || c.is_ascii_digit() || "_-.!@#$%^&*+=~?".contains(c));
    !is_version && !is_known && !is_path && (quoting == Quoting::Quoted || plain)
}

/// Whether a value stands in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    Quoted,
    Bare,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_is_told_from_words_names_and_paths() {
        for text in [
            "refactor-the-login-page",
            "getUserByIdFromOAuth2Server",
            "implementation",
            "HTTPSConnectionPoolManager",
            "x86_64-unknown-linux-gnu",
            "AutoModelForCausalLMWithValueHead",
            "2024-01-01T00:00:00Z",
            "Donaudampfschifffahrtsgesellschaft",
            "xxxxxxxxxxxxxxxxxxxx",
            "attestations-0-0-12",
            "/usr/share/doc/libssl3t64/changelog.gz",
        ] {
            assert_eq!(random_len(text), 0, "{text}");
        }
        let parts = ["Zx9kQ2", "mWv7Lp4Rt8"];
        for text in [
            parts.concat(),
            format!("prod-{}", parts.concat()),
            "3f786850e387550fdab836ed".to_owned(),
            "k3j9x2m7q1w8z5".to_owned(),
            "QwErTyUiOpAsDf".to_owned(),
            "xkcdqwrtpsdfghjklm".to_owned(),
        ] {
            assert!(random_len(&text) >= 12, "{text}");
        }
    }

    #[test]
    fn placeholders_are_not_values() {
        for text in [
            "${SECRET}",
            "$SECRET",
            "<your password>",
            "{{ password }}",
            "****",
            "xxxx",
            "your-key-here",
            "%PASSWORD%",
            "$(cat /run/secret)",
            "$Env:TOKEN",
            "...",
            "changeme",
            "sk-...",
            "[redacted:jwt]",
            "${{ secrets.TOKEN }}",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["$Zx9kQ2mWv7Lp4Rt8", "[Zx9kQ2mWv7Lp4Rt8", "hunter2"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn code_is_not_a_value() {
        for text in [
            "read_password()",
            "os.environ[\"KEY\"]",
            "Option<String>",
            "&str2",
            "self.token2",
            "db::key",
            "f(x)",
            "vec![1]",
        ] {
            assert!(is_code(text) || !is_password(text, Quoting::Bare), "{text}");
        }
        assert!(!is_code("Zx9kQ2mW[v7Lp4Rt8"));
    }

    #[test]
    fn passwords_of_people_are_told_from_prose() {
        for (text, quoting) in [
            ("hunter2", Quoting::Bare),
            ("p@ssw0rd", Quoting::Bare),
            ("letme!n", Quoting::Quoted),
            ("12345678", Quoting::Bare),
            ("Sommer2024", Quoting::Quoted),
        ] {
            assert!(is_password(text, quoting), "{text}");
        }
        for text in [
            "validated",
            "required",
            "v1.2.3",
            "^10.2.0-rc1",
            "sha256",
            "the new one",
            "at least 8 characters",
        ] {
            assert!(!is_password(text, Quoting::Quoted), "{text}");
        }
    }
}
