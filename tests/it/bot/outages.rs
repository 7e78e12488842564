//! What the gateway tells while the database is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guildsync::app;
use guildsync::bot::{Bot, BotOptions, BotTools, Standing};
use guildsync::domain::{DiscordId, RunId, Source, SystemClock};
use guildsync::intake::{Intake, IntakeLimits};
use guildsync::queue;
use guildsync::store::{Cancelled, Dropped, Filed, Filing, NewRun, Retried, Retry, StaffNote, StagedBatch, StoreError};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::discord::{GUILD, Person, role};
use super::events::nelly;
use super::{FIRST, Robot, Site, eventually, quick};

/// Files nothing while it is told to fail, as a database that is away would.
struct Flaky {
    filing: Arc<dyn Filing>,
    away: AtomicBool,
    /// How often it failed.
    failed: AtomicU32,
}

#[async_trait]
impl Filing for Flaky {
    async fn stage_batch(&self, run: RunId, batch: &StagedBatch, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.filing.stage_batch(run, batch, now).await
    }

    async fn file_run(&self, run: &NewRun, last: &[StagedBatch], dropped: &[Dropped]) -> Result<Filed, StoreError> {
        if self.away.load(Ordering::Relaxed) {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Unavailable("it is away".into()));
        }
        self.filing.file_run(run, last, dropped).await
    }

    async fn cancel_run(
        &self,
        run: RunId,
        requested_by: &str,
        noted: Option<&StaffNote>,
        now: DateTime<Utc>,
    ) -> Result<Cancelled, StoreError> {
        self.filing.cancel_run(run, requested_by, noted, now).await
    }

    async fn retry_run(&self, retry: &Retry, now: DateTime<Utc>) -> Result<Retried, StoreError> {
        self.filing.retry_run(retry, now).await
    }

    async fn is_filed(&self, run: RunId) -> Result<bool, StoreError> {
        self.filing.is_filed(run).await
    }

    async fn discard_staged(&self, run: RunId) -> Result<(), StoreError> {
        self.filing.discard_staged(run).await
    }
}

impl Site {
    /// A bot with room for so many members, and the database that it files into. Its first full sync has ended.
    async fn flaky(&self, room: usize) -> (Robot, Arc<Flaky>) {
        let filing =
            Arc::new(Flaky { filing: self.stores().filing.clone(), away: AtomicBool::new(false), failed: AtomicU32::new(0) });
        let limits = IntakeLimits {
            max_body: 1,
            max_members: 1,
            batch_members: 1_000,
            idle: super::DEADLINE,
            total: super::DEADLINE,
            uploads: 1,
        };
        // Nobody hears it ring: the workers' sweeper finds what is filed.
        let intake = Intake::new(
            filing.clone(),
            queue::local().ring,
            Arc::new(SystemClock),
            app::random(),
            DiscordId::try_from(GUILD).unwrap(),
            limits,
        );
        let tools = BotTools { intake, ..self.tools() };
        let stop = CancellationToken::new();
        let options = BotOptions { room, ..self.options(quick()) };
        let robot = Robot { bot: Bot::start(options, tools, stop.clone()).unwrap(), stop };
        robot.stands(&Standing::Connected).await;
        self.fetches(1).await;
        (robot, filing)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_the_database_is_away_is_filed_when_it_is_back() {
    let site = Site::of(1).await;
    let (robot, filing) = site.flaky(BotOptions::ROOM).await;
    filing.away.store(true, Ordering::Relaxed);
    site.discord.world(|world| world.member_joins(&nelly()));
    eventually("it could not be filed", async || filing.failed.load(Ordering::Relaxed) > 0).await;
    site.discord.world(|world| {
        world.member_changes(&nelly().nick("while away").with("joined_at", Value::Null));
        world.member_joins(&Person::new(6));
    });
    filing.away.store(false, Ordering::Relaxed);
    let row = site.row(77, "she is here", |row| row.member.nickname == "while away").await;
    assert!(row.member.joined_at.is_some(), "the join said it");
    site.row(6, "they are here", |row| row.date_left.is_none()).await;
    site.fetches(1).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_there_is_room_for_is_said_by_one_full_sync_when_the_database_is_back() {
    const ROOM: u64 = 50;
    let site = Site::of(2).await;
    let (robot, filing) = site.flaky(usize::try_from(ROOM).unwrap()).await;
    filing.away.store(true, Ordering::Relaxed);
    site.discord.world(|world| world.member_leaves(FIRST));
    eventually("it could not be filed", async || filing.failed.load(Ordering::Relaxed) > 0).await;
    // Far more than there is room for; the leave and all but a few of these are dropped on the way.
    site.discord.world(|world| (0..ROOM * 10).for_each(|one| world.member_joins(&Person::new(2_000_000 + one))));
    // Told of after them, and kept: then all of them have been heard.
    site.discord.world(|world| world.role_appears(&role(41, "Staff", 7)));
    eventually("the role is known", async || site.stores().read.roles().await.unwrap().iter().any(|role| role.name == "Staff"))
        .await;
    site.fetches(1).await;
    filing.away.store(false, Ordering::Relaxed);
    site.fetches(2).await;
    let rows = site.rows().await;
    assert!(rows[&FIRST].date_left.is_some(), "the leave was dropped, and nobody said it");
    let present = rows.values().filter(|row| row.date_left.is_none()).count();
    assert_eq!(present, usize::try_from(ROOM * 10 + 1).unwrap());
    let runs = site.runs(true).await;
    let told: i64 = runs.iter().filter(|run| run.source == Source::Events).map(|run| run.counts.total_received).sum();
    assert!(told <= i64::try_from(2 * ROOM).unwrap(), "so many had waited, and were being filed: {told}");
    robot.stop().await;
}
