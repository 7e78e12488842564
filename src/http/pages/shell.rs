//! What all pages share: the frame around them, and how times, numbers and states are written.
//!
//! Enters: values. Leaves: text and small pieces of markup that escape what they show.

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use poem::Response;
use poem::http::StatusCode;

use super::addresses::{ACCOUNTS, ADMIN, COMPARISON, LOGOUT, ME, MEMBERS, RUNS, STAFF_LOG, WORKERS};
use super::assets::{ICON, SCRIPT, STYLE};
use super::session::{Viewer, landing};
use crate::domain::{Act, Mode, Run, RunState, Source};

/// Which entry of the navigation a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Section {
    None,
    Overview,
    Members,
    Comparison,
    Accounts,
    Syncs,
    Workers,
    StaffLog,
}

const NAVIGATION: [(&str, &str, Section); 7] = [
    (ADMIN, "Overview", Section::Overview),
    (MEMBERS, "Members", Section::Members),
    (COMPARISON, "Comparison", Section::Comparison),
    (ACCOUNTS, "Accounts", Section::Accounts),
    (RUNS, "Syncs", Section::Syncs),
    (WORKERS, "Workers", Section::Workers),
    (STAFF_LOG, "Log", Section::StaffLog),
];

impl Section {
    /// Where it begins.
    pub(in crate::http) fn address(self) -> Option<&'static str> {
        NAVIGATION.iter().find(|(.., section)| *section == self).map(|(address, ..)| *address)
    }

    /// The one that an address lies in: that whose own address is the longest part of it.
    pub(in crate::http) fn of(path: &str) -> Self {
        let around = NAVIGATION.iter().filter(|(address, ..)| *address == path || *address != ADMIN && path.starts_with(address));
        around.max_by_key(|(address, ..)| address.len()).map_or(Self::None, |(.., section)| *section)
    }
}

/// The frame around a page; its template is `shell.html`.
pub(in crate::http) struct Shell<'a> {
    pub(in crate::http) viewer: Option<&'a Viewer>,
    section: Section,
    pub(in crate::http) style: &'static str,
    pub(in crate::http) icon: &'static str,
    pub(in crate::http) script: &'static str,
    /// Where the name of the program leads.
    pub(in crate::http) home: &'static str,
    pub(in crate::http) me: &'static str,
    pub(in crate::http) logout: &'static str,
}

impl<'a> Shell<'a> {
    pub(in crate::http) fn new(viewer: Option<&'a Viewer>, section: Section) -> Self {
        let home = viewer.map_or("/", |viewer| landing(&viewer.account, None));
        Self {
            viewer,
            section,
            style: STYLE.address(),
            icon: ICON.address(),
            script: SCRIPT.address(),
            home,
            me: ME,
            logout: LOGOUT,
        }
    }

    /// Address, words, and whether this is where we are.
    pub(in crate::http) fn nav(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        NAVIGATION.into_iter().map(|(address, words, section)| (address, words, self.section == section))
    }
}

/// A page as an answer.
pub(in crate::http) fn html(status: StatusCode, page: String) -> Response {
    Response::builder().status(status).content_type("text/html; charset=utf-8").body(page)
}

/// A moment: mostly to the minute for the eye, whole for the pointer and for programs.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<time datetime="{{ machine }}" title="{{ full }}"{% if to_second %} data-seconds{% endif %}>{{ short }}</time>"#
)]
pub(in crate::http) struct When {
    machine: String,
    full: String,
    short: String,
    to_second: bool,
}

impl HtmlSafe for When {}

impl When {
    /// To the second for the eye, too.
    pub(in crate::http) fn to_the_second(time: DateTime<Utc>) -> Self {
        Self { short: time.format("%Y-%m-%d %H:%M:%S").to_string(), to_second: true, ..time.into() }
    }

    /// What the eye sees, for where there is no markup.
    pub(in crate::http) fn text(&self) -> &str {
        &self.short
    }
}

impl From<DateTime<Utc>> for When {
    fn from(time: DateTime<Utc>) -> Self {
        Self {
            machine: time.to_rfc3339_opts(SecondsFormat::Micros, true),
            full: time.format("%Y-%m-%d %H:%M:%S%.6f UTC").to_string(),
            short: time.format("%Y-%m-%d %H:%M").to_string(),
            to_second: false,
        }
    }
}

/// The state of a run as a coloured word.
#[derive(Template)]
#[template(ext = "html", source = r#"<span class="state state-{{ word }}">{{ word }}</span>"#)]
pub(in crate::http) struct Badge {
    word: &'static str,
}

impl HtmlSafe for Badge {}

impl From<RunState> for Badge {
    fn from(state: RunState) -> Self {
        Self { word: state.as_str() }
    }
}

/// A number with its thousands apart.
pub(in crate::http) fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A stretch of time, as exactly as a person wants it.
pub(in crate::http) fn duration(length: TimeDelta) -> String {
    let millis = length.num_milliseconds().max(0);
    let seconds = millis / 1_000;
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", millis % 1_000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// How long ago something was, to the second.
pub(in crate::http) fn ago(length: TimeDelta) -> String {
    match length.num_seconds() {
        ..1 => "just now".to_owned(),
        seconds @ 1..60 => format!("{seconds} s ago"),
        _ => format!("{} ago", duration(length)),
    }
}

/// What a run is, and where it came from, in words.
pub(in crate::http) fn source(run: &Run) -> &'static str {
    kind(run.act, run.mode, run.source)
}

/// As [`source`], of what says so of a run.
pub(in crate::http) fn kind(act: Option<Act>, mode: Mode, source: Source) -> &'static str {
    match (act, mode, source) {
        (Some(Act::ApplyDepartures), ..) => "Departures applied",
        (Some(Act::DismissDepartures), ..) => "Departures dismissed",
        (Some(Act::UndoDepartures), ..) => "Departures undone",
        (None, Mode::Delta, _) => "Single members",
        (None, Mode::DryRun, Source::Push) => "Dry run, sent by a bot",
        (None, Mode::DryRun, Source::Discord | Source::Events) => "Dry run, from Discord",
        (None, Mode::Full, Source::Discord | Source::Events) => "From Discord",
        (None, Mode::DryRun, Source::File) => "Dry run, from a file",
        (None, Mode::Full, Source::Push) => "Sent by a bot",
        (None, Mode::Full, Source::File) => "From a file",
    }
}

/// How long a run took from being taken up; so far, if it has not ended; nothing if it has not begun.
pub(in crate::http) fn time_taken(run: &Run, now: DateTime<Utc>) -> Option<String> {
    run.started_at.map(|start| duration(run.finished_at.unwrap_or(now) - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_thousands_apart() {
        let written = [0, 7, 999, 1_000, 12_345, 1_234_567, -1_000, i64::MIN].map(number);
        let expected = ["0", "7", "999", "1,000", "12,345", "1,234,567", "-1,000", "-9,223,372,036,854,775,808"];
        assert_eq!(written, expected);
        let written = [-5, 999, 1_999, 59_999, 60_000].map(|millis| ago(TimeDelta::milliseconds(millis)));
        assert_eq!(written, ["just now", "just now", "1 s ago", "59 s ago", "1 min 0 s ago"]);
    }

    #[test]
    fn an_address_lies_in_the_section_that_is_nearest_around_it() {
        for (path, section) in [
            (ADMIN, Section::Overview),
            ("/admin/nothing/", Section::None),
            ("/admin/accounts/guildmember/7/", Section::Members),
            ("/admin/accounts/guildmember/comparison/export.csv", Section::Comparison),
            ("/admin/accounts/user/conflicts/", Section::Accounts),
            ("/accounts/me/", Section::None),
        ] {
            assert_eq!(Section::of(path), section, "{path}");
        }
    }

    #[test]
    fn durations_are_as_exact_as_their_size() {
        let written = [-5, 0, 45, 999, 1_000, 4_260, 59_999, 60_000, 192_000, 3_600_000, 7_530_000]
            .map(|millis| duration(TimeDelta::milliseconds(millis)));
        let expected =
            ["0 ms", "0 ms", "45 ms", "999 ms", "1.0 s", "4.2 s", "59.9 s", "1 min 0 s", "3 min 12 s", "1 h 0 min", "2 h 5 min"];
        assert_eq!(written, expected);
        let written = [-5, 999, 1_999, 59_999, 60_000].map(|millis| ago(TimeDelta::milliseconds(millis)));
        assert_eq!(written, ["just now", "just now", "1 s ago", "59 s ago", "1 min 0 s ago"]);
    }
}
