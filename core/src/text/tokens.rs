//! Tokens: a text as a sequence of folded words, paths, identifiers, numbers and boundaries.
//!
//! Scripts without spaces between words (Chinese, Japanese, Korean) become one token per character, so that a phrase of
//! the lexicon matches inside them. `deadlock_test` and `docs/architecture.md` are one token each: a name is not its
//! parts.

/// The kind of a token, by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word.
    Word,
    /// One character of a script without spaces.
    Ideograph,
    /// A file or directory, a URL path.
    Path,
    /// An identifier in a program.
    Ident,
    /// A number or version.
    Number,
    /// A command-line option.
    Flag,
    /// Quoted words that were taken out.
    Quote,
    /// The end of a sentence or line.
    End,
    /// The end of a question.
    Question,
    /// A pause within a sentence.
    Comma,
    /// A colon.
    Colon,
}

impl Kind {
    /// Returns whether it is a word, as opposed to punctuation.
    pub fn is_word(self) -> bool {
        match self {
            Kind::Word
            | Kind::Ideograph
            | Kind::Path
            | Kind::Ident
            | Kind::Number
            | Kind::Flag
            | Kind::Quote => true,
            Kind::End | Kind::Question | Kind::Comma | Kind::Colon => false,
        }
    }
}

/// A token as the tokenizer emits it.
pub(crate) struct Token<'a> {
    /// Its form.
    pub kind: Kind,
    /// The word in folded form.
    pub folded: &'a str,
    /// The byte offset of its start in the text.
    pub start: usize,
    /// The byte offset after its end.
    pub end: usize,
}

/// Replaces a quotation in own words; from the private use area, so nobody types it.
pub(crate) const QUOTE_MARK: char = '\u{e000}';

/// The longest word that is folded, in bytes: longer ones are data, not language.
const WORD_BYTES_MAX: usize = 128;

/// First segments that make `a/b` a path rather than an alternative ("and/or").
const DIRECTORIES: [&str; 34] = [
    "src", "docs", "doc", "tests", "test", "lib", "app", "apps", "scripts", "config", "crates", "packages",
    "internal", "cmd", "feat", "feature", "fix", "utils", "bin", "target", "dist", "build", "api", "pkg",
    "origin", "release", "infra", "examples", "tools", "web", "server", "client", "public", "assets",
];

/// Splits a text into tokens and emits them in order.
pub(crate) fn tokenize(text: &str, mut emit: impl FnMut(Token<'_>)) {
    let mut folded = String::new();
    let mut chunk_start: Option<usize> = None;
    let mut next = 0;
    while let Some(c) = text[next..].chars().next() {
        let at = next;
        // Most of what is read is ASCII, which has neither ideographs nor wide punctuation.
        let plain = text[at..].bytes().take_while(u8::is_ascii_graphic).count();
        if plain > 0 {
            chunk_start.get_or_insert(at);
            next = at + plain;
            continue;
        }
        next = at + c.len_utf8();
        let ideograph = is_ideograph(c);
        let single = ideograph || c == QUOTE_MARK || wide_punctuation(c).is_some();
        if !c.is_whitespace() && !single {
            chunk_start.get_or_insert(at);
            continue;
        }
        if let Some(start) = chunk_start.take() {
            chunk(text, start, at, &mut folded, &mut emit);
        }
        let end = at + c.len_utf8();
        if ideograph {
            emit(Token { kind: Kind::Ideograph, folded: &text[at..end], start: at, end });
        } else if c == QUOTE_MARK {
            emit(Token { kind: Kind::Quote, folded: "", start: at, end });
        } else if let Some(kind) = wide_punctuation(c) {
            emit(Token { kind, folded: "", start: at, end });
        } else if c == '\n' {
            emit(Token { kind: Kind::End, folded: "", start: at, end });
        }
    }
    if let Some(start) = chunk_start {
        chunk(text, start, text.len(), &mut folded, &mut emit);
    }
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}')
}

fn wide_punctuation(c: char) -> Option<Kind> {
    match c {
        '。' | '；' | '！' | '।' | '۔' => Some(Kind::End),
        '？' | '؟' => Some(Kind::Question),
        '，' | '、' | '،' | '—' | '–' | '（' | '）' => Some(Kind::Comma),
        '：' => Some(Kind::Colon),
        _ => None,
    }
}

/// Splits what is between two spaces.
fn chunk(text: &str, start: usize, end: usize, folded: &mut String, emit: &mut impl FnMut(Token<'_>)) {
    let whole = &text[start..end];
    if is_plain_word(whole) {
        plain_word(whole, start, folded, emit);
        return;
    }
    let core = whole.trim_start_matches(['(', '[', '{', '<', '"', '\'', '*', ',', ';', ':', '!', '?', '|']);
    let core_start = end - core.len();
    if core_start > start && whole[..core_start - start].contains(['(', ',', ';', ':']) {
        emit(Token { kind: Kind::Comma, folded: "", start, end: core_start });
    }
    let body =
        core.trim_end_matches([')', ']', '}', '>', '"', '\'', '*', ',', ';', ':', '!', '?', '.', '…', '|']);
    let tail = &core[body.len()..];
    let body_end = core_start + body.len();
    if !body.is_empty() {
        let body = body.strip_suffix("'s").or_else(|| body.strip_suffix("’s")).unwrap_or(body);
        words(body, core_start, folded, emit);
    }
    let kind = if tail.contains('?') {
        Kind::Question
    } else if tail.contains(['.', ';', '!', '…']) {
        Kind::End
    } else if tail.contains(':') {
        Kind::Colon
    } else if tail.contains([',', ')']) || (!body.is_empty() && body.bytes().all(|b| b == b'-')) {
        Kind::Comma
    } else {
        return;
    };
    emit(Token { kind, folded: "", start: body_end, end });
}

/// Returns whether a chunk is a plain word, like most of what people write: only letters, and no capital inside (which
/// would make it an identifier).
fn is_plain_word(chunk: &str) -> bool {
    let bytes = chunk.as_bytes();
    bytes.iter().all(u8::is_ascii_alphabetic)
        && (bytes[1..].iter().all(u8::is_ascii_lowercase) || bytes.iter().all(u8::is_ascii_uppercase))
}

/// Emits a plain word; most are in folded form as they stand.
fn plain_word(word: &str, start: usize, folded: &mut String, emit: &mut impl FnMut(Token<'_>)) {
    let end = start + word.len();
    if word.len() <= WORD_BYTES_MAX && word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        emit(Token { kind: Kind::Word, folded: word, start, end });
    } else {
        fold(word, folded);
        emit(Token { kind: Kind::Word, folded, start, end });
    }
}

fn words(body: &str, start: usize, folded: &mut String, emit: &mut impl FnMut(Token<'_>)) {
    if is_plain_word(body) {
        plain_word(body, start, folded, emit);
        return;
    }
    let kind = form(body);
    if kind != Kind::Word {
        fold(body, folded);
        match (kind, folded.split_once('=')) {
            // `--env=prod` is an option and its value.
            (Kind::Flag, Some((name, value))) => {
                let at = start + body.find('=').map_or(body.len(), |n| n + 1);
                emit(Token { kind, folded: name, start, end: at });
                emit(Token { kind: Kind::Word, folded: value, start: at, end: start + body.len() });
            }
            (kind, _) => emit(Token { kind, folded, start, end: start + body.len() }),
        }
        return;
    }
    let inner =
        |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’' | '$' | '€' | '%' | '\u{300}'..='\u{36f}');
    let mut from: Option<usize> = None;
    for (at, c) in body.char_indices().chain(std::iter::once((body.len(), ' '))) {
        if inner(c) {
            from.get_or_insert(at);
        } else {
            if let Some(from) = from.take() {
                fold(&body[from..at], folded);
                let kind =
                    if folded.starts_with(|c: char| c.is_ascii_digit()) { Kind::Number } else { Kind::Word };
                emit(Token { kind, folded, start: start + from, end: start + at });
            }
            if matches!(c, ',' | '(' | ')') {
                emit(Token { kind: Kind::Comma, folded: "", start: start + at, end: start + at + 1 });
            } else if matches!(c, ';' | '!') {
                emit(Token { kind: Kind::End, folded: "", start: start + at, end: start + at + 1 });
            }
        }
    }
}

/// Distinguishes names and numbers from words by their form.
fn form(body: &str) -> Kind {
    let mut chars = body.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return Kind::Word };
    let lead = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-');
    if first == '-' && lead(second) && body.len() > 1 && !body.ends_with('-') {
        return Kind::Flag;
    }
    if first == '.' && second.is_some_and(|c| c.is_alphabetic() || c == '/' || c == '.') {
        return Kind::Path;
    }
    if body.contains('/') {
        return if is_path(body) { Kind::Path } else { Kind::Word };
    }
    let numeric = body.strip_prefix(['v', 'V']).unwrap_or(body);
    if numeric.starts_with(|c: char| c.is_ascii_digit()) {
        return Kind::Number;
    }
    if body.contains(['_', '`']) || body.contains("::") || body.contains("()") || body.contains("#[") {
        return Kind::Ident;
    }
    if first == '~' || first == '@' || (first == '#' && second.is_some()) {
        return Kind::Ident;
    }
    if let Some((name, extension)) = body.rsplit_once('.')
        && !name.is_empty()
        && extension.starts_with(|c: char| c.is_ascii_alphabetic())
        && extension.bytes().all(|b| b.is_ascii_alphanumeric())
        && !(name.len() == 1 && extension.len() == 1)
    {
        return if extension.len() <= 5 { Kind::Path } else { Kind::Ident };
    }
    let bytes = body.as_bytes();
    let camel = bytes.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    if camel && body.is_ascii() { Kind::Ident } else { Kind::Word }
}

fn is_path(body: &str) -> bool {
    if body.starts_with(['/', '~', '.']) || body.ends_with('/') || body.contains("://") {
        return true;
    }
    let segments = body.split('/').count();
    let plain = body.chars().all(|c| c.is_alphabetic() || c == '/');
    let first = body.split('/').next().unwrap_or_default();
    !plain || segments > 3 || DIRECTORIES.contains(&first)
}

/// Folds a word: lowercase, without accents, and with look-alike letters of other scripts replaced by Latin ones.
pub(crate) fn fold(word: &str, into: &mut String) {
    into.clear();
    if word.is_ascii() {
        into.push_str(&word[..word.len().min(WORD_BYTES_MAX)]);
        into.make_ascii_lowercase();
        return;
    }
    let mixed = word.bytes().any(|b| b.is_ascii_alphabetic());
    for c in word.chars() {
        if into.len() >= WORD_BYTES_MAX {
            break;
        }
        for lower in c.to_lowercase() {
            if let Some(plain) = unaccented(lower) {
                into.push(if mixed { look_alike(plain) } else { plain });
            }
        }
    }
}

/// Returns the letter without its accent, or `None` for a free-standing accent.
fn unaccented(c: char) -> Option<char> {
    Some(match c {
        '\u{300}'..='\u{36f}' => return None,
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì'..='ï' | 'ī' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'ş' | 'š' | 'ș' => 's',
        'ţ' | 'ť' | 'ț' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        'ё' => 'е',
        'й' => 'и',
        '’' => '\'',
        other => other,
    })
}

/// Returns the Latin letter that a Cyrillic or Greek one looks like.
fn look_alike(c: char) -> char {
    match c {
        'а' | 'α' => 'a',
        'е' | 'ε' => 'e',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'с' => 'c',
        'у' => 'y',
        'х' => 'x',
        'і' | 'ι' => 'i',
        'ѕ' => 's',
        'ԁ' => 'd',
        'ԛ' => 'q',
        'т' => 't',
        'м' => 'm',
        'к' => 'k',
        other => other,
    }
}
