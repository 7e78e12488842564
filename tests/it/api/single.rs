//! Single members, their history, and dry runs.

use serde_json::{Value, json};

use super::{Answer, GUILD, KEY, Service, member, members, picked, send, shown};

const COUNTS: [&str; 9] = [
    "created",
    "updated",
    "marked_left",
    "rejoined",
    "unchanged",
    "total_received",
    "duplicates",
    "total_active",
    "departures_held",
];

async fn leave(service: &Service, id: &str) -> Answer {
    let url = service.url(&format!("/api/dbot/member_left/{id}"));
    send(service.client.post(url).header("X-API-Key", KEY).header("X-Guild-Id", GUILD)).await
}

async fn row(service: &Service, id: u64) -> Value {
    service.get(&format!("/api/dbot/members/{id}")).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leave_is_taken_once_moved_on_and_not_undone_by_an_older_list() {
    let service = Service::start().await;
    service.sync(members(1..=3)).await.counts();
    assert_eq!(leave(&service, "1").await.counts(), json!({ "status": "departed", "created": false }));
    let first = row(&service, 1).await["date_left"].clone();
    assert_eq!(leave(&service, "1").await.counts(), json!({ "status": "already_departed", "created": false }));
    let second = row(&service, 1).await["date_left"].clone();
    assert!(second.as_str() > first.as_str(), "{first} {second}");
    assert_eq!(leave(&service, "77").await.counts(), json!({ "status": "departed", "created": true }));
    assert!(row(&service, 77).await["date_left"].is_string());
    // The list was seen before the leave: newer than the last list, older than the row.
    let body = json!({ "members": members(1..=3), "observed_at": first });
    let older = send(service.post(body.to_string())).await.counts();
    assert_eq!(picked(&older, ["deferred", "rejoined", "total_active"]), [1, 0, 2]);
    let newer = service.sync(members(1..=3)).await.counts();
    assert_eq!(picked(&newer, ["deferred", "rejoined", "total_active"]), [0, 1, 3]);
    for bad in ["007", "x", "0", "99999999999999999999", "1.0"] {
        let answer = leave(&service, bad).await;
        assert_eq!(answer.faults(), ["discord_id id"], "{bad}");
        service.get(&format!("/api/dbot/members/{bad}")).await.problem(422);
    }
    let get = service.get("/api/dbot/member_left/1").await;
    get.problem(405);
    assert_eq!(get.header("allow"), "POST");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_member_is_shown_with_what_happened() {
    let service = Service::start().await;
    service.get("/api/dbot/members/5").await.problem(404);
    service.get("/api/dbot/members/5/events").await.problem(404);
    let mut five = member(5);
    five["roles"] = json!(["10", "20"]);
    service.sync(json!([five])).await.counts();
    five["nickname"] = "Fünf".into();
    five["guild_avatar"] = "a_5".into();
    five["roles"] = json!(["20"]);
    let renamed = service.sync(json!([five])).await.counts();
    leave(&service, "5").await.counts();
    service.sync(json!([five])).await.counts();
    let shown_row = shown(&row(&service, 5).await);
    let hidden = shown_row.lines().filter(|line| !line.contains("date_") && !line.contains("created_run_id"));
    insta::assert_snapshot!("member", hidden.collect::<Vec<_>>().join("\n"));

    let page = service.get("/api/dbot/members/5/events?limit=2").await.json();
    let actions = |page: &Value| -> Vec<String> {
        page["events"].as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&page), ["rejoined", "left"]);
    let last = service.get(&format!("/api/dbot/members/5/events?before={}", page["next"])).await.json();
    assert_eq!((actions(&last), &last["next"]), (vec!["updated".to_owned()], &Value::Null));
    let event = &last["events"][0];
    assert_eq!(event["run_id"], renamed["run_id"]);
    assert_eq!(event["before"], json!({ "guild_avatar_hash": "", "nickname": "", "roles": ["10", "20"] }));
    assert_eq!(event["after"], json!({ "guild_avatar_hash": "a_5", "nickname": "Fünf", "roles": ["20"] }));
    for bad in ["limit=0", "limit=1001", "limit=x", "before=x", "limit=1&limit=2"] {
        service.get(&format!("/api/dbot/members/5/events?{bad}")).await.problem(422);
    }
    service.stop().await;
}

/// All changes of a run, page by page.
async fn changes(service: &Service, answer: &Value) -> Vec<Value> {
    let path = format!("/api/dbot/sync_runs/{}/changes?limit=3", answer["run_id"].as_str().unwrap());
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let page = service.get(&format!("{path}{next}")).await.json();
        all.extend(page["changes"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(after) => next = format!("&after={after}"),
            None => return all,
        }
    }
}

/// Without the times at which the run's evidence was true.
fn timeless(changes: Vec<Value>) -> Vec<Value> {
    let mut changes = changes;
    for change in &mut changes {
        for side in ["before", "after"] {
            if let Some(time) = change[side].get_mut("date_left").filter(|time| time.is_string()) {
                *time = "some time".into();
            }
        }
    }
    changes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_foretells_the_real_one_and_writes_nothing() {
    let service = Service::start().await;
    let mut before = members(1..=8);
    before[5]["guild_avatar"] = "a_6".into();
    service.sync(before).await.counts();
    leave(&service, "2").await.counts();
    let mut listed = members([1, 2, 4, 5, 6, 7, 8, 50, 51]);
    listed[2]["nickname"] = "Vier".into();
    listed[2]["guild_avatar"] = "a_4".into();
    listed[8]["guild_avatar"] = "a_51".into();
    // Another name, and not a word of the picture that is known of him.
    listed[4]["nickname"] = "Sechs".into();
    listed.push(member(50));
    let rows =
        service.column("SELECT CAST(observed_at AS TEXT) || date_modified || username FROM guild_members ORDER BY 1").await;
    let dry = send(service.post(json!({ "members": listed, "dry_run": true }).to_string())).await.counts();
    assert_eq!(picked(&dry, COUNTS), [2, 7, 1, 1, 4, 10, 1, 9, 0]);
    assert_eq!(
        service.column("SELECT CAST(observed_at AS TEXT) || date_modified || username FROM guild_members ORDER BY 1").await,
        rows
    );
    service.get("/api/dbot/members/50").await.problem(404);
    let plan = changes(&service, &dry).await;
    let told: Vec<(&str, &str)> =
        plan.iter().map(|change| (change["id"].as_str().unwrap(), change["action"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [("2", "rejoined"), ("3", "left"), ("4", "updated"), ("6", "updated"), ("50", "created"), ("51", "created")]
    );

    assert_eq!(plan[3]["after"], json!({ "nickname": "Sechs" }));

    let real = service.sync(listed.clone()).await.counts();
    assert_eq!(picked(&real, COUNTS), picked(&dry, COUNTS));
    // A later change does not touch what the run is said to have done.
    listed[8]["username"] = "another".into();
    service.sync(listed).await.counts();
    assert_eq!(timeless(changes(&service, &real).await), timeless(plan));
    let bad = format!("/api/dbot/sync_runs/{}/changes?after=x", real["run_id"].as_str().unwrap());
    service.get(&bad).await.problem(422);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_when_the_list_would_be_held_or_too_old() {
    let service = Service::start().await;
    let first = service.sync(members(1..=60)).await.counts();
    let dry = send(service.post(json!({ "members": members(1..=30), "dry_run": true }).to_string())).await.counts();
    assert_eq!((&dry["state"], &dry["held_reason"]), (&json!("succeeded"), &json!("mass_departure")));
    assert_eq!(picked(&dry, ["marked_left", "departures_held", "total_active"]), [0, 30, 60]);
    let old = json!({ "members": members(1..=60), "dry_run": true, "observed_at": "2020-01-01T00:00:00Z" });
    let old = send(service.post(old.to_string())).await.counts();
    assert_eq!(old["state"], "superseded");
    let run = service.get(&format!("/api/dbot/sync_runs/{}", old["run_id"].as_str().unwrap())).await.json();
    assert_eq!((&run["superseded_by"], &run["mode"]), (&first["run_id"], &json!("dry_run")));
    for key in ["dry_run", "allow_mass_departure"] {
        for value in [json!("true"), json!(1), json!([]), json!({})] {
            let answer = service.refused_body(json!({ "members": [member(1)], key: value }).to_string(), 422).await;
            assert_eq!(answer.faults(), [format!("{key} type")]);
        }
    }
    service.stop().await;
}
