//! `migrate` and `check`.

use super::{Home, KEY};
use crate::support::postgres::empty_database;
use crate::support::redis::url as redis;

#[tokio::test]
async fn the_schema_is_brought_up_to_date_once() {
    let database = empty_database().await;
    for home in [Home::new(), Home::new().with("DATABASE_URL", database.url())] {
        let first = home.run(["migrate"]).await.exits(0);
        assert!(first.out.contains("applied") && !first.out.starts_with("0 "), "{first:?}");
        home.run(["migrate"]).await.exits(0).says(&["up to date"]);
    }
}

#[tokio::test]
async fn all_is_well_once_all_is_set() {
    let database = empty_database().await;
    let sqlite = Home::new().with("DBOT_AUTH_KEY", KEY);
    let postgres = Home::new().with("DBOT_AUTH_KEY", KEY).with("DATABASE_URL", database.url()).with("REDIS_URL", &redis());
    for home in [sqlite, postgres] {
        home.run(["check"]).await.exits(1).says(&["PROBLEM", "guildsync migrate"]);
        home.run(["migrate"]).await.exits(0);
        home.run(["check"]).await.exits(1).says(&["PROBLEM", "no staff account", "guildsync staff create", "1 problem."]);
        home.fed(["staff", "create", "anna", "--password-stdin"], "correct horse\n").await.exits(0);
        let well = home.run(["check"]).await.exits(0).says(&["All is well", "no service runs"]);
        assert!(!well.out.contains("PROBLEM") && !well.out.contains(KEY), "{well:?}");
    }
}

#[tokio::test]
async fn each_problem_is_told_with_its_remedy() {
    let home = Home::new();
    home.run(["migrate"]).await.exits(0);
    home.fed(["staff", "create", "anna", "--password-stdin"], "correct horse\n").await.exits(0);
    home.run(["check"]).await.exits(1).says(&["DBOT_AUTH_KEY is not set", "503", "/dev/urandom"]);
    let home = home.with("DBOT_AUTH_KEY", "short-key");
    let ran = home.run(["check"]).await.exits(1).says(&["DBOT_AUTH_KEY", "guessed", "16"]);
    assert!(!ran.out.contains("short-key"), "{ran:?}");
    let home = home.with("DBOT_AUTH_KEY", KEY).with("PUBLIC_URL", "http://members.example.org");
    home.run(["check"]).await.exits(1).says(&["without encryption", "https://", "1 problem."]);
    let home = home.with("PUBLIC_URL", "https://members.example.org").with("REDIS_URL", "redis://127.0.0.1:1");
    home.run(["check"]).await.exits(1).says(&["Redis", "REDIS_URL", "1 problem."]);
    let home = home.with("REDIS_URL", "").with("GUILD_ID", "7");
    home.run(["check"]).await.exits(1).says(&["GUILD_ID is 7", "belongs to guild 42000000000000001"]);
    let home = home.with("GUILD_ID", "42000000000000001").with("DATABASE_URL", "postgres://nobody:hunter2@127.0.0.1:1/x");
    let ran = home.run(["check"]).await.exits(1).says(&["database", "DATABASE_URL"]);
    assert!(!ran.out.contains("hunter2"), "{ran:?}");
    Home::new().with("DATABASE_URL", "sqlite:///nowhere/at/all.db").run(["check"]).await.exits(1).says(&["database", "nowhere"]);
}

#[tokio::test]
async fn a_name_that_only_holds_localhost_is_not_local() {
    let home = Home::new().with("DBOT_AUTH_KEY", KEY).with("PUBLIC_URL", "http://localhost.example.org");
    home.run(["check"]).await.exits(1).says(&["without encryption"]);
}

#[tokio::test]
async fn a_running_service_is_seen() {
    let home = Home::new().with("DBOT_AUTH_KEY", KEY);
    let (service, _) = home.serve().await;
    home.fed(["staff", "create", "anna", "--password-stdin"], "correct horse\n").await.exits(0);
    home.run(["check"]).await.exits(0).says(&["runs as http,worker", env!("CARGO_PKG_VERSION")]);
    drop(service);
}
