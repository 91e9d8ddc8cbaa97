//! Tokens that begin with the mark of their issuer.
//!
//! Prefixes and alphabets are the issuers' own. Lengths are much shorter than theirs, so that a token that was cut off
//! is found too; what keeps words apart is that the rest must look random.

use std::ops::Range;

use super::shape;

/// The characters that a token's rest is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Hexadecimal digits.
    Hex,
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_`, `-`.
    Word,
    /// As `Word`, and the marks of base64: `+`, `/`, `=`.
    Base64,
    /// As `Base64`, and the marks of tokens in several parts: `.`, `~`, `%`.
    Any,
}

impl Rest {
    fn has(self, byte: u8) -> bool {
        match self {
            Rest::Hex => byte.is_ascii_hexdigit(),
            Rest::Alnum => byte.is_ascii_alphanumeric(),
            Rest::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Rest::Base64 => byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte),
            Rest::Any => byte.is_ascii_alphanumeric() || b"_-+/=.~%".contains(&byte),
        }
    }
}

/// Where the last run of characters of each kind stands in a line: the prefixes of a line that is nothing but prefixes
/// are in the same few runs.
#[derive(Debug, Default)]
pub(super) struct Runs([Range<usize>; 5]);

impl Runs {
    /// Returns where the run that goes on at `at` ends.
    pub fn end(&mut self, line: &str, at: usize, rest: Rest) -> usize {
        let known = &mut self.0[rest as usize];
        if !known.contains(&at) {
            let len = line.as_bytes()[at..].iter().take_while(|byte| rest.has(**byte)).count();
            *known = at..at + len;
        }
        known.end
    }
}

/// What else must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// The rest looks random, at least in this many characters.
    Random(usize),
    /// The rest has exactly this many characters, which prose and data hardly ever have there.
    Exactly(usize),
    /// The rest has at least this many characters.
    AtLeast(usize),
}

/// Tokens of one issuer that begin alike.
pub(super) struct Prefix {
    /// The name that replaces the token.
    pub name: &'static str,
    /// How the token begins, letter for letter.
    pub text: &'static str,
    pub rest: Rest,
    pub check: Check,
}

const fn row(name: &'static str, text: &'static str, rest: Rest, check: Check) -> Prefix {
    Prefix { name, text, rest, check }
}

/// Enough of a token to know it, where its beginning is known to be no word.
const SOME: Check = Check::Random(shape::SOME);

/// More, where the beginning is also a word's.
const MORE: Check = Check::Random(16);

/// All prefixes.
#[rustfmt::skip]
pub(super) static PREFIXES: &[Prefix] = &[
    row("anthropic", "sk-ant-", Rest::Word, SOME),
    row("openai", "sk-", Rest::Word, MORE),
    row("openai", "sk-proj-", Rest::Word, SOME),
    row("openai", "sk-svcacct-", Rest::Word, SOME),
    row("openai", "sk-admin-", Rest::Word, SOME),
    row("openai", "sess-", Rest::Alnum, MORE),
    row("openrouter", "sk-or-v1-", Rest::Hex, SOME),
    row("langfuse", "sk-lf-", Rest::Word, SOME),
    row("langsmith", "lsv2_", Rest::Word, SOME),
    row("bedrock", "ABSK", Rest::Any, MORE),
    row("bedrock", "bedrock-api-key-", Rest::Any, MORE),
    row("aws-access-key", "AKIA", Rest::Alnum, Check::Exactly(16)),
    row("aws-access-key", "ASIA", Rest::Alnum, Check::Exactly(16)),
    row("aws-access-key", "ABIA", Rest::Alnum, Check::Exactly(16)),
    row("aws-access-key", "ACCA", Rest::Alnum, Check::Exactly(16)),
    row("github", "ghp_", Rest::Alnum, SOME),
    row("github", "gho_", Rest::Alnum, SOME),
    row("github", "ghu_", Rest::Alnum, SOME),
    row("github", "ghs_", Rest::Any, SOME),
    row("github", "ghr_", Rest::Alnum, SOME),
    row("github-fine-grained", "github_pat_", Rest::Word, SOME),
    row("gitlab", "glpat-", Rest::Any, SOME),
    row("gitlab", "gldt-", Rest::Word, SOME),
    row("gitlab", "glrt-", Rest::Any, SOME),
    row("gitlab", "glrtr-", Rest::Any, SOME),
    row("gitlab", "glptt-", Rest::Word, SOME),
    row("gitlab", "glcbt-", Rest::Word, SOME),
    row("gitlab", "glsoat-", Rest::Word, SOME),
    row("gitlab", "glft-", Rest::Word, SOME),
    row("gitlab", "glimt-", Rest::Word, SOME),
    row("gitlab", "gloas-", Rest::Word, SOME),
    row("gitlab", "glffct-", Rest::Word, SOME),
    row("gitlab", "glwt-", Rest::Word, SOME),
    row("gitlab", "glagent-", Rest::Word, SOME),
    row("gitlab", "GR1348941", Rest::Word, SOME),
    row("bitbucket", "ATBB", Rest::Any, MORE),
    row("bitbucket", "ATCTT", Rest::Any, MORE),
    row("atlassian", "ATATT3", Rest::Any, SOME),
    row("slack", "xoxb-", Rest::Word, SOME),
    row("slack", "xoxp-", Rest::Word, SOME),
    row("slack", "xoxa-", Rest::Word, SOME),
    row("slack", "xoxr-", Rest::Word, SOME),
    row("slack", "xoxs-", Rest::Word, SOME),
    row("slack", "xoxo-", Rest::Word, SOME),
    row("slack", "xoxe-", Rest::Word, SOME),
    row("slack", "xoxe.xox", Rest::Word, SOME),
    row("slack", "xoxc-", Rest::Word, SOME),
    row("slack", "xoxd-", Rest::Any, SOME),
    row("slack", "xapp-", Rest::Word, SOME),
    row("stripe", "sk_live_", Rest::Alnum, SOME),
    row("stripe", "sk_test_", Rest::Alnum, SOME),
    row("stripe", "rk_live_", Rest::Alnum, SOME),
    row("stripe", "rk_test_", Rest::Alnum, SOME),
    row("stripe", "sk_prod_", Rest::Alnum, SOME),
    row("stripe", "rk_prod_", Rest::Alnum, SOME),
    row("stripe", "whsec_", Rest::Any, SOME),
    row("elevenlabs", "sk_", Rest::Hex, Check::Random(32)),
    row("google-api-key", "AIza", Rest::Word, MORE),
    row("google-api-key", "AQ.Ab", Rest::Word, MORE),
    row("google-oauth", "ya29.", Rest::Any, MORE),
    row("google-oauth", "GOCSPX-", Rest::Word, SOME),
    row("google-refresh-token", "1//0", Rest::Word, MORE),
    row("npm", "npm_", Rest::Alnum, MORE),
    row("pypi", "pypi-AgE", Rest::Word, SOME),
    row("pypi", "pypi-", Rest::Word, Check::Random(40)),
    row("crates-io", "cio", Rest::Alnum, Check::Random(32)),
    row("rubygems", "rubygems_", Rest::Hex, SOME),
    row("nuget", "oy2", Rest::Alnum, Check::Random(40)),
    row("clojars", "CLOJARS_", Rest::Alnum, SOME),
    row("docker-hub", "dckr_pat_", Rest::Word, SOME),
    row("docker-hub", "dckr_oat_", Rest::Word, SOME),
    row("hugging-face", "hf_", Rest::Alnum, MORE),
    row("hugging-face", "api_org_", Rest::Alnum, MORE),
    row("sendgrid", "SG.", Rest::Any, MORE),
    row("mailgun", "key-", Rest::Hex, Check::Exactly(32)),
    row("mailgun", "pubkey-", Rest::Hex, Check::Exactly(32)),
    row("brevo", "xkeysib-", Rest::Any, SOME),
    row("brevo", "xsmtpsib-", Rest::Any, SOME),
    row("resend", "re_", Rest::Word, MORE),
    row("twilio", "SK", Rest::Hex, Check::Exactly(32)),
    row("twilio", "AC", Rest::Hex, Check::Exactly(32)),
    row("heroku", "HRKU-", Rest::Word, SOME),
    row("digitalocean", "dop_v1_", Rest::Hex, SOME),
    row("digitalocean", "doo_v1_", Rest::Hex, SOME),
    row("digitalocean", "dor_v1_", Rest::Hex, SOME),
    row("cloudflare", "v1.0-", Rest::Word, Check::Random(64)),
    row("cloudflare", "cfut_", Rest::Alnum, SOME),
    row("cloudflare", "cfat_", Rest::Alnum, SOME),
    row("cloudflare", "cfk_", Rest::Alnum, SOME),
    row("vault", "hvs.", Rest::Word, SOME),
    row("vault", "hvb.", Rest::Word, SOME),
    row("vault", "hvr.", Rest::Word, SOME),
    row("databricks", "dapi", Rest::Hex, Check::AtLeast(28)),
    row("linear", "lin_api_", Rest::Alnum, SOME),
    row("linear", "lin_oauth_", Rest::Alnum, SOME),
    row("notion", "ntn_", Rest::Alnum, MORE),
    row("notion", "secret_", Rest::Alnum, Check::Random(40)),
    row("figma", "figd_", Rest::Word, SOME),
    row("figma", "figo_", Rest::Word, SOME),
    row("shopify", "shpat_", Rest::Hex, SOME),
    row("shopify", "shpca_", Rest::Hex, SOME),
    row("shopify", "shppa_", Rest::Hex, SOME),
    row("shopify", "shpss_", Rest::Hex, SOME),
    row("square", "sq0atp-", Rest::Word, SOME),
    row("square", "sq0csp-", Rest::Word, SOME),
    row("square", "EAAA", Rest::Any, Check::Random(40)),
    row("facebook", "EAAC", Rest::Alnum, Check::Random(60)),
    row("facebook", "EAAM", Rest::Alnum, Check::Random(60)),
    row("postman", "PMAK-", Rest::Word, SOME),
    row("new-relic", "NRAK-", Rest::Alnum, SOME),
    row("new-relic", "NRJS-", Rest::Alnum, SOME),
    row("new-relic", "NRAA-", Rest::Alnum, SOME),
    row("new-relic", "NRII-", Rest::Word, SOME),
    row("sentry", "sntrys_", Rest::Any, SOME),
    row("sentry", "sntryu_", Rest::Any, SOME),
    row("datadog", "ddp_", Rest::Alnum, SOME),
    row("datadog", "ddapp_", Rest::Alnum, SOME),
    row("age", "AGE-SECRET-KEY-1", Rest::Alnum, SOME),
    row("age", "AGE-PLUGIN-", Rest::Word, Check::Random(32)),
    row("grafana", "glsa_", Rest::Any, SOME),
    row("grafana", "glc_", Rest::Any, SOME),
    row("doppler", "dp.pt.", Rest::Any, SOME),
    row("doppler", "dp.st.", Rest::Any, SOME),
    row("doppler", "dp.ct.", Rest::Any, SOME),
    row("doppler", "dp.sa.", Rest::Any, SOME),
    row("doppler", "dp.scim.", Rest::Any, SOME),
    row("doppler", "dp.audit.", Rest::Any, SOME),
    row("groq", "gsk_", Rest::Alnum, SOME),
    row("xai", "xai-", Rest::Alnum, MORE),
    row("replicate", "r8_", Rest::Alnum, MORE),
    row("perplexity", "pplx-", Rest::Alnum, SOME),
    row("fireworks", "fw_", Rest::Alnum, MORE),
    row("cerebras", "csk-", Rest::Alnum, MORE),
    row("nvidia", "nvapi-", Rest::Word, SOME),
    row("pinecone", "pcsk_", Rest::Word, SOME),
    row("tavily", "tvly-", Rest::Word, SOME),
    row("firecrawl", "fc-", Rest::Hex, Check::Exactly(32)),
    row("together", "tgp_v1_", Rest::Word, SOME),
    row("wandb", "wandb_v1_", Rest::Word, SOME),
    row("supabase", "sbp_", Rest::Alnum, SOME),
    row("supabase", "sb_secret_", Rest::Word, SOME),
    row("neon", "napi_", Rest::Alnum, MORE),
    row("planetscale", "pscale_tkn_", Rest::Any, SOME),
    row("planetscale", "pscale_pw_", Rest::Any, SOME),
    row("planetscale", "pscale_oauth_", Rest::Any, SOME),
    row("pulumi", "pul-", Rest::Hex, MORE),
    row("tailscale", "tskey-", Rest::Word, SOME),
    row("vercel", "vcp_", Rest::Alnum, MORE),
    row("vercel", "vck_", Rest::Alnum, MORE),
    row("vercel", "vca_", Rest::Alnum, MORE),
    row("vercel", "vci_", Rest::Alnum, MORE),
    row("vercel", "vercel_blob_rw_", Rest::Word, SOME),
    row("netlify", "nfp_", Rest::Alnum, MORE),
    row("render", "rnd_", Rest::Alnum, MORE),
    row("fly", "fo1_", Rest::Word, MORE),
    row("fly", "fm1a_", Rest::Any, MORE),
    row("fly", "fm1r_", Rest::Any, MORE),
    row("fly", "fm2_", Rest::Any, MORE),
    row("circleci", "CCIPAT_", Rest::Word, SOME),
    row("circleci", "CCIPRJ_", Rest::Word, SOME),
    row("buildkite", "bkua_", Rest::Alnum, SOME),
    row("sonar", "squ_", Rest::Hex, SOME),
    row("sonar", "sqp_", Rest::Hex, SOME),
    row("sonar", "sqa_", Rest::Hex, SOME),
    row("snyk", "snyk_", Rest::Any, MORE),
    row("sourcegraph", "sgp_", Rest::Word, MORE),
    row("jfrog", "AKCp", Rest::Alnum, Check::Random(40)),
    row("jfrog", "cmVmd", Rest::Alnum, Check::Random(40)),
    row("alibaba", "LTAI", Rest::Alnum, MORE),
    row("yandex", "AQVN", Rest::Word, Check::Random(24)),
    row("1password", "ops_eyJ", Rest::Any, SOME),
    row("adobe", "p8e-", Rest::Alnum, MORE),
    row("airtable", "pat", Rest::Any, Check::Random(64)),
    row("contentful", "CFPAT-", Rest::Word, SOME),
    row("dropbox", "sl.", Rest::Any, Check::Random(60)),
    row("duffel", "duffel_live_", Rest::Any, SOME),
    row("duffel", "duffel_test_", Rest::Any, SOME),
    row("dynatrace", "dt0c01.", Rest::Any, SOME),
    row("dynatrace", "dt0s01.", Rest::Any, SOME),
    row("easypost", "EZAK", Rest::Alnum, Check::Random(32)),
    row("easypost", "EZTK", Rest::Alnum, Check::Random(32)),
    row("flutterwave", "FLWSECK_TEST-", Rest::Word, SOME),
    row("flutterwave", "FLWSECK-", Rest::Word, SOME),
    row("frameio", "fio-u-", Rest::Word, SOME),
    row("infracost", "ico-", Rest::Alnum, Check::Exactly(32)),
    row("mapbox", "sk.eyJ", Rest::Any, MORE),
    row("octopus", "API-", Rest::Alnum, Check::Random(20)),
    row("openshift", "sha256~", Rest::Word, MORE),
    row("paypal", "access_token$production$", Rest::Any, SOME),
    row("plaid", "access-production-", Rest::Word, SOME),
    row("plaid", "access-development-", Rest::Word, SOME),
    row("plaid", "access-sandbox-", Rest::Word, SOME),
    row("posthog", "phx_", Rest::Alnum, MORE),
    row("prefect", "pnu_", Rest::Alnum, MORE),
    row("prefect", "pnb_", Rest::Alnum, MORE),
    row("razorpay", "rzp_live_", Rest::Alnum, SOME),
    row("razorpay", "rzp_test_", Rest::Alnum, SOME),
    row("readme", "rdme_", Rest::Alnum, MORE),
    row("scalingo", "tk-us-", Rest::Word, MORE),
    row("settlemint", "sm_aat_", Rest::Alnum, SOME),
    row("settlemint", "sm_pat_", Rest::Alnum, SOME),
    row("settlemint", "sm_sat_", Rest::Alnum, SOME),
    row("shippo", "shippo_live_", Rest::Hex, SOME),
    row("shippo", "shippo_test_", Rest::Hex, SOME),
    row("typeform", "tfp_", Rest::Any, MORE),
    row("wakatime", "waka_", Rest::Word, MORE),
    row("clickhouse", "4b1d", Rest::Alnum, Check::Random(36)),
    row("discord-bot", "mfa.", Rest::Word, Check::Random(40)),
    row("intra42", "s-s4t2", Rest::Word, MORE),
    row("workos", "sk_example_", Rest::Word, MORE),
    row("dnkey", "dnkey-", Rest::Any, MORE),
];

/// How many bytes before a secret say whether it stands for itself: enough for an escape such as `\u003d`.
const ESCAPE_MAX: usize = 6;

/// Returns where the token ends that begins with this prefix at `at`, or nothing if there is none. What stands behind
/// `looked_at` may belong to a token, but makes none.
pub(super) fn token_end(
    prefix: &Prefix,
    line: &str,
    at: usize,
    looked_at: usize,
    runs: &mut Runs,
) -> Option<usize> {
    let bytes = line.as_bytes();
    if !begins_here(prefix, bytes, at) {
        return None;
    }
    let from = at + prefix.text.len();
    let mut end = runs.end(line, from, prefix.rest);
    while end > from && matches!(bytes[end - 1], b'.' | b'~' | b'%' | b'/') {
        end -= 1;
    }
    // What no letter of the alphabet ends is longer than its issuer's tokens are.
    let goes_on =
        bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    let rest = &line[from..end.min(looked_at)];
    // At the end of a line stands what may have been cut off.
    let is_last = end == bytes.len();
    let holds = match prefix.check {
        Check::Random(min) if is_last => is_random(rest, if min > 16 { 16 } else { shape::SOME }),
        Check::Random(min) => is_random(rest, min),
        Check::Exactly(count) if is_last => rest.len() == count || is_cut_off(rest, count),
        Check::Exactly(count) => rest.len() == count && !goes_on,
        Check::AtLeast(min) => rest.len() >= if is_last { 16.min(min) } else { min },
    };
    holds.then_some(end)
}

/// Returns whether a rest looks random: in its stretches, or without the `-` and `_` that random characters have too.
fn is_random(rest: &str, min: usize) -> bool {
    shape::is_token(rest, min)
        || (rest.contains(['-', '_']) && shape::random_len(&rest.replace(['-', '_'], "")) >= min.max(12))
}

/// Returns whether a rest is the beginning of one of `count` characters. Such tokens are in capitals or hexadecimal.
fn is_cut_off(rest: &str, count: usize) -> bool {
    let capitals = rest.len() >= 8 && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let hex = rest.len() >= 12 && shape::random_len(rest) > 0;
    rest.len() < count && (capitals || hex)
}

/// Returns whether a token can begin here: not inside a word, and not inside base64 if it has no mark of its own.
fn begins_here(prefix: &Prefix, bytes: &[u8], at: usize) -> bool {
    let before = &bytes[at.saturating_sub(ESCAPE_MAX)..at];
    let Some(last) = before.last() else { return true };
    let letters_only = prefix.text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match last {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => ends_with_escape(before),
        b'+' | b'/' => !letters_only,
        b'_' | b'-' => !letters_only && prefix.check == SOME,
        _ => true,
    }
}

/// Returns whether text ends with an escape: `\n`, `\t`, `\u003d`, `%3D`, or the end of a colour's `\x1b[32m`.
pub(super) fn ends_with_escape(before: &[u8]) -> bool {
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match before {
        [.., b'\\', b'n' | b't' | b'r'] => true,
        [.., b'%', a, b] => hex(&[*a, *b]),
        [.., b'\\', b'x', a, b] => hex(&[*a, *b]),
        [b'\\', b'u', rest @ ..] => hex(rest),
        [.., b'm'] => {
            let digits =
                before.iter().rev().skip(1).take_while(|b| b.is_ascii_digit() || **b == b';').count();
            before.iter().rev().nth(1 + digits) == Some(&b'[')
        }
        _ => false,
    }
}
