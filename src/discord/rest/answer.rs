//! What came back: its limits, the wait it names, or why it refuses.

use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::course::Fault;
use crate::discord::budget::Limits;

/// Most of Discord's words that are passed on, in characters.
const MOST_WORDS: usize = 200;

/// An answer, its body read.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Or why it could not be read to its end.
    pub body: Result<Vec<u8>, String>,
}

/// A refusal in Discord's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::discord) struct Refusal {
    pub status: u16,
    /// Discord's code for it, or 0.
    pub code: i64,
    pub message: String,
}

/// What an answer means for its request.
#[derive(Debug)]
pub(super) enum Meaning {
    /// It was done; the body.
    Done(Vec<u8>),
    /// Again, after so long.
    Wait { named: Duration, is_global: bool },
    /// Again, after a pause; `is_edge` holds back everybody.
    Again { fault: Fault, is_edge: bool },
    /// Discord refuses.
    Refused(Refusal),
    /// 403 in words that are not the API's.
    Blocked,
    /// What stands there is not the API.
    Elsewhere(String),
}

impl Answer {
    /// What its headers say of its bucket.
    pub fn limits(&self) -> Option<Limits> {
        let remaining = self.number("x-ratelimit-remaining")?;
        let limit = self.number("x-ratelimit-limit").unwrap_or(remaining);
        let reset_after = seconds(self.header("x-ratelimit-reset-after")?.parse().ok()?)?;
        Limits::new(self.header("x-ratelimit-bucket")?, limit, remaining, reset_after)
    }

    /// Judges it.
    pub fn meaning(self) -> Meaning {
        if self.status.is_success() {
            return match self.body {
                Ok(body) => Meaning::Done(body),
                Err(fault) => Meaning::Again { fault: Fault::Unavailable(fault), is_edge: false },
            };
        }
        let status = self.status.as_u16();
        // Of a refusal the status is enough, also if the rest never came.
        let body: Value = self.body.as_ref().ok().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let said = refusal(status, &body);
        match (status, said) {
            (429, _) => self.limited(&body),
            (408 | 500.., _) => match self.retry_after() {
                Some(named) => Meaning::Wait { named, is_global: false },
                None => Meaning::Again { fault: Fault::Unavailable(format!("it answered {status}")), is_edge: false },
            },
            (300..=399, _) => Meaning::Elsewhere(format!("it answers {status}, a redirect, and redirects are not followed")),
            (_, Some(refusal)) => Meaning::Refused(refusal),
            (401, None) => Meaning::Refused(Refusal { status, code: 0, message: "Unauthorized".to_owned() }),
            (403, None) => Meaning::Blocked,
            (_, None) => Meaning::Elsewhere(format!("it answers {status}, and not in the words of Discord's API")),
        }
    }

    /// A 429 of any kind: of the route, of the bot over all routes, of a resource that others share, of the edge.
    fn limited(&self, body: &Value) -> Meaning {
        let scope = self.header("x-ratelimit-scope");
        let is_edge = !body.is_object();
        let is_global = is_edge
            || scope == Some("global")
            || self.header("x-ratelimit-global").is_some_and(|global| global.eq_ignore_ascii_case("true"))
            || body["global"] == true;
        let mut named = self.retry_after().max(body["retry_after"].as_f64().and_then(seconds));
        // Of a bucket, which is not what a global limit is about.
        if !is_global || named.is_none() {
            named = named.max(self.header("x-ratelimit-reset-after").and_then(|text| seconds(text.parse().ok()?)));
        }
        if let Some(named) = named {
            return Meaning::Wait { named, is_global };
        }
        let fault = Fault::Unavailable("it answered 429 and did not say how long to wait".to_owned());
        Meaning::Again { fault, is_edge }
    }

    /// `Retry-After`: seconds, or a time by the clock of who answered.
    fn retry_after(&self) -> Option<Duration> {
        let text = self.header(RETRY_AFTER.as_str())?.trim();
        if let Ok(number) = text.parse() {
            return seconds(number);
        }
        let until = DateTime::parse_from_rfc2822(text).ok()?;
        let now = DateTime::parse_from_rfc2822(self.header(DATE.as_str())?).ok()?;
        Some((until - now).to_std().unwrap_or(Duration::ZERO))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.header(name)?.parse().ok()
    }
}

/// A refusal, if this is the JSON that the API refuses with.
fn refusal(status: u16, body: &Value) -> Option<Refusal> {
    let message = body["message"].as_str()?;
    // One line for a log, and no more of it than tells what it is.
    let message = message.chars().filter(|c| !c.is_control()).take(MOST_WORDS).collect();
    Some(Refusal { status, code: body["code"].as_i64().unwrap_or(0), message })
}

/// A length of time that was told in seconds; of one that no clock can hold, the longest.
fn seconds(number: f64) -> Option<Duration> {
    (number >= 0.0).then(|| Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX))
}

/// The innermost cause, without the address, which may hold the token of a reply.
pub(super) fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("the connection failed: {cause}")
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Answer { status: StatusCode::from_u16(status).unwrap(), headers: headers.collect(), body: Ok(body.into()) }
    }

    /// The wait in milliseconds, and whether it is global.
    #[track_caller]
    fn wait(answer: Answer) -> (u128, bool) {
        match answer.meaning() {
            Meaning::Wait { named, is_global } => (named.as_millis(), is_global),
            other => panic!("{other:?}"),
        }
    }

    const HTML: &str = "<!doctype html><h1>Error</h1>";

    #[test]
    fn a_429_of_every_kind_names_its_wait() {
        let route = r#"{"message":"You are being rate limited.","retry_after":1.337,"global":false}"#;
        assert_eq!(wait(answer(429, &[("x-ratelimit-scope", "user"), ("retry-after", "1")], route)), (1_337, false));
        assert_eq!(wait(answer(429, &[("x-ratelimit-scope", "shared"), ("retry-after", "2")], route)), (2_000, false));
        assert_eq!(wait(answer(429, &[("x-ratelimit-reset-after", "3.5"), ("retry-after", "2")], route)), (3_500, false));
        assert_eq!(wait(answer(429, &[("x-ratelimit-reset-after", "3.5")], "{}")), (3_500, false));
        // The bucket's reset is not what a global limit waits for.
        let global = r#"{"message":"You are being rate limited.","retry_after":0.6,"global":true}"#;
        assert_eq!(wait(answer(429, &[("x-ratelimit-reset-after", "60")], global)), (600, true));
        for header in [("x-ratelimit-global", "true"), ("x-ratelimit-scope", "global")] {
            assert_eq!(wait(answer(429, &[header], route)), (1_337, true));
        }
        // The edge speaks for all that is behind it.
        assert_eq!(wait(answer(429, &[("retry-after", "7")], HTML)), (7_000, true));
        assert_eq!(wait(answer(429, &[("retry-after", "1e300")], HTML)), (Duration::MAX.as_millis(), true));
    }

    #[test]
    fn a_wait_may_be_a_time_by_the_clock_of_the_answer() {
        let until = ("retry-after", "Wed, 21 Oct 2026 07:28:30 GMT");
        assert_eq!(wait(answer(503, &[until, ("date", "Wed, 21 Oct 2026 07:28:00 GMT")], HTML)), (30_000, false));
        assert_eq!(wait(answer(503, &[until, ("date", "Wed, 21 Oct 2026 07:29:00 GMT")], HTML)), (0, false));
        assert!(matches!(answer(503, &[until], HTML).meaning(), Meaning::Again { .. }));
    }

    #[test]
    fn a_failure_without_a_wait_is_tried_again() {
        for (status, headers, is_edge) in [
            (429, vec![], true),
            (429, vec![("retry-after", "soon")], true),
            (429, vec![("retry-after", "-1")], true),
            (500, vec![], false),
            (502, vec![("x-ratelimit-reset-after", "3.5")], false),
            (522, vec![], false),
            (408, vec![], false),
        ] {
            let Meaning::Again { fault: Fault::Unavailable(fault), is_edge: edge } = answer(status, &headers, HTML).meaning()
            else {
                panic!("{status}");
            };
            assert!(fault.contains(&status.to_string()) && edge == is_edge, "{fault}");
        }
        let broken = Answer { body: Err("it broke off".into()), ..answer(200, &[], "") };
        assert!(matches!(broken.meaning(), Meaning::Again { fault: Fault::Unavailable(fault), .. } if fault == "it broke off"));
    }

    #[test]
    fn refusals_are_told_from_pages_that_are_not_the_apis() {
        let Meaning::Refused(refusal) = answer(403, &[], r#"{"message":"Missing\nAccess","code":50001}"#).meaning() else {
            panic!()
        };
        assert_eq!(refusal, Refusal { status: 403, code: 50_001, message: "MissingAccess".into() });
        assert!(matches!(answer(403, &[], HTML).meaning(), Meaning::Blocked));
        assert!(matches!(answer(404, &[], HTML).meaning(), Meaning::Elsewhere(fault) if fault.contains("404")));
        assert!(matches!(answer(301, &[("location", "https://elsewhere")], "").meaning(), Meaning::Elsewhere(_)));
        let unread = Answer { body: Err("it broke off".into()), ..answer(401, &[], "") };
        assert!(matches!(unread.meaning(), Meaning::Refused(Refusal { status: 401, .. })));
        let long = format!(r#"{{"message":"{}","code":"x"}}"#, "é".repeat(500));
        assert!(
            matches!(answer(400, &[], &long).meaning(), Meaning::Refused(r) if r.message.chars().count() == 200 && r.code == 0)
        );
    }

    #[test]
    fn the_headers_tell_of_the_bucket() {
        let headers = [
            ("x-ratelimit-limit", "10"),
            ("x-ratelimit-remaining", "3"),
            ("x-ratelimit-reset-after", "9.25"),
            ("x-ratelimit-bucket", "abcd1234"),
        ];
        assert_eq!(answer(200, &headers, "").limits(), Limits::new("abcd1234", 10, 3, Duration::from_millis(9_250)));
        assert_eq!(answer(200, &headers[..3], "").limits(), None);
        assert_eq!(answer(200, &[("x-ratelimit-remaining", "-3"), headers[2], headers[3]], "").limits(), None);
    }
}
