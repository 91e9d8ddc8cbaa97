//! How long a decision takes: preparing the policy once, then routing requests of four sizes.
//!
//! `cargo bench -p pointsman-core`
//!
//! Criterion measures means. The promise is about the 99th percentile, so a table of percentiles over single
//! decisions is printed first.

#![allow(missing_docs, reason = "criterion's macros write functions without any")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own that measures time and prints a table"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pointsman_core::agent::Catalog;
use pointsman_core::policy::Policy;
use pointsman_core::request::{Origin, Overrides, Request};
use pointsman_core::route::route;

/// Enough single decisions for a 99th percentile that rests on a hundred of them.
const DECISION_COUNT: usize = 10_000;

const TYPICAL: &str = "The retry loop in src/net/client.rs gives up after the first 503 although the config says \
five attempts. Find out why, fix it, and add a test that fails without the fix. Do not touch the public API.";

/// What a large request is made of: prose, a path, a quotation, code, a log.
const PAGE: &str = "Please look at `core/src/parser.rs` and the test beside it. The report says \"delete the cache and \
start again\", which is not what we want.\n\n```rust\nfn main() {\n    let rows = load(\"rows.csv\").unwrap();\n}\n```\n\
2026-03-01T12:00:00Z ERROR worker: connection reset by peer\n> could somebody rename this?\nKeep the old name where \
others use it, and say in the summary which files changed.\n\n";

fn requests() -> [(&'static str, Request); 4] {
    let sized = |bytes: usize| PAGE.repeat(bytes / PAGE.len() + 1)[..bytes].to_owned();
    [
        ("short", "rename foo to bar in lib.rs".to_owned()),
        ("typical", TYPICAL.to_owned()),
        ("4 KB", sized(4 << 10)),
        ("1 MB", sized(1 << 20)),
    ]
    .map(|(name, text)| (name, Request::new(text, Origin::Cli, Overrides::default()).unwrap()))
}

fn percentiles(_: &mut Criterion) {
    let (policy, catalog) = (Policy::builtin(), Catalog::of_generals(vec![]).unwrap());
    println!("\nP20: {DECISION_COUNT} single decisions, microseconds; promised 99th percentile: below 100");
    println!("{:<10} {:>9} {:>9} {:>9} {:>9}", "request", "median", "p90", "p99", "p99.9");
    for (name, request) in requests() {
        // A megabyte takes longer, and nobody waits for ten thousand of them.
        let count = if name == "1 MB" { DECISION_COUNT / 10 } else { DECISION_COUNT };
        let took = sorted_times(count, || {
            black_box(route(black_box(&request), &catalog, &policy).unwrap());
        });
        print_percentiles(name, &took);
        if name == "4 KB" {
            let median = took[count / 2];
            let bytes = request.text().as_bytes();
            let once = sorted_times(count, || hash(bytes, 10))[count / 2] / 10;
            let rounds = median.as_nanos().div_ceil(once.as_nanos());
            print_percentiles("hashing", &sorted_times(count, || hash(bytes, rounds)));
        }
    }
    println!();
}

/// Hashes bytes again and again, as a yardstick: how much longer its times are at the 99th percentile than in the median
/// is the machine's doing.
fn hash(bytes: &[u8], rounds: u128) {
    for _ in 0..rounds {
        black_box(blake3::hash(black_box(bytes)));
    }
}

fn sorted_times(count: usize, mut work: impl FnMut()) -> Vec<Duration> {
    let mut took: Vec<Duration> = (0..count)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    took.sort();
    took
}

fn print_percentiles(name: &str, sorted: &[Duration]) {
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!("{name:<10} {:>9.1} {:>9.1} {:>9.1} {:>9.1}", at(0.5), at(0.9), at(0.99), at(0.999));
}

fn decision(criterion: &mut Criterion) {
    let (policy, catalog) = (Policy::builtin(), Catalog::of_generals(vec![]).unwrap());
    let mut group = criterion.benchmark_group("decision");
    for (name, request) in requests() {
        group.throughput(Throughput::Bytes(request.text().len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| route(black_box(&request), &catalog, &policy).unwrap());
        });
    }
    group.finish();
}

fn preparation(criterion: &mut Criterion) {
    criterion.bench_function("policy preparation", |bencher| bencher.iter(Policy::builtin));
}

criterion_group!(benches, percentiles, decision, preparation);
criterion_main!(benches);
