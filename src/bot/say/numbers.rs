//! Numbers for people.

/// A count with its thousands apart: `1,234,567`.
pub(super) fn number(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = String::from(if count < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of things: `1 member`, `2,000 members`.
pub(super) fn things(count: i64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", number(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let counts = [0, 7, 999, 1_000, 12_345, 999_999, 1_000_000, -1_234, i64::MIN];
        let texts = ["0", "7", "999", "1,000", "12,345", "999,999", "1,000,000", "-1,234", "-9,223,372,036,854,775,808"];
        assert_eq!(counts.map(number), texts);
        assert_eq!([0, 1, 2_000].map(|count| things(count, "member")), ["0 members", "1 member", "2,000 members"]);
    }
}
