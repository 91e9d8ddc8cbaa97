//! What redaction costs at its worst: lines that are nothing but hints of secrets, beside plain prose.
//!
//! `cargo bench -p pointsman-core --bench redaction`

#![allow(missing_docs, reason = "a program of its own")]
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own that measures time and prints a table"
)]

use std::hint::black_box;
use std::time::Instant;

use pointsman_core::redact::redact;

/// As much as is decided at a time.
const LINE_BYTES: usize = 64 * 1024;

/// Of several measurements of the same line, the fastest is the one that nothing disturbed.
const REPEATS: usize = 3;

/// How many of the worst lines are shown.
const SHOWN: usize = 10;

const PROSE: &str = "The driver reads what the agent writes and keeps it, so that the ledger has it. ";

/// Hints of each kind, or the beginning of what they announce.
const HINTS: &str = "password pwd psk secret token api_key a_key_ credential auth jwt bearer sessionid senha пароль 密码 \
<password> </password> &quot;password&quot;: x:// https://a:b https://a:b@ cookie: -----BEGIN -----BEGIN\u{a0}PRIVATE\u{a0}KEY----- \
LS0tLS1CRUdJTi eyJ eyJabcdefgh. 8Q~ MDA $1$ :*: a3-A3- ?sig= authorization: basic X-Amz-Signature= -u\u{a0}a:b mysql redis-cli -us \
.atlasv1. \"kty\" sk- sk-ant- ghp_ ghs_ glpat- xoxb- xoxd- AKIA SG. nvapi- sntrys_ dp.pt. whsec_ fm2_ v1.0- pat sl. ops_eyJ";

const SEPARATORS: [&str; 16] =
    ["", " ", "=", ": ", "\"", "'", ",", "\\", ";", "-", ".", "_", "/", "=\"", "=((((", "=a1b2c3"];

fn main() {
    let hints = HINTS.split(' ').map(|hint| hint.replace('\u{a0}', " "));
    let mut costs: Vec<(f64, String)> = hints
        .flat_map(|hint| SEPARATORS.map(|separator| format!("{hint}{separator}")))
        .map(|unit| (ns_per_byte(&unit), unit))
        .collect();
    costs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let prose = ns_per_byte(PROSE);
    println!(
        "prose: {prose:.1} ns a byte; the worst of {} lines, each one text again and again:",
        costs.len()
    );
    for (cost, unit) in costs.iter().take(SHOWN) {
        println!("{cost:8.1} ns a byte, {:4.0}x prose: {unit:?}", cost / prose);
    }
}

/// Returns how long a byte of a line takes that is one text again and again.
fn ns_per_byte(unit: &str) -> f64 {
    let line = unit.repeat(LINE_BYTES / unit.len());
    let fastest = (0..REPEATS).map(|_| {
        let begun = Instant::now();
        black_box(redact(black_box(&line)));
        begun.elapsed().as_secs_f64()
    });
    fastest.fold(f64::INFINITY, f64::min) * 1e9 / f64::from(u32::try_from(line.len()).unwrap_or(u32::MAX))
}
