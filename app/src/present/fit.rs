//! Tables that fit the terminal: columns that matter less go, one column takes the room that is left, words stay whole.

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use crate::plain_text::plain_text;

/// What stands between two columns.
const GAP: &str = "  ";

/// A piece of a line in one style.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// How it looks where colours are shown.
    pub style: Style,
    /// What it says.
    pub text: String,
}

impl Span {
    /// Makes a piece in a style.
    pub fn new(text: impl Into<String>, style: Style) -> Span {
        Span { style, text: text.into() }
    }

    /// Makes a piece without a style.
    pub fn plain(text: impl Into<String>) -> Span {
        Span::new(text, Style::new())
    }
}

/// A line of pieces.
pub type Line = Vec<Span>;

/// Where the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// How wide a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// As wide as its widest cell.
    Content,
    /// At least so many terminal columns, and what is left; what does not fit is cut after a word.
    Rest(usize),
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub head: &'static str,
    /// When it goes on a narrow terminal: the highest first, those of one rank together; 0 stays.
    pub rank: u8,
    /// Where its cells stand.
    pub align: Align,
    /// How wide it is.
    pub width: Width,
}

impl Column {
    /// Makes a column of words.
    pub const fn left(head: &'static str, rank: u8) -> Column {
        Column { head, rank, align: Align::Left, width: Width::Content }
    }

    /// Makes a column of numbers.
    pub const fn right(head: &'static str, rank: u8) -> Column {
        Column { head, rank, align: Align::Right, width: Width::Content }
    }

    /// Makes the column that takes what is left, at least so many terminal columns.
    pub const fn rest(head: &'static str, at_least: usize) -> Column {
        Column { head, rank: 0, align: Align::Left, width: Width::Rest(at_least) }
    }
}

/// Returns a table, its heading first; `width` is that of the terminal, `None` where nothing has to fit.
pub fn table(columns: &[Column], rows: &[Vec<Span>], width: Option<usize>) -> Vec<Line> {
    let natural: Vec<usize> = (0..columns.len()).map(|place| natural_width(columns, rows, place)).collect();
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let mut widths = natural.clone();
    if let Some(width) = width {
        let least = |place: usize| match columns[place].width {
            Width::Content => natural[place],
            Width::Rest(at_least) => natural[place].min(at_least),
        };
        let needed = |shown: &[usize]| {
            shown.iter().map(|place| least(*place)).sum::<usize>() + GAP.len() * shown.len().saturating_sub(1)
        };
        while needed(&shown) > width
            && let Some(rank) = shown.iter().map(|place| columns[*place].rank).max().filter(|rank| *rank > 0)
        {
            shown.retain(|place| columns[*place].rank != rank);
        }
        let room = width.saturating_sub(needed(&shown));
        for place in shown.iter().copied().filter(|place| columns[*place].width != Width::Content) {
            widths[place] = natural[place].min(least(place) + room);
        }
    }
    let head_style = Style::new().dimmed();
    let head: Vec<Span> = columns.iter().map(|column| Span::new(column.head, head_style)).collect();
    std::iter::once(&head).chain(rows).map(|cells| line(columns, &shown, &widths, cells)).collect()
}

fn natural_width(columns: &[Column], rows: &[Vec<Span>], place: usize) -> usize {
    let cells = rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.text.width());
    cells.chain([columns[place].head.width()]).max().unwrap_or(0)
}

fn line(columns: &[Column], shown: &[usize], widths: &[usize], cells: &[Span]) -> Line {
    let mut line: Line = vec![];
    for (number, place) in shown.iter().copied().enumerate() {
        let Some(cell) = cells.get(place) else { continue };
        let text = shortened(&cell.text, widths[place]);
        let blanks = " ".repeat(widths[place].saturating_sub(text.width()));
        let is_last = number + 1 == shown.len();
        let (before, after) = match columns[place].align {
            Align::Right => (blanks, String::new()),
            Align::Left if is_last => (String::new(), String::new()),
            Align::Left => (String::new(), blanks),
        };
        line.push(Span::plain(before));
        line.push(Span::new(text, cell.style));
        line.push(Span::plain(after + if is_last { "" } else { GAP }));
    }
    line.retain(|span| !span.text.is_empty());
    while line.last().is_some_and(|span| span.text.trim().is_empty()) {
        line.pop();
    }
    line
}

/// Returns a text that fits so many terminal columns: cut after a word, unless that would leave too little of it.
pub fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if kept.width() > room {
            kept.pop();
            break;
        }
    }
    let is_inside_a_word = !text[kept.len()..].starts_with(' ');
    if is_inside_a_word && let Some(end) = kept.rfind(' ').filter(|end| kept[..*end].width() * 2 >= room) {
        kept.truncate(end);
    }
    format!("{}…", kept.trim_end())
}

/// Returns how many rows of a terminal so many columns wide a text takes.
pub fn row_count(text: &str, columns: usize) -> usize {
    text.lines().map(|line| line.width().div_ceil(columns.max(1)).max(1)).sum()
}

/// Returns a sentence in lines that fit the terminal, the later ones indented; in one line where nothing has to fit.
pub fn wrapped(sentence: &str, width: Option<usize>) -> Vec<String> {
    hung(sentence, 0, 0, width).lines().map(str::to_owned).collect()
}

/// Returns a text that fits the terminal beside and below what stands before it: words stay whole, and the lines that a
/// sentence goes on in are indented by two columns more than where its message begins. Lines of its own it keeps.
///
/// `taken` columns of the first line are taken; the message begins at column `begins`.
pub fn hung(text: &str, taken: usize, begins: usize, width: Option<usize>) -> String {
    let Some(width) = width else { return text.to_owned() };
    let line = |(number, line): (usize, &str)| {
        let own = line.len() - line.trim_start().len();
        let first = " ".repeat(if number == 0 { taken + own } else { own });
        let later = " ".repeat(if number == 0 { begins } else { own } + 2);
        let options = textwrap::Options::new(width)
            .initial_indent(&first)
            .subsequent_indent(&later)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let wrapped = textwrap::wrap(line.trim_start(), options).join("\n");
        if number == 0 { wrapped.get(taken..).unwrap_or_default().to_owned() } else { wrapped }
    };
    text.lines().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns lines as text with the sequences that style it for a terminal, and with no other ones.
pub fn styled(lines: &[Line]) -> String {
    let span = |Span { style, text }: &Span| format!("{style}{}{style:#}", plain_text(text));
    let line = |line: &Line| line.iter().map(span).collect::<String>() + "\n";
    lines.iter().map(line).collect()
}

/// Returns lines as text without any style.
pub fn unstyled(lines: &[Line]) -> String {
    let text = |line: &Line| line.iter().map(|span| span.text.as_str()).collect::<String>();
    lines.iter().map(text).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_after_a_word_where_enough_is_left() {
        assert_eq!(shortened("fix the parser", 14), "fix the parser");
        assert_eq!(shortened("fix the parser", 12), "fix the…");
        assert_eq!(shortened("fix the parser", 8), "fix the…");
        assert_eq!(shortened("incomprehensibilities", 8), "incompr…");
        assert_eq!(shortened("a incomprehensibilities", 12), "a incompreh…");
        assert_eq!(shortened("日本語のテキスト", 7), "日本語…");
        assert_eq!(shortened("abc", 0), "…");
    }

    #[test]
    fn a_message_hangs_below_its_word_and_keeps_its_own_lines() {
        let text = "the first rule is wrong; mend it\n  also: the second rule is wrong";
        assert_eq!(hung(text, 7, 0, None), text);
        let expected = "the first\n  rule is wrong;\n  mend it\n  also: the second\n    rule is wrong";
        assert_eq!(hung(text, 7, 0, Some(18)), expected);
        assert_eq!(hung("a b c", 8, 2, Some(10)), "a\n    b c");
        assert_eq!(
            hung("/a/path/that/is/too/long for it", 2, 0, Some(10)),
            "/a/path/that/is/too/long\n  for it"
        );
        assert_eq!(hung("", 8, 2, Some(10)), "");
    }

    #[test]
    fn a_long_line_takes_more_than_one_row() {
        assert_eq!(row_count("", 10), 0);
        assert_eq!(row_count("one\n\n0123456789\n0123456789a", 10), 5);
    }

    #[test]
    fn what_matters_least_goes_first() {
        let columns = [
            Column::left("ID", 0),
            Column::left("WHO", 2),
            Column::right("COST", 1),
            Column::rest("WORDS", 8),
        ];
        let row = ["abc", "somebody", "$1.00", "fix the parser and its tests"].map(Span::plain).to_vec();
        let text = |width| unstyled(&table(&columns, std::slice::from_ref(&row), width));
        assert_eq!(
            text(None),
            "ID   WHO        COST  WORDS\nabc  somebody  $1.00  fix the parser and its tests"
        );
        assert_eq!(text(Some(40)), "ID   WHO        COST  WORDS\nabc  somebody  $1.00  fix the parser…");
        assert_eq!(text(Some(29)), "ID    COST  WORDS\nabc  $1.00  fix the parser…");
        assert_eq!(text(Some(16)), "ID   WORDS\nabc  fix the…");
        assert_eq!(text(Some(1)), "ID   WORDS\nabc  fix the…", "what stays, stays");
    }

    proptest! {
        #[test]
        fn a_wrapped_message_has_the_same_words_and_fits_but_for_long_words(
            words in proptest::collection::vec("[^\\s\\p{C}]{1,20}", 1..20), taken in 0_usize..15, width in 30_usize..80
        ) {
            let text = hung(&words.join(" "), taken, 2, Some(width));
            prop_assert_eq!(text.split_whitespace().collect::<Vec<_>>(), words);
            for (number, line) in text.lines().enumerate() {
                let is_one_word = line.split_whitespace().count() < 2;
                let before = if number == 0 { taken } else { 0 };
                prop_assert!(before + line.width() <= width || is_one_word, "{line:?}");
            }
        }

        #[test]
        fn no_line_is_wider_than_the_terminal(
            cells in proptest::collection::vec("\\PC{0,30}", 1..8), width in 24_usize..120
        ) {
            let columns = [Column::left("A", 2), Column::rest("B", 10), Column::right("C", 1)];
            let rows: Vec<Vec<Span>> =
                cells.iter().map(|cell| vec![Span::plain(cell), Span::plain(cell), Span::plain(cell)]).collect();
            for line in table(&columns, &rows, Some(width)) {
                let text = unstyled(std::slice::from_ref(&line));
                prop_assert!(text.width() <= width, "{text:?}");
            }
        }
    }
}
