//! The kinds of secrets that need an expression: marks in the middle or at the end, headers, commands, addresses.
//!
//! A kind has hints, short texts of which at least one is part of every secret. All hints are searched for at once and
//! fast; only a line that contains a hint is matched against that kind's expression, which is compiled when first
//! needed.

use std::sync::OnceLock;

use regex::Regex;

use super::shape::{self, Quoting};

/// What must hold for the text that was found, besides its spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing.
    None,
    /// It looks random, at least in this many characters.
    Random(usize),
    /// It is a password, chosen or random.
    Password,
    /// It is a name and a password in base64, or looks random.
    Basic,
}

impl Check {
    /// Returns whether it holds.
    pub fn holds(self, text: &str) -> bool {
        match self {
            Check::None => !text.starts_with("[redacted"),
            Check::Random(min) => !shape::is_placeholder(text) && shape::random_len(text) >= min,
            Check::Password => {
                !shape::is_placeholder(text)
                    && !shape::is_code(text)
                    && shape::is_password(text, Quoting::Bare)
            }
            Check::Basic => {
                super::base64::decode(text).is_some_and(|pair| is_pair(&pair))
                    || shape::random_len(text) >= 12
            }
        }
    }
}

/// Returns whether bytes are a name and a password: printable, with a colon.
fn is_pair(bytes: &[u8]) -> bool {
    bytes.contains(&b':') && bytes.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte >= 0xc2)
}

/// One kind of secret.
pub(super) struct Kind {
    /// The name that replaces it.
    pub name: &'static str,
    /// Texts of which one is part of every secret of this kind, in lowercase. If empty, see [`sharp_hints`].
    pub hints: &'static [&'static str],
    pattern: &'static str,
    /// What else must hold.
    pub check: Check,
    compiled: OnceLock<Regex>,
}

impl Kind {
    const fn new(
        name: &'static str,
        hints: &'static [&'static str],
        pattern: &'static str,
        check: Check,
    ) -> Kind {
        Kind { name, hints, pattern, check, compiled: OnceLock::new() }
    }

    /// Returns the expression; group 1, if there is one, is the secret.
    pub fn regex(&self) -> &Regex {
        self.compiled.get_or_init(|| Regex::new(self.pattern).expect("a test compiles every kind"))
    }
}

/// Returns the hints whose letter case matters, because in other cases they are parts of ordinary words.
///
/// A Discord token begins with a decimal number in base64: `M`, `N` or `O`, then one of four letters, then one of ten.
pub(super) fn sharp_hints() -> Vec<(String, &'static str)> {
    let mut hints = vec![
        ("eyJ".to_owned(), "jwt"),
        ("8Q~".to_owned(), "azure-client-secret"),
        ("7Q~".to_owned(), "azure-client-secret"),
        ("AZDO".to_owned(), "azure-devops"),
        ("NRAL".to_owned(), "new-relic-ingest"),
    ];
    for first in "MNO".chars() {
        for second in "DTjz".chars() {
            hints
                .extend("AEIMQUYcgk".chars().map(|third| (format!("{first}{second}{third}"), "discord-bot")));
        }
    }
    hints
}

/// All kinds.
pub(super) static KINDS: [Kind; 28] = [
    Kind::new(
        "password-hash",
        &["$1$", "$5$", "$6$", "$y$", "$2a$", "$2b$", "$2y$", "$apr1$"],
        r#"\$(?:1|5|6|y|2[aby]|apr1)\$[^\s:"']{20,}"#,
        Check::Random(8),
    ),
    Kind::new(
        "pgpass",
        &[":5432:", ":5433:", ":*:"],
        r"(?-u:\b)?[\w.*\-]+:(?:[0-9]{4,5}|\*):[\w*\-]+:[\w*\-]+:(\S{6,})",
        Check::Password,
    ),
    Kind::new("1password", &["a3-"], r"(?-u:\b)A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){2,5}(?-u:\b)", Check::None),
    Kind::new(
        "slack-webhook",
        &["hooks.slack.com"],
        r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_\-]{16,})",
        Check::Random(8),
    ),
    Kind::new(
        "teams-webhook",
        &["webhook.office.com"],
        r"webhook\.office\.com/webhookb2/([A-Za-z0-9/@_\-]{36,})",
        Check::Random(16),
    ),
    Kind::new(
        "discord-webhook",
        &["/api/webhooks/"],
        r"/api/webhooks/[0-9]{16,20}/([A-Za-z0-9_\-]{16,})",
        Check::Random(8),
    ),
    Kind::new("azure-sas", &["sig="], r"(?:[?&;]|u0026)sig=([A-Za-z0-9%+/=_\-]{8,})", Check::Random(8)),
    Kind::new("azure-client-secret", &[], r"[A-Za-z0-9_\-.~]{3}[78]Q~[A-Za-z0-9_\-.~]{8,}", Check::Random(8)),
    Kind::new("azure-devops", &[], r"[A-Za-z0-9]{40,}AZDO[A-Za-z0-9]{4}", Check::Random(24)),
    Kind::new(
        "jwt",
        &[],
        r"eyJ[A-Za-z0-9_\-]{6,2000}\.[A-Za-z0-9_\-]{0,8000}(?:\.[A-Za-z0-9_\-]*){0,3}",
        Check::Random(8),
    ),
    Kind::new(
        "authorization",
        &["authorization", "proxy-auth", "private-token", "x-vault-token"],
        r#"(?i)(?:authorization|private-token|x-vault-token)[\\"'`*]{0,6}\s{0,8}(?:[:=,]|=>)\s{0,8}[\\"'`]{0,6}(?:(?:bearer|basic|token|negotiate|apikey|bot|ghs|key)\s{1,8})?([A-Za-z0-9_\-.~+/=:|]{6,})"#,
        Check::Random(8),
    ),
    Kind::new(
        "bearer",
        &["bearer"],
        r#"(?i)(?-u:\b)bearer(?:%20|[\s"'`+,.]{1,8})([A-Za-z0-9_\-.~+/=]{8,})"#,
        Check::Random(8),
    ),
    Kind::new(
        "basic-auth",
        &["basic"],
        r"(?i)(?-u:\b)basic(?:\s|%20){1,8}([A-Za-z0-9+/_\-]{8,}={0,2})",
        Check::Basic,
    ),
    Kind::new(
        "signature",
        &["signature="],
        r"(?i)(?:AWS4-HMAC-SHA256.{0,512}?|X-Amz-)Signature=([0-9a-f]{32,})",
        Check::None,
    ),
    Kind::new(
        "command-password",
        &["-u", "--user", "--proxy-user", "--auth"],
        r#"(?:\s|^|["'(`])(?:-u|--user|--proxy-user|-U|--auth)(?:\s{1,4}|=)["'\\]{0,4}[A-Za-z0-9_.+%@\-]{1,64}:([^\s"'`\\]{4,})"#,
        Check::Password,
    ),
    Kind::new(
        "command-password",
        &[
            "sshpass",
            "mysql",
            "redis-cli",
            "docker login",
            "docker-login",
            "podman login",
            "mongo",
            "ldap",
            "smbclient",
        ],
        r#"(?:sshpass|mysql[a-z]*|mariadb[a-z]*|mongo[a-z]*|(?:docker|podman) login|ldap[a-z]+)(?-u:\b).{0,200}?\s-[pw]\s?["']?([^\s"'`]{6,})"#,
        Check::Random(8),
    ),
    Kind::new(
        "command-password",
        &["redis-cli"],
        r#"redis-cli(?-u:\b).{0,200}?\s-a\s{1,4}["']?([^\s"'`]{4,})"#,
        Check::Password,
    ),
    Kind::new(
        "command-password",
        &["password-stdin", "--with-token", "passwd --stdin", "sudo -s", "chpasswd"],
        r#"(?:echo|printf)\s(?:-\w+\s+)?(?:'?%s(?:\\n)?'?\s+)?["']?(?:[\w.\-]+:)?([^\s"'`|$]{6,})["']?\s{0,4}\|"#,
        Check::Password,
    ),
    // With `-n` there is no file before the user.
    Kind::new(
        "command-password",
        &["htpasswd"],
        r#"htpasswd\s+(?:-\w+\s+){0,6}-\w*n\w*\s+(?:-\w+\s+){0,6}\S+\s+["']?([^\s"'`$]{6,})"#,
        Check::Password,
    ),
    Kind::new(
        "command-password",
        &["htpasswd"],
        r#"htpasswd\s+(?:-\w+\s+){1,6}\S+\s+\S+\s+["']?([^\s"'`$]{6,})"#,
        Check::Password,
    ),
    Kind::new(
        "command-password",
        &["openssl"],
        r#"openssl\s(?:.{0,200}?\s-k|passwd(?:\s+-(?:\d|apr1|salt\s+\S+)){0,4})\s{1,4}["']?([^\s"'`$\-][^\s"'`$]{5,})"#,
        Check::Password,
    ),
    Kind::new("mailchimp", &["-us"], r"(?-u:\b)([0-9a-f]{32}-us[0-9]{1,2})(?-u:\b)", Check::None),
    Kind::new(
        "discord-bot",
        &[],
        r"(?-u:\b)[MNO][A-Za-z0-9_\-]{23,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{0,128}",
        Check::Random(12),
    ),
    Kind::new("telegram-bot", &[":aa"], r"(?-u:\b)[0-9]{8,10}:AA[A-Za-z0-9_\-]{8,}", Check::Random(8)),
    Kind::new(
        "terraform-cloud",
        &[".atlasv1."],
        r"[A-Za-z0-9]{10,20}\.atlasv1\.[A-Za-z0-9_\-=]{12,}",
        Check::Random(8),
    ),
    Kind::new("new-relic-ingest", &[], r"[a-f0-9]{34,36}(?:FF)?NRAL", Check::None),
    Kind::new("maxmind", &["_mmk"], r"(?-u:\b)[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", Check::None),
    Kind::new(
        "private-jwk",
        &["\"kty\"", "\\\"kty\\\""],
        r#"\\{0,3}"(?:d|p|q|dp|dq|qi|k)\\{0,3}"\s{0,8}:\s{0,8}\\{0,3}"([A-Za-z0-9_\-]{8,})"#,
        Check::Random(8),
    ),
];
