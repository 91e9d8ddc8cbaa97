//! Passwords in addresses: `scheme://user:password@host`.

use std::ops::Range;

use super::shape::{self, Quoting};

/// Passwords that stand in examples and that everybody knows.
const WELL_KNOWN: [&str; 16] = [
    "pass",
    "password",
    "passwd",
    "pwd",
    "pw",
    "secret",
    "user",
    "username",
    "postgres",
    "root",
    "guest",
    "test",
    "token",
    "admin",
    "mysecretpassword",
    "x-oauth-basic",
];

/// Shorter ones stand in examples only.
const PASSWORD_MIN: usize = 4;

/// Returns the password of the address whose `://` stands at `at`; or its user, if that is a token. The line may end
/// where looking ends.
pub(super) fn password(line: &str, at: usize) -> Option<Range<usize>> {
    let from = at + 3;
    let rest = line.get(from..)?;
    if !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let end = rest
        .find(|c: char| c.is_whitespace() || "\"'`<>\\".contains(c) || c.is_control())
        .unwrap_or(rest.len());
    let address = &rest[..end];
    if address.contains("[redacted:") {
        return None;
    }
    let Some(user_len) = address.find([':', '@', '/', '?', '#']) else {
        let is_cut_off = end == rest.len() && token_user(address);
        return is_cut_off.then_some(from..from + end);
    };
    let user = &address[..user_len];
    match &address[user_len..=user_len] {
        "@" => token_user(user).then(|| from..from + user_len),
        ":" => {
            let behind = &address[user_len + 1..];
            let password = match behind.rfind('@') {
                Some(at) if !is_cut_off(&behind[at + 1..]) => &behind[..at],
                // The host was cut off: what is no port can only be a password.
                _ if is_cut_off(behind) => behind,
                Some(_) | None => return None,
            };
            is_password(user, password).then(|| {
                let start = from + user_len + 1;
                start..start + password.len()
            })
        }
        _ => None,
    }
}

/// Returns whether text is no host and no port: a part of a password whose end was cut off.
fn is_cut_off(text: &str) -> bool {
    let first = text.split('/').next().unwrap_or_default();
    shape::is_token(first, shape::SOME) && !first.contains('.')
}

fn token_user(user: &str) -> bool {
    shape::is_token(user, 16)
}

fn is_password(user: &str, password: &str) -> bool {
    let filled_in = shape::is_placeholder(password)
        || password.starts_with(['{', '$', '<', '%', '[', ':']) && shape::random_len(password) == 0;
    let port = password.split(['/', '?', '#']).next().unwrap_or_default();
    let is_port = port.len() < password.len() && port.bytes().all(|byte| byte.is_ascii_digit());
    let well_known = WELL_KNOWN.contains(&password.to_ascii_lowercase().as_str()) || password == user;
    let fits = match password.contains(['/', '?', ',', '(', '#']) {
        true => shape::is_password(password, Quoting::Quoted) && shape::random_len(password) > 0,
        false => password.len() >= PASSWORD_MIN,
    };
    !filled_in && !is_port && !well_known && fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<&str> {
        password(line, line.find("://").unwrap()).map(|range| &line[range])
    }

    #[test]
    fn the_password_of_an_address_is_found_whatever_is_in_it() {
        let parts = ["Zx9kQ2", "mWv7Lp4Rt8"];
        for password in [
            parts.concat(),
            parts.join("@"),
            parts.join("/"),
            parts.join("?"),
            parts.join(":"),
            "letmein".into(),
            "12345678".into(),
        ] {
            let line = format!("see postgres://app:{password}@db:5432/x for it");
            assert_eq!(found(&line), Some(password.as_str()), "{line}");
        }
        assert_eq!(found(&format!("amqp://app:{}", parts.concat())), Some(parts.concat().as_str()));
        for behind in ["\", \"a@b\"", "' a@b", "` a@b", "\\\", a@b", "<br>a@b", "\u{1b}[0ma@b", "\ta@b"] {
            let line = format!("amqp://app:{}{behind}", parts.concat());
            assert_eq!(found(&line), Some(parts.concat().as_str()), "{line}");
        }
        assert_eq!(
            found(&format!("https://{}@git.example/x", parts.concat())),
            Some(parts.concat().as_str())
        );
    }

    #[test]
    fn addresses_without_a_secret_stay() {
        for line in [
            "https://example.com:8080/@scope/package",
            "http://localhost:3000/?mail=a@b.example",
            "https://git@github.com:22/x",
            "postgres://user:password@localhost/db",
            "postgres://postgres:postgres@localhost/db",
            "https://$USER:$PASSWORD@host",
            "https://user:${TOKEN}@host",
            "https://user:$pass-word@host",
            "https://user:changeme@host",
            "https://user:********@host",
            "https://user:abc@host",
            "http://docs:part2?mail=a@b.example",
            "https://example.com/a:b@c",
            "http://[::1]:8080/x@y",
            "jdbc:mysql://db:3306/app",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
