//! The names people show: display names and nicknames, at most 32 characters, in the scripts and with the ornaments that a real
//! guild has.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::Random;
use super::scripts::SCRIPTS;
use super::usernames::{capitalized, pick};
use super::words::{ALPHABETS, EMOJI, KAOMOJI, NOTES, ODD, TAGS};
use crate::domain::Member;

/// Discord's limit. Counted in UTF-16 units, which is never less than in characters.
const LONGEST: usize = 32;

/// A display name for the person or bot with this username.
pub fn display_name(username: &str, random: &mut Random) -> String {
    if random.random_ratio(3, 1_000) {
        return pick(ODD, random).to_owned();
    }
    // A bot goes by its own name.
    let plain = if username.contains('#') || random.random_ratio(3, 10) { spoken(username) } else { full_name(random) };
    let ornate = match random.random_range(0..100) {
        0..64 => return plain,
        64..76 => format!("{plain} {}", pick(EMOJI, random)),
        76..81 => format!("{} {plain}", pick(EMOJI, random)),
        81..88 => sparkling(&plain, random),
        88..94 => fancy(&plain, random),
        94..97 => format!("{plain} {}", pick(KAOMOJI, random)),
        97 | 98 => (0..random.random_range(1..4)).map(|_| pick(EMOJI, random)).collect(),
        _ => pick(KAOMOJI, random).to_owned(),
    };
    fitting(ornate, plain)
}

/// A name for use in this guild.
pub fn nickname(member: &Member, random: &mut Random) -> String {
    if random.random_ratio(5, 1_000) {
        return pick(ODD, random).to_owned();
    }
    let plain = if member.is_bot || random.random_ratio(1, 2) { spoken(&member.username) } else { given_name(random) };
    let noted = match random.random_range(0..10) {
        0..4 => return plain,
        4 | 5 => format!("{plain} | {}", pick(NOTES, random)),
        6 => format!("{plain} ({})", pick(NOTES, random)),
        7 => format!("[{}] {plain}", pick(TAGS, random)),
        8 => format!("{plain} {}", pick(EMOJI, random)),
        _ => display_name(&member.username, random),
    };
    fitting(noted, plain)
}

/// A username as its owner would say it: without digits, dots and the number of a bot.
fn spoken(username: &str) -> String {
    let known = username.split('#').next().unwrap_or_default();
    let words = capitalized(known).replace(['_', '.'], " ");
    let bare = words.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ').trim_start();
    if bare.is_empty() { known.to_owned() } else { bare.to_owned() }
}

/// A name in one of the scripts, often with the family's.
fn full_name(random: &mut Random) -> String {
    let Ok(script) = SCRIPTS.choose_weighted(random, |script| script.weight) else {
        return given_name(random);
    };
    let given = pick(script.given, random);
    if random.random_ratio(3, 5) {
        return given.to_owned();
    }
    let family = pick(script.family, random);
    let parts = if script.family_first { [family, script.gap, given] } else { [given, script.gap, family] };
    fitting(parts.concat(), given.to_owned())
}

fn given_name(random: &mut Random) -> String {
    SCRIPTS
        .choose_weighted(random, |script| script.weight)
        .map_or_else(|_| String::new(), |script| pick(script.given, random).to_owned())
}

fn sparkling(plain: &str, random: &mut Random) -> String {
    let (open, close) = [
        ("✨ ", " ✨"),
        ("꧁", "꧂"),
        ("『", "』"),
        ("~*", "*~"),
        ("⋆｡°✩ ", " ✩°｡⋆"),
        ("♡ ", " ♡"),
        ("xX_", "_Xx"),
        ("☆", "☆"),
        ("╰", "╯"),
    ]
    .choose(random)
    .copied()
    .unwrap_or_default();
    [open, plain, close].concat()
}

/// The same word in letters that only look like letters.
fn fancy(plain: &str, random: &mut Random) -> String {
    let (large, small) = ALPHABETS.choose(random).copied().unwrap_or(('A', 'a'));
    let shifted =
        |start: char, c: char, first: char| char::from_u32(u32::from(start) + u32::from(c) - u32::from(first)).unwrap_or(c);
    plain
        .chars()
        .map(|c| match c {
            'A'..='Z' => shifted(large, c, 'A'),
            'a'..='z' => shifted(small, c, 'a'),
            _ => c,
        })
        .collect()
}

/// `wanted` if Discord would take it, else `instead`. Never cut, because a cut could go through a joined emoji.
fn fitting(wanted: String, instead: String) -> String {
    if wanted.encode_utf16().count() <= LONGEST { wanted } else { instead }
}
