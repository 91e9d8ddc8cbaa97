//! Detects the language of a request: by script, and by frequent function words if the script is Latin.
//!
//! Requests are short. A dozen words reveal little by their letters, but "the", "nicht" and "pour" give themselves
//! away. If nothing does, there is no answer: a guess would route requests at random.

/// A language that can be detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Language(&'static str);

/// Every code, English first.
const CODES: [&str; 20] = [
    "en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "sv", "ru", "uk", "el", "zh", "ja", "ko", "ar",
    "he", "hi", "th",
];

/// Function words in folded form (without accents), and common first words of requests.
const WORDS: [(&str, &str); 10] = [
    (
        "en",
        "the a an and to of in is are for with on that this it we you my our please not from all should how \
         what why fix add make write does when where into can be update remove run explain",
    ),
    (
        "de",
        "der die das und ist nicht ein eine einen dem den mit fur auf von zu im wie warum was bitte ich wir es \
         sind auch alle aus bei nach uber wird kann mach schreib erklare",
    ),
    (
        "fr",
        "le la les un une des et est pas de du dans pour avec sur que qui ce cette il nous vous au aux je plus \
         comment pourquoi fais ajoute corrige ecris explique",
    ),
    (
        "es",
        "el la los las un una y es no de del en para con por que este esta se lo al como haz anade pero mas \
         nuestro todos cada escribe explica arregla corrige",
    ),
    (
        "pt",
        "o a os as um uma e nao de do da dos das em no na para com por que este esta se ao como voce mais \
         nosso todos faca escreva explique corrija corrige",
    ),
    (
        "it",
        "il lo la i gli le un una e non di del della dei in per con su che questo questa si al alla come perche \
         fai nel nella sono ogni scrivi spiega correggi aggiungi",
    ),
    (
        "nl",
        "de het een en is niet van in op voor met dat dit die te naar hoe waarom wat alle ook aan bij uit zijn \
         wordt maak schrijf voeg",
    ),
    (
        "pl",
        "i w na z do nie jest to sie ze jak dlaczego dla przez oraz czy ten ta te po od przy wszystkie tym \
         napisz dodaj popraw",
    ),
    (
        "tr",
        "ve bir bu icin ile de da ne nasil neden olarak gibi cok daha var yok tum her mi ekle yaz duzelt acikla",
    ),
    (
        "sv",
        "och att det en ett ar inte i pa for med som av den de till hur varfor vad alla om fran vi kan har \
         skriv fixa",
    ),
];

/// The score of a word that only one language has; shared words divide it between their languages.
const OWN_WORD: usize = 60;

impl Language {
    /// Parses a code.
    pub fn parse(code: &str) -> Option<Language> {
        CODES.into_iter().find(|known| *known == code).map(Language)
    }

    /// Returns the code, as in `de`.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Returns every code.
    pub fn codes() -> &'static [&'static str] {
        &CODES
    }
}

/// Detects the language of folded words; `None` if nothing reveals it.
pub fn detect<'a>(words: impl Iterator<Item = &'a str>) -> Option<Language> {
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    by_script(&words).or_else(|| by_function_words(&words)).map(Language)
}

fn by_script(words: &[&str]) -> Option<&'static str> {
    let scripts: Vec<&str> = words.iter().filter_map(|word| script_of(word)).collect();
    // Names and commands in Latin letters occur in every language.
    if scripts.is_empty() || scripts.len() * 3 < words.len() {
        return None;
    }
    let has = |script: &str| scripts.contains(&script);
    if has("ja") {
        return Some("ja");
    }
    if has("uk") && words.iter().any(|word| word.contains(['і', 'ї', 'є', 'ґ'])) {
        return Some("uk");
    }
    let count = |code: &str| scripts.iter().filter(|script| **script == code).count();
    CODES.into_iter().rev().max_by_key(|code| count(code)).map(|code| if code == "uk" { "ru" } else { code })
}

/// Returns the language that a script stands for; `uk` for both that are written in Cyrillic.
fn script_of(word: &str) -> Option<&'static str> {
    word.chars().find_map(|c| match c {
        '\u{400}'..='\u{4ff}' => Some("uk"),
        '\u{370}'..='\u{3ff}' => Some("el"),
        '\u{3040}'..='\u{30ff}' => Some("ja"),
        '\u{3400}'..='\u{9fff}' => Some("zh"),
        '\u{ac00}'..='\u{d7af}' => Some("ko"),
        '\u{600}'..='\u{6ff}' => Some("ar"),
        '\u{590}'..='\u{5ff}' => Some("he"),
        '\u{900}'..='\u{97f}' => Some("hi"),
        '\u{e00}'..='\u{e7f}' => Some("th"),
        _ => None,
    })
}

fn by_function_words(words: &[&str]) -> Option<&'static str> {
    let mut scores = [0_usize; WORDS.len()];
    for word in words {
        let has = |list: &str| list.split_ascii_whitespace().any(|known| known == *word);
        let found = WORDS.map(|(_, list)| has(list));
        let sharing = found.iter().filter(|is_there| **is_there).count();
        for (score, is_there) in scores.iter_mut().zip(found) {
            *score += if is_there { OWN_WORD / sharing } else { 0 };
        }
    }
    let best = scores.iter().copied().max().filter(|best| *best >= OWN_WORD)?;
    let mut winners =
        WORDS.iter().zip(scores).filter(|(_, score)| *score == best).map(|((code, _), _)| *code);
    let first = winners.next()?;
    // Half-English requests count as English; between two other languages the answer is unknown.
    (first == "en" || winners.next().is_none()).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(text: &str) -> Option<&'static str> {
        let mut folded = vec![];
        crate::text::tokens::tokenize(text, |token| folded.push(token.folded.to_owned()));
        detect(folded.iter().map(String::as_str)).map(Language::as_str)
    }

    #[test]
    fn short_requests_give_their_language_away() {
        for (text, code) in [
            ("fix the typo in README.md", "en"),
            ("Behebe den Fehler in der Datei parser.rs", "de"),
            ("Corrige la faute dans le fichier README", "fr"),
            ("Arregla el error en el archivo de configuración", "es"),
            ("Corrija o erro no arquivo de configuração, por favor, e não mude nada mais", "pt"),
            ("Correggi il refuso nella pagina iniziale", "it"),
            ("Maak een test voor het endpoint", "nl"),
            ("Popraw literówkę w pliku README i nie zmieniaj nic", "pl"),
            ("Bu hatayı düzelt ve bir test ekle", "tr"),
            ("Fixa felet i filen och skriv ett test", "sv"),
            ("исправь ошибку в parser.rs", "ru"),
            ("виправ помилку у файлі і додай тест", "uk"),
            ("修正这个错误", "zh"),
            ("このバグを直して", "ja"),
            ("이 버그를 고쳐줘", "ko"),
        ] {
            assert_eq!(language(text), Some(code), "{text}");
        }
    }

    #[test]
    fn what_gives_nothing_away_has_no_language() {
        for text in ["cargo test", "README.md", "lint", "corrige README", ""] {
            assert_eq!(language(text), None, "{text}");
        }
    }
}
