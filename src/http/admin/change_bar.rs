//! What a run changed, as a small bar.
//!
//! Enters: the counts of a run. Leaves: a drawing of one size, whose lengths stand in attributes of SVG: the policy of the pages allows no style in a
//! document.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::domain::Counts;
use crate::http::pages::shell::number;

/// The width of a whole bar, in the drawing's own units.
const WIDTH: i64 = 100;

/// A piece of the bar.
struct Piece {
    /// What the style sheet knows it by.
    name: &'static str,
    x: i64,
    width: i64,
}

/// Shares of rows that were created or changed, that came back or left.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<svg class="change-bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{{ label }}"><title>{{ label }}</title>{% for piece in pieces %}<rect class="bar-{{ piece.name }}" x="{{ piece.x }}" y="0" width="{{ piece.width }}" height="8"/>{% endfor %}</svg>"#
)]
pub(super) struct ChangeBar {
    label: String,
    pieces: Vec<Piece>,
}

impl HtmlSafe for ChangeBar {}

impl ChangeBar {
    pub(super) fn new(counts: &Counts) -> Self {
        let parts = [
            ("created", "created", counts.created),
            ("changed", "changed", counts.changed()),
            ("back", "came back", counts.rejoined),
            ("left", "left", counts.marked_left),
        ];
        let told = parts.map(|(_, words, count)| format!("{} {words}", number(count))).join(", ");
        let all: i64 = parts.iter().map(|(.., count)| count).sum();
        let present: Vec<(&str, i64)> =
            parts.into_iter().map(|(name, _, count)| (name, count)).filter(|(_, count)| *count > 0).collect();
        let mut pieces = Vec::new();
        let mut x = 0;
        for (place, (name, count)) in present.iter().enumerate() {
            // However few, they are to be seen; the last piece takes what is left.
            let others = i64::try_from(present.len() - place - 1).unwrap_or(0);
            let share = (i128::from(WIDTH) * i128::from(*count) / i128::from(all.max(1))).clamp(2, i128::from(WIDTH));
            let room = WIDTH - x - 2 * others;
            let width = if others == 0 { WIDTH - x } else { i64::try_from(share).unwrap_or(WIDTH).min(room) };
            pieces.push(Piece { name, x, width });
            x += width;
        }
        Self { label: told, pieces }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(created: i64, changed: i64, left: i64) -> Vec<(&'static str, i64, i64)> {
        ChangeBar::new(&Counts { created, updated: changed, marked_left: left, ..Counts::default() })
            .pieces
            .iter()
            .map(|piece| (piece.name, piece.x, piece.width))
            .collect()
    }

    #[test]
    fn the_pieces_fill_the_bar_and_none_is_too_small_to_see() {
        assert_eq!(widths(0, 0, 0), []);
        assert_eq!(widths(0, 7, 0), [("changed", 0, 100)]);
        assert_eq!(widths(1, 1, 2), [("created", 0, 25), ("changed", 25, 25), ("left", 50, 50)]);
        assert_eq!(widths(1_000_000, 1, 1), [("created", 0, 96), ("changed", 96, 2), ("left", 98, 2)]);
        assert_eq!(widths(1, 1_000_000, 0), [("created", 0, 2), ("changed", 2, 98)]);
        assert_eq!(widths(i64::MAX / 2, 0, 3), [("created", 0, 98), ("left", 98, 2)]);
    }
}
