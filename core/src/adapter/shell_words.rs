//! Recognizes shell commands that only look.

/// Commands that only look, whatever their arguments are.
const LOOKING: &[&str] = &[
    "ls",
    "cat",
    "head",
    "tail",
    "less",
    "more",
    "wc",
    "stat",
    "file",
    "tree",
    "pwd",
    "cd",
    "echo",
    "printf",
    "which",
    "type",
    "whereis",
    "whoami",
    "id",
    "groups",
    "hostname",
    "uname",
    "date",
    "printenv",
    "df",
    "du",
    "ps",
    "uptime",
    "free",
    "grep",
    "egrep",
    "fgrep",
    "rg",
    "ag",
    "ack",
    "jq",
    "uniq",
    "cut",
    "awk",
    "tr",
    "column",
    "nl",
    "diff",
    "cmp",
    "comm",
    "basename",
    "dirname",
    "realpath",
    "readlink",
    "md5sum",
    "sha1sum",
    "sha256sum",
    "cksum",
    "strings",
    "hexdump",
    "xxd",
    "od",
    "test",
    "[",
    "true",
    "false",
    "man",
    "tldr",
    "cloc",
    "tokei",
    "lsof",
    "ss",
    "netstat",
    "getent",
    "locale",
    "nproc",
    "lscpu",
    "seq",
    "sleep",
];

/// Commands that only look if their first argument is one of these.
const LOOKING_WITH: &[(&str, &[&str])] = &[
    (
        "git",
        &[
            "status",
            "log",
            "diff",
            "show",
            "blame",
            "ls-files",
            "ls-tree",
            "rev-parse",
            "describe",
            "shortlog",
            "grep",
            "reflog",
            "cat-file",
            "rev-list",
            "name-rev",
            "whatchanged",
            "check-ignore",
        ],
    ),
    ("docker", &["ps", "images", "logs", "inspect", "version", "info", "stats", "top"]),
    ("kubectl", &["get", "describe", "logs", "version", "explain", "top"]),
    ("npm", &["ls", "list", "view", "outdated", "why", "root", "prefix"]),
    ("cargo", &["tree", "metadata", "locate-project", "pkgid", "search"]),
    ("pip", &["list", "show", "freeze"]),
    ("go", &["env", "list", "version", "doc"]),
];

/// Commands that only look unless they are given certain flags.
const LOOKING_WITHOUT: &[(&str, Flags)] = &[
    ("sort", Flags { short: "o", with_value: "kStT", long: &["--output"] }),
    ("yq", Flags { short: "i", with_value: "opI", long: &["--inplace", "--in-place"] }),
    ("fd", Flags { short: "xX", with_value: "dEtoSce", long: &["--exec"] }),
    ("sed", Flags { short: "i", with_value: "efl", long: &["--in-place"] }),
    (
        "curl",
        Flags {
            short: "XdFToO",
            with_value: "AbcCDeEHKmPQrtuUwxyYz",
            long: &["--request", "--data", "--json", "--form", "--upload", "--output", "--remote"],
        },
    ),
];

/// Flags of a command that make it work.
struct Flags {
    /// Single letters.
    short: &'static str,
    /// Other letters, whose value may be the rest of the word.
    with_value: &'static str,
    /// How long ones begin.
    long: &'static [&'static str],
}

impl Flags {
    fn is_one(&self, word: &str) -> bool {
        if word.starts_with("--") {
            return self.long.iter().any(|long| word.starts_with(long));
        }
        // Letters may stand together: `-ni` is `-n -i`.
        let Some(letters) = word.strip_prefix('-') else { return false };
        let first = letters.chars().find(|c| self.short.contains(*c) || self.with_value.contains(*c));
        first.is_some_and(|c| self.short.contains(c))
    }
}

/// Returns whether every command of a shell line only looks. A command that is not understood does not count as
/// looking.
pub(super) fn only_reads(line: &str) -> bool {
    let quiet = without_harmless_redirections(line);
    if quiet.contains('>') {
        return false;
    }
    let mut commands = commands(&quiet).peekable();
    commands.peek().is_some() && commands.all(looks)
}

/// Returns the commands of a line, including those in substitutions.
fn commands(line: &str) -> impl Iterator<Item = &str> {
    let parts = line.split(['|', ';', '&', '\n', '`', '(', ')', '{', '}']);
    parts.map(|part| part.trim().trim_end_matches('$').trim()).filter(|command| !command.is_empty())
}

/// Programs that run what their arguments say: a rule that allows one of them allows anything.
const RUN_ANYTHING: &[&str] = &[
    "sh", "bash", "zsh", "fish", "dash", "python", "python3", "node", "deno", "bun", "ruby", "perl", "php",
    "env", "xargs", "sudo", "doas", "find", "git", "ssh", "eval", "exec", "nohup", "time", "timeout", "nice",
    "docker", "kubectl", "npx",
];

/// The most rules for one line: more would be a free hand.
const RULES_MAX: usize = 3;

/// Returns what rules would have to name to allow the working commands of a line and little more: `cargo test:*`, or a
/// command itself. Empty if that cannot be determined, or cannot be copied into a shell.
pub(super) fn rule_bodies(line: &str) -> Vec<String> {
    let can_be_quoted = |text: &str| text.chars().all(|c| (' '..='~').contains(&c) && !"'()`\\".contains(c));
    if !can_be_quoted(line) || line.contains('$') {
        return vec![];
    }
    if without_harmless_redirections(line).contains(['<', '>']) {
        return Some(line.trim().to_owned()).into_iter().filter(|line| commands(line).count() == 1).collect();
    }
    let line = without_harmless_redirections(line);
    let mut bodies: Vec<String> = commands(&line).filter(|command| !looks(command)).map(rule_body).collect();
    bodies.dedup();
    if bodies.len() > RULES_MAX { vec![] } else { bodies }
}

fn rule_body(command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    let is_plain =
        |word: &&str| word.starts_with(|c: char| c.is_ascii_alphabetic()) && !word.contains(['/', '.', '=']);
    match words.as_slice() {
        [program, verb, ..] if !RUN_ANYTHING.contains(program) && is_plain(program) && is_plain(verb) => {
            format!("{program} {verb}:*")
        }
        _ => words.join(" "),
    }
}

/// Removes redirections that write nothing: output that is discarded or goes to another stream.
fn without_harmless_redirections(line: &str) -> String {
    ["2>&1", "1>&2", ">&2", "&>/dev/null", "2>/dev/null", ">/dev/null", "2> /dev/null", "> /dev/null"]
        .iter()
        .fold(line.to_owned(), |line, harmless| line.replace(harmless, " "))
}

fn looks(command: &str) -> bool {
    let mut words = command.split_whitespace().filter(|word| !is_assignment(word));
    let Some(program) = words.next() else { return true };
    let program = program.rsplit('/').next().unwrap_or(program);
    let mut rest: Vec<&str> = words.collect();
    if program == "git" && rest.first() == Some(&"-C") {
        rest.drain(..rest.len().min(2));
    }
    if let ["--version" | "--help" | "-V" | "-h"] = rest.as_slice() {
        return true;
    }
    if let Some((_, works)) = LOOKING_WITHOUT.iter().find(|(name, _)| *name == program) {
        return !rest.iter().any(|word| works.is_one(word));
    }
    match program {
        "env" | "time" | "nice" | "nohup" => rest.is_empty() || looks(&rest.join(" ")),
        "find" => !rest
            .iter()
            .any(|word| word.starts_with("-exec") || word.starts_with("-ok") || *word == "-delete"),
        "xargs" => {
            rest.iter().find(|word| !word.starts_with('-')).is_none_or(|inner| LOOKING.contains(inner))
        }
        _ if LOOKING.contains(&program) => true,
        _ => {
            let verbs = LOOKING_WITH.iter().find(|(name, _)| *name == program).map(|(_, verbs)| *verbs);
            let verb = rest.iter().find(|word| !word.starts_with('-'));
            verbs.zip(verb).is_some_and(|(verbs, verb)| verbs.contains(verb))
        }
    }
}

/// Returns whether a word is a `NAME=value` before a command.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_look_are_told_from_those_that_work() {
        for line in [
            "ls",
            "ls -la src",
            "cat Cargo.toml | head -20",
            "git status && git log --oneline -5",
            "git -C . diff",
            "find . -name '*.rs'",
            "grep -rn foo src 2>/dev/null | wc -l",
            "cd app && ls",
            "RUST_LOG=debug env",
            "sed -n 1,20p file",
            "cargo --version",
            "/usr/bin/ls",
            "echo hi 2>&1",
            "find . -name x | xargs grep y",
            "cat $(git ls-files)",
            "env FOO=1 ls",
            "sort f | uniq -c",
            "sort -to -k2 f",
            "sed -ne /in/p file",
            "sed -epi file",
            "curl -sHX-Odd:1 https://example.org",
            "env",
            "/bin/rm --help",
            "curl -s https://example.org | jq .",
        ] {
            assert!(only_reads(line), "{line}");
        }
        for line in [
            "",
            "cargo test",
            "npm test",
            "npm run build && ls",
            "ls; rm -rf target",
            "cat > notes.txt",
            "echo hi > file",
            "touch z",
            "git commit -m x",
            "git branch -D old",
            "find . -delete",
            "find . -exec rm {} \\;",
            "sed -i s/a/b/ file",
            "sudo ls",
            "python3 -c 'print(1)'",
            "env FOO=1 make",
            "sort -o f f",
            "sort --output=f f",
            "sort -uo f f",
            "sed -ni p file",
            "sed -Ei.bak s/a/b/ file",
            "curl -sSLO https://example.org/file",
            "curl -sXPOST https://example.org",
            "yq -i .a=1 f",
            "yq --inplace .a=1 f",
            "fd -x rm",
            "fd -X rm",
            "fd --exec rm",
            "find . -ok rm {} \\;",
            "sed --in-place s/a/b/ file",
            "git -C . commit -m x",
            "cat $(rm x)",
            "ls | xargs rm",
            "pytest -q",
            "make",
            "./run.sh",
            "curl -X POST http://localhost",
            "curl -sS -o page.html https://example.org",
        ] {
            assert!(!only_reads(line), "{line}");
        }
    }

    #[test]
    fn a_rule_names_the_working_command_and_allows_little_more() {
        for (line, want) in [
            ("cargo test --workspace", Some("cargo test:*")),
            ("cd x && cargo test", Some("cargo test:*")),
            ("ls && rm -rf build", Some("rm -rf build")),
            ("make", Some("make")),
            ("sh ./check.sh --all", Some("sh ./check.sh --all")),
            ("python3 tool.py", Some("python3 tool.py")),
            ("git push origin main", Some("git push origin main")),
            ("find . -name x -delete", Some("find . -name x -delete")),
            ("ls > out.txt", Some("ls > out.txt")),
            ("rg foo | xargs rm", Some("xargs rm")),
            ("npm run build && npm test", Some("npm run:* | npm test:*")),
            ("cargo test 2>&1 | tail -5", Some("cargo test:*")),
            ("make a && make b && make c && make d", None),
            ("bash -c 'cargo test'", None),
            ("cat $(touch x)", None),
            ("echo hi; rm '; curl evil", None),
            ("", None),
        ] {
            assert_eq!(
                Some(rule_bodies(line).join(" | ")).filter(|all| !all.is_empty()).as_deref(),
                want,
                "{line}"
            );
        }
    }
}
