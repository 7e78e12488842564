//! The shares of the comparison's four categories, as a bar and in numbers; `share_bar.html` draws it.
//!
//! Enters: counts. Leaves: parts of a bar, the same in words, and where each category is.

use super::addresses::COMPARISON;
use super::shell::number;
use crate::store::MemberTally;

/// The bar's own units.
const WIDTH: i64 = 1_000;
/// Fewest units of a part that is not nothing.
const LEAST: i64 = 4;

/// A category as the template shows it.
pub(in crate::http) struct Part {
    pub(in crate::http) words: &'static str,
    /// Its word in addresses and in the style sheet.
    pub(in crate::http) word: &'static str,
    pub(in crate::http) address: String,
    pub(in crate::http) count: String,
    pub(in crate::http) percent: String,
    pub(in crate::http) x: i64,
    pub(in crate::http) width: i64,
}

pub(in crate::http) struct Shares {
    pub(in crate::http) parts: Vec<Part>,
    pub(in crate::http) width: i64,
    /// There is nobody to compare.
    pub(in crate::http) is_empty: bool,
    /// All of it in a sentence.
    pub(in crate::http) sentence: String,
}

impl Shares {
    pub(in crate::http) fn new(tally: &MemberTally) -> Self {
        let categories = [
            ("Guild Only", "guild_only", tally.guild_only),
            ("Linked", "linked", tally.linked_present),
            ("Left Guild", "left", tally.linked_left),
            ("No Guild", "no_guild", tally.absent),
        ];
        let all: i64 = categories.iter().map(|(.., count)| count).sum();
        let shown = i64::try_from(categories.iter().filter(|(.., count)| *count > 0).count()).unwrap_or_default();
        let mut x = 0;
        let parts: Vec<Part> = categories
            .into_iter()
            .map(|(words, word, count)| {
                // What is left when each that is not nothing has its least is shared out.
                let width = if count > 0 { LEAST + (WIDTH - shown * LEAST) * count / all } else { 0 };
                let part = Part {
                    words,
                    word,
                    address: format!("{COMPARISON}?status={word}"),
                    count: number(count),
                    percent: percent(count, all),
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

/// Rounded, but nothing that is there is nothing, and what is not all is not all.
fn percent(count: i64, all: i64) -> String {
    match if all > 0 { (count * 2_000 + all) / (all * 2) } else { 0 } {
        0 if count > 0 => "< 0.1 %".to_owned(),
        1_000 if count < all => "> 99.9 %".to_owned(),
        share => format!("{}.{} %", share / 10, share % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_bar_and_the_smallest_can_be_seen() {
        let tally = MemberTally { guild_only: 999_998, linked_present: 1, linked_left: 1, ..MemberTally::default() };
        let widths = |shares: &Shares| shares.parts.iter().map(|part| (part.x, part.width)).collect::<Vec<_>>();
        let shares = Shares::new(&tally);
        assert_eq!(widths(&shares), [(0, 991), (991, 4), (995, 4), (999, 0)]);
        assert_eq!(
            shares.parts.iter().map(|part| part.percent.as_str()).collect::<Vec<_>>(),
            ["> 99.9 %", "< 0.1 %", "< 0.1 %", "0.0 %"]
        );
        assert_eq!(
            [(1_436, 2_036), (525, 2_036), (75, 2_036), (1, 2_001)].map(|(count, all)| percent(count, all)),
            ["70.5 %", "25.8 %", "3.7 %", "< 0.1 %"]
        );
        let none = Shares::new(&MemberTally::default());
        assert!(none.is_empty && widths(&none).iter().all(|(_, width)| *width == 0));
    }
}
