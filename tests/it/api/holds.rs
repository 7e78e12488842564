//! Held departures and what a person makes of them; departures undone; runs cancelled.

use serde_json::{Value, json};

use super::{Answer, Database, GUILD, KEY, Service, list, member, members, picked, send};

const RUNS: &str = "/api/dbot/sync_runs";
const DECIDED: [&str; 4] = ["marked_left", "not_marked", "dismissed", "departures_held"];

impl Service {
    async fn act(&self, run: &Value, act: &str, body: Option<Value>) -> Answer {
        self.post_to(&format!("{RUNS}/{}/{act}", run["run_id"].as_str().unwrap()), body.map(|body| body.to_string())).await
    }

    async fn post_to(&self, path: &str, body: Option<String>) -> Answer {
        let request = self.client.post(self.url(path)).header("X-API-Key", KEY).header("X-Guild-Id", GUILD);
        send(match body {
            Some(body) => request.header("Content-Type", "application/json").body(body),
            None => request,
        })
        .await
    }

    async fn run_of(&self, answer: &Value) -> Value {
        self.get(&format!("{RUNS}/{}", answer["run_id"].as_str().unwrap())).await.json()
    }

    /// The ids among a run's changes that have this action.
    async fn changed(&self, answer: &Value, action: &str) -> Vec<u64> {
        let path = format!("{RUNS}/{}/changes?limit=1000", answer["run_id"].as_str().unwrap());
        let page = self.get(&path).await.json();
        let changes = page["changes"].as_array().unwrap().iter().filter(|change| change["action"] == action);
        changes.map(|change| change["id"].as_str().unwrap().parse().unwrap()).collect()
    }
}

/// A service whose last list missed 31 to 60 of 60.
async fn held() -> (Service, Value) {
    let service = Service::start().await;
    service.sync(members(1..=60)).await.counts();
    let held = service.sync(members(1..=30)).await.counts();
    assert_eq!((&held["state"], &held["departures_held"]), (&json!("held"), &json!(30)));
    (service, held)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_on_some_and_then_on_all() {
    let (service, run) = held().await;
    assert_eq!(service.changed(&run, "held").await, (31..=60).collect::<Vec<_>>());
    // One comes back before anybody decides.
    let back = service.post_to("/api/dbot/member_left/40", None).await.counts();
    assert_eq!(back["status"], "departed");
    let some = service.act(&run, "apply_departures", Some(json!({ "ids": ["31", 32, "40", "999"] }))).await.counts();
    assert_eq!((picked(&some, DECIDED), &some["state"]), ([2, 2, 0, 27], &json!("held")));
    let dismissed = service.act(&run, "dismiss_departures", Some(json!({ "ids": ["33", "999"] }))).await.counts();
    assert_eq!((picked(&dismissed, DECIDED), &dismissed["state"]), ([0, 1, 1, 26], &json!("held")));
    assert_eq!(service.changed(&run, "held").await, (34..=60).filter(|id| *id != 40).collect::<Vec<_>>());
    let rest = service.act(&run, "apply_departures", None).await.counts();
    assert_eq!((picked(&rest, DECIDED), &rest["state"]), ([26, 0, 0, 0], &json!("succeeded")));

    let ended = service.run_of(&run).await;
    assert_eq!((&ended["state"], &ended["counts"]["held_reason"]), (&json!("succeeded"), &Value::Null));
    assert_eq!(picked(&ended["counts"], ["marked_left", "departures_held"]), [28, 0]);
    assert_eq!(service.get("/api/dbot/members/31").await.json()["date_left"], ended["observed_at"]);
    assert_eq!(service.get("/api/dbot/members/33").await.json()["date_left"], Value::Null);
    let act = service.run_of(&some).await;
    assert_eq!((&act["act"], &act["target_run_id"], &act["mode"]), (&json!("apply_departures"), &ended["id"], &json!("delta")));
    service.act(&run, "apply_departures", None).await.problem(409);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_short_list_takes_the_place_of_the_first() {
    let (service, first) = held().await;
    let second = service.sync(members(1..=29)).await.counts();
    assert_eq!(picked(&second, ["marked_left", "departures_held"]), [0, 31]);
    let old = service.run_of(&first).await;
    assert_eq!((&old["state"], &old["superseded_by"]), (&json!("superseded"), &second["run_id"]));
    assert_eq!(service.changed(&first, "held").await, Vec::<u64>::new());
    service.act(&first, "apply_departures", None).await.problem(409);
    service.act(&first, "dismiss_departures", None).await.problem(409);
    // Whom the whole list names is no longer held.
    let whole = service.sync(members(1..=60)).await.counts();
    assert_eq!(picked(&whole, ["marked_left", "departures_held", "unchanged"]), [0, 0, 60]);
    service.act(&second, "apply_departures", None).await.problem(409);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_has_nothing_to_apply_and_touches_no_hold() {
    let (service, run) = held().await;
    for body in [json!({ "members": [] }), json!({ "members": [], "allow_mass_departure": true })] {
        let empty = send(service.post(body.to_string())).await.counts();
        assert_eq!((&empty["state"], &empty["held_reason"]), (&json!("held"), &json!("empty_list")));
        assert_eq!(picked(&empty, ["marked_left", "departures_held"]), [0, 60]);
        service.act(&empty, "apply_departures", None).await.problem(409);
    }
    let all = service.act(&run, "apply_departures", None).await.counts();
    assert_eq!(picked(&all, DECIDED), [30, 0, 0, 0]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_beforehand_that_many_left_is_believed_and_told_so() {
    let (service, first) = held().await;
    let body = json!({ "members": members(1..=30), "allow_mass_departure": true });
    let allowed = send(service.post(body.to_string())).await.counts();
    assert_eq!((picked(&allowed, ["marked_left", "departures_held"]), &allowed["state"]), ([30, 0], &json!("succeeded")));
    let run = service.run_of(&allowed).await;
    assert!(run["warnings"][0].as_str().is_some_and(|text| text.contains("30 present members")), "{run}");
    assert_eq!(service.run_of(&first).await["state"], "superseded");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decided_is_refused() {
    let (service, run) = held().await;
    let path = format!("{RUNS}/{}/apply_departures", run["run_id"].as_str().unwrap());
    for (body, status, words) in [
        (r#"{"ids":[]}"#, 422, "must not be empty"),
        (r#"{"ids":null}"#, 422, "must be a list"),
        (r#"{"ids":"31"}"#, 422, "must be a list"),
        (r#"{"ids":["31","x",1.5,-1]}"#, 422, "ids[1]"),
        (r#"{"id":["31"]}"#, 422, "is not known here"),
        (r#"["31"]"#, 422, "must be an object"),
        (r#"{"ids":["31"],"ids":["32"]}"#, 400, "twice"),
        (r#"{"ids":["#, 400, "line 1"),
    ] {
        let before = service.tables().await;
        let answer = service.post_to(&path, Some(body.into())).await;
        answer.problem(status);
        assert!(answer.text.contains(words), "{body}: {}", answer.text);
        assert_eq!(service.tables().await, before, "{body}");
    }
    for unknown in ["01890000-0000-7000-8000-000000000000", "none"] {
        for act in ["apply_departures", "dismiss_departures", "undo_departures", "cancel"] {
            service.post_to(&format!("{RUNS}/{unknown}/{act}"), None).await.problem(404);
        }
    }
    let first = json!({ "run_id": service.column("SELECT CAST(id AS TEXT) FROM sync_runs ORDER BY id LIMIT 1").await[0] });
    service.act(&first, "apply_departures", None).await.problem(409);
    service.act(&first, "undo_departures", None).await.problem(409);
    service.act(&first, "cancel", None).await.problem(409);
    let bare = service.client.post(service.url(&path)).header("X-Guild-Id", GUILD);
    send(bare).await.problem(401);
    let wrong = service.get(&path).await;
    wrong.problem(405);
    assert_eq!(wrong.header("allow"), "POST");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runs_departures_can_be_undone_but_for_whom_newer_evidence_touched() {
    let service = Service::start().await;
    service.sync(members(1..=20)).await.counts();
    let run = service.sync(members(1..=10)).await.counts();
    assert_eq!(run["marked_left"], 10);
    // 11 leaves once more, 12 comes back by a list of its own and goes again with the next.
    service.post_to("/api/dbot/member_left/11", None).await.counts();
    service.sync(members((1..=10).chain([12]))).await.counts();
    service.sync(members(1..=10)).await.counts();
    let ids = service.act(&run, "undo_departures", Some(json!({ "ids": ["13"] }))).await;
    ids.problem(422);
    let undone = service.act(&run, "undo_departures", None).await.counts();
    assert_eq!(picked(&undone, ["rejoined", "not_rejoined"]), [8, 2]);
    assert_eq!(service.get("/api/dbot/members/13").await.json()["date_left"], Value::Null);
    let events = service.get("/api/dbot/members/13/events").await.json();
    assert_eq!((&events["events"][0]["action"], &events["events"][0]["run_id"]), (&json!("rejoined"), &undone["run_id"]));
    for id in [11, 12] {
        assert_ne!(service.get(&format!("/api/dbot/members/{id}")).await.json()["date_left"], Value::Null);
    }
    let again = service.act(&run, "undo_departures", None).await.counts();
    assert_eq!(picked(&again, ["rejoined", "not_rejoined"]), [0, 10]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_decision_marked_can_be_undone_and_a_dry_run_marked_nobody() {
    for service in Service::on_both(&[]).await {
        service.sync(members(1..=60)).await.counts();
        let run = service.sync(members(1..=30)).await.counts();
        let some = service.act(&run, "apply_departures", Some(json!({ "ids": ["31", "32"] }))).await.counts();
        let others = service.act(&run, "apply_departures", Some(json!({ "ids": ["33"] }))).await.counts();
        assert_eq!([&some["marked_left"], &others["marked_left"]], [2, 1]);
        let undone = service.act(&some, "undo_departures", None).await.counts();
        assert_eq!(picked(&undone, ["rejoined", "not_rejoined"]), [2, 0]);
        for (id, is_gone) in [(31, false), (32, false), (33, true)] {
            let member = service.get(&format!("/api/dbot/members/{id}")).await.json();
            assert_eq!(!member["date_left"].is_null(), is_gone, "{member}");
        }
        let warnings = service.run_of(&some).await["warnings"].to_string();
        assert!(warnings.contains("2 of those") && warnings.contains(undone["run_id"].as_str().unwrap()), "{warnings}");
        let warnings = service.run_of(&run).await["warnings"].to_string();
        let named = [&some, &undone].map(|run| run["run_id"].as_str().unwrap());
        assert!(warnings.contains("2 of those") && named.iter().all(|id| warnings.contains(id)), "{warnings}");

        let plan = json!({ "members": members(1..=59), "dry_run": true });
        let plan = send(service.post(plan.to_string())).await.counts();
        assert_eq!(service.changed(&plan, "held").await.len() + service.changed(&plan, "left").await.len(), 1, "{plan}");
        service.act(&plan, "undo_departures", None).await.problem(409);
        service.stop().await;
    }
}

/// A run that some worker elsewhere is just finishing, so that decisions wait.
const AT_WORK: &str = "INSERT INTO sync_runs (id, source, mode, state, observed_at, created_at, rung_at, members_total, batches_total, attempts, lease_until)
    SELECT '01890000-0000-7000-8000-000000000000', source, 'full', 'finishing', observed_at, created_at, created_at, 0, 0, 1, {later}
    FROM sync_runs WHERE state = 'held'";

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_is_cancelled_while_it_waits_did_nothing() {
    for service in Service::on_both(&[]).await {
        service.sync(members(1..=60)).await.counts();
        let run = service.sync(members(1..=30)).await.counts();
        let later = match service.database {
            Database::Sqlite(_) => "created_at + 3600000000",
            Database::Postgres(_) => "created_at + interval '1 hour'",
        };
        service.execute(&AT_WORK.replace("{later}", later)).await;
        let (answer, ()) = tokio::join!(service.act(&run, "apply_departures", None), async {
            let waiting = "SELECT CAST(id AS TEXT) FROM sync_runs WHERE act = 'apply_departures' AND state = 'queued'";
            let mut ids = Vec::new();
            crate::support::eventually("the decision waits", async || {
                ids = service.column(waiting).await;
                !ids.is_empty()
            })
            .await;
            let path = service.url(&format!("{RUNS}/{}/cancel", ids[0]));
            let cancel = service.client.post(path).header("X-API-Key", KEY).header("X-Guild-Id", GUILD);
            let bad = send(cancel.try_clone().unwrap().header("X-Discord-User-Id", "me")).await;
            assert_eq!(bad.faults(), ["X-Discord-User-Id id"]);
            let cancelled = send(cancel.header("X-Discord-User-Id", "77")).await.counts();
            assert_eq!((&cancelled["state"], &cancelled["warnings"][0]), (&json!("cancelled"), &json!("Cancelled by 77.")));
        });
        answer.problem(409);
        assert!(answer.text.contains("was cancelled"), "{}", answer.text);
        let held = service.run_of(&run).await;
        assert_eq!((&held["state"], &held["counts"]["departures_held"]), (&json!("held"), &json!(30)));
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_many_keys_is_refused_at_once() {
    let (service, run) = held().await;
    let keys: Vec<String> = (0..200_000).map(|key| format!("\"k{key}\":1")).collect();
    let begun = std::time::Instant::now();
    let path = format!("{RUNS}/{}/apply_departures", run["run_id"].as_str().unwrap());
    service.post_to(&path, Some(format!("{{{}}}", keys.join(",")))).await.problem(422);
    // Compared with one another they would take many minutes.
    assert!(begun.elapsed() < crate::support::DEADLINE);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_be_finished_says_why() {
    for service in Service::on_both(&[]).await {
        service.sync(members(1..=60)).await.counts();
        service.execute("ALTER TABLE held_departures RENAME TO elsewhere").await;
        let answer = service.sync(members(1..=30)).await;
        let problem = answer.problem(500);
        assert!(problem["detail"].as_str().is_some_and(|text| text.contains("held_departures")), "{problem}");
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_finds_its_run_again() {
    let service = Service::start().await;
    let keyed = |body: String| service.post(body).header("Idempotency-Key", "k-1");
    let first = send(keyed(list(members(1..=3)))).await.counts();
    assert_eq!(send(keyed(list(members(1..=3)))).await.counts(), first);
    let other = service.refused(keyed(list(members(1..=4))), 422).await;
    assert_eq!(other.faults(), ["Idempotency-Key reused"]);
    let (one, two) = tokio::join!(
        send(service.post(list([member(9)])).header("Idempotency-Key", "k-2")),
        send(service.post(list([member(9)])).header("Idempotency-Key", "k-2")),
    );
    assert_eq!(one.counts()["run_id"], two.counts()["run_id"]);
    assert_eq!(service.column("SELECT CAST(count(*) AS TEXT) FROM sync_runs").await, ["2"]);
    for bad in ["", "a b", &"x".repeat(256)] {
        let answer = service.refused(service.post(list([member(1)])).header("Idempotency-Key", bad), 422).await;
        assert_eq!(answer.faults(), ["Idempotency-Key form"], "{bad:?}");
    }
    service.stop().await;
}
