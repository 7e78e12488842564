//! When another full sync is due, and when one that there is serves.

use super::*;
use crate::domain::{Counts, Mode, Progress, RunId, Source};

const LEAST: TimeDelta = TimeDelta::minutes(10);

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_614_400 + seconds, 0).unwrap()
}

fn full(state: RunState, created: i64, started: Option<i64>) -> Run {
    Run {
        id: RunId::new(at(created), [0; 32]),
        source: Source::Discord,
        mode: Mode::Full,
        state,
        act: None,
        target_run_id: None,
        superseded_by: None,
        requested_by: String::new(),
        observed_at: at(created),
        created_at: at(created),
        started_at: started.map(at),
        finished_at: None,
        progress: Progress::default(),
        counts: Counts::default(),
        held_reason: None,
        warnings: Vec::new(),
        error: None,
    }
}

#[test]
fn without_a_sync_one_is_filed() {
    assert_eq!(judge(None, at(0), at(0), LEAST), Next::File);
}

#[test]
fn at_most_one_in_ten_minutes() {
    let last = full(RunState::Succeeded, -100, Some(-99));
    assert_eq!(judge(Some(&last), at(0), at(5), LEAST), Next::Wait(TimeDelta::seconds(495)));
    assert_eq!(judge(Some(&last), at(0), at(499), LEAST), Next::Wait(TimeDelta::seconds(1)));
    assert_eq!(judge(Some(&last), at(0), at(500), LEAST), Next::File);
    assert_eq!(
        judge(Some(&full(RunState::Failed, -100, None)), at(0), at(0), LEAST),
        Next::Wait(TimeDelta::seconds(500)),
        "however it ended"
    );
}

#[test]
fn one_that_begins_late_enough_serves() {
    assert_eq!(judge(Some(&full(RunState::Queued, -100, None)), at(0), at(5), LEAST), Next::Wait(AGAIN));
    assert_eq!(judge(Some(&full(RunState::Fetching, -100, Some(0))), at(0), at(5), LEAST), Next::Wait(AGAIN));
    assert_eq!(judge(Some(&full(RunState::Succeeded, 3, Some(4))), at(0), at(5), LEAST), Next::Covered);
    let early = full(RunState::Fetching, -100, Some(-1));
    assert_eq!(
        judge(Some(&early), at(0), at(5), LEAST),
        Next::Wait(TimeDelta::seconds(495)),
        "what it has fetched may be older than the gap"
    );
}

#[test]
fn a_newer_wish_outlives_an_older_one() {
    let wishes = CatchUp::new();
    wishes.wish(at(0));
    wishes.wish(at(1));
    wishes.met(at(0));
    assert_eq!(*wishes.since(), Some(at(1)));
    wishes.met(at(1));
    assert_eq!(*wishes.since(), None);
}

#[test]
fn one_that_discord_failed_is_tried_again_and_one_that_a_person_must_mend_is_not() {
    let failed = |code: &str| Run {
        error: Some(crate::domain::RunError { code: code.into(), message: String::new() }),
        ..full(RunState::Failed, 3, Some(4))
    };
    assert_eq!(judge(Some(&failed("discord_unavailable")), at(0), at(5), LEAST), Next::Wait(TimeDelta::seconds(598)));
    assert_eq!(judge(Some(&failed("discord_unavailable")), at(0), at(603), LEAST), Next::File);
    assert_eq!(judge(Some(&failed("missing_access")), at(0), at(603), LEAST), Next::Covered);
    assert_eq!(judge(Some(&full(RunState::Cancelled, 3, Some(4))), at(0), at(603), LEAST), Next::Covered);
}
