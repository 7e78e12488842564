//! Members who joined and left, a bar a day: joined above the line, left below it. Drawn here, so that it needs no script.

use std::collections::HashMap;

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::http::pages::shell::number;
use crate::store::DayCounts;

/// Days in the chart, today among them.
const DAYS: u64 = 30;
/// The drawing's own units: a day's width, the bar in it, the height of all.
const DAY: u64 = 20;
const BAR: u64 = 12;
const HEIGHT: f64 = 200.0;
/// Fewest units of a bar that is not nothing.
const LEAST: f64 = 2.0;

/// A day as the template shows it.
pub(super) struct Day {
    pub name: String,
    pub joined: String,
    pub left: String,
    /// Its strip.
    pub x: u64,
    /// Where its bars begin.
    pub bar_x: u64,
    pub up: Option<Bar>,
    pub down: Option<Bar>,
}

/// A bar from top to bottom.
pub(super) struct Bar {
    pub y: String,
    pub height: String,
}

/// The whole chart.
pub(super) struct Chart {
    /// From the oldest on.
    pub days: Vec<Day>,
    pub width: u64,
    pub height: f64,
    pub day: u64,
    pub bar: u64,
    /// Where the line between joined and left is.
    pub zero: String,
    /// Most on one day.
    pub most_joined: String,
    pub most_left: String,
    /// Nobody joined or left.
    pub is_empty: bool,
    /// All of it in a sentence.
    pub sentence: String,
    /// What stands below it.
    pub axis: [String; 3],
}

/// The first day of the chart.
pub(super) fn begin(now: DateTime<Utc>) -> NaiveDate {
    now.date_naive() - Days::new(DAYS - 1)
}

impl Chart {
    pub fn new(counts: &[DayCounts], now: DateTime<Utc>) -> Self {
        let begin = begin(now);
        let known: HashMap<NaiveDate, &DayCounts> = counts.iter().map(|day| (day.day, day)).collect();
        let most = |of: fn(&DayCounts) -> i64| counts.iter().map(of).max().unwrap_or_default();
        let (most_joined, most_left) = (most(|day| day.joined), most(|day| day.left));
        let unit = HEIGHT / units(most_joined.max(1) + most_left.max(1));
        let zero = units(most_joined.max(1)) * unit;
        let (all_joined, all_left) = counts.iter().fold((0, 0), |(joined, left), day| (joined + day.joined, left + day.left));
        let day = |place: u64| {
            let date = begin + Days::new(place);
            let (joined, left) = known.get(&date).map_or((0, 0), |day| (day.joined, day.left));
            let length = |count: i64| (units(count) * unit).max(LEAST);
            Day {
                name: date.to_string(),
                joined: number(joined),
                left: number(left),
                x: place * DAY,
                bar_x: place * DAY + (DAY - BAR) / 2,
                up: (joined > 0).then(|| Bar::new(zero - length(joined), length(joined))),
                down: (left > 0).then(|| Bar::new(zero, length(left))),
            }
        };
        Self {
            days: (0..DAYS).map(day).collect(),
            width: DAYS * DAY,
            height: HEIGHT,
            day: DAY,
            bar: BAR,
            zero: format!("{zero:.1}"),
            most_joined: number(most_joined),
            most_left: number(most_left),
            is_empty: all_joined + all_left == 0,
            sentence: format!(
                "In the {DAYS} days to {} {} joined, at most {} a day, and {} left, at most {} a day.",
                now.date_naive(),
                number(all_joined),
                number(most_joined),
                number(all_left),
                number(most_left)
            ),
            axis: [begin, begin + Days::new(DAYS / 2), now.date_naive()].map(|day| day.format("%-d %b").to_string()),
        }
    }
}

impl Bar {
    fn new(y: f64, height: f64) -> Self {
        Self { y: format!("{:.1}", y.max(0.0)), height: format!("{height:.1}") }
    }
}

/// Counts of members are far below what this could lose.
#[expect(clippy::cast_precision_loss)]
fn units(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    #[test]
    fn bars_share_one_scale_and_the_smallest_can_be_seen() {
        let now = Utc.with_ymd_and_hms(2026, 11, 22, 20, 24, 31).unwrap();
        let on = |day, joined, left| DayCounts { day: NaiveDate::from_ymd_opt(2026, 11, day).unwrap(), joined, left };
        let chart = Chart::new(&[on(1, 150, 0), on(21, 1, 50), on(22, 0, 25)], now);
        assert_eq!((chart.days.len(), chart.days[0].name.as_str(), chart.zero.as_str()), (30, "2026-10-24", "150.0"));
        let bars = |place: usize| {
            let text = |bar: &Option<Bar>| bar.as_ref().map(|bar| format!("{}+{}", bar.y, bar.height));
            let day = &chart.days[place];
            (day.name.as_str(), text(&day.up), text(&day.down))
        };
        assert_eq!(bars(8), ("2026-11-01", Some("0.0+150.0".into()), None));
        assert_eq!(bars(28), ("2026-11-21", Some("148.0+2.0".into()), Some("150.0+50.0".into())));
        assert_eq!(bars(29), ("2026-11-22", None, Some("150.0+25.0".into())));
        assert_eq!(bars(9), ("2026-11-02", None, None));
        assert!(!chart.is_empty && Chart::new(&[on(1, 0, 0)], now).is_empty);
    }
}
