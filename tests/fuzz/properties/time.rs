//! Times as RFC 3339 writes them, read without help.

/// Microseconds since 1970 of a time whose year, in UTC, has four digits. Without a zone it is UTC.
pub fn micros(text: &str) -> Option<i64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = (time.get(..8)?, time.get(8..)?);
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    // A leap second counts as the next one.
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let digits = format!("{:0<6}", rest.get(..length).filter(|digits| !digits.is_empty())?);
            (digits[..6].parse().ok()?, &rest[length..])
        }
    };
    let seconds = days_before(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    let earliest = days_before(0, 1, 1) * 86_400;
    let end = days_before(10_000, 1, 1) * 86_400;
    (earliest..end).contains(&seconds).then_some(seconds * 1_000_000 + fraction)
}

/// Seconds that a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, clock) = match zone {
        "" | "Z" | "z" => return Some(0),
        _ => (if zone.starts_with('-') { -1 } else { 1 }, zone.strip_prefix(['+', '-'])?),
    };
    let [hours, minutes] = numbers(clock, ':', [2, 2])?;
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Numbers of just so many digits each.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(between);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the first of 1970.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    // Leap days of the years from 0 to before this one; those to before 1970 are 478.
    let leap_days = if year == 0 { 0 } else { (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1 };
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    (year - 1_970) * 365 + leap_days - 478 + months + day - 1
}
