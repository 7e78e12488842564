//! `sync` beside a service that runs on the same database.

use sqlx::{Connection as _, SqliteConnection};

use super::{Home, count, list};
use crate::support::eventually;
use crate::support::postgres::{TestDatabase, database};
use crate::support::process::{Guildsync, Stream};
use crate::support::redis::{unique_prefix, url as redis};

/// The three settings under which a service can run.
async fn homes() -> (Vec<Home>, Vec<TestDatabase>) {
    let databases = vec![database().await, database().await];
    let homes = vec![
        Home::new(),
        Home::new().with("DATABASE_URL", databases[0].url()),
        Home::new()
            .with("DATABASE_URL", databases[1].url())
            .with("REDIS_URL", &redis())
            .with("GUILDSYNC__REDIS__PREFIX", &unique_prefix()),
    ];
    (homes, databases)
}

/// How many runs the service has ended.
async fn service_ended(service: &Guildsync, runs: usize) {
    service.wait_for_lines("run ended", runs).await;
}

#[tokio::test]
async fn the_service_applies_the_list_and_the_command_follows() {
    let (homes, _databases) = homes().await;
    for home in homes {
        let (mut service, _) = home.serve().await;
        let ran = home.fed(["sync", "-"], list(1..=10)).await.exits(0);
        assert_eq!(["Created", "Active"].map(|name| count(&ran, name)), [10, 10]);
        service_ended(&service, 1).await;
        let held = home.fed(["sync", "-"], list([])).await.exits(3);
        assert_eq!(count(&held, "Active"), 10);
        home.fed(["sync", "-"], "{").await.exits(2);
        let ran = home.fed(["sync", "-", "--no-wait"], list(1..=9)).await.exits(0);
        uuid::Uuid::parse_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        service_ended(&service, 3).await;
        let ran = home.fed(["sync", "-"], list(1..=9)).await.exits(0);
        assert_eq!(["Created", "unchanged", "Active"].map(|name| count(&ran, name)), [0, 9, 9]);
        service.sigterm();
        assert!(service.wait().await.success());
        // And without the service again.
        let ran = home.fed(["sync", "-"], list(1..=9)).await.exits(0);
        assert_eq!(count(&ran, "unchanged"), 9);
    }
}

#[tokio::test]
async fn a_service_that_goes_away_is_stood_in_for() {
    let home = Home::new();
    home.run(["migrate"]).await.exits(0);
    let file = home.folder.path().join("guildsync.db");
    // Whoever holds this lock serves the file; this one never applies anything.
    let service = std::fs::File::create(home.folder.path().join("guildsync.db.lock")).unwrap();
    service.lock().unwrap();
    let mut sync = home.launch(["sync", "-"]).input(list(1..=10)).start();
    eventually("the list is filed", async || {
        let url = format!("sqlite://{}?mode=ro", file.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM sync_runs").fetch_one(&mut connection).await.unwrap() == 1
    })
    .await;
    drop(service);
    assert!(sync.wait().await.success(), "{:?}", sync.lines(Stream::Err));
    assert!(sync.lines(Stream::Out).iter().any(|line| line.starts_with("Created") && line.ends_with(" 10")));
}
