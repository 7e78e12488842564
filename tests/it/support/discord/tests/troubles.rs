//! What goes wrong when it is scripted.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

async fn in_trouble(when: When, trouble: Trouble) -> (Fake, Client) {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    fake.world(|w| {
        w.put_many(1, 5);
        w.trouble(Route::Members, when, trouble);
    });
    (fake, client)
}

/// What a plain socket gets to see of an answer until the connection ends.
async fn raw(fake: &Fake) -> String {
    let mut stream = TcpStream::connect(fake.url().trim_start_matches("http://")).await.unwrap();
    let head = format!("GET /api/v10/guilds/{GUILD}/members?limit=5 HTTP/1.1\r\nHost: fake\r\nAuthorization: Bot {TOKEN}\r\n");
    stream.write_all(format!("{head}User-Agent: DiscordBot (http://a, 1)\r\n\r\n").as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut seen)).await.unwrap().unwrap();
    String::from_utf8(seen).unwrap()
}

#[tokio::test]
async fn troubles_come_when_they_were_scripted_to_come() {
    for (when, expected) in [
        (When::Next(2), [500, 500, 200, 200, 200, 200]),
        (When::Nth(2), [200, 500, 200, 200, 200, 200]),
        (When::Every(3), [200, 200, 500, 200, 200, 500]),
    ] {
        let (fake, client) = in_trouble(when, Trouble::Status(500)).await;
        for expected in expected {
            assert_eq!(client.members("").await.status, expected, "{when:?}");
        }
        assert_eq!(client.get("/users/@me").await.status, 200);
        assert_eq!(
            fake.world(|w| w.asked(Route::Members).filter(|asked| asked.status == Some(500)).count()),
            2 - usize::from(matches!(when, When::Nth(_)))
        );
    }
    let (fake, client) = in_trouble(When::Every(1), Trouble::Status(502)).await;
    assert_eq!(client.members("").await.error(), (502, 0));
    fake.world(World::untroubled);
    assert_eq!(client.members("").await.status, 200);
}

#[tokio::test]
async fn refusals_of_every_kind() {
    let wait = Duration::from_millis(1200);
    for (scope, name, global) in [(Scope::User, "user", ""), (Scope::Global, "global", "true"), (Scope::Shared, "shared", "")] {
        let (_fake, client) = in_trouble(When::Next(1), Trouble::Limited(scope, wait)).await;
        let told = client.members("").await;
        assert_eq!((told.status, told.header("retry-after")), (429, "2"));
        assert_eq!((told.header("x-ratelimit-scope"), told.header("x-ratelimit-global")), (name, global));
        assert_eq!(told.json()["retry_after"], 1.2);
    }
}

#[tokio::test]
async fn the_edge_speaks_html() {
    let (fake, client) = in_trouble(When::Next(1), Trouble::Edge(429, Some(600))).await;
    fake.world(|w| w.limits.on_its_way = Duration::ZERO);
    let told = client.members("").await;
    assert_eq!((told.status, told.header("retry-after")), (429, "600"));
    assert!(told.header("content-type").starts_with("text/html") && told.text.contains("<h1>"), "{}", told.text);
    assert_eq!(told.header("x-ratelimit-limit"), "");
    assert_eq!(client.get("/users/@me").await.status, 429, "the edge shuts out the address");
    assert_eq!(fake.world(|w| w.limits.violations.len()), 1);

    for status in [403, 429, 502] {
        let (_fake, client) = in_trouble(When::Next(1), Trouble::Edge(status, None)).await;
        let told = client.members("").await;
        assert_eq!((told.status, told.header("retry-after")), (status, ""));
        assert_eq!(client.members("").await.status, 200);
    }
}

#[tokio::test]
async fn connections_end_before_an_answer_or_within_it() {
    let (fake, client) = in_trouble(When::Every(1), Trouble::Closed).await;
    assert_eq!(raw(&fake).await, "");
    assert!(client.send("GET", &format!("/guilds/{GUILD}/members"), None).await.is_err());

    let (fake, client) = in_trouble(When::Every(1), Trouble::CutBody).await;
    let seen = raw(&fake).await;
    let (head, body) = seen.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let length: usize = head.to_lowercase().split_once("content-length: ").unwrap().1.lines().next().unwrap().parse().unwrap();
    assert_eq!(body.len(), length / 2);
    let told = client.send("GET", &format!("/guilds/{GUILD}/members?limit=5"), None).await;
    assert!(told.is_err(), "half a body is none");
}

#[tokio::test]
async fn an_answer_may_never_come() {
    let (fake, client) = in_trouble(When::Next(1), Trouble::Hang).await;
    let path = format!("/guilds/{GUILD}/members");
    let asking = client.send("GET", &path, None);
    let asked = fake.until("the request has come", |w| w.asked(Route::Members).next().map(|asked| asked.status));
    tokio::select! {
        biased;
        _ = asking => panic!("an answer came"),
        status = asked => assert_eq!(status, None),
    }
    assert_eq!(client.members("").await.status, 200);
}

#[tokio::test]
async fn pages_may_be_short_or_say_again_what_was_said() {
    let (_fake, client) = in_trouble(When::Nth(2), Trouble::CutShort(1)).await;
    assert_eq!(client.members("?limit=3").await.ids(), [1, 2, 3]);
    assert_eq!(client.members("?limit=3&after=3").await.ids(), [4]);
    assert_eq!(client.members("?limit=3&after=3").await.ids(), [4, 5]);

    let (_fake, client) = in_trouble(When::Nth(1), Trouble::Repeat(2)).await;
    assert_eq!(client.members("?limit=3&after=3").await.ids(), [2, 3, 4]);
    let (_fake, client) = in_trouble(When::Nth(1), Trouble::Repeat(1000)).await;
    assert_eq!(client.members("?limit=3&after=3").await.ids(), [1, 2, 3]);
}
