//! What commands do, and what they say.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use guildsync::bot::{Pace, Standing};
use guildsync::discord::members_intent_off;
use guildsync::domain::{Clock, DiscordId, Mode, RunId, RunState, Source, SystemClock};
use guildsync::intake::Commanded;
use guildsync::store::{
    Cancelled, Dropped, Filed, Filing, Interaction, NewRun, Retried, Retry, StaffNote, StagedBatch, StoreError, Stores,
};
use guildsync::{app, queue};
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

use super::discord::{Call, GUILD, GUILD_MEMBERS, Person, Route, Scope, Trouble, When};
use super::{FIRST, PAGES, Site, quick, state};

/// Flag 64: only the caller sees it.
const EPHEMERAL: u64 = 64;

/// The numbers of an outcome, by the name at the line's beginning.
fn numbers(reply: &str) -> Vec<(&str, &str)> {
    reply.lines().filter_map(|line| line.split_once(": ")).filter(|(name, _)| !name.contains(' ')).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_replied_to_with_its_counts() {
    let site = Site::of(3).await;
    let robot = site.settled().await;
    site.discord.world(|world| {
        world.remove(FIRST);
        world.put(&Person::new(7));
        world.put(&Person::new(8));
    });
    let mut call = site.discord.call(Call::of("sync_members")).await;
    let heard = call.callback().await;
    assert_eq!((&heard["type"], &heard["data"]["flags"]), (&json!(5), &json!(EPHEMERAL)), "{heard}");
    let (_, took) = site.discord.world(|world| world.interaction(&call.token).unwrap().callback.clone().unwrap());
    assert!(took < Duration::from_secs(3), "{took:?}");

    let run = &site.fetches(2).await[0];
    let address = format!("{PAGES}/admin/sync/{}/", run.id);
    let filed = call.next_reply().await;
    assert!(filed.starts_with("A sync is filed") && filed.contains(&address), "{filed}");
    let done = call.reply_with("Active").await;
    let expected = [("Created", "2"), ("Updated", "2"), ("Rejoined", "0"), ("Left", "1"), ("Linked", "0"), ("Active", "4")];
    assert_eq!(numbers(&done), expected, "{done}");
    assert!(done.ends_with(&address), "{done}");
    assert_eq!((run.source, run.mode, run.requested_by.as_str()), (Source::Discord, Mode::Full, "100000000000000009"));
    // Nothing is owed any more.
    super::eventually("the reply is forgotten", async || site.stores().replies.open_replies(10).await.unwrap().is_empty()).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_changes_nothing() {
    let site = Site::of(3).await;
    let robot = site.settled().await;
    site.discord.world(|world| world.put(&Person::new(7)));
    let mut call = site.discord.call(Call::of("sync_members").option("dry_run", true)).await;
    assert!(call.next_reply().await.starts_with("A dry run is filed"));
    let done = call.reply_with("Active").await;
    assert!(done.starts_with("The dry run is done") && numbers(&done)[0] == ("Created", "1"), "{done}");
    assert!(!site.rows().await.contains_key(&7));
    assert_eq!(site.runs(false).await[0].mode, Mode::DryRun);
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_joins_the_first_and_both_are_replied_to() {
    let site = Site::of(2_500).await;
    let robot = site.settled().await;
    // Pages come slowly, one by one.
    let slow = Trouble::Limited(Scope::User, Duration::from_millis(700));
    site.discord.world(|world| world.trouble(Route::Members, When::Every(2), slow));
    let mut first = site.discord.call(Call::of("sync_members")).await;
    assert!(first.next_reply().await.starts_with("A sync is filed"));
    let mut second = site.discord.call(Call::of("sync_members")).await;
    assert!(second.next_reply().await.starts_with("A sync from Discord was under way already"));
    let progress = first.reply_with("%").await;
    assert!(progress.contains("`[") && progress.contains("fetched"), "{progress}");
    for call in [&mut first, &mut second] {
        assert_eq!(numbers(&call.reply_with("Active").await)[5], ("Active", "2,500"));
    }
    site.fetches(2).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_departures_are_told_of_in_the_reply_and_once_in_the_channel() {
    let site = Site::of(100).await.with_channel();
    let robot = site.settled().await;
    site.discord.world(|world| (FIRST..FIRST + 30).for_each(|id| world.remove(id)));
    let mut call = site.discord.call(Call::of("sync_members")).await;
    let done = call.reply_with("Active").await;
    assert!(done.contains("30 departures are held") && done.contains("apply or dismiss"), "{done}");
    assert_eq!(numbers(&done)[3], ("Left", "0"));
    let run = &site.fetches(2).await[0];
    assert_eq!(state(run), (RunState::Held, 30));
    let posts = site.posted_with("30 departures are held").await;
    assert!(posts[0].ends_with(&format!("/admin/sync/{}/", run.id)), "{posts:?}");
    robot.stop().await;
    // Neither the next bot nor another look says it again.
    let robot = site.bot();
    robot.stands(&Standing::Connected).await;
    site.fetches(3).await;
    let posts = site.posted_with("30 departures are held").await;
    let of_run = posts.iter().filter(|post| post.contains(&run.id.to_string())).count();
    assert_eq!(of_run, 1, "{posts:?}");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_nobody_could_reply_to_is_not_filed() {
    let site = Site::of(3).await;
    let robot = site.settled().await;
    let mut database = SqliteConnection::connect(&site.place.url()).await.unwrap();
    sqlx::raw_sql("ALTER TABLE replies RENAME TO mislaid").execute(&mut database).await.unwrap();
    let mut call = site.discord.call(Call::of("sync_members")).await;
    assert!(call.next_reply().await.starts_with("The sync could not be filed"));
    site.fetches(1).await;
    sqlx::raw_sql("ALTER TABLE mislaid RENAME TO replies").execute(&mut database).await.unwrap();
    let mut call = site.discord.call(Call::of("sync_members")).await;
    call.reply_with("Active: 3").await;
    site.fetches(2).await;
    robot.stop().await;
}

/// A database whose answers to a filing do not come, whether or not it files.
struct Mute {
    filing: Arc<dyn Filing>,
    files: bool,
}

#[async_trait::async_trait]
impl Filing for Mute {
    async fn stage_batch(&self, run: RunId, batch: &StagedBatch, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.filing.stage_batch(run, batch, now).await
    }

    async fn file_run(&self, run: &NewRun, last: &[StagedBatch], dropped: &[Dropped]) -> Result<Filed, StoreError> {
        if self.files {
            self.filing.file_run(run, last, dropped).await?;
        }
        std::future::pending().await
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

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_whose_filing_is_not_answered_is_not_said_to_be_none() {
    let site = Site::of(1).await;
    let filing = &site.stores().filing;
    for files in [false, true] {
        let mute = Stores { filing: Arc::new(Mute { filing: filing.clone(), files }), ..site.stores().clone() };
        let intake = app::intake(&site.config, &mute, &queue::local(), Arc::new(SystemClock), site.intake().guild());
        let now = Clock::now(&SystemClock);
        let reply = Interaction {
            application: DiscordId::try_from(7_i64).unwrap(),
            token: "token".to_owned().into(),
            expires_at: now + chrono::TimeDelta::minutes(15),
        };
        let told = intake.file_command("9".into(), false, reply, Duration::from_millis(500)).await.unwrap();
        let filed = site.runs(false).await;
        match told {
            Commanded::Late(run) => assert_eq!((files, filed.len(), filed[0].id), (true, 1, run)),
            Commanded::Unknown => assert_eq!((files, filed.len()), (false, 0)),
            Commanded::Filed(_) => panic!("nobody answered"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_intent_the_command_answers_and_names_the_switch() {
    // The same words wherever it is spoken of.
    let words = members_intent_off();
    let site = Site::of(3).await.with_channel();
    site.discord.world(|world| world.members_intent = false);
    let robot = site.bot();
    robot.stands(&Standing::WithoutIntent).await;
    assert!(site.problem("bot_intent").await.contains(&words));
    let asked: Vec<u64> = site.discord.world(|world| world.gateway.identifies.clone());
    assert_eq!(asked.iter().map(|intents| intents & GUILD_MEMBERS != 0).collect::<Vec<_>>(), [true, false], "{asked:?}");

    let mut call = site.discord.call(Call::of("sync_members")).await;
    let filed = call.next_reply().await;
    assert!(filed.contains("**Note:**") && filed.contains(&words), "{filed}");
    let last = call.reply_with("failed").await;
    assert!(last.contains(&words), "{last}");
    assert_eq!(site.fetches(1).await[0].state, RunState::Failed);
    assert!(site.posted_with("failed").await[0].contains(&words));
    let mut call = site.discord.call(Call::of("sync_status")).await;
    let status = call.next_reply().await;
    assert!(status.contains(&words) && status.contains("**failed**"), "{status}");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_switch_is_turned_the_bot_sees_members_without_being_started_anew() {
    let site = Site::of(3).await;
    site.discord.world(|world| world.members_intent = false);
    let robot = site.bot_with(Pace { intent: Duration::from_secs(1), ..quick() });
    site.problem("bot_intent").await;
    site.discord.world(|world| world.members_intent = true);
    robot.stands(&Standing::Connected).await;
    site.no_problem("bot_intent").await;
    assert_eq!(site.fetches(1).await[0].state, RunState::Succeeded);
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_an_administrator_in_the_guild_is_obeyed() {
    let site = Site::of(1).await;
    let robot = site.settled().await;
    let somebody = Person::new(FIRST);
    let refused = [
        (Call::of("sync_members").in_guild(None), "not in direct messages"),
        (Call::of("sync_members").in_guild(Some(GUILD + 1)), "another Discord server"),
        (Call::of("sync_members").by(&somebody, 0x20), "Only administrators"),
        (Call::of("sync_status").by(&somebody, 0), "Only administrators"),
    ];
    for (call, why) in refused {
        let mut call = site.discord.call(call).await;
        let answer = call.callback().await;
        assert_eq!((&answer["type"], &answer["data"]["flags"]), (&json!(4), &json!(EPHEMERAL)), "{answer}");
        assert!(call.next_reply().await.contains(why), "{answer}");
    }
    site.fetches(1).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_shows_the_last_runs() {
    let site = Site::of(3).await;
    let robot = site.settled().await;
    let run = &site.fetches(1).await[0];
    let mut call = site.discord.call(Call::of("sync_status")).await;
    assert_eq!(call.callback().await["type"], 5);
    let status = call.next_reply().await;
    let line = status.lines().find(|line| line.contains(&run.id.to_string())).unwrap_or_else(|| panic!("{status}"));
    assert!(line.contains("succeeded") && line.contains("created 3"), "{line}");
    assert!(line.contains(&format!("<t:{}:R>", run.created_at.timestamp())), "{line}");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_are_registered_for_administrators_or_it_is_said_why_not() {
    let site = Site::of(1).await;
    site.discord.world(|world| world.may_have_commands = false);
    let robot = site.bot();
    let problem = site.problem("bot_commands").await;
    assert!(problem.contains("Missing Access") && problem.contains("applications.commands"), "{problem}");
    robot.stop().await;
    site.discord.world(|world| world.may_have_commands = true);
    let robot = site.bot();
    site.no_problem("bot_commands").await;
    let commands = site.discord.world(|world| world.commands.clone());
    let permissions: Vec<_> = commands.iter().map(|one| (&one["name"], &one["default_member_permissions"])).collect();
    assert_eq!(permissions, [(&json!("sync_members"), &json!("8")), (&json!("sync_status"), &json!("8"))]);
    robot.stop().await;
}
