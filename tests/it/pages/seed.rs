//! What the tests put into the ledger: people, members by lists that are filed and applied, and runs in any state.
//!
//! All times are about [`start`], and the ids of runs follow from them, so that snapshots stay as they are.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use guildsync::domain::{
    Act, Counts, DiscordId, Guard, HeldReason, Member, Mode, Progress, Roles, Run, RunError, RunId, RunState, Source,
};
use guildsync::store::{Claim, ImportRow, NewStaff, Stores};
use secrecy::SecretString;
use sqlx::{Connection as _, SqliteConnection};

use super::PASSWORD;
use crate::store::{Ledger, hand};

pub static HASH: LazyLock<SecretString> = LazyLock::new(|| guildsync::password::hash(&PASSWORD.into(), [5; 16]).unwrap());

/// The odd member who has left.
pub const GONE: i64 = 80_351_110_224_678_919;

/// When every test begins.
pub fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 22, 20, 24, 31).unwrap()
}

/// Makes `anna`, who is staff and may look, `ben`, who is not staff, and `root`, who may act. All have [`PASSWORD`].
pub async fn people(ledger: &Ledger) {
    for (username, is_superuser) in [("anna", false), ("ben", false), ("root", true)] {
        let staff = NewStaff { username: username.into(), password_hash: HASH.clone(), is_superuser };
        ledger.accounts.create_staff(&staff, start()).await.unwrap().expect("the name is free");
    }
    ledger.execute("UPDATE users SET is_staff = 0 WHERE username = 'ben'").await;
}

/// Makes an account that belongs to somebody at Discord, or gives it to the one of that name.
pub async fn account(stores: &Stores, username: &str, email: &str, discord_id: i64) {
    let discord_id = Claim::Id(id(discord_id));
    let row = ImportRow { username: username.into(), email: email.into(), discord_id };
    let imported = stores.accounts.import(&[row], start()).await.unwrap();
    assert_eq!(imported.conflicts, 0, "{username}");
}

/// A Discord id.
pub fn id(number: i64) -> DiscordId {
    DiscordId::try_from(number).unwrap()
}

/// A member with a name and no more.
pub fn member(number: i64, username: &str) -> Member {
    Member {
        id: id(number),
        username: username.to_owned(),
        display_name: String::new(),
        nickname: String::new(),
        avatar_hash: String::new(),
        guild_avatar_hash: None,
        roles: Roles::default(),
        joined_at: Some(Utc.with_ymd_and_hms(2021, 3, 4, 5, 6, 7).unwrap()),
        is_bot: false,
    }
}

/// Files a full list as it was at `observed_at` and applies it.
pub async fn list(stores: &Stores, observed_at: DateTime<Utc>, members: &[Member]) -> RunId {
    let mut list = hand::List::new(observed_at, members, 1_000);
    list.run.id = RunId::new(observed_at, [0; 32]);
    let run = list.file(stores).await;
    hand::carry_out(stores, run, hand::GUARD, observed_at).await;
    run
}

/// Files a full list and applies it; whom it misses is held back, if that is more than one.
pub async fn hold(stores: &Stores, observed_at: DateTime<Utc>, members: &[Member]) -> RunId {
    let mut list = hand::List::new(observed_at, members, 10);
    list.run.id = RunId::new(observed_at, [1; 32]);
    let run = list.file(stores).await;
    hand::carry_out(stores, run, Guard { floor: 1, share: 0.1 }, observed_at).await;
    run
}

/// Puts members in with one list, and with a second one at [`start`] lets those with the ids `gone` leave.
pub async fn members(stores: &Stores, members: &[Member], gone: &[i64]) {
    list(stores, start() - TimeDelta::minutes(1), members).await;
    if !gone.is_empty() {
        let present: Vec<Member> = members.iter().filter(|member| !gone.contains(&member.id.get())).cloned().collect();
        list(stores, start(), &present).await;
    }
}

/// Members as no friendly guild has them, and some friendly ones.
pub fn odd_members() -> Vec<Member> {
    let mut members = vec![
        member(80_351_110_224_678_912, "nelly"),
        member(80_351_110_224_678_913, "<script>alert(1)</script>"),
        member(80_351_110_224_678_914, "rtl"),
        member(80_351_110_224_678_915, "party"),
        member(80_351_110_224_678_916, "zalgo"),
        member(80_351_110_224_678_917, "long"),
        member(80_351_110_224_678_918, "helper"),
        member(GONE, "gone"),
        member(80_351_110_224_678_920, "quote"),
    ];
    members[0].display_name = "Nelly".into();
    members[0].nickname = "Nelly of the North".into();
    members[0].avatar_hash = "8342729096ea3675442027381ff50dfe".into();
    members[2].nickname = "\u{202e}drowssap \u{5d0}\u{5d1}\u{5d2}".into();
    members[3].nickname = "🎉🐉👩‍👩‍👧‍👦 Łucja".into();
    members[3].guild_avatar_hash = Some("a_0fa1c2e3aa1f5e5b8a3c1a4bd9a0c111".into());
    members[3].joined_at = None;
    members[4].nickname = "z\u{351}\u{36b}\u{343}\u{36a}\u{302}a\u{334}\u{310}\u{333}\u{348}lgo".repeat(4);
    members[5].nickname = "W".repeat(100);
    members[6].is_bot = true;
    members[8].nickname = "\" onerror=\"alert(1)' & co".into();
    members[8].guild_avatar_hash = Some("../?\"><script>".into());
    members[8].avatar_hash = "../../evil\" onerror=\"alert(1)".into();
    members
}

/// Puts in [`odd_members`], changed or not, and the accounts of some. [`GONE`] leaves.
pub async fn odd(stores: &Stores, odd_members: &[Member]) {
    members(stores, odd_members, &[GONE]).await;
    account(stores, "nelly@home", "", 80_351_110_224_678_912).await;
    account(stores, &"m".repeat(100), "", 80_351_110_224_678_917).await;
    account(stores, "gone_too", "", GONE).await;
}

/// A run in `state`, with counts that fit it.
pub fn run(state: RunState) -> Run {
    let after = |millis| start() + TimeDelta::milliseconds(millis);
    let (done, total) = match state {
        RunState::Queued | RunState::Superseded => (0, 12_345),
        RunState::Fetching | RunState::Applying | RunState::Failed | RunState::Cancelled => (5_000, 12_345),
        RunState::Finishing | RunState::Succeeded | RunState::Held => (12_345, 12_345),
    };
    let mut run = Run {
        id: RunId::new(start(), [state as u8; 32]),
        source: Source::Push,
        mode: Mode::Full,
        state,
        act: None,
        target_run_id: None,
        superseded_by: None,
        requested_by: "80351110224678912".into(),
        observed_at: after(-250),
        created_at: start(),
        started_at: (done > 0).then(|| after(40)),
        finished_at: state.has_ended().then(|| after(4_300)),
        progress: Progress {
            members_done: done,
            members_total: total,
            batches_done: (done + 4_999) / 5_000,
            batches_total: (total + 4_999) / 5_000,
        },
        counts: Counts {
            created: done / 10,
            updated: done - done / 10,
            unchanged: done / 2,
            total_received: total + 5,
            duplicates: 5,
            ..Counts::default()
        },
        held_reason: None,
        warnings: Vec::new(),
        error: None,
    };
    match state {
        RunState::Succeeded => {
            run.counts.marked_left = 17;
            run.counts.linked = 3;
            run.counts.total_active = 12_345;
        }
        RunState::Held => {
            run.held_reason = Some(HeldReason::MassDeparture);
            run.counts.departures_held = 4_000;
            run.counts.total_active = 16_345;
        }
        RunState::Failed => {
            let message = "The database refused a batch three times; nobody was marked as left. Look at <its> log.".into();
            run.error = Some(RunError { code: "gave_up".into(), message });
        }
        _ => {}
    }
    run
}

/// Writes a run as it is, in whatever state: no worker could leave it with such counts.
pub async fn put_run(ledger: &Ledger, run: &Run) {
    let mut connection = SqliteConnection::connect(ledger.url()).await.unwrap();
    insert_run(&mut connection, run).await;
    // The first batch stands for all that is done.
    for batch in 0..run.progress.batches_total {
        let (first, applied) = (batch == 0, batch < run.progress.batches_done);
        let share = |count: i64| if first { count } else { 0 };
        sqlx::query(
            "INSERT INTO sync_batches (run_id, batch, state, members, rung_at, staged_at, created, updated, rejoined, unchanged, deferred)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .bind(run.id.to_string())
        .bind(batch)
        .bind(if applied { "applied" } else { "pending" })
        .bind(share(run.progress.members_done))
        .bind(run.created_at.timestamp_micros())
        .bind(share(run.counts.created))
        .bind(share(run.counts.updated))
        .bind(share(run.counts.rejoined))
        .bind(share(run.counts.unchanged))
        .bind(share(run.counts.deferred))
        .execute(&mut connection)
        .await
        .unwrap();
    }
}

async fn insert_run(connection: &mut SqliteConnection, run: &Run) {
    let micros = |time: DateTime<Utc>| time.timestamp_micros();
    let counts = &run.counts;
    sqlx::query(
        "INSERT INTO sync_runs (id, source, mode, state, act, target_run_id, superseded_by, requested_by, observed_at, created_at, rung_at,
             started_at, finished_at, members_total, batches_total, held_reason, warnings, error_code, error_message, created, updated,
             marked_left, rejoined, unchanged, linked, unlinked, total_received, duplicates, total_active, skipped, deferred,
             departures_held, dismissed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
             ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32)",
    )
    .bind(run.id.to_string())
    .bind(run.source.as_str())
    .bind(run.mode.as_str())
    .bind(run.state.as_str())
    .bind(run.act.map(Act::as_str))
    .bind(run.target_run_id.map(|id| id.to_string()))
    .bind(run.superseded_by.map(|id| id.to_string()))
    .bind(&run.requested_by)
    .bind(micros(run.observed_at))
    .bind(micros(run.created_at))
    .bind(run.started_at.map(micros))
    .bind(run.finished_at.map(micros))
    .bind(run.progress.members_total)
    .bind(run.progress.batches_total)
    .bind(run.held_reason.map(HeldReason::as_str))
    .bind(serde_json::to_string(&run.warnings).unwrap())
    .bind(run.error.as_ref().map(|error| &error.code))
    .bind(run.error.as_ref().map(|error| &error.message))
    .bind(counts.created)
    .bind(counts.updated)
    .bind(counts.marked_left)
    .bind(counts.rejoined)
    .bind(counts.unchanged)
    .bind(counts.linked)
    .bind(counts.unlinked)
    .bind(counts.total_received)
    .bind(counts.duplicates)
    .bind(counts.total_active)
    .bind(counts.skipped)
    .bind(counts.deferred)
    .bind(counts.departures_held)
    .bind(counts.dismissed)
    .execute(connection)
    .await
    .unwrap();
}
