//! The shares of the comparison's four categories, as a bar and in numbers.

use crate::http::pages::addresses::COMPARISON;
use crate::http::pages::shell::number;
use crate::store::Comparison;

/// The bar's own units.
const WIDTH: i64 = 1_000;
/// Fewest units of a part that is not nothing.
const LEAST: i64 = 4;

/// A category as the template shows it.
pub(super) struct Part {
    pub words: &'static str,
    /// Its word in addresses and in the style sheet.
    pub word: &'static str,
    pub address: String,
    pub count: String,
    pub percent: String,
    pub x: i64,
    pub width: i64,
}

pub(super) struct Shares {
    pub parts: Vec<Part>,
    pub width: i64,
    /// There is nobody to compare.
    pub is_empty: bool,
    /// All of it in a sentence.
    pub sentence: String,
}

impl Shares {
    pub fn new(counts: &Comparison) -> Self {
        let categories = [
            ("Guild Only", "guild_only", counts.guild_only),
            ("Linked", "linked", counts.linked),
            ("Left Guild", "left", counts.left),
            ("No Guild", "no_guild", counts.no_guild),
        ];
        let all: i64 = categories.iter().map(|(.., count)| count).sum();
        let shown = i64::try_from(categories.iter().filter(|(.., count)| *count > 0).count()).unwrap_or_default();
        let mut x = 0;
        let parts: Vec<Part> = categories
            .into_iter()
            .map(|(words, word, count)| {
                // What is left when each that is not nothing has its least is shared out.
                let width = if count > 0 { LEAST + (WIDTH - shown * LEAST) * count / all } else { 0 };
                let percent = if all > 0 { count * 1_000 / all } else { 0 };
                let part = Part {
                    words,
                    word,
                    address: format!("{COMPARISON}?status={word}"),
                    count: number(count),
                    percent: format!("{}.{} %", percent / 10, percent % 10),
                    x,
                    width,
                };
                x += width;
                part
            })
            .collect();
        let told = parts.iter().map(|part| format!("{}: {} ({})", part.words, part.count, part.percent));
        Self { sentence: told.collect::<Vec<_>>().join(", "), parts, width: WIDTH, is_empty: all == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_bar_and_the_smallest_can_be_seen() {
        let counts = Comparison { present: 999_999, guild_only: 999_998, linked: 1, left: 1, no_guild: 0 };
        let widths = |shares: &Shares| shares.parts.iter().map(|part| (part.x, part.width)).collect::<Vec<_>>();
        let shares = Shares::new(&counts);
        assert_eq!(widths(&shares), [(0, 991), (991, 4), (995, 4), (999, 0)]);
        assert_eq!(shares.parts[0].percent, "99.9 %");
        let none = Shares::new(&Comparison::default());
        assert!(none.is_empty && widths(&none).iter().all(|(_, width)| *width == 0));
    }
}
