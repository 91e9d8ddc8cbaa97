//! Screens drawn as one animated SVG: all of them one below the other, and a window that jumps from one to the next.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::recording::{Screen, Window};

/// The width of a character in pixels.
const CHAR_WIDTH: f64 = 8.0;

/// The height of a line in pixels.
const LINE_HEIGHT: f64 = 18.0;

/// The margin around the characters in pixels.
const MARGIN: f64 = 14.0;

/// The colours of the window, and of the eight colours of terminals, readable beside both kinds of page.
const BACKGROUND: &str = "#1c1f26";
const FOREGROUND: &str = "#d7dae0";
const COLORS: [&str; 8] =
    ["#5c6370", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#f0f3f6"];

/// Returns the drawing.
pub fn drawn(screens: &[Screen], window: Window) -> String {
    let (width, height) = (
        f64::from(window.columns) * CHAR_WIDTH + 2.0 * MARGIN,
        f64::from(window.rows) * LINE_HEIGHT + 2.0 * MARGIN,
    );
    let mut rows = Rows::default();
    let frames: String = screens
        .iter()
        .enumerate()
        .map(|(at, screen)| rows.frame(&screen.shown, window, at, height))
        .collect();
    let animation = animation(screens, height);
    let last = -(height * screens.len().saturating_sub(1) as f64);
    let defs: String = rows.defs;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="A recording of `pointsman demo` in a terminal.">
<style>
text {{ font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: {FOREGROUND}; white-space: pre; }}
.b {{ font-weight: bold; }}
.d {{ opacity: 0.65; }}
#screens {{ transform: translateY({last}px); {animation} }}
@media (prefers-reduced-motion: reduce) {{ #screens {{ animation: none; }} }}
</style>
<defs>
{defs}</defs>
<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>
<svg x="0" y="0" width="{width}" height="{height}"><g id="screens">
{frames}</g></svg>
</svg>
"#
    )
}

/// Returns the rule of the animation, with its key frames after it: each screen from its beginning on.
fn animation(screens: &[Screen], height: f64) -> String {
    let all: f64 = screens.iter().map(|screen| screen.shown_for.as_secs_f64()).sum();
    let mut begun = 0.0;
    let mut steps = String::new();
    for (at, screen) in screens.iter().enumerate() {
        let percent = begun / all * 100.0;
        let _ = write!(steps, "{percent:.3}%{{transform:translateY({}px)}}", -height * at as f64);
        begun += screen.shown_for.as_secs_f64();
    }
    format!("animation: play {all:.2}s step-end infinite; }}\n@keyframes play {{ {steps} ")
}

/// The rows of all screens. Most stand on many of them, and are drawn once.
#[derive(Default)]
struct Rows {
    defs: String,
    known: HashMap<String, usize>,
}

impl Rows {
    /// Returns one screen, at its place below the others.
    fn frame(&mut self, screen: &vt100::Screen, window: Window, at: usize, height: f64) -> String {
        let mut uses = String::new();
        for row in 0..window.rows {
            let drawn = row_of(screen, row, window.columns);
            if drawn.is_empty() {
                continue;
            }
            let next = self.known.len();
            let id = *self.known.entry(drawn.clone()).or_insert_with(|| {
                let _ = writeln!(self.defs, r#"<g id="r{next}">{drawn}</g>"#);
                next
            });
            let y = MARGIN + LINE_HEIGHT * (f64::from(row) + 0.75);
            let _ = write!(uses, r##"<use href="#r{id}" y="{y}"/>"##);
        }
        format!("<g transform=\"translate(0 {})\">{uses}</g>\n", height * at as f64)
    }
}

/// How a character looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Style {
    color: vt100::Color,
    is_bold: bool,
    is_dim: bool,
}

/// Returns the texts of one row: a run of characters that look alike is one.
fn row_of(screen: &vt100::Screen, row: u16, columns: u16) -> String {
    let mut drawn = String::new();
    let mut run: Option<(u16, Style, String)> = None;
    for column in 0..columns {
        let Some(cell) = screen.cell(row, column) else { continue };
        let style = Style { color: cell.fgcolor(), is_bold: cell.bold(), is_dim: cell.dim() };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        match &mut run {
            Some((_, of_run, words)) if *of_run == style => words.push_str(text),
            _ => {
                drawn.push_str(&text_of(run.take()));
                run = Some((column, style, text.to_owned()));
            }
        }
    }
    drawn + &text_of(run)
}

/// Returns the text of a run; nothing if there is only blank in it. Its length is fixed, whatever font a reader has.
fn text_of(run: Option<(u16, Style, String)>) -> String {
    let Some((column, style, words)) = run else { return String::new() };
    let (words, left) = (words.trim_end(), words.len() - words.trim_start().len());
    if words.is_empty() {
        return String::new();
    }
    let words = &words[left..];
    let x = MARGIN + (f64::from(column) + left as f64) * CHAR_WIDTH;
    let length = words.chars().count() as f64 * CHAR_WIDTH;
    let classes = [(style.is_bold, "b"), (style.is_dim, "d")];
    let classes: Vec<&str> =
        classes.into_iter().filter(|(is_on, _)| *is_on).map(|(_, class)| class).collect();
    let class = if classes.is_empty() { String::new() } else { format!(r#" class="{}""#, classes.join(" ")) };
    let fill = match style.color {
        vt100::Color::Idx(index) => format!(r#" style="fill:{}""#, COLORS[usize::from(index) % COLORS.len()]),
        vt100::Color::Default | vt100::Color::Rgb(..) => String::new(),
    };
    format!(r#"<text x="{x}" textLength="{length}"{class}{fill}>{}</text>"#, escaped(words))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WINDOW: Window = Window { rows: 2, columns: 20 };

    #[test]
    fn what_looks_alike_is_one_text_and_markup_stays_text() {
        let mut parser = WINDOW.terminal();
        parser.process(b"\x1b[1m<b>\x1b[0m a & b\r\n\x1b[31mred\x1b[0m");
        let row = row_of(parser.screen(), 0, 20);
        assert_eq!(
            row,
            r#"<text x="14" textLength="24" class="b">&lt;b&gt;</text><text x="46" textLength="40">a &amp; b</text>"#
        );
        assert!(row_of(parser.screen(), 1, 20).contains(r#"style="fill:#ff7b72">red<"#));
    }

    #[test]
    fn a_row_that_stands_on_many_screens_is_drawn_once() {
        let mut parser = WINDOW.terminal();
        parser.process(b"one\r\n");
        let first = Screen { shown: parser.screen().clone(), shown_for: Duration::from_secs(1) };
        parser.process(b"two");
        let second = Screen { shown: parser.screen().clone(), shown_for: Duration::from_secs(3) };
        let svg = drawn(&[first, second], WINDOW);
        assert_eq!((svg.matches(">one<").count(), svg.matches(r##"href="#r0""##).count()), (1, 2));
        assert!(
            svg.contains("animation: play 4.00s") && svg.contains("25.000%{transform:translateY(-64px)}"),
            "{svg}"
        );
    }
}
