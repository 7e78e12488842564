//! `sync` on its own.

use super::{Home, count, list};

#[tokio::test]
async fn a_file_and_standard_input_are_synced() {
    let home = Home::new();
    let file = home.file("list.json", list(1..=10));
    let ran = home.run(["sync", file.to_str().unwrap()]).await.exits(0);
    assert_eq!(["Created", "Updated", "Marked left", "Active"].map(|name| count(&ran, name)), [10, 0, 0, 10]);
    assert!(ran.out.contains("run "), "{ran:?}");
    let ran = home.fed(["sync", "-"], list(1..=9)).await.exits(0);
    assert_eq!(["Created", "Updated", "unchanged", "Marked left", "Active"].map(|name| count(&ran, name)), [0, 9, 9, 1, 9]);
    // Nobody looks at a terminal: one plain line, no bar.
    assert_eq!(ran.err, "succeeded: 9 of 9 members");
    assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{ran:?}");
}

#[tokio::test]
async fn bad_input_is_told_and_changes_nothing() {
    let home = Home::new();
    home.fed(["sync", "-"], list(1..=3)).await.exits(0);
    home.run(["sync", "missing.json"]).await.exits(2).says(&["missing.json"]);
    home.run(["sync", "."]).await.exits(2).says(&["cannot read ."]);
    home.fed(["sync", "-"], "").await.exits(2).says(&["not readable JSON", "line 1"]);
    home.fed(["sync", "-"], "{\"members\":[").await.exits(2).says(&["not readable JSON"]);
    let faulty = home.fed(["sync", "-"], r#"{"members":[{"id":"x","username":""}]}"#).await.exits(2);
    faulty.says(&["members[0].id", "members[0].username", "nothing was changed"]);
    home.fed(["sync", "-"], "[]").await.exits(2).says(&["must be an object"]);
    let many: Vec<_> = (0..25).map(|_| serde_json::json!({ "id": "x", "username": "a" })).collect();
    let many = serde_json::json!({ "members": many }).to_string();
    home.fed(["sync", "-"], many).await.exits(2).says(&["members[19].id", "and 5 more"]);
    let small = home.with("GUILDSYNC__API__MAX_MEMBERS", "2");
    small.fed(["sync", "-"], list(1..=3)).await.exits(2).says(&["api.max_members"]);
    let home = small.with("GUILDSYNC__API__MAX_MEMBERS", "100");
    let ran = home.fed(["sync", "-"], list(1..=3)).await.exits(0);
    assert_eq!(["Created", "Updated", "unchanged"].map(|name| count(&ran, name)), [0, 3, 3]);
}

#[tokio::test]
async fn held_departures_have_a_status_of_their_own() {
    let home = Home::new();
    home.fed(["sync", "-"], list(1..=100)).await.exits(0);
    let ran = home.fed(["sync", "-"], list([])).await.exits(3).says(&["Held: 100 departures", "empty", "Nobody was marked"]);
    assert_eq!(["Marked left", "Active"].map(|name| count(&ran, name)), [0, 100]);
    let ran = home.fed(["sync", "-"], list(1..=50)).await.exits(3).says(&["Held: 50 departures", "guard.floor"]);
    assert_eq!(["Updated", "Marked left", "Active"].map(|name| count(&ran, name)), [50, 0, 100]);
}

#[tokio::test]
async fn a_list_that_is_too_old_says_so() {
    let home = Home::new();
    home.fed(["sync", "-"], list(1..=3)).await.exits(0);
    let old = r#"{"observed_at":"2020-01-01T00:00:00Z","members":[{"id":"1","username":"a"}]}"#;
    let ran = home.fed(["sync", "-"], old).await.exits(0).says(&["Superseded"]);
    assert_eq!(["Updated", "Marked left", "Active"].map(|name| count(&ran, name)), [0, 0, 3]);
}

#[tokio::test]
async fn without_a_guild_or_a_service_it_says_what_to_do() {
    let home = Home::new();
    home.fed(["sync", "-", "--no-wait"], list(1..=3)).await.exits(2).says(&["no service", "--no-wait"]);
    Home::new().with("GUILD_ID", "").fed(["sync", "-"], list(1..=3)).await.exits(2).says(&["GUILD_ID"]);
    // The database knows its guild once it has one.
    home.fed(["sync", "-"], list(1..=3)).await.exits(0);
    let home = home.with("GUILD_ID", "");
    home.fed(["sync", "-"], list(1..=3)).await.exits(0);
    home.with("GUILD_ID", "7").fed(["sync", "-"], list(1..=3)).await.exits(1).says(&["belongs to guild", "GUILD_ID"]);
}
