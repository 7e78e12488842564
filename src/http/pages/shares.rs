//! Shares of a whole as a bar.
//!
//! Enters: names and counts. Leaves: a drawing, with the same in words. Its colours stand in the style sheet, its lengths in attributes.

use askama::Template;
use askama::filters::HtmlSafe;

/// One part of the whole.
#[derive(Debug, Clone)]
pub(in crate::http) struct Share {
    pub(in crate::http) name: &'static str,
    pub(in crate::http) count: i64,
}

/// A part as it is drawn, in thousandths of the whole.
struct Piece {
    place: usize,
    from: i64,
    length: i64,
}

/// The bar. With nothing to share it is empty.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<svg class="shares" role="img" aria-label="{{ words }}" viewBox="0 0 1000 20" preserveAspectRatio="none">{% for piece in pieces %}<rect class="share-{{ piece.place }}" x="{{ piece.from }}" y="0" width="{{ piece.length }}" height="20"/>{% endfor %}</svg>"#
)]
pub(in crate::http) struct Shares {
    words: String,
    pieces: Vec<Piece>,
}

impl HtmlSafe for Shares {}

impl Shares {
    pub(in crate::http) fn new(shares: Vec<Share>) -> Self {
        let whole: i64 = shares.iter().map(|share| share.count).sum();
        if whole == 0 {
            return Self { words: "Nobody to compare yet".into(), pieces: Vec::new() };
        }
        let thousandths = |count: i64| count.saturating_mul(1_000) / whole;
        let mut before = 0;
        let mut pieces = Vec::new();
        for (place, share) in shares.iter().enumerate() {
            // From the sums, so that no gap comes from rounding.
            let (from, to) = (thousandths(before), thousandths(before + share.count));
            before += share.count;
            pieces.extend((to > from).then_some(Piece { place, from, length: to - from }));
        }
        let words: Vec<String> = shares.iter().map(|share| format!("{} {}", share.name, percent(share.count, whole))).collect();
        Self { words: words.join(", "), pieces }
    }
}

/// A share in words.
fn percent(count: i64, whole: i64) -> String {
    let tenths = count.saturating_mul(1_000) / whole;
    match tenths {
        0 if count > 0 => "under 0.1 %".into(),
        _ => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_fill_the_bar() {
        let share = |count| Share { name: "x", count };
        let shares = Shares::new([1, 1, 1, 0].map(share).to_vec());
        assert_eq!(
            shares.pieces.iter().map(|piece| (piece.from, piece.length)).collect::<Vec<_>>(),
            [(0, 333), (333, 333), (666, 334)]
        );
        assert_eq!(shares.words, "x 33.3 %, x 33.3 %, x 33.3 %, x 0.0 %");
        let shares = Shares::new([1, 999_999].map(share).to_vec());
        assert_eq!(shares.words, "x under 0.1 %, x 99.9 %");
        assert_eq!(Shares::new([0, 0].map(share).to_vec()).pieces.len(), 0);
    }
}
