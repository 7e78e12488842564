//! What somebody searches for: words, each of which must fit.
//!
//! Enters: a text as it was typed. Leaves: its words, as patterns, digits and the question which of them an index can find.

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsearchable {
    /// Not a word of it has two characters.
    #[error("a search must have a word of at least {} characters", Search::SHORTEST)]
    TooShort,
    /// More words than are looked for.
    #[error("a search can have at most {} words; quotes make one of several", Search::MOST_WORDS)]
    TooMany,
}

/// Words that all must fit, each a part of a name, the beginning of one, or the beginning of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search(Vec<Word>);

/// A word of a search, or several between quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    text: String,
    /// It must stand where a name begins.
    begins: bool,
}

impl Search {
    /// Fewest characters that can be searched for.
    pub const SHORTEST: usize = 2;
    /// Most words of a search.
    pub const MOST_WORDS: usize = 5;

    /// Takes a text apart at white space; what stands between quotes stays together.
    ///
    /// Indexes know three characters in a row, and the start of a name is one of them. So where no word has three, each must begin a name;
    /// beside one that has, a shorter one may stand anywhere.
    ///
    /// # Errors
    /// [`Unsearchable`].
    pub fn new(text: &str) -> Result<Self, Unsearchable> {
        let texts = apart(text);
        let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or_default();
        if longest < Self::SHORTEST {
            return Err(Unsearchable::TooShort);
        }
        if texts.len() > Self::MOST_WORDS {
            return Err(Unsearchable::TooMany);
        }
        Ok(Self(texts.into_iter().map(|text| Word { text, begins: longest < 3 }).collect()))
    }

    /// Its words, in the order given.
    pub(super) fn words(&self) -> &[Word] {
        &self.0
    }

    /// The words that an index of names is asked for together: those that are no number, which only a name can have; or else the numbers,
    /// which may be ids, too.
    pub(super) fn leading(&self) -> Vec<&Word> {
        let indexed = || self.0.iter().filter(|word| word.is_indexed());
        let names: Vec<&Word> = indexed().filter(|word| word.ids().is_empty()).collect();
        if names.is_empty() { indexed().collect() } else { names }
    }

    /// Those beside a word, or beside several.
    pub(super) fn beside(&self, words: &[&Word]) -> Vec<&Word> {
        self.0.iter().filter(|word| !words.contains(word)).collect()
    }

    /// The words by which somebody may be found whom the names do not tell, since it is the beginning of the id.
    pub(super) fn numbers(&self) -> Vec<&Word> {
        self.leading().into_iter().filter(|word| !word.ids().is_empty()).collect()
    }
}

/// The words of a text, none of them twice.
fn apart(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        // A quote inside of a word is a part of it; one that is not closed goes to the end.
        let (word, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        if !word.trim().is_empty() && !words.iter().any(|known| known.to_lowercase() == word.to_lowercase()) {
            words.push(word.to_owned());
        }
        rest = behind.trim_start();
    }
    words
}

impl Word {
    /// The text as it was given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// It must stand where a name begins.
    pub(super) fn begins(&self) -> bool {
        self.begins
    }

    fn length(&self) -> usize {
        self.text.chars().count()
    }

    /// Whether it has three characters in a row with what it must stand behind.
    pub(super) fn is_indexed(&self) -> bool {
        self.length() + usize::from(self.begins) >= 3
    }

    /// As a pattern of `LIKE` for names each of which stands behind the start of a line.
    pub(super) fn in_lines(&self) -> String {
        if self.begins { format!("%\n{}%", self.escaped()) } else { format!("%{}%", self.escaped()) }
    }

    /// The same for a `LIKE` that takes only ASCII letters for the same in either case.
    pub(super) fn in_lines_of_either_case(&self) -> Vec<String> {
        let pattern = self.in_lines();
        if pattern.is_ascii() { vec![pattern] } else { vec![pattern.to_lowercase(), pattern.to_uppercase()] }
    }

    /// As a pattern of `LIKE` for the name of an account in small letters.
    pub(super) fn in_account(&self) -> String {
        let text = self.escaped().to_lowercase();
        if self.begins { format!("{text}%") } else { format!("%{text}%") }
    }

    fn escaped(&self) -> String {
        let mut text = String::with_capacity(self.text.len());
        for c in self.text.chars() {
            if matches!(c, '%' | '_' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text
    }

    /// The ids that begin with these digits, from and to; of one or two digits only the id itself. Nothing, if they are not digits alone.
    pub(super) fn ids(&self) -> Vec<(i64, i64)> {
        let is_number = self.text.bytes().all(|byte| byte.is_ascii_digit()) && !self.text.starts_with('0');
        let Some(number) = self.text.parse::<i64>().ok().filter(|_| is_number) else { return Vec::new() };
        let mut ranges = vec![(number, number)];
        let mut tens = 1_i64;
        while self.length() > Search::SHORTEST {
            let Some(next) = tens.checked_mul(10) else { break };
            tens = next;
            let Some(from) = number.checked_mul(tens) else { break };
            ranges.push((from, from.saturating_add(tens - 1)));
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Word {
        let search = Search::new(text).unwrap();
        assert_eq!(search.words().len(), 1, "{text}");
        search.words()[0].clone()
    }

    #[test]
    fn digits_are_the_beginning_of_ids() {
        let ids = |text| word(text).ids();
        assert_eq!(ids("42"), [(42, 42)]);
        let of_three = ids("804");
        assert_eq!(of_three[..3], [(804, 804), (8_040, 8_049), (80_400, 80_499)]);
        assert_eq!(of_three.len(), 17, "804 behind which 16 digits stand is the last that fits 64 bits");
        assert_eq!(ids("9223372036854775807"), [(i64::MAX, i64::MAX)]);
        assert_eq!(ids("922337203685477580"), [(922_337_203_685_477_580, 922_337_203_685_477_580), (i64::MAX - 7, i64::MAX)]);
        for no_id in ["042", "99999999999999999999", "12a", "١٢٣"] {
            assert!(ids(no_id).is_empty(), "{no_id}");
        }
    }

    #[test]
    fn what_a_pattern_means_something_by_is_escaped() {
        assert_eq!(word("50%_\\").in_account(), "%50\\%\\_\\\\%");
        assert_eq!(word("ab").in_lines(), "%\nab%");
        assert_eq!(word("李明").in_account(), "李明%");
    }

    #[test]
    fn words_are_parted_by_white_space_and_kept_together_by_quotes() {
        let words =
            |text| Search::new(text).map(|search| search.words().iter().map(|word| word.text.clone()).collect::<Vec<_>>());
        for (text, expected) in [
            (" anna \u{3000}lind ", &["anna", "lind"][..]),
            ("\"anna lind\"", &["anna lind"]),
            ("\" anna\"ben", &[" anna", "ben"]),
            ("\"anna lind", &["anna lind"]),
            ("anna\"lind \"\" \" \" ben", &["anna\"lind", "ben"]),
            ("anna Anna ANNA", &["anna"]),
            ("a b c d ee", &["a", "b", "c", "d", "ee"]),
        ] {
            assert_eq!(words(text).unwrap(), expected, "{text}");
        }
        for text in ["", " ", "\"", "\"\"", "\" \"", "a", "李", "a b"] {
            assert_eq!(words(text), Err(Unsearchable::TooShort), "{text}");
        }
        assert_eq!(words("aa bb cc dd ee ff"), Err(Unsearchable::TooMany));
    }

    #[test]
    fn short_words_stand_anywhere_only_beside_a_longer_one() {
        let patterns = |text| Search::new(text).unwrap().words().iter().map(Word::in_lines).collect::<Vec<_>>();
        assert_eq!(patterns("an b"), ["%\nan%", "%\nb%"]);
        assert_eq!(patterns("anna de b"), ["%anna%", "%de%", "%b%"]);
    }

    #[test]
    fn an_index_is_asked_for_what_only_names_have() {
        let leading = |text| Search::new(text).unwrap().leading().iter().map(|word| word.text.clone()).collect::<Vec<_>>();
        assert_eq!(leading("anna lind de"), ["anna", "lind"]);
        assert_eq!(leading("anna 804"), ["anna"]);
        assert_eq!(leading("804 12"), ["804"]);
        assert_eq!(leading("an b 42"), ["an"]);
        assert_eq!(leading("042 42"), ["042"]);
    }
}
