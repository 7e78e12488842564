//! Runs: answers before the end, and looking at one.

use reqwest::Method;

use super::{GUILD, KEY, Service, list, members, picked, send, shown};

#[tokio::test(flavor = "multi_thread")]
async fn who_prefers_not_to_wait_gets_the_runs_address() {
    let service = Service::start().await;
    for (round, preference) in ["respond-async", "wait=10, Respond-Async; foo=bar"].into_iter().enumerate() {
        let request = service.post(list(members(1..=5))).header("Prefer", preference).header("X-Discord-User-Id", "77");
        let answer = send(request).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let run = answer.json();
        let location = answer.header("location").to_owned();
        assert_eq!(location, format!("/api/dbot/sync_runs/{}", run["id"].as_str().unwrap()));
        let ended = service.ended(&location).await;
        assert_eq!((&ended["state"], &ended["requested_by"]), (&"succeeded".into(), &"77".into()));
        if round == 0 {
            assert_eq!(picked(&ended["counts"], ["created", "total_received", "total_active"]), [5, 5, 5]);
            insta::assert_snapshot!("run", shown(&ended));
        }
        let id = uuid::Uuid::parse_str(run["id"].as_str().unwrap()).unwrap();
        assert_eq!(id.get_version_num(), 7);
    }
    let answer = send(service.post(list(members(1..=5))).header("Prefer", "return=minimal")).await;
    assert_eq!(answer.status, 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_patience_every_list_is_answered_at_once() {
    let service = Service::with(&[("GUILDSYNC__API__WAIT_SECS", "0")]).await;
    let answer = service.sync(members(1..=5)).await;
    // It may have ended already.
    if answer.status == 200 {
        answer.counts();
    } else {
        assert_eq!(answer.status, 202, "{}", answer.text);
        assert_eq!(service.ended(answer.header("location")).await["state"], "succeeded");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_none_is_a_404() {
    let service = Service::start().await;
    let id = service.sync(members(1..=5)).await.counts()["run_id"].as_str().unwrap().to_owned();
    assert_eq!(service.get(&format!("/api/dbot/sync_runs/{id}")).await.status, 200);
    for id in ["0190a3c0-0000-7000-8000-000000000000", "x", "1", "%20", "%ff", "%00", "..%2f", &"9".repeat(2_000)] {
        service.get(&format!("/api/dbot/sync_runs/{id}")).await.problem(404);
    }
    service.get("/api/dbot/sync_runs/").await.problem(404);
    let runs = service.get("/api/dbot/sync_runs").await;
    runs.problem(405);
    assert_eq!(runs.header("allow"), "POST");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_shown_to_bots_of_the_guild_only() {
    let service = Service::start().await;
    let id = service.sync(members(1..=5)).await.counts()["run_id"].as_str().unwrap().to_owned();
    let url = service.url(&format!("/api/dbot/sync_runs/{id}"));
    let get = || service.client.get(&url);
    service.refused(get(), 401).await;
    service.refused(get().header("X-API-Key", "wrong").header("X-Guild-Id", GUILD), 401).await;
    service.refused(get().header("X-API-Key", KEY), 403).await;
    let head = service.client.request(Method::HEAD, &url).header("X-API-Key", KEY).header("X-Guild-Id", GUILD);
    let head = send(head).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_run_fails_is_a_500_that_names_the_run_and_marks_nobody() {
    let service = Service::start().await;
    service.sync(members(1..=5)).await.counts();
    // A payload that no version can read.
    let spoil = "CREATE TRIGGER spoil AFTER INSERT ON sync_batches BEGIN UPDATE sync_batches SET payload = x'01' WHERE rowid = NEW.rowid; END";
    service.column(spoil).await;
    let problem = service.sync(members(1..=2)).await.problem(500);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("a broken batch payload") && detail.contains("nobody was marked as left"), "{detail}");
    let run = service.get(&format!("/api/dbot/sync_runs/{}", problem["run_id"].as_str().unwrap())).await.json();
    assert_eq!((&run["state"], &run["error"]["code"]), (&"failed".into(), &"batch_failed".into()));
    assert_eq!(service.column("SELECT CAST(count(*) AS TEXT) FROM guild_members WHERE date_left IS NULL").await, ["5"]);
    // The next list is not held up by it.
    service.column("DROP TRIGGER spoil").await;
    assert_eq!(picked(&service.sync(members(1..=5)).await.counts(), ["unchanged", "total_active"]), [5, 5]);
    service.stop().await;
}
