//! Wrong keys: how many are told so, and who is never held up by them.

use super::{GUILD, KEY, Service, list, members, send};

#[tokio::test(flavor = "multi_thread")]
async fn after_twenty_wrong_keys_the_next_wait_and_the_right_one_never_does() {
    let service = Service::start().await;
    service.sync(members(1..=2)).await.counts();
    let wrong = || service.bare_post(list(members(1..=2))).header("X-API-Key", "guess").header("X-Guild-Id", GUILD);
    for _ in 0..20 {
        service.refused(wrong(), 401).await;
        assert_eq!(send(service.post(list(members(1..=2)))).await.status, 200);
    }
    for _ in 0..3 {
        let answer = service.refused(wrong(), 429).await;
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(send(service.post(list(members(1..=2)))).await.status, 200);
    }
    // A missing key is a wrong one, and the other addresses count with this one.
    service.refused(service.bare_post("{}"), 429).await;
    service.refused(service.client.get(service.url("/api/dbot/sync_runs/x")), 429).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_a_setting() {
    let service = Service::with(&[("GUILDSYNC__API__WRONG_KEYS_PER_MINUTE", "1")]).await;
    service.refused(service.bare_post("{}"), 401).await;
    service.refused(service.bare_post("{}"), 429).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_keys_both_are_right_and_the_pair_is_not() {
    let service = Service::with(&[("DBOT_AUTH_KEY", "old-key-1234567890 , new-key-1234567890,")]).await;
    let with = |key: &'static str| service.bare_post(list(members(1..=2))).header("X-API-Key", key).header("X-Guild-Id", GUILD);
    for key in ["old-key-1234567890", "new-key-1234567890"] {
        assert_eq!(send(with(key)).await.status, 200, "{key}");
    }
    for key in ["old-key-1234567890,new-key-1234567890", "old-key-1234567890 , new-key-1234567890,", "", ",", KEY] {
        service.refused(with(key), 401).await;
    }
    service.stop().await;
}
