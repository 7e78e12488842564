//! Refusals that concern who asked.

use super::{Service, list, members, send};

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_is_kept_and_must_be_somebody() {
    let service = Service::start().await;
    let asked = |by: &'static str| service.post(list(members(1..=3))).header("X-Discord-User-Id", by);
    let id = send(asked("123456789012345678")).await.counts()["run_id"].as_str().unwrap().to_owned();
    assert_eq!(service.get(&format!("/api/dbot/sync_runs/{id}")).await.json()["requested_by"], "123456789012345678");
    let id = service.sync(members(1..=3)).await.counts()["run_id"].as_str().unwrap().to_owned();
    assert_eq!(service.get(&format!("/api/dbot/sync_runs/{id}")).await.json()["requested_by"], "");
    for by in ["", "0", "x", "007", "99999999999999999999", "<@5>"] {
        let answer = service.refused(asked(by), 422).await;
        assert_eq!(answer.faults(), ["X-Discord-User-Id id"], "{by}");
    }
    service.stop().await;
}

/// A 422 is judged once the whole body has parsed, whatever broke the rule.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_outranks_a_wrong_header() {
    let service = Service::start().await;
    service.refused(service.post("{").header("X-Discord-User-Id", "x"), 400).await;
    let faulty = service.post(r#"{"members":[{"id":"x","username":"a"}]}"#).header("X-Discord-User-Id", "x");
    assert_eq!(service.refused(faulty, 422).await.faults(), ["X-Discord-User-Id id", "members[0].id id"]);
    service.refused(service.post("{").header("Idempotency-Key", "x"), 400).await;
    service.stop().await;
}
