//! Who is logged in, and for how long.

use chrono::TimeDelta;
use guildsync::domain::Account;
use guildsync::store::{NewStaff, SessionLimits};

use super::Ledger;
use super::hand::{MICRO, at};

on_both!(
    a_session_is_known_by_its_id_alone,
    a_session_that_is_not_used_ends,
    a_session_that_is_used_goes_on_to_its_longest,
    a_deactivated_account_has_no_session,
    a_closed_session_is_gone,
    a_session_of_nobody_is_refused,
    a_session_is_found_while_members_are_being_written,
);

const LIMITS: SessionLimits = SessionLimits { idle: TimeDelta::minutes(30), max: TimeDelta::hours(12) };

async fn account(ledger: &Ledger, name: &str) -> Account {
    let staff = NewStaff { username: name.into(), password_hash: "x".into(), is_superuser: false };
    ledger.accounts.create_staff(&staff, at(0)).await.unwrap().unwrap()
}

async fn open(ledger: &Ledger, session: u8, account: &Account) {
    ledger.sessions.open_session(&[session; 32], account.id, at(0)).await.unwrap();
}

/// Whether a session is open at so many seconds.
async fn is_open(ledger: &Ledger, session: u8, now: chrono::DateTime<chrono::Utc>) -> bool {
    ledger.sessions.session(&[session; 32], LIMITS, now).await.unwrap().is_some()
}

async fn a_session_is_known_by_its_id_alone(ledger: &Ledger) {
    let (anna, bea) = (account(ledger, "anna").await, account(ledger, "bea").await);
    open(ledger, 1, &anna).await;
    open(ledger, 2, &bea).await;
    assert_eq!(ledger.sessions.session(&[1; 32], LIMITS, at(1)).await.unwrap(), Some(anna));
    assert_eq!(ledger.sessions.session(&[2; 32], LIMITS, at(1)).await.unwrap(), Some(bea.clone()));
    let mut almost = [1; 32];
    almost[31] = 0;
    assert_eq!(ledger.sessions.session(&almost, LIMITS, at(1)).await.unwrap(), None);
    let taken = ledger.sessions.open_session(&[1; 32], bea.id, at(2)).await;
    assert!(taken.is_err(), "an id is given to one session");
}

async fn a_session_that_is_not_used_ends(ledger: &Ledger) {
    let anna = account(ledger, "anna").await;
    for (session, after, open_then) in [(1, LIMITS.idle - MICRO, true), (2, LIMITS.idle, false), (3, LIMITS.idle + MICRO, false)]
    {
        open(ledger, session, &anna).await;
        assert_eq!(is_open(ledger, session, at(0) + after).await, open_then, "{after}");
    }
    // One that has ended stays ended.
    assert!(!is_open(ledger, 2, at(0) + LIMITS.idle).await);
}

async fn a_session_that_is_used_goes_on_to_its_longest(ledger: &Ledger) {
    let anna = account(ledger, "anna").await;
    open(ledger, 1, &anna).await;
    let step = TimeDelta::minutes(29);
    let mut now = at(0);
    while now + step - at(0) < LIMITS.max {
        now += step;
        assert!(is_open(ledger, 1, now).await, "{}", now - at(0));
    }
    assert!(is_open(ledger, 1, at(0) + LIMITS.max - MICRO).await);
    assert!(!is_open(ledger, 1, at(0) + LIMITS.max).await);
}

async fn a_deactivated_account_has_no_session(ledger: &Ledger) {
    let (anna, bea) = (account(ledger, "anna").await, account(ledger, "bea").await);
    open(ledger, 1, &anna).await;
    open(ledger, 2, &bea).await;
    assert!(is_open(ledger, 1, at(1)).await);
    let off = if ledger.backend() == guildsync::store::Backend::Postgres { "false" } else { "0" };
    ledger.execute(&format!("UPDATE users SET is_active = {off} WHERE username = 'anna'")).await;
    assert!(!is_open(ledger, 1, at(2)).await, "at once");
    assert!(is_open(ledger, 2, at(2)).await);
    assert!(!ledger.accounts.credentials("anna").await.unwrap().unwrap().account.is_active);
}

async fn a_closed_session_is_gone(ledger: &Ledger) {
    let anna = account(ledger, "anna").await;
    open(ledger, 1, &anna).await;
    open(ledger, 2, &anna).await;
    for _ in 0..2 {
        ledger.sessions.close_session(&[1; 32]).await.unwrap();
        assert!(!is_open(ledger, 1, at(1)).await);
        assert!(is_open(ledger, 2, at(1)).await);
    }
}

async fn a_session_of_nobody_is_refused(ledger: &Ledger) {
    assert!(ledger.sessions.open_session(&[1; 32], 12_345, at(0)).await.is_err());
    assert!(!is_open(ledger, 1, at(0)).await);
}

/// A page must not wait for a batch.
async fn a_session_is_found_while_members_are_being_written(ledger: &Ledger) {
    let anna = account(ledger, "anna").await;
    open(ledger, 1, &anna).await;
    let mut writer = ledger.raw().await;
    let begin = if ledger.backend() == guildsync::store::Backend::Postgres { "BEGIN" } else { "BEGIN IMMEDIATE" };
    writer.execute(begin).await;
    writer.execute("UPDATE guild_members SET nickname = 'x'").await;
    let found = tokio::time::timeout(std::time::Duration::from_secs(5), is_open(ledger, 1, at(50))).await;
    assert_eq!(found, Ok(true), "it waits for the writer");
    writer.execute("COMMIT").await;
}
