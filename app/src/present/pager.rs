//! Texts longer than the screen, shown with the person's pager, as git does.

use std::sync::OnceLock;

use super::fit::{self, Line};
use super::output;
use crate::assemble::Environment;
use crate::plain_text::plain_text;

/// Set where the person wants no pager.
static OFF: OnceLock<()> = OnceLock::new();

/// Pages nothing from here on.
pub fn turn_off() {
    let _ = OFF.set(());
}

/// Prints text as data, with a pager where it is longer than the screen.
pub fn text(environment: &Environment, text: &str) {
    if !is_paged(environment, text, plain_text(text).into()) {
        output::text(text);
    }
}

/// Prints lines of styled pieces as data, with a pager where they are more than the screen has.
pub fn styled(environment: &Environment, lines: &[Line]) {
    let unstyled = fit::unstyled(lines);
    let shown = if output::data_has_colours() { fit::styled(lines) } else { plain_text(&unstyled).into() };
    if !is_paged(environment, &unstyled, shown) {
        output::styled(lines);
    }
}

/// Shows a text with a pager, if it is longer than the screen and there is one.
fn is_paged(environment: &Environment, unstyled: &str, shown: String) -> bool {
    let Some((columns, rows)) = output::screen() else { return false };
    OFF.get().is_none() && fit::row_count(unstyled, columns) >= rows && environment.page(&shown)
}
