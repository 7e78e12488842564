//! Usernames by the rules of today's Discord: 2 to 32 of `a-z0-9_.`, no two dots together. Bots keep `Name#1234`.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::Random;
use super::words::{ADJECTIVES, BOTS, FAMILY, GIVEN, NOUNS, SYLLABLES};

/// One of `words`.
pub fn pick(words: &[&'static str], random: &mut Random) -> &'static str {
    words.choose(random).copied().unwrap_or_default()
}

/// A name for a person. `crowded`: plain names are likely to be gone, so a number is put behind.
pub fn of_person(crowded: bool, random: &mut Random) -> String {
    let mut name = match random.random_range(0..12) {
        0 | 1 => [pick(GIVEN, random), gap(random), pick(FAMILY, random)].concat(),
        2..5 => [pick(ADJECTIVES, random), gap(random), pick(NOUNS, random)].concat(),
        5 | 6 => format!("{}{}", pick(NOUNS, random), random.random_range(1..10_000)),
        7 => format!("{}{}", pick(GIVEN, random), random.random_range(1_980..2_012)),
        8 => format!("{}.{}", pick(GIVEN, random), pick(SYLLABLES, random)),
        9 => {
            format!("{}{}", pick(&["the_", "its.", "not", "real", "_", "just.", "mr", "ms_", "x_"], random), pick(GIVEN, random))
        }
        10 => format!("{}{}", pick(NOUNS, random), pick(&["_tv", "_art", "_irl", ".exe", "_", "ly", ".png", "_gg"], random)),
        _ => (0..random.random_range(2..5)).map(|_| pick(SYLLABLES, random)).collect(),
    };
    if crowded {
        name.truncate(26);
        name += &random.random_range(10..1_000_000).to_string();
    }
    name
}

/// A name for a bot.
pub fn of_bot(random: &mut Random) -> String {
    format!("{}#{:04}", pick(BOTS, random), random.random_range(1..10_000))
}

/// The same name with the first letter of each part made large.
pub fn capitalized(name: &str) -> String {
    let mut starts = true;
    name.chars()
        .map(|c| {
            let large = if starts { c.to_ascii_uppercase() } else { c };
            starts = !c.is_alphanumeric();
            large
        })
        .collect()
}

fn gap(random: &mut Random) -> &'static str {
    pick(&["", "_", "."], random)
}
