//! The kinds of secrets: how each one is spelt.
//!
//! A kind has hints, short texts of which at least one is part of every secret. All hints are searched for at once and
//! fast; only a line that contains a hint is matched against that kind's expression.

use std::sync::OnceLock;

use regex::Regex;

/// What must hold for the text that was found, besides its spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing.
    None,
    /// It must look like a value and not like code, prose or a placeholder.
    Value,
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
    const fn new(name: &'static str, hints: &'static [&'static str], pattern: &'static str) -> Kind {
        Kind { name, hints, pattern, check: Check::None, compiled: OnceLock::new() }
    }

    const fn value(name: &'static str, hints: &'static [&'static str], pattern: &'static str) -> Kind {
        Kind { name, hints, pattern, check: Check::Value, compiled: OnceLock::new() }
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
    let mut hints = vec![("SK".to_owned(), "twilio"), ("AC".to_owned(), "twilio")];
    for first in "MNO".chars() {
        for second in "DTjz".chars() {
            hints
                .extend("AEIMQUYcgk".chars().map(|third| (format!("{first}{second}{third}"), "discord-bot")));
        }
    }
    hints
}

/// The beginning of a private key, which is handled separately because it spans many lines.
pub(super) const PEM_BEGIN: &str = "-----begin ";

/// All kinds. If two match the same text, the one that begins first wins, then the longer one, then the earlier row.
pub(super) static KINDS: [Kind; 62] = [
    Kind::new("anthropic", &["sk-ant-"], r"sk-ant-[A-Za-z0-9_\-]{12,}"),
    Kind::new("openai", &["sk-"], r"(?-u:\b)sk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_\-]{20,}"),
    Kind::new(
        "aws-access-key",
        &["akia", "asia", "abia", "acca"],
        r"(?-u:\b)(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,}",
    ),
    Kind::new(
        "aws-secret-key",
        &["secret_access_key", "secretaccesskey", "aws_secret", "secret access key", "aws-secret"],
        r#"(?i)(?:secret[_ \-]?access[_ \-]?key|aws[_-]secret(?:[_-]key)?)["']?\s{0,8}[:=]{1,2}>?\s{0,8}["']?([A-Za-z0-9/+=]{20,})"#,
    ),
    Kind::new(
        "aws-session-token",
        &["session_token", "sessiontoken"],
        r#"(?i)session_?token["']?\s{0,8}[:=]\s{0,8}["']?([A-Za-z0-9/+=]{40,})"#,
    ),
    Kind::new("github", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"gh[pousr]_[A-Za-z0-9_]{20,}"),
    Kind::new("github-fine-grained", &["github_pat_"], r"github_pat_[A-Za-z0-9_]{20,}"),
    Kind::new(
        "gitlab",
        &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glft-", "glagent-"],
        r"gl(?:pat|dt|rt|ptt|cbt|soat|ft|agent)-[A-Za-z0-9_\-.]{16,}",
    ),
    Kind::new("bitbucket", &["atbb", "atctt"], r"(?-u:\b)(?:ATBB|ATCTT)[A-Za-z0-9_\-=]{24,}"),
    Kind::new("atlassian", &["atatt3"], r"ATATT3[A-Za-z0-9_\-=]{24,}"),
    Kind::new(
        "slack",
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe", "xapp-", "xoxc-", "xoxd-"],
        r"(?:xox[abcdeprs](?:\.xox[bp])?|xapp)-[A-Za-z0-9%\-]{10,}",
    ),
    Kind::new(
        "slack-webhook",
        &["hooks.slack.com"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_\-]{20,})",
    ),
    Kind::new(
        "stripe",
        &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
        r"(?:[rs]k_(?:live|test)|whsec)_[A-Za-z0-9+/=]{16,}",
    ),
    Kind::new("google-api-key", &["aiza"], r"AIza[A-Za-z0-9_\-]{30,}"),
    Kind::new("google-oauth", &["ya29.", "gocspx-"], r"(?:ya29\.|GOCSPX-)[A-Za-z0-9_\-.]{20,}"),
    Kind::new("google-refresh-token", &["1//0"], r"(?-u:\b)1//0[A-Za-z0-9_\-]{30,}"),
    Kind::new(
        "azure-storage",
        &["accountkey=", "sharedaccesskey="],
        r"(?i)(?:Account|SharedAccess)Key=([A-Za-z0-9+/=]{20,})",
    ),
    Kind::new("azure-sas", &["sig="], r"[?&;]sig=([A-Za-z0-9%+/=_\-]{20,})"),
    Kind::new("azure-client-secret", &["8q~"], r"[A-Za-z0-9_\-.~]{3}8Q~[A-Za-z0-9_\-.~]{31,}"),
    Kind::new("npm", &["npm_"], r"npm_[A-Za-z0-9]{30,}"),
    Kind::new(
        "npm-registry",
        &[":_authtoken", ":_auth", ":_password"],
        r"(?i):_(?:authToken|auth|password)\s{0,8}=\s{0,8}([^\s]{6,})",
    ),
    Kind::new("pypi", &["pypi-"], r"pypi-[A-Za-z0-9_\-]{30,}"),
    Kind::new("crates-io", &["cio"], r"(?-u:\b)cio[A-Za-z0-9]{32,}"),
    Kind::new("rubygems", &["rubygems_"], r"rubygems_[a-f0-9]{32,}"),
    Kind::new("docker-hub", &["dckr_pat_", "dckr_oat_"], r"dckr_[po]at_[A-Za-z0-9_\-]{20,}"),
    Kind::new("hugging-face", &["hf_", "api_org_"], r"(?-u:\b)(?:hf_|api_org_)[A-Za-z0-9]{20,}"),
    Kind::new("jwt", &["eyj"], r"eyJ[A-Za-z0-9_\-]{6,2000}\.[A-Za-z0-9_\-]{4,4000}(?:\.[A-Za-z0-9_\-]*)?"),
    Kind::value(
        "authorization",
        &["authorization", "proxy-auth", "x-api-key", "x-auth-token", "api-key:", "private-token"],
        r#"(?i)(?:authorization|x-api-key|x-auth-token|api-key|private-token)["']?\s{0,8}[:=]\s{0,8}["']?(?:(?:bearer|basic|token|digest|negotiate|apikey|bot)\s{1,8})?([A-Za-z0-9_\-.~+/=:]{6,})"#,
    ),
    Kind::value("bearer", &["bearer "], r"(?i)(?-u:\b)bearer\s{1,8}([A-Za-z0-9_\-.~+/=]{12,})"),
    Kind::value("basic-auth", &["basic "], r"(?-u:\b)[Bb]asic\s{1,8}([A-Za-z0-9+/]{12,}={0,2})"),
    Kind::new(
        "url-password",
        &["://"],
        r#"(?i)(?-u:\b)[a-z][a-z0-9+.\-]{1,20}://[^\s/:@"'<>]{0,256}:([^\s/@"'<>]{1,256})@"#,
    ),
    Kind::value(
        "password",
        &["password", "passwd", "passphrase", "passwort", "pwd", "pass="],
        r#"(?i)(?:password|passwd|passphrase|passwort|pwd|(?-u:\b)pass)[A-Za-z0-9_]{0,16}["']?\s{0,8}(?::|=|=>|:=)\s{0,8}("[^"\n]{3,512}"|'[^'\n]{3,512}'|[^\s"',;&]{4,})"#,
    ),
    Kind::value(
        "assigned-secret",
        &[
            "secret",
            "api_key",
            "apikey",
            "api-key",
            "access_key",
            "accesskey",
            "private_key",
            "encryption_key",
            "signing_key",
            "auth_key",
            "master_key",
            "credential",
        ],
        r#"(?i)(?:secret|api[_\-]?key|access_?key|private_key|encryption_key|signing_key|auth_key|master_key|credentials?)[A-Za-z0-9_]{0,24}["']?\s{0,8}(?::|=|=>|:=)\s{0,8}("[^"\n]{6,512}"|'[^'\n]{6,512}'|[^\s"',;&]{8,})"#,
    ),
    Kind::value(
        "assigned-token",
        &["token"],
        r#"(?i)token["']?\s{0,8}(?::|=|=>|:=)\s{0,8}("[^"\n]{12,512}"|'[^'\n]{12,512}'|[^\s"',;&]{16,})"#,
    ),
    Kind::value(
        "command-password",
        &["--password ", "--token ", "--api-key ", "--secret ", " -u "],
        r#"(?:--(?:password|token|api-key|secret)\s{1,4}|\s-u\s{1,4}[A-Za-z0-9_.\-@]{1,64}:)["']?([^\s"']{4,})"#,
    ),
    Kind::new("twilio", &[], r"(?-u:\b)(?:SK|AC)[0-9a-f]{32,}"),
    Kind::new("sendgrid", &["sg."], r"(?-u:\b)SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"),
    Kind::new("mailgun", &["key-", "pubkey-"], r"(?-u:\b)(?:pub)?key-[0-9a-f]{32,}"),
    Kind::new("mailchimp", &["-us"], r"(?-u:\b)[0-9a-f]{32}-us[0-9]{1,2}"),
    Kind::new(
        "discord-bot",
        &[],
        r"(?-u:\b)[MNO][A-Za-z0-9_\-]{23,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,}",
    ),
    Kind::new("discord-webhook", &["/api/webhooks/"], r"/api/webhooks/[0-9]{16,20}/([A-Za-z0-9_\-]{30,})"),
    Kind::new("telegram-bot", &[":aa"], r"[0-9]{8,10}:AA[A-Za-z0-9_\-]{32,}"),
    Kind::new("heroku", &["hrku-"], r"HRKU-[A-Za-z0-9_\-]{20,}"),
    Kind::new("digitalocean", &["dop_v1_", "doo_v1_", "dor_v1_"], r"do[opr]_v1_[a-f0-9]{32,}"),
    Kind::new(
        "cloudflare",
        &["v1.0-", "cfut_", "cfat_", "cfk_"],
        r"(?:(?-u:\b)v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}|cf(?:ut|at|k)_[A-Za-z0-9]{30,})",
    ),
    Kind::new("vault", &["hvs.", "hvb.", "hvr."], r"(?-u:\b)hv[sbr]\.[A-Za-z0-9_\-]{20,}"),
    Kind::new("terraform-cloud", &[".atlasv1."], r"[A-Za-z0-9]{10,20}\.atlasv1\.[A-Za-z0-9_\-=]{40,}"),
    Kind::new("databricks", &["dapi"], r"(?-u:\b)dapi[a-f0-9]{32,}(?:-[0-9])?"),
    Kind::new("linear", &["lin_api_", "lin_oauth_"], r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}"),
    Kind::new("notion", &["ntn_", "secret_"], r"(?-u:\b)(?:ntn_|secret_)[A-Za-z0-9]{40,}"),
    Kind::new("figma", &["figd_", "figo_"], r"fig[do]_[A-Za-z0-9_\-]{20,}"),
    Kind::new("shopify", &["shpat_", "shpca_", "shppa_", "shpss_"], r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32,}"),
    Kind::new(
        "square",
        &["sq0atp-", "sq0csp-", "eaaa"],
        r"(?:sq0(?:atp|csp)-[A-Za-z0-9_\-]{22,}|(?-u:\b)EAAA[A-Za-z0-9_\-+=]{56,})",
    ),
    Kind::new("postman", &["pmak-"], r"PMAK-[a-f0-9]{24}-[a-f0-9]{34,}"),
    Kind::new(
        "new-relic",
        &["nrak-", "nrjs-", "nral", "nraa-"],
        r"(?:NRAK|NRJS|NRAA)-[A-Za-z0-9]{19,}|[a-f0-9]{36}NRAL",
    ),
    Kind::new("sentry", &["sntrys_", "sntryu_"], r"sntry[su]_[A-Za-z0-9+/=_\-]{30,}"),
    Kind::new(
        "datadog",
        &["dd_api_key", "dd_app_key", "dd-api-key", "dd-application-key", "ddp_"],
        r#"(?i)(?:dd[_-](?:api|app|application)[_-]key["']?\s{0,8}[:=]\s{0,8}["']?|ddp_)([a-z0-9]{32,})"#,
    ),
    Kind::new("age", &["age-secret-key-"], r"AGE-SECRET-KEY-1[A-Z0-9]{50,}"),
    Kind::new("grafana", &["glsa_", "glc_"], r"(?:glsa|glc)_[A-Za-z0-9_+/=]{30,}"),
    Kind::new(
        "doppler",
        &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa."],
        r"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9._\-]{40,}",
    ),
    Kind::new(
        "groq-xai-replicate",
        &["gsk_", "xai-", "r8_", "pplx-"],
        r"(?-u:\b)(?:gsk_|xai-|r8_|pplx-)[A-Za-z0-9]{30,}",
    ),
    Kind::new(
        "pulumi-planetscale-supabase",
        &["pul-", "pscale_", "sbp_", "tskey-"],
        r"(?:(?-u:\b)pul-[a-f0-9]{40,}|pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_\-.=]{30,}|sbp_[a-f0-9]{40,}|tskey-[a-z]{2,10}-[A-Za-z0-9\-]{16,})",
    ),
];
