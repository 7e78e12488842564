//! `serve`: when it starts, when it does not, and how it ends.

use super::{GUILD, Home, KEY};

#[tokio::test]
async fn a_second_service_on_one_file_is_refused_with_the_reason() {
    let home = Home::new();
    let (mut service, _) = home.serve().await;
    let ran = home.run(["serve", "--bind", "127.0.0.1:0"]).await.exits(1);
    ran.says(&["another guildsync process serves this SQLite file", "PostgreSQL"]);
    service.sigkill();
    service.wait().await;
    // The lock goes with its process, however it ends.
    home.serve().await;
}

#[tokio::test]
async fn another_guild_is_refused() {
    let home = Home::new();
    let (mut service, _) = home.serve().await;
    service.sigint();
    assert!(service.wait().await.success());
    let home = home.with("GUILD_ID", "7");
    home.run(["serve", "--bind", "127.0.0.1:0"]).await.exits(1).says(&[GUILD, "GUILD_ID is 7", "database of its own"]);
}

#[tokio::test]
async fn without_redis_a_process_needs_the_worker() {
    let home = Home::new();
    let ran = home.run(["serve", "--role", "http", "--bind", "127.0.0.1:0"]).await.exits(1);
    ran.says(&["REDIS_URL", "worker"]);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new();
    home.run(["serve", "--bind", &address]).await.exits(1).says(&[&address, "HTTP_BIND", "another program"]);
    // Nothing stays locked.
    home.serve().await;
}

#[tokio::test]
async fn gaps_are_told_at_the_start_and_secrets_are_not() {
    let home = Home::new();
    let service = home.launch(["serve", "--bind", "127.0.0.1:0"]).start();
    service.wait_for_line("DBOT_AUTH_KEY is not set").await;
    let home = Home::new().with("GUILD_ID", "").with("DBOT_AUTH_KEY", KEY);
    let service = home.launch(["serve", "--bind", "127.0.0.1:0"]).start();
    assert!(service.wait_for_line("GUILD_ID is not set").await.contains("503"));
}

#[tokio::test]
async fn logs_can_be_read_by_machines() {
    let home = Home::new().with("GUILDSYNC__LOG__FORMAT", "json");
    let service = home.launch(["serve", "--bind", "127.0.0.1:0"]).start();
    let line: serde_json::Value = serde_json::from_str(&service.wait_for_line("serving on http://").await).unwrap();
    assert_eq!((&line["level"], &line["roles"]), (&"INFO".into(), &"http,worker".into()), "{line}");
}
