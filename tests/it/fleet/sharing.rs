//! Several processes share the work of one guild; one process does it alone.

use super::ledger::Ledger;
use super::lists::{self, List};
use super::{Door, Site, assert_all_created, assert_counts};
use crate::support::{postgres, sqlite};

const MEMBERS: usize = 100_000;
/// One in so many is gone from the last list.
const GONE: usize = 200;

/// Posts a list, the same again, and one without 500 members; checks every count. Answers the runs.
async fn three_lists(door: &Door, ledger: &Ledger) -> [String; 3] {
    let guild = lists::guild(MEMBERS);
    let all = List::of(guild.roster().to_vec());
    let (gone, rest): (Vec<_>, Vec<_>) = guild.roster().iter().cloned().enumerate().partition(|(place, _)| place % GONE == 7);
    let gone: Vec<i64> = gone.into_iter().map(|(_, member)| member.id.get()).collect();
    let rest = List::of(rest.into_iter().map(|(_, member)| member).collect());
    assert_eq!((guild.id(), gone.len()), (door.guild, 500));

    let first = door.post(all.file()).await;
    assert_all_created(&first, MEMBERS);

    let written = match ledger {
        // Every write of a row gives it a greater number.
        Ledger::Postgres(_) => "SELECT max(xmin::text::bigint) FROM guild_members",
        // Every write of a row moves one of these.
        Ledger::Sqlite(_) => "SELECT max(observed_at) + max(date_modified) FROM guild_members",
    };
    let before = ledger.number(written).await;
    let again = door.post(all.file()).await;
    assert_eq!((again.status, again.body["state"].as_str()), (200, Some("succeeded")), "{again:?}");
    let unchanged = [("updated", MEMBERS), ("unchanged", MEMBERS), ("total_received", MEMBERS), ("total_active", MEMBERS)];
    assert_counts(&again.body, &unchanged);
    assert_eq!(ledger.number(written).await, before, "a row of guild_members was written, though nothing had changed");

    let shorter = door.post(rest.file()).await;
    assert_eq!((shorter.status, shorter.body["state"].as_str()), (200, Some("succeeded")), "{shorter:?}");
    let left = MEMBERS - 500;
    let expected =
        [("updated", left), ("unchanged", left), ("marked_left", 500), ("total_received", left), ("total_active", left)];
    assert_counts(&shorter.body, &expected);
    let runs = [first.run(), again.run(), shorter.run()];
    let departed = format!(
        "SELECT m.discord_id FROM guild_members m JOIN sync_runs r ON r.id = '{}' WHERE m.date_left = r.observed_at ORDER BY 1",
        runs[2]
    );
    assert_eq!(ledger.numbers(&departed).await, gone);
    assert_eq!(ledger.number("SELECT count(*) FROM guild_members WHERE date_left IS NOT NULL").await, 500);
    assert!(ledger.present().await == rest.names(), "those present are not those of the last list");
    runs
}

#[tokio::test]
async fn three_processes_share_a_hundred_thousand_members() {
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), lists::guild(MEMBERS).id()).with_redis().batches_of(1_000);
    let (front, one, two) = tokio::join!(site.serve("http,worker"), site.serve("worker"), site.serve("worker"));

    let runs = three_lists(&front.door, &ledger).await;
    let shares = runs.each_ref().map(|run| [&front, &one, &two].map(|process| process.applied(run)));
    assert!(shares.iter().any(|of_run| of_run.iter().all(|share| *share > 0)), "no run was shared by all: {shares:?}");
}

#[tokio::test]
async fn one_process_on_sqlite_takes_a_hundred_thousand_members() {
    let database = sqlite::sqlite();
    let ledger = Ledger::of(&database.url());
    let alone = Site::new(&database.url(), lists::guild(MEMBERS).id()).serve("http,worker").await;
    three_lists(&alone.door, &ledger).await;
}
