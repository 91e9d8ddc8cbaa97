use proptest::prelude::*;

use super::kinds::KINDS;
use super::stream::LINE_HELD_MAX;
use super::*;

/// A text with one secret: the kind, the text, and what must not remain of it.
struct Sample {
    kind: &'static str,
    text: String,
    secret: String,
}

/// Returns `n` characters that look random; assembled here, so that no complete secret is in the source.
fn filler(n: usize, alphabet: &str) -> String {
    let alphabet: Vec<char> = alphabet.chars().collect();
    (0..n).map(|i| alphabet[(i * 7 + i / 3 + 5) % alphabet.len()]).collect()
}

fn samples() -> Vec<Sample> {
    let hex = |n| filler(n, "0123456789abcdef");
    let mixed = |n| filler(n, "aB3dE5gH7jK9mN2pQ4rS6tU8vW");
    let upper = |n| filler(n, "ABCDEFGH234567");
    let plain =
        |kind, prefix: &str, rest: String| Sample { kind, text: format!("{prefix}{rest}"), secret: rest };
    let mut all = vec![
        plain("anthropic", "sk-ant-", format!("api03-{}", mixed(60))),
        plain("openai", "sk-", format!("proj-{}", mixed(48))),
        plain("aws-access-key", "AKIA", upper(16)),
        plain("aws-secret-key", "aws_secret_access_key = ", mixed(40)),
        plain("aws-session-token", "AWS_SESSION_TOKEN=", mixed(90)),
        plain("github", "ghp_", mixed(36)),
        plain("github", "gho_", mixed(36)),
        plain("github", "ghs_", mixed(36)),
        plain("github-fine-grained", "github_pat_", mixed(80)),
        plain("gitlab", "glpat-", mixed(20)),
        plain("bitbucket", "ATBB", mixed(32)),
        plain("atlassian", "ATATT3", mixed(180)),
        plain("slack", "xoxb-", format!("123456789012-{}", mixed(24))),
        plain("slack-webhook", "https://hooks.slack.com/services/", format!("T00/B00/{}", mixed(24))),
        plain("stripe", "sk_live_", mixed(24)),
        plain("google-api-key", "AIza", mixed(35)),
        plain("google-oauth", "ya29.", mixed(60)),
        plain("google-refresh-token", "1//0", mixed(60)),
        plain("azure-storage", "DefaultEndpointsProtocol=https;AccountKey=", format!("{}==", mixed(86))),
        plain("azure-sas", "https://x.blob.core.windows.net/c?sv=2020&sig=", mixed(44)),
        plain("azure-client-secret", "abc8Q~", mixed(34)),
        plain("npm", "npm_", mixed(36)),
        plain("npm-registry", "//registry.example/:_authToken=", mixed(30)),
        plain("pypi", "pypi-", mixed(80)),
        plain("crates-io", "cio", mixed(32)),
        plain("rubygems", "rubygems_", hex(48)),
        plain("docker-hub", "dckr_pat_", mixed(27)),
        plain("hugging-face", "hf_", mixed(34)),
        plain("jwt", "eyJ", format!("{}.eyJ{}.{}", mixed(20), mixed(40), mixed(43))),
        plain("authorization", "Authorization: Bearer ", mixed(30)),
        plain("authorization", "authorization: Basic ", mixed(30)),
        plain("bearer", "curl with Bearer ", mixed(30)),
        plain("basic-auth", "header Basic ", mixed(30)),
        plain("url-password", "postgres://app:", mixed(14)),
        plain("password", "password=", mixed(12)),
        plain("password", "DB_PASSWORD: ", mixed(12)),
        plain("assigned-secret", "api_key: ", mixed(20)),
        plain("assigned-secret", "SECRET=", mixed(20)),
        plain("assigned-token", "token = ", mixed(24)),
        plain("command-password", "mysql --password ", mixed(12)),
        plain("twilio", "SK", hex(32)),
        plain("sendgrid", "SG.", format!("{}.{}", mixed(22), mixed(43))),
        plain("mailgun", "key-", hex(32)),
        plain("mailchimp", "", format!("{}-us12", hex(32))),
        plain("discord-bot", "", format!("MTA{}.Xy1Z2a.{}", mixed(21), mixed(30))),
        plain("discord-webhook", "https://discord.com/api/webhooks/998877665544332211/", mixed(60)),
        plain("telegram-bot", "", format!("123456789:AA{}", mixed(33))),
        plain("heroku", "HRKU-", mixed(40)),
        plain("digitalocean", "dop_v1_", hex(64)),
        plain("cloudflare", "v1.0-", format!("{}-{}", hex(24), hex(146))),
        plain("vault", "hvs.", mixed(60)),
        plain("terraform-cloud", "", format!("{}.atlasv1.{}", mixed(14), mixed(60))),
        plain("databricks", "dapi", hex(32)),
        plain("linear", "lin_api_", mixed(40)),
        plain("notion", "ntn_", mixed(46)),
        plain("figma", "figd_", mixed(40)),
        plain("shopify", "shpat_", hex(32)),
        plain("square", "sq0atp-", mixed(22)),
        plain("postman", "PMAK-", format!("{}-{}", hex(24), hex(34))),
        plain("new-relic", "NRAK-", upper(27)),
        plain("sentry", "sntrys_", mixed(60)),
        plain("datadog", "DD_API_KEY=", hex(32)),
        plain("age", "AGE-SECRET-KEY-1", upper(58)),
        plain("grafana", "glsa_", mixed(40)),
        plain("doppler", "dp.pt.", mixed(43)),
        plain("groq-xai-replicate", "gsk_", mixed(52)),
        plain("pulumi-planetscale-supabase", "sbp_", hex(40)),
    ];
    if let Some(url) = all.iter_mut().find(|sample| sample.kind == "url-password") {
        url.text.push_str("@db.internal:5432/app");
    }
    for title in ["RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
        let lines = [mixed(64), filler(64, "qwertyuiop12345"), filler(20, "zxcvbnm98")];
        let body = lines.join("\n");
        all.push(Sample {
            kind: PEM_LABEL,
            text: format!("-----BEGIN {title}-----\n{body}\n-----END {title}-----"),
            secret: lines[1].clone(),
        });
        all.push(Sample {
            kind: PEM_LABEL,
            text: format!(
                r#""key": "-----BEGIN {title}-----\n{}\n-----END {title}-----\n""#,
                lines.join("\\n")
            ),
            secret: lines[1].clone(),
        });
    }
    all
}

fn in_pieces(text: &str, cuts: &[usize]) -> String {
    let mut redactor = Redactor::new();
    let mut out = String::new();
    let mut from = 0;
    for &cut in cuts.iter().filter(|cut| text.is_char_boundary(**cut)) {
        if cut >= from {
            out.push_str(&redactor.push(&text[from..cut]));
            from = cut;
        }
    }
    out.push_str(&redactor.push(&text[from..]));
    out.push_str(&redactor.finish());
    out
}

/// Returns whether eight consecutive characters of the secret remain.
fn leaks(out: &str, secret: &str) -> bool {
    (8..=secret.len()).any(|end| out.contains(&secret[end - 8..end]))
}

#[test]
fn every_kind_has_a_sample_and_compiles() {
    let samples = samples();
    for kind in &KINDS {
        assert!(!kind.regex().as_str().is_empty());
        assert!(samples.iter().any(|sample| sample.kind == kind.name), "{}", kind.name);
    }
    assert!(KINDS.len() >= 40 && KINDS.len() < 64, "the set of kinds is one u64");
}

#[test]
fn every_kind_is_replaced_by_its_name_and_the_rest_stays() {
    for sample in samples() {
        let text = format!("before it\nsay {} and on\nafter it\n", sample.text);
        let out = redact(&text);
        assert!(out.contains("[redacted:"), "{}: {text} -> {out}", sample.kind);
        assert!(!leaks(&out, &sample.secret), "{}: {text} -> {out}", sample.kind);
        assert!(out.starts_with("before it\nsay ") && out.ends_with(" and on\nafter it\n"), "{out}");
    }
}

#[test]
fn s11_no_part_of_a_secret_leaves_whatever_the_chunk_split() {
    for sample in samples() {
        let text = format!("a line\n{{\"x\": \"ü {} \"}}\nafter\n", sample.text);
        let whole = redact(&text).into_owned();
        assert!(!leaks(&whole, &sample.secret), "{}: {whole}", sample.kind);
        for cut in 0..=text.len() {
            assert_eq!(in_pieces(&text, &[cut]), whole, "{} cut at {cut}", sample.kind);
        }
        let single: Vec<usize> = (0..=text.len()).collect();
        assert_eq!(in_pieces(&text, &single), whole, "{} in single bytes", sample.kind);
    }
}

#[test]
fn s11_a_secret_in_an_over_long_line_does_not_leave_either() {
    for sample in samples().into_iter().filter(|sample| !sample.text.contains('\n')) {
        for lead in [LINE_HELD_MAX - 10_000, LINE_HELD_MAX - 8_200, LINE_HELD_MAX - 30, LINE_HELD_MAX + 5] {
            let text = format!("{}{} {}", "x y ".repeat(lead / 4), sample.text, "tail ".repeat(3_000));
            let out = in_pieces(&text, &[1000, 60_000]);
            assert!(!leaks(&out, &sample.secret), "{} after {lead}", sample.kind);
            assert!(out.ends_with("tail "), "{} after {lead}", sample.kind);
        }
    }
}

#[test]
fn a_secret_without_end_is_swallowed_whole_in_bounded_memory() {
    let secret = filler(1_000_000, "aB3dE5gH7jK9mN2pQ4rS6tU8vW");
    let out = in_pieces(&format!("ghp_{secret} end"), &[10, 500_000]);
    assert_eq!(out, "[redacted:github] end");
}

#[test]
fn a_private_key_without_end_mark_ends_where_its_lines_end() {
    let body = filler(64, "aB3dE5gH7jK9mN2p");
    let text = format!("x -----BEGIN PRIVATE KEY-----\n{body}\n{body}\nthe next sentence stays\n");
    assert_eq!(redact(&text), "x [redacted:private-key]\nthe next sentence stays\n");
}

#[test]
fn code_and_prose_about_secrets_stay_as_they_are() {
    for text in [
        "password: String,",
        "let password = read_password();",
        "the password is checked against the token table",
        "token: &str",
        "api_key = os.environ[\"API_KEY\"]",
        "SECRET=${SECRET}",
        "password = <your password>",
        "git commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "see https://example.com/a:b and task-runner-for-small-things",
        "-----BEGIN CERTIFICATE-----",
        "let token = next_token_of_stream;",
        "api_key = settings.api_key_of_service",
        "fn basic auth works with a bearer token",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn redacting_twice_changes_nothing_more() {
    for sample in samples() {
        let once = redact(&sample.text).into_owned();
        assert_eq!(redact(&once), once, "{}", sample.kind);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s11_random_splits_give_what_no_split_gives(
        pick in prop::collection::vec(0_usize..1000, 1..5),
        words in "[a-zà-ü \n]{0,60}",
        mut cuts in prop::collection::vec(0_usize..2000, 0..12),
    ) {
        let samples = samples();
        let mut text = words.clone();
        for n in &pick {
            text.push_str(&format!(" {} \n{words}", samples[n % samples.len()].text));
        }
        cuts.sort_unstable();
        cuts.retain(|cut| *cut <= text.len());
        let whole = redact(&text).into_owned();
        for n in pick {
            prop_assert!(!leaks(&whole, &samples[n % samples.len()].secret));
        }
        prop_assert_eq!(in_pieces(&text, &cuts), whole);
    }

    #[test]
    fn text_without_secrets_passes_byte_for_byte(text in "[a-zA-Z .,!?\r\n\täß字🙂(){}<>/-]{0,300}", cut in 0_usize..300) {
        prop_assert_eq!(in_pieces(&text, &[cut.min(text.len())]), text);
    }
}
