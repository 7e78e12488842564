//! Rate limits.

use std::time::Duration;

use super::*;

const LONG: Duration = Duration::from_mins(10);

#[tokio::test]
async fn every_answer_tells_its_bucket_and_one_too_many_is_refused() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    fake.world(|w| w.limits.set(Route::Members, 2, LONG));
    let mut buckets = Vec::new();
    for left in ["1", "0"] {
        let told = client.members("").await;
        assert_eq!(told.status, 200);
        assert_eq!((told.header("x-ratelimit-limit"), told.header("x-ratelimit-remaining")), ("2", left));
        let after: f64 = told.header("x-ratelimit-reset-after").parse().unwrap();
        assert!((599.0..=600.0).contains(&after), "{after}");
        let at: f64 = told.header("x-ratelimit-reset").parse().unwrap();
        assert!(at > 1_700_000_000.0, "{at}");
        buckets.push(told.header("x-ratelimit-bucket").to_owned());
    }
    assert_eq!(buckets[0], buckets[1]);
    let elsewhere = client.get(&format!("/guilds/{GUILD}/roles")).await;
    assert_eq!((elsewhere.status, elsewhere.header("x-ratelimit-remaining")), (200, "49"));
    assert_ne!(elsewhere.header("x-ratelimit-bucket"), buckets[0]);

    let told = client.members("").await;
    assert_eq!((told.status, told.header("x-ratelimit-scope"), told.header("x-ratelimit-remaining")), (429, "user", "0"));
    let seconds: u64 = told.header("retry-after").parse().unwrap();
    let (body, wait) = (told.json(), told.json()["retry_after"].as_f64().unwrap());
    assert!((599..=600).contains(&seconds) && (598.0..=600.0).contains(&wait), "{body}");
    assert_eq!((&body["global"], body["message"].is_string()), (&json!(false), true));
    assert!(fake.world(|w| w.limits.violations.is_empty()));
}

#[tokio::test]
async fn who_does_not_wait_is_found_out() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    fake.world(|w| {
        w.limits.set(Route::Members, 1, LONG);
        w.limits.on_its_way = Duration::ZERO;
    });
    assert_eq!(client.members("").await.status, 200);
    assert_eq!(client.members("").await.status, 429);
    assert_eq!(client.get(&format!("/guilds/{GUILD}")).await.status, 200, "the wait is of one route");
    assert_eq!(fake.world(|w| w.limits.violations.len()), 0);

    assert_eq!(client.members("?limit=5").await.status, 429);
    let violations = fake.world(|w| w.limits.violations.clone());
    let [violation] = &violations[..] else { panic!("{violations:?}") };
    assert_eq!(violation.asked, format!("GET /api/v10/guilds/{GUILD}/members"));
    assert!(violation.early > Duration::from_mins(9), "{violation:?}");
}

#[tokio::test]
async fn who_waits_as_told_is_served_again() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    fake.world(|w| w.limits.set(Route::Members, 1, Duration::from_millis(500)));
    client.members("").await;
    let told = client.members("").await;
    assert_eq!((told.status, told.header("retry-after")), (429, "1"), "the header has whole seconds");
    let wait = told.json()["retry_after"].as_f64().unwrap();
    tokio::time::sleep(Duration::from_secs_f64(wait)).await;
    assert_eq!(client.members("").await.status, 200);
    assert!(fake.world(|w| w.limits.violations.is_empty()));
}

#[tokio::test]
async fn the_global_limit_counts_every_route_but_those_of_an_interaction() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    fake.world(|w| {
        w.limits.global = Rate { requests: 2, window: LONG };
        w.limits.on_its_way = Duration::ZERO;
    });
    client.members("").await;
    client.get("/users/@me").await;
    let told = client.get("/applications/@me").await;
    assert_eq!((told.status, told.header("x-ratelimit-global"), told.header("x-ratelimit-scope")), (429, "true", "global"));
    assert_eq!(told.json()["global"], true);

    let told = client.send("POST", "/interactions/1/nothing/callback", Some(json!({ "type": 5 }))).await.unwrap();
    assert_eq!(told.error(), (404, 10062));
    assert_eq!(fake.world(|w| w.limits.violations.len()), 0);
    assert_eq!(client.members("").await.status, 429);
    assert_eq!(fake.world(|w| w.limits.violations.len()), 1, "the wait is of all routes");
}
