use std::time::Instant;
#[allow(clippy::disallowed_methods, clippy::print_stdout)]
fn main() {
    use pointsman_core::agent::*;
    use pointsman_core::policy::Policy;
    use pointsman_core::request::*;
    use pointsman_core::route::route;
    let t = Instant::now();
    let policy = Policy::builtin();
    println!("builtin {:?}", t.elapsed());
    let mut v: Vec<_> = (0..50).map(|_| { let t = Instant::now(); std::hint::black_box(Policy::builtin()); t.elapsed() }).collect();
    v.sort();
    println!("builtin median {:?}", v[25]);
    let agent = |tier: Tier| Agent { name: format!("{tier}-general").parse().unwrap(), description: String::new(), adapter: AdapterKind::Claude, command: vec!["c".into()], tier, model: tier.to_string(), fallback_model: None, access: Access::Write, permission_mode: None, cli_agent: None, env: Default::default(), billing: Billing::Auto, hooks: AgentHooks::Keep, source: AgentSource::Builtin };
    let by = Tier::ALL.into_iter().map(|t| (t, agent(t).name)).collect();
    let cat = Catalog::new(Tier::ALL.into_iter().map(agent).collect(), by, Default::default()).unwrap();
    let text = include_str!("../tests/data/routing-dev.jsonl");
    let reqs: Vec<Request> = text.lines().map(|l| { let v: serde_json::Value = serde_json::from_str(l).unwrap(); Request::new(v["request"].as_str().unwrap().into(), Origin::Cli, Overrides::default()).unwrap() }).collect();
    let mut v = vec![];
    for _ in 0..50 { for r in &reqs { let t = Instant::now(); std::hint::black_box(route(r, &cat, &policy).unwrap()); v.push(t.elapsed()); } }
    v.sort();
    println!("route p50 {:?} p99 {:?} max {:?}", v[v.len()/2], v[v.len()*99/100], v[v.len()-1]);
    for c in ["a", "`", "'", "\"", "«", "\n", "> ", "a ", "削", "delete ", "-", "```\n", "「", ".", "' a", "/", "~", "[", "at (", "a'b ", "#a: b\n", "rm -rf / ", "{\n"] {
        let r = Request::new(format!("x{}", c.repeat(1_000_000 / c.len())), Origin::Cli, Overrides::default()).unwrap();
        let t = Instant::now(); std::hint::black_box(route(&r, &cat, &policy).unwrap()); println!("{c:?} {:?}", t.elapsed());
    }
    let plain = "The quick brown fox jumps over the lazy dog, and the compiler is happy with 12 files. \n".repeat(100_000);
    std::hint::black_box(pointsman_core::redact::redact("warm up sk-ant-xxxxxxxxxxxxxxxxxxxxxxxx"));
    let t = Instant::now(); let o = pointsman_core::redact::redact(&plain); println!("redact {:.0} MB/s {}", plain.len() as f64 / 1e6 / t.elapsed().as_secs_f64(), o.len());
    let log = "2026-01-01T10:00:00Z INFO token refreshed for user password checked task-runner disk-usage\n".repeat(50_000);
    let t = Instant::now(); let o = pointsman_core::redact::redact(&log); println!("redact hinted {:.0} MB/s {}", log.len() as f64 / 1e6 / t.elapsed().as_secs_f64(), o.len());
    let mut r = pointsman_core::redact::Redactor::new();
    let t = Instant::now(); for c in plain.as_bytes().chunks(8192) { std::hint::black_box(r.push(std::str::from_utf8(c).unwrap())); } println!("stream {:.0} MB/s", plain.len() as f64 / 1e6 / t.elapsed().as_secs_f64());
    let one = "a".repeat(10_000_000);
    let t = Instant::now(); let o = pointsman_core::redact::redact(&one); println!("one char {:?} {}", t.elapsed(), o.len());
    for c in ["eyJ", "://a:", "sk-", "token=", "-----BEGIN ", "password= ", "MTA", "a.b"] {
        let one = c.repeat(1_000_000 / c.len());
        let t = Instant::now(); let o = pointsman_core::redact::redact(&one); println!("{c} {:?} {}", t.elapsed(), o.len());
    }
}
