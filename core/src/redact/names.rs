//! Names of secrets: which identifiers say that their value is one.
//!
//! `DB_PASSWORD`, `clientSecret`, `x-api-key` do; `password_hash`, `tokenCount`, `cache_key` and `keyboard` do not. What
//! counts is the last word, and for a key what kind of key it is.

/// What a name says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A password: people choose them, so it need not look random.
    Password,
    /// A secret: mostly random, sometimes chosen.
    Secret,
    /// A key, a token, a credential: random if it is one.
    Token,
}

impl Class {
    /// Returns the name that replaces the value.
    pub fn label(self) -> &'static str {
        match self {
            Class::Password => "password",
            Class::Secret => "assigned-secret",
            Class::Token => "assigned-token",
        }
    }
}

/// Parts of names of secrets, in lowercase: every name has one of them.
pub(super) const STEMS: [&str; 23] = [
    "passw",
    "passphrase",
    "passcode",
    "pass",
    "pwd",
    "pw",
    "secret",
    "token",
    "key",
    "credential",
    "creds",
    "auth",
    "jwt",
    "bearer",
    "psk",
    "_pat",
    "sessid",
    "sessionid",
    "contrase",
    "senha",
    "wachtwoord",
    "identified by",
    "mot de passe",
];

/// Names in other scripts, which are compared letter for letter.
pub(super) const FOREIGN_STEMS: [&str; 8] =
    ["пароль", "Пароль", "密码", "密碼", "パスワード", "비밀번호", "hasło", "lösenord"];

/// Words at the end of a name that say nothing about its value.
const NEUTRAL: [&str; 23] = [
    "value",
    "val",
    "plain",
    "plaintext",
    "cleartext",
    "raw",
    "prod",
    "production",
    "dev",
    "staging",
    "test",
    "live",
    "new",
    "old",
    "current",
    "default",
    "main",
    "primary",
    "secondary",
    "backup",
    "admin",
    "base",
    "b",
];

/// Kinds of keys that are no secrets although they may look random: public ones, and those of tables and caches.
const HARMLESS_KEYS: [&str; 33] = [
    "public",
    "pub",
    "publishable",
    "site",
    "primary",
    "foreign",
    "cache",
    "sort",
    "partition",
    "hash",
    "row",
    "object",
    "index",
    "idx",
    "unique",
    "i18n",
    "bucket",
    "lookup",
    "record",
    "node",
    "shard",
    "routing",
    "dedup",
    "idempotency",
    "restore",
    "save",
    "path",
    "file",
    "host",
    "known",
    "item",
    "websocket",
    "recv",
];

/// Kinds of tokens that are no secrets: of grammars, of pages, and of the bookkeeping of protocols.
const HARMLESS_TOKENS: [&str; 33] = [
    "next",
    "page",
    "continuation",
    "cancel",
    "cancellation",
    "lexer",
    "parser",
    "eof",
    "start",
    "end",
    "stop",
    "sync",
    "idempotency",
    "peek",
    "prev",
    "previous",
    "first",
    "last",
    "pad",
    "mask",
    "unk",
    "sep",
    "cls",
    "bos",
    "eos",
    "special",
    "string",
    "number",
    "comment",
    "keyword",
    "per",
    "max",
    "js",
];

/// Returns what a name says of its value; `before` is the word before the name, for names of several words.
pub(super) fn class_of(name: &str, before: &str) -> Option<Class> {
    let is_foreign = STEMS[18..].iter().any(|stem| name.to_lowercase().starts_with(stem));
    if is_foreign || FOREIGN_STEMS.iter().any(|stem| name.contains(stem)) {
        return Some(Class::Password);
    }
    let mut words = words_of(name);
    while words.len() > 1 && words.last().is_some_and(|last| NEUTRAL.contains(&last.as_str())) {
        words.pop();
    }
    let last = words.pop()?;
    let kind = words.last().map_or(before, String::as_str).to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| last.ends_with(end));
    let is_qualified = !words.is_empty();
    // A list of them: what is in it must look random.
    // Or a word so short that it has other meanings.
    if ["passwords", "secrets", "tokens", "pw"].contains(&last.as_str()) && !(is_qualified && last == "pw")
        || (is_qualified && last == "pat")
    {
        return Some(Class::Token);
    }
    if ends(&["password", "passwd", "passphrase", "passwort", "passcode", "pwd", "wachtwoord", "senha"])
        || ["psk", "requirepass", "masterauth"].contains(&last.as_str())
        || (last == "pass" && !["by", "com", "first", "second", "render"].contains(&kind.as_str()))
        || (is_qualified && last == "pw")
    {
        return Some(Class::Password);
    }
    if ends(&["secret"]) {
        return Some(Class::Secret);
    }
    let is_key = [
        "apikey",
        "secretkey",
        "accesskey",
        "privatekey",
        "authkey",
        "masterkey",
        "signingkey",
        "encryptionkey",
    ];
    let is_token = [
        "token",
        "authtoken",
        "accesstoken",
        "bearer",
        "jwt",
        "credential",
        "credentials",
        "creds",
        "sessionid",
        "phpsessid",
        "jsessionid",
        "sessid",
    ];
    if ends(&is_key) || is_token.contains(&last.as_str()) && !HARMLESS_TOKENS.contains(&kind.as_str()) {
        return Some(Class::Token);
    }
    if ["key", "keys"].contains(&last.as_str())
        && (is_qualified || BEFORE_KEY.contains(&kind.as_str()))
        && !HARMLESS_KEYS.contains(&kind.as_str())
    {
        return Some(Class::Token);
    }
    (last == "auth" && (!is_qualified || name.starts_with('_'))).then_some(Class::Token)
}

/// The words that make a secret of a key that follows them after a space: `api key: …`.
const BEFORE_KEY: [&str; 11] = [
    "api",
    "secret",
    "access",
    "private",
    "encryption",
    "signing",
    "auth",
    "master",
    "license",
    "account",
    "service",
];

/// Returns the words of a name in lowercase, without digits at their ends.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![];
    let mut before = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let next_is_small = chars.peek().is_some_and(char::is_ascii_lowercase);
        let begins = !before.is_ascii_alphanumeric()
            || (before.is_ascii_lowercase() && c.is_ascii_uppercase())
            || (before.is_ascii_uppercase() && c.is_ascii_uppercase() && next_is_small);
        before = c;
        if !c.is_ascii_alphanumeric() {
            continue;
        }
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
    }
    let trimmed =
        words.into_iter().map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
    trimmed.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_secrets_by_its_last_word() {
        for (name, class) in [
            ("password", Class::Password),
            ("DB_PASSWORD", Class::Password),
            ("pgpassword", Class::Password),
            ("userPassword2", Class::Password),
            ("SMTP_PASS", Class::Password),
            ("password_prod", Class::Password),
            ("clientSecret", Class::Secret),
            ("JWT_SECRET", Class::Secret),
            ("AZURE_OPENAI_KEY", Class::Token),
            ("x-api-key", Class::Token),
            ("apikey", Class::Token),
            ("APIKey", Class::Token),
            ("AWS_SECRET_ACCESS_KEY", Class::Token),
            ("//registry.example/:_authToken", Class::Token),
            ("GH_TOKEN", Class::Token),
            ("access_token", Class::Token),
        ] {
            assert_eq!(class_of(name, ""), Some(class), "{name}");
        }
        for name in [
            "password_hash",
            "PasswordField",
            "tokenizer",
            "token_count",
            "secret_name",
            "public_key",
            "cacheKey",
            "keyboard",
            "monkey",
            "key",
            "key_id",
            "bypass",
            "compass",
            "author",
            "next_token",
            "secretsmanager",
            "authority",
            "passthrough",
            "KeyboardEvent",
        ] {
            assert_eq!(class_of(name, ""), None, "{name}");
        }
        assert_eq!(class_of("key", "API"), Some(Class::Token));
    }
}
