use pointsman_core::agent::Tier;
use pointsman_core::report::run_line::RunDigest;
use pointsman_core::report::spent::Spent;
use pointsman_core::run::outcome::Verdict;
use pointsman_core::run::row::{RowPhase, RunRow};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A run that was requested so many seconds before [`now`].
fn run(number: u128, ago: i64, verdict: Option<Verdict>, words: Option<&str>) -> ListedRun {
    let hex =
        format!("{:032x}", (0x19a8_c3e7_f107_abc8_u128 << 60) | (number * 0x123_4567_89ab_cdef % (1 << 60)));
    let id = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    let is_over = verdict.is_some();
    ListedRun {
        row: RunRow {
            run_id: id.parse().unwrap(),
            seq: 3,
            created_at: at(1_000_000 - ago),
            updated_at: at(1_000_000 - ago / 2),
            phase: if is_over { RowPhase::Finished } else { RowPhase::Running },
            verdict,
            session_id: "parser".parse().unwrap(),
            project_root: format!("/home/me/work/project-{number}"),
            request_hash: String::new(),
            agent: Some("haiku-general".parse().unwrap()),
            tier: Some(Tier::Haiku),
            rehearsal: number == 2,
        },
        digest: Some(RunDigest {
            words: words.map(str::to_owned),
            spent: Spent {
                reported_usd: (number % 2 == 1).then_some(0.0123 * ago as f64),
                estimated_usd: None,
            },
            ended_at: is_over.then(|| at(1_000_000 - ago / 2)),
        }),
    }
}

fn some_runs() -> Vec<ListedRun> {
    vec![
        run(1, 4, None, Some("rename foo to bar in lib.rs")),
        run(
            2,
            90,
            Some(Verdict::Succeeded),
            Some("fix the parser so that it reads numbers with an exponent, and add tests"),
        ),
        run(
            3,
            5_000,
            Some(Verdict::Failed),
            Some("日本語のコメントを英語に訳してください、そしてテストを書いてください"),
        ),
        run(4, 90_000, Some(Verdict::Deferred), None),
        run(5, 900_000, Some(Verdict::Cancelled), Some("\u{1b}[31mred\u{1b}[0m\nsecond line")),
    ]
}

fn some_sessions() -> Vec<SessionLine> {
    let runs = some_runs();
    let of_one = SessionLine::new(&runs[..1], "k3f9qx".to_owned()).unwrap();
    let of_all = SessionLine::new(&runs[1..], "parser".to_owned()).unwrap();
    vec![of_one, of_all]
}

/// Each width, then where nothing has to fit, then with the styles of a terminal.
fn at_all_widths(lines: impl Fn(Option<usize>) -> Vec<Line>) -> String {
    let shown = |width: Option<usize>| {
        let lines = fit::unstyled(&lines(width));
        let lines: Vec<String> = lines.lines().map(|line| format!("{line}|")).collect();
        format!("{width:?}\n{}\n", lines.join("\n"))
    };
    let plain: String = [Some(50), Some(80), Some(120), None].into_iter().map(shown).collect();
    format!("{plain}colours\n{}", fit::styled(&lines(Some(80))).replace('\u{1b}', "ESC"))
}

#[test]
fn a_list_of_runs_fits_the_terminal_and_words_stay_whole() {
    insta::assert_snapshot!(at_all_widths(|width| runs(&some_runs(), at(1_000_000), width)));
}

#[test]
fn a_list_of_sessions_fits_the_terminal_and_words_stay_whole() {
    insta::assert_snapshot!(at_all_widths(|width| sessions(&some_sessions(), at(1_000_000), width)));
}
