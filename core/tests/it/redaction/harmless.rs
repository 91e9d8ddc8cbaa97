//! Harmless lines: what redaction must leave as it is.

use std::path::{Path, PathBuf};

use pointsman_core::redact::redact;

use super::spellings::{Random, base64};

/// Lines that have something of a secret and are none: prose in several languages, code in more than ten, settings,
/// commands, logs, markup.
const LINES: &str = include_str!("harmless.txt");

/// How many lines are made for each kind of machine-made line.
const MADE: usize = 150;

const HEX: &str = "0123456789abcdef";

/// Lines as tools write them by the thousand: lock files, hashes, ids, images.
fn made() -> String {
    let mut random = Random::new(11);
    let mut lines = String::new();
    for at in 0..MADE {
        let hex = |random: &mut Random, length| random.text(length, HEX);
        let (sha1, sha256, sha512) = (hex(&mut random, 40), hex(&mut random, 64), hex(&mut random, 128));
        let uuid = [8, 4, 4, 4, 12].map(|length| hex(&mut random, length)).join("-");
        let digest = base64(&sha512.as_bytes()[..64]);
        let short = base64(&sha256.as_bytes()[..32]);
        for line in [
            format!("checksum = \"{sha256}\""),
            format!("\"integrity\": \"sha512-{digest}\","),
            format!("  integrity sha512-{digest}"),
            format!("  resolution: {{integrity: sha512-{digest}}}"),
            format!("  resolved \"https://registry.example/js-tokens/-/js-tokens-{at}.0.0.tgz#{sha1}\""),
            format!("example.com/auth/token v1.{at}.0 h1:{short}"),
            format!("example.com/api-key v1.{at}.0/go.mod h1:{short}"),
            format!("    {{file = \"keyring-{at}.0-py3-none-any.whl\", hash = \"sha256:{sha256}\"}},"),
            format!("keyring=={at}.0 --hash=sha256:{sha256}"),
            format!("commit {sha1}"),
            format!("{} pick the token up where it was left", &sha1[..9]),
            format!("{sha256}  target/release/secret-service-{at}.tar.gz"),
            format!("2026-01-01T00:00:00Z INFO request{{id={uuid} user={at}}}: auth: token accepted"),
            format!("{{\"id\": \"{uuid}\", \"parent\": null, \"seq\": {at}}}"),
            format!("<img alt=\"key\" src=\"data:image/png;base64,{digest}\">"),
        ] {
            lines.push_str(&line);
            lines.push('\n');
        }
    }
    lines
}

/// Returns the lines that redaction changes.
fn changed(text: &str) -> Vec<String> {
    let redacted = redact(text);
    if redacted == text {
        return vec![];
    }
    let alone = text.lines().filter(|line| redact(line) != *line).map(str::to_owned);
    let alone: Vec<String> = alone.collect();
    if alone.is_empty() { vec![format!("only together: {redacted}")] } else { alone }
}

/// Seen to fail with the check of any one part replaced by "yes": random, placeholder, code, password, name.
#[test]
fn s11_not_one_of_two_thousand_harmless_lines_is_changed() {
    let text = format!("{LINES}{}", made());
    assert!(text.lines().count() >= 2000);
    assert_eq!(changed(&text), Vec::<String>::new());
}

/// The text of this repository has thousands of lines about tokens, keys and passwords. At most one of ten thousand is
/// changed: one sample of the training set shows a password.
#[test]
fn the_text_of_this_repository_stays() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (lines, changed) = measure(root);
    assert!(lines > 50_000 && changed.len() * 10_000 <= lines, "{} of {lines}: {changed:#?}", changed.len());
}

/// Measures any directory: `POINTSMAN_HARMLESS_DIR=DIR cargo test --release -p pointsman-core --test it deep_redaction --
/// --ignored --nocapture`. What is changed is shown, and is to be judged by a person: sources have passwords too.
#[test]
#[ignore = "reads a directory of your choice"]
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
fn deep_redaction_of_a_directory() {
    let dir = std::env::var_os("POINTSMAN_HARMLESS_DIR").expect("POINTSMAN_HARMLESS_DIR names a directory");
    let (lines, changed) = measure(Path::new(&dir));
    changed.iter().for_each(|line| println!("{}", line.trim().chars().take(200).collect::<String>()));
    let share = changed.len() as f64 * 10_000.0 / lines.max(1) as f64;
    println!("{} of {lines} lines are changed: {share:.2} of 10,000", changed.len());
}

/// Returns how many lines the texts of a directory have, and which are changed.
fn measure(dir: &Path) -> (usize, Vec<String>) {
    let mut files = vec![];
    texts_of(dir, &mut files);
    files.sort();
    let (mut count, mut all) = (0, vec![]);
    for text in files.iter().filter_map(|file| std::fs::read_to_string(file).ok()) {
        count += text.lines().count();
        all.extend(changed(&text));
    }
    (count, all)
}

/// Collects the files below a directory, without what was built, what git keeps, and these spellings of secrets.
fn texts_of(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && name != "target" && name != ".git" {
            texts_of(&path, files);
        } else if kind.is_file() && name != "spellings.rs" {
            files.push(path);
        }
    }
}
