//! What of a text a person can see.
//!
//! Names are chosen by strangers, and Unicode has many ways to write nothing, or to make one name look like another.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

/// Shows as blank although Unicode counts it among the symbols.
const BLANK_BRAILLE: char = '\u{2800}';

/// Whether a character shows: it is no white space, no control character, and none that Unicode says to show as nothing, such as a
/// zero-width space or a Hangul filler.
#[must_use]
pub fn is_visible(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && c != BLANK_BRAILLE && !is_ignorable(c)
}

/// Whether anything of a text shows.
#[must_use]
pub fn has_visible(text: &str) -> bool {
    text.chars().any(is_visible)
}

/// Whether a character turns the direction of what follows, also beyond the text it stands in.
#[must_use]
pub fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text has characters by which it can look like another one. Those that belong where they stand are none: what joins or varies
/// an emoji, and what joins letters of scripts that are written joined.
#[must_use]
pub fn hides(text: &str) -> bool {
    let mut before = None;
    let mut rest = text.chars().peekable();
    if text.trim() != text {
        return true;
    }
    while let Some(c) = rest.next() {
        let is_hidden = !is_visible(c) && c != ' ' && !is_at_home(before, c, rest.peek().copied());
        if is_hidden || (c == ' ' && before == Some(' ')) {
            return true;
        }
        before = Some(c);
    }
    false
}

fn is_ignorable(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Whether a character that does not show belongs between its neighbours.
fn is_at_home(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    let is_symbol = |c: char| !c.is_ascii() && !c.is_alphanumeric() && is_visible(c);
    // Arabic to Myanmar, and Khmer to Mongolian.
    let is_joined = |c: char| matches!(c, '\u{600}'..='\u{109f}' | '\u{1780}'..='\u{18af}') && is_visible(c);
    match c {
        // A keycap is a digit, this and a frame.
        '\u{fe0e}' | '\u{fe0f}' => is_symbol(before) || after == Some('\u{20e3}'),
        '\u{200c}' | '\u{200d}' if is_joined(before) => after.is_some_and(is_joined),
        '\u{200d}' => (is_symbol(before) || before == '\u{fe0f}') && after.is_some_and(is_symbol),
        // Flags of regions, spelled out behind a black flag.
        '\u{e0020}'..='\u{e007f}' => before == '\u{1f3f4}' || matches!(before, '\u{e0020}'..='\u{e007e}'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_texts_have_nothing_visible() {
        let fillers = "\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2800}\u{34f}\u{180e}";
        for blank in
            ["", "   ", "\u{3164}\u{200b}\u{2800}", fillers, "\u{202e}\u{2066}", "\u{feff}\u{ad}", "\t\n\u{85}\u{a0}\u{3000}"]
        {
            assert!(!has_visible(blank), "{blank:?}");
        }
        for shown in ["a", " . ", "\u{200b}ä", "한", "🙂", "\u{301}", "—"] {
            assert!(has_visible(shown), "{shown:?}");
        }
    }

    #[test]
    fn what_can_make_a_name_look_like_another_is_found() {
        for hidden in [
            "anna\u{202e}",
            "an\u{200b}na",
            "anna\u{200d}",
            "anna\u{fe0f}",
            "\u{2066}anna",
            "anna ",
            "an  na",
            "an\u{3164}na",
            "an\u{a0}na",
        ] {
            assert!(hides(hidden), "{hidden:?}");
        }
        for emoji_only in ["\u{200d}🙂", "🙂\u{200d}", "🙂\u{200d}a", "a\u{e0067}"] {
            assert!(hides(emoji_only), "{emoji_only:?}");
        }
    }

    #[test]
    fn emoji_and_joined_scripts_hide_nothing() {
        let flag = "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
        for plain in [
            "",
            "anna maria",
            "❤️",
            "👩\u{200d}👩\u{200d}👧",
            "❤️\u{200d}🔥",
            "1\u{fe0f}\u{20e3}",
            flag,
            "می\u{200c}خواهم",
            "क\u{94d}\u{200d}ष",
        ] {
            assert!(!hides(plain), "{plain:?}");
        }
    }
}
