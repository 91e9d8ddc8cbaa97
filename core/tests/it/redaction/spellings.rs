//! Secrets as they are really spelt: kinds of secrets in kinds of text.
//!
//! No complete secret stands in this file: each is put together from a prefix and random characters when the test runs.

/// A text with a secret.
pub struct Spelling {
    /// What it is, for the message of a failed test.
    pub name: String,
    /// The text; whole lines, or a part of one.
    pub text: String,
    /// What must not remain of it.
    pub secret: String,
}

impl Spelling {
    /// Returns whether eight characters in a row of the secret stand in a text.
    pub fn leaks_into(&self, out: &str) -> bool {
        let chars: Vec<char> = self.secret.chars().collect();
        chars.windows(8.min(chars.len())).any(|part| out.contains(&part.iter().collect::<String>()))
    }

    /// Returns the same once more.
    pub fn copy(&self) -> Spelling {
        spelling(self.name.clone(), self.text.clone(), self.secret.clone())
    }

    /// Returns whether only what stands behind the secret says that it is one.
    pub fn is_known_by_what_follows(&self) -> bool {
        ["echo ", "printf "].iter().any(|command| self.name.starts_with(command))
    }

    /// Returns the five places of the text's secret at which a cut is worst: its ends and its quarters.
    pub fn cuts(&self) -> Vec<usize> {
        let at = self
            .text
            .find(&self.secret)
            .unwrap_or_else(|| panic!("{}: the secret stands in the text", self.name));
        let ends = (0..=4).map(|quarter| at + self.secret.len() * quarter / 4);
        ends.map(|end| (end..=self.text.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(at))
            .collect()
    }
}

const HEX: &str = "0123456789abcdef";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const WORD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const SMALL: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Random characters from a seed, so that a failure can be repeated.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    pub fn text(&mut self, length: usize, alphabet: &str) -> String {
        let alphabet = alphabet.as_bytes();
        let count = u64::try_from(alphabet.len()).unwrap();
        (0..length).map(|_| char::from(alphabet[usize::try_from(self.next() % count).unwrap()])).collect()
    }

    fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|length| self.text(length, HEX)).join("-")
    }
}

/// Returns every spelling, with the random characters of a seed.
pub fn all(seed: u64) -> Vec<Spelling> {
    let mut random = Random::new(seed);
    let mut all = tokens(&mut random);
    all.extend(assigned(&mut random));
    all.extend(with_marks(&mut random));
    all.extend(headers_and_commands(&mut random));
    all.extend(addresses(&mut random));
    all.extend(private_keys(&mut random));
    all
}

fn spelling(name: impl Into<String>, text: impl Into<String>, secret: impl Into<String>) -> Spelling {
    Spelling { name: name.into(), text: text.into(), secret: secret.into() }
}

/// Tokens with the mark of their issuer: the mark, then how many characters of which alphabet.
#[rustfmt::skip]
const TOKENS: &[(&str, usize, &str)] = &[
    ("sk-ant-api03-", 95, WORD), ("sk-ant-oat01-", 95, WORD), ("sk-ant-admin01-", 95, WORD),
    ("sk-", 48, ALNUM), ("sk-proj-", 156, WORD), ("sk-svcacct-", 120, WORD), ("sk-or-v1-", 64, HEX),
    ("sk-lf-", 36, HEX), ("lsv2_pt_", 32, HEX), ("ABSK", 128, BASE64),
    ("AKIA", 16, BASE32), ("ASIA", 16, BASE32),
    ("ghp_", 36, ALNUM), ("gho_", 36, ALNUM), ("ghu_", 36, ALNUM), ("ghs_", 36, ALNUM), ("ghr_", 36, ALNUM),
    ("github_pat_", 82, ALNUM),
    ("glpat-", 20, WORD), ("gldt-", 20, WORD), ("glrt-", 20, WORD), ("glptt-", 40, HEX), ("glcbt-", 20, WORD),
    ("ATBB", 32, ALNUM), ("ATCTT3xFfG", 180, WORD), ("ATATT3xFfG", 186, WORD),
    ("xoxb-123456789012-1234567890123-", 24, ALNUM), ("xoxp-123456789012-123456789012-", 32, HEX),
    ("xapp-1-A0123456789-1234567890123-", 64, HEX), ("xoxe.xoxp-1-", 160, ALNUM), ("xoxc-", 40, ALNUM),
    ("sk_live_", 24, ALNUM), ("sk_test_", 99, ALNUM), ("rk_live_", 24, ALNUM), ("whsec_", 32, ALNUM),
    ("AIza", 35, WORD), ("ya29.", 120, WORD), ("GOCSPX-", 28, WORD), ("1//0", 100, WORD),
    ("npm_", 36, ALNUM), ("pypi-AgEIcHlwaS5vcmc", 120, WORD), ("cio", 32, ALNUM), ("rubygems_", 48, HEX),
    ("oy2", 43, SMALL), ("CLOJARS_", 60, SMALL),
    ("dckr_pat_", 27, WORD), ("dckr_oat_", 32, WORD), ("hf_", 34, ALNUM), ("api_org_", 34, ALNUM),
    ("key-", 32, HEX), ("xkeysib-", 64, HEX), ("re_", 32, ALNUM), ("SK", 32, HEX), ("AC", 32, HEX),
    ("HRKU-AA", 58, WORD), ("dop_v1_", 64, HEX), ("doo_v1_", 64, HEX), ("dor_v1_", 64, HEX),
    ("cfut_", 40, ALNUM), ("hvs.", 90, WORD), ("hvb.", 140, WORD), ("dapi", 32, HEX),
    ("lin_api_", 40, ALNUM), ("ntn_", 46, ALNUM), ("secret_", 43, ALNUM), ("figd_", 40, WORD),
    ("shpat_", 32, HEX), ("shpss_", 32, HEX), ("shpca_", 32, HEX), ("sq0atp-", 22, WORD), ("sq0csp-", 43, WORD),
    ("EAAAl", 58, ALNUM), ("NRAK-", 27, UPPER), ("sntrys_", 120, BASE64), ("sntryu_", 64, HEX),
    ("AGE-SECRET-KEY-1", 58, UPPER), ("glsa_", 32, ALNUM), ("glc_", 80, BASE64),
    ("dp.pt.", 43, ALNUM), ("dp.st.prd.", 43, ALNUM), ("gsk_", 52, ALNUM), ("xai-", 80, ALNUM), ("r8_", 37, ALNUM),
    ("pplx-", 48, ALNUM), ("nvapi-", 64, WORD), ("pcsk_", 70, WORD), ("tvly-dev-", 32, ALNUM), ("csk-", 48, SMALL),
    ("sbp_", 40, HEX), ("sb_secret_", 31, WORD), ("napi_", 60, SMALL), ("pscale_tkn_", 43, WORD), ("pscale_pw_", 43, WORD),
    ("pul-", 40, HEX), ("tskey-auth-k", 32, ALNUM), ("tskey-api-k", 32, ALNUM), ("vcp_", 56, ALNUM), ("nfp_", 36, ALNUM),
    ("fo1_", 43, WORD), ("fm2_", 120, BASE64), ("CCIPAT_", 40, ALNUM), ("bkua_", 40, HEX), ("squ_", 40, HEX),
    ("sgp_", 40, HEX), ("AKCp", 69, ALNUM), ("LTAI", 20, ALNUM), ("ops_eyJ", 260, ALNUM), ("p8e-", 32, SMALL),
    ("CFPAT-", 43, WORD), ("duffel_live_", 43, WORD), ("FLWSECK_TEST-", 32, HEX), ("fio-u-", 64, WORD),
    ("API-", 26, UPPER), ("sha256~", 43, WORD), ("access_token$production$", 32, HEX), ("phx_", 43, ALNUM),
    ("pnu_", 36, ALNUM), ("rzp_live_", 24, ALNUM), ("rdme_", 70, SMALL), ("tfp_", 59, WORD), ("4b1d", 38, ALNUM),
    ("sm_pat_", 16, ALNUM), ("shippo_live_", 40, HEX), ("dt0c01.", 24, UPPER),
];

fn tokens(random: &mut Random) -> Vec<Spelling> {
    let mut all: Vec<Spelling> = TOKENS
        .iter()
        .map(|(prefix, length, alphabet)| {
            let secret = random.text(*length, alphabet);
            spelling(format!("token {prefix}"), format!("use {prefix}{secret} for it"), secret)
        })
        .collect();
    let parts = |random: &mut Random, lengths: &[usize], alphabet: &str, joint: &str| {
        lengths.iter().map(|length| random.text(*length, alphabet)).collect::<Vec<_>>().join(joint)
    };
    for (name, before, secret, behind) in [
        ("sendgrid", "SG.", parts(random, &[22, 43], WORD, "."), ""),
        (
            "jwt",
            "eyJ",
            format!("{}.eyJ{}.{}", random.text(33, ALNUM), random.text(60, ALNUM), random.text(43, WORD)),
            "",
        ),
        ("mailchimp", "", random.text(32, HEX), "-us12"),
        ("telegram", "123456789:AA", random.text(33, WORD), ""),
        ("discord", "MTA", format!("{}.Xy1Z2a.{}", random.text(21, ALNUM), random.text(38, WORD)), ""),
        ("postman", "PMAK-", parts(random, &[24, 34], HEX, "-"), ""),
        ("cloudflare", "v1.0-", parts(random, &[24, 146], HEX, "-"), ""),
        ("terraform", "", format!("{}.atlasv1.{}", random.text(14, ALNUM), random.text(67, WORD)), ""),
        ("azure client", "abc8Q~", random.text(34, WORD), ""),
        ("1password", "A3-", parts(random, &[6, 11, 5, 5, 5], UPPER, "-"), ""),
        ("plaid", "access-production-", random.uuid(), ""),
        (
            "slack webhook",
            "https://hooks.slack.com/services/T0123ABCD/B0123ABCD/",
            random.text(24, ALNUM),
            "",
        ),
        (
            "discord webhook",
            "https://discord.com/api/webhooks/998877665544332211/",
            random.text(68, WORD),
            "",
        ),
        ("azure sas", "https://x.blob.core.windows.net/c?sv=2024-01-01&sig=", random.text(43, ALNUM), "%3D"),
        ("azure devops", "", random.text(76, ALNUM), "AZDOabcd"),
    ] {
        all.push(spelling(name, format!("use {before}{secret}{behind} for it"), secret));
    }
    all
}

/// How a value is given to a name; `%n` is the name, `%v` the value.
#[rustfmt::skip]
const FORMS: &[&str] = &[
    "%n=%v", "%n = %v", "%n: %v", "%n:%v", "%n : %v", "%n=\"%v\"", "%n='%v'", "%n = \"%v\"", "%n = '%v'", "%n: \"%v\"", "%n: '%v'", "%n=`%v`",
    "export %n=%v", "export %n=\"%v\"", "set %n=%v", "setx %n \"%v\"", "set -x %n %v", "$env:%n = \"%v\"", "ENV %n %v", "ENV %n=%v",
    "ARG %n=%v", "-e %n=%v", "--build-arg %n=%v", "env %n=%v ./run --fast", "%n=%v ./run",
    "{\"%n\": \"%v\"}", "{\"%n\":\"%v\"}", "{'%n': '%v'}", "{\\\"%n\\\": \\\"%v\\\"}", "{\\\\\\\"%n\\\\\\\": \\\\\\\"%v\\\\\\\"}",
    "\"env\": \"A=1\\n%n=%v\\nB=2\"", "{&quot;%n&quot;:&quot;%v&quot;}", "%n%3D%v%26x",
    "%n=\"%v", "%n: '%v", "{\"%n\": \"%v", "{\\\"%n\\\": \\\"%v",
    "%n := \"%v\"", "%n => '%v'", "'%n' => '%v',", "%n ?= %v", "$%n = '%v';", "my $%n = \"%v\";", "var %n string = \"%v\"",
    "const %n = \"%v\";", "let %n: &str = \"%v\";", "val %n: String = \"%v\"", "private String %n = \"%v\";", "%n: str = \"%v\"",
    "char *%n = \"%v\";", "static const char %n[] = \"%v\";", "string %n = @\"%v\";", "os.environ[\"%n\"] = \"%v\"",
    "os.environ.setdefault('%n', '%v')", "process.env.%n = '%v'", "setenv(\"%n\", \"%v\", 1);", "System.setProperty(\"%n\", \"%v\")",
    "ENV['%n'] = '%v'", "config.%n = %v", "if (%n == \"%v\") {", "(\"%n\", \"%v\"),", "db.%n=%v",
    "<%n>%v</%n>", "  <%n encrypted=\"no\">%v</%n>", "<add key=\"%n\" value=\"%v\"/>", "<property name=\"%n\" value=\"%v\"/>", "<input name=\"%n\" value=\"%v\">",
    "{\"name\": \"%n\", \"value\": \"%v\"}", "- name: %n\n  value: %v", "- name: %n\n  value: \"%v\"", "- key: %n\n  value: %v",
    "{\n  \"name\": \"%n\",\n  \"value\": \"%v\"\n}",
    "%n: |\n  %v", "%n: |-\n    %v", "%n: >-\n  %v", "%n: >\n  %v\nnext: 1", "%n:\n  %v", "%n: \\\n  %v", "\"%n\":\n  \"%v\"",
    "https://api.example/x?%n=%v&y=1", "https://api.example/x?y=1&%n=%v", "curl -d '%n=%v&x=1' host", "curl -F %n=%v host",
    "tool --%n %v --fast", "tool --%n=%v", "tool --%n \"%v\"", "tool --x=1 --%n='%v'",
    "12:%n=%v", "src/.env:12:%n=%v", "    12\t%n=%v", "+%n=%v", "-%n: %v", "> %n=%v", "│ %n=%v", "# %n=%v", "// %n = \"%v\"", "* %n: %v",
    "**%n**: %v", "**%n:** %v", "`%n=%v`", "- `%n`: `%v`", "| %n | %v |", "2026-01-01T00:00:00Z INFO %n=%v ok",
    "\u{1b}[32m%n\u{1b}[0m=%v", "  %n: %v # the real one", "%n=%v;", "(%n=%v)", "{%n=%v, x=1}", "%n=%v,x=1", "Server=db;%n=%v;Database=x;",
];

/// Names of secrets, in the styles of environments, settings and code.
const NAMES: [&str; 16] = [
    "DB_PASSWORD",
    "password",
    "userPassword",
    "API_KEY",
    "apiKey",
    "api-key",
    "AZURE_OPENAI_KEY",
    "GH_TOKEN",
    "access_token",
    "authToken",
    "CLIENT_SECRET",
    "clientSecret",
    "SECRET_KEY_BASE",
    "SESSION_SECRET",
    "aws_secret_access_key",
    "STRIPE_SECRET_KEY",
];

fn assigned(random: &mut Random) -> Vec<Spelling> {
    let mut all = vec![];
    for (at, form) in FORMS.iter().enumerate() {
        // Each form with some names, each name with some forms; a password stands in every form.
        for name in [NAMES[at % 3], NAMES[3 + at % 13], NAMES[3 + (at + 5) % 13]] {
            let secret = match at % 4 {
                0 => random.text(16, ALNUM),
                1 => random.text(40, ALNUM),
                2 => random.text(32, HEX),
                _ => random.text(24, SMALL),
            };
            let text = form.replace("%n", name).replace("%v", &secret);
            all.push(spelling(format!("{form} of {name}"), text, secret));
        }
    }
    let uuid = random.uuid();
    all.push(spelling("a uuid as key", format!("HEROKU_API_KEY={uuid}"), uuid));
    for (name, text) in [
        ("prose", "the password is %v, keep it"),
        ("prose with colon", "Your new password: %v"),
        ("prose with a purpose", "the password for root is %v"),
        ("prose with an owner", "Password of app-user@db: %v"),
        ("short", "user: app pw: %v"),
        ("short in an environment", "DB_PW=%v"),
        ("netrc", "machine api.example.com login me password %v"),
        ("netrc of two lines", "machine api.example.com\nlogin me\npassword %v"),
        ("sql", "CREATE USER app WITH PASSWORD '%v';"),
        ("mysql", "CREATE USER 'app'@'%' IDENTIFIED BY '%v';"),
        ("german", "Passwort: %v"),
        ("spanish", "contraseña: %v"),
        ("portuguese", "senha=%v"),
        ("russian", "пароль: %v"),
        ("chinese", "密码：%v"),
        ("spaced name", "API key: %v"),
        ("spaced access key", "Secret access key: %v"),
        ("wpa", "psk=\"%v\""),
        ("redis", "requirepass %v"),
        ("npmrc", "//registry.example/:_authToken=%v"),
        ("npmrc auth", "_auth=%v"),
        ("azure", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=%v;EndpointSuffix=core"),
        ("pgpass", "PGPASSWORD=%v psql -h db"),
        ("wireguard", "PrivateKey = %v"),
        ("fenced value below", "The token:\n\n```\n%v\n```\n"),
        ("query key", "https://maps.example/api?key=%v&x=1"),
        ("java properties", "spring.datasource.password=%v"),
        ("docker config", "\"auths\": {\"registry.example\": {\"auth\": \"%v\"}}"),
        ("terraform", "  admin_password      = \"%v\""),
        ("nested json", "{\"a\":\"{\\\"b\\\":\\\"{\\\\\\\"password\\\\\\\":\\\\\\\"%v\\\\\\\"}\\\"}\"}"),
    ] {
        let secret = random.text(if name.contains("npm") || name == "wireguard" { 40 } else { 20 }, ALNUM);
        all.push(spelling(name, text.replace("%v", &secret), secret));
    }
    all
}

/// Passwords with every mark that a shell, a URL or a language gives a meaning to.
fn with_marks(random: &mut Random) -> Vec<Spelling> {
    let mut all = vec![];
    for mark in "!#$%&()*+,-./:;<=>?@[]^_{|}~ü".chars() {
        let (one, two, three) = (random.text(8, ALNUM), random.text(10, ALNUM), random.text(16, ALNUM));
        for (form, text) in [
            ("env", format!("DB_PASSWORD={one}{mark}{two}")),
            ("ini", format!("password = {one}{mark}{two}")),
            ("yaml", format!("password: {one}{mark}{two}")),
            ("quoted", format!("password = \"{one}{mark}{two}\"")),
            ("json", format!("{{\"password\": \"{one}{mark}{two}\", \"user\": \"app\"}}")),
        ] {
            all.push(spelling(format!("{form} with {mark}"), text, two.clone()));
        }
        let text = format!("password: {one}{mark}{two}");
        all.push(spelling(format!("yaml before {mark}"), text, one));
        all.push(spelling(
            format!("begins with {mark}"),
            format!("DB_PASSWORD={mark}{three}"),
            three.clone(),
        ));
        all.push(spelling(format!("ends with {mark}"), format!("DB_PASSWORD={three}{mark}"), three));
    }
    // What begins like an entity or an escape, and is none.
    for mark in ["&a1b2-", "\\n", "\\t"] {
        let (one, two) = (random.text(8, ALNUM), random.text(10, ALNUM));
        all.push(spelling(format!("env with {mark}"), format!("DB_PASSWORD={one}{mark}{two}"), two));
    }
    for (name, text) in
        [("chosen", "hunter2"), ("chosen", "Sommer2024!"), ("chosen", "p@ssw0rd1"), ("chosen", "Tr0ub4dor&3")]
    {
        for form in
            ["password=%v", "password: %v", "DB_PASSWORD='%v'", "{\"password\": \"%v\"}", "password = \"%v\""]
        {
            all.push(spelling(format!("{name} {form}"), form.replace("%v", text), text));
        }
    }
    for (form, secret) in [("the password is '%v'", "QwErTyUiOpAs"), ("set -x API_KEY %v", "k3j9x2m7q1w8z5")]
    {
        all.push(spelling(form, form.replace("%v", secret), secret));
    }
    all
}

fn headers_and_commands(random: &mut Random) -> Vec<Spelling> {
    let mut all = vec![];
    let pair = base64(format!("app:{}", random.text(16, ALNUM)).as_bytes());
    for text in
        ["Authorization: Basic %v", "authorization: basic %v", "-H 'Authorization: Basic %v'", "Basic %v"]
    {
        all.push(spelling(format!("basic {text}"), text.replace("%v", &pair), pair.clone()));
    }
    for text in [
        "Authorization: Bearer %v",
        "-H \"Authorization: Bearer %v\"",
        "{\"Authorization\": \"Bearer %v\"}",
        "{\\\"authorization\\\":\\\"Bearer %v\\\"}",
        "Authorization: token %v",
        "Authorization: %v",
        "proxy-authorization: Bearer %v",
        "headers = {'Authorization': f'Bearer %v'}",
        "bearer %v",
        "PRIVATE-TOKEN: %v",
        "X-Api-Key: %v",
        "x-auth-token: %v",
        "X-Vault-Token: %v",
        "api-key: %v",
        "Cookie: session=%v",
        "Cookie: a=b; theme=dark; sid=%v; lang=en",
        "Set-Cookie: sid=%v; Path=/; HttpOnly",
        "set-cookie: __Host-token=%v; Secure",
        "curl -b 'sessionid=%v' host",
        "document.cookie = \"auth=%v\"",
        "PHPSESSID=%v",
        "curl -u app:%v https://api.example",
        "curl --user app:%v https://api.example",
        "curl --user 'app:%v' https://api.example",
        "mysql -u root -p%v app",
        "mysql --user=root --password=%v",
        "sshpass -p %v ssh host",
        "sshpass -p '%v' ssh host",
        "docker login -u me -p %v registry.example",
        "redis-cli -h db -a %v",
        "echo %v | docker login -u me --password-stdin registry.example",
        "echo -n '%v' | gh auth login --with-token",
        "printf '%s' \"%v\" | podman login -u me --password-stdin",
        "htpasswd -bc .htpasswd app %v",
        "htpasswd -nbB app %v",
        "openssl enc -aes-256-cbc -in a -out b -k %v",
        "openssl enc -d -pass pass:%v",
        "openssl passwd -6 %v",
        "openssl passwd -1 -salt ab %v",
        "echo %v | sudo -S ls",
        "echo \"bob:%v\" | chpasswd",
        "printf %s %v | docker login --password-stdin",
        "htpasswd -bc f user \"%v\" and words",
        "tool --password %v",
        "tool --token %v",
        "tool --api-key %v",
        "git clone https://%v@git.example/x.git",
        "git clone https://oauth2:%v@git.example/x.git",
    ] {
        let secret = random.text(32, ALNUM);
        all.push(spelling(text, text.replace("%v", &secret), secret));
    }
    all
}

fn addresses(random: &mut Random) -> Vec<Spelling> {
    let mut all = vec![];
    for scheme in [
        "postgres",
        "postgresql+asyncpg",
        "mysql",
        "mongodb+srv",
        "redis",
        "amqps",
        "https",
        "ftp",
        "smtp",
        "jdbc:postgresql",
    ] {
        for joint in ["", "@", "/", ":", "?", "#", "%40", "$", "!"] {
            let (one, two) = (random.text(8, ALNUM), random.text(10, ALNUM));
            let text = format!("url: {scheme}://app:{one}{joint}{two}@db.internal:5432/x?ssl=1");
            all.push(spelling(format!("{scheme} with {joint}"), text, two));
        }
    }
    let secret = random.text(20, ALNUM);
    all.push(spelling("no user", format!("redis://:{secret}@cache:6379/0"), secret.clone()));
    all.push(spelling("cut before the host", format!("postgres://app:{secret}"), secret.clone()));
    all.push(spelling("quoted", format!("DATABASE_URL=\"postgres://app:{secret}@db/x\""), secret.clone()));
    all.push(spelling(
        "in JSON in JSON",
        format!("{{\\\"url\\\":\\\"postgres://app:{secret}@db/x\\\"}}"),
        secret,
    ));
    all
}

/// Private keys with every kind of mark before their lines. The secret is a line in the middle.
fn private_keys(random: &mut Random) -> Vec<Spelling> {
    let mut all = vec![];
    for title in [
        "RSA PRIVATE KEY",
        "PRIVATE KEY",
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ] {
        let body: Vec<String> = [64, 64, 64, 30].iter().map(|length| random.text(*length, BASE64)).collect();
        let mut lines = vec![format!("-----BEGIN {title}-----")];
        lines.extend(body.iter().cloned());
        lines.push(format!("-----END {title}-----"));
        let listed = |mark: &dyn Fn(usize) -> String| -> String {
            lines.iter().enumerate().map(|(at, line)| format!("{}{line}\n", mark(at))).collect()
        };
        let texts = [
            ("bare", listed(&|_| String::new())),
            ("indented", listed(&|_| "    ".to_owned())),
            ("cat -n", listed(&|at| format!("{:6}\t", at + 1))),
            ("grep -n", listed(&|at| format!("{}:", at + 9))),
            ("grep -n of a file", listed(&|at| format!("keys/id.pem:{}:", at + 9))),
            ("grep -A", listed(&|at| if at == 0 { "9:".to_owned() } else { format!("{}-", at + 9) })),
            ("diff", listed(&|_| "+".to_owned())),
            ("quotation", listed(&|_| "> ".to_owned())),
            ("comment", listed(&|_| "# ".to_owned())),
            ("log", listed(&|at| format!("2026-01-01T00:00:0{at}Z app "))),
            ("compose log", listed(&|_| "web-1  | ".to_owned())),
            ("arrow of a listing", listed(&|at| format!("{:5}→", at + 1))),
            ("string list", lines.iter().map(|line| format!("    \"{line}\\n\" +\n")).collect()),
            ("json", format!("{{\"key\": \"{}\\n\"}}", lines.join("\\n"))),
            ("json in json", format!("{{\\\"key\\\": \\\"{}\\\\n\\\"}}", lines.join("\\\\n"))),
            ("without end", lines[..4].join("\n")),
            ("yaml block", format!("key: |\n{}next: 1\n", listed(&|_| "  ".to_owned()))),
            ("windows", lines.join("\r\n")),
        ];
        for (name, text) in texts {
            all.push(spelling(format!("{title} {name}"), text, body[1].clone()));
        }
        let encoded = base64(lines.join("\n").as_bytes());
        let inner = encoded[60..].to_owned();
        all.push(spelling(
            format!("{title} kubeconfig"),
            format!("    client-key-data: {encoded}\n"),
            inner.clone(),
        ));
        all.push(spelling(format!("{title} json base64"), format!("{{\"key\":\"{encoded}\"}}"), inner));
        let wrapped: Vec<&str> =
            (0..encoded.len()).step_by(76).map(|at| &encoded[at..encoded.len().min(at + 76)]).collect();
        all.push(spelling(format!("{title} wrapped base64"), wrapped.join("\n"), wrapped[1]));
    }
    let body = random.text(64, BASE64);
    all.push(spelling(
        "putty",
        format!("PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 2\n{body}\n{body}\nPrivate-MAC: 00\n"),
        body,
    ));
    let secret = random.text(43, WORD);
    all.push(spelling("jwk", format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"{secret}\"}}"), secret));
    all
}

/// Encodes bytes in base64.
pub fn base64(bytes: &[u8]) -> String {
    let alphabet = BASE64.as_bytes();
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let six = usize::try_from(bits >> (18 - 6 * at) & 63).unwrap();
            text.push(if at <= chunk.len() { char::from(alphabet[six]) } else { '=' });
        }
    }
    text
}
