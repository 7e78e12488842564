//! The fake, asked over its real sockets.

mod bot;
mod calls;
mod gateway;
mod limits;
mod members;
mod oauth;
mod shapes;
mod troubles;

use std::collections::HashMap;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::*;

/// Who asks as a bot should.
struct Client {
    http: reqwest::Client,
    base: String,
    authorization: String,
}

/// An answer that was read to its end.
struct Told {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Client {
    fn of(fake: &Fake) -> Self {
        Self::called(fake, "DiscordBot (https://example.org, 1.0)")
    }

    fn called(fake: &Fake, user_agent: &str) -> Self {
        let http = reqwest::Client::builder().user_agent(user_agent).no_proxy().timeout(DEADLINE).build().unwrap();
        Self { http, base: format!("{}/api/v10", fake.url()), authorization: format!("Bot {TOKEN}") }
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> reqwest::Result<Told> {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.base));
        let request = request.header("authorization", &self.authorization);
        let answer = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = answer.send().await?;
        Ok(Told { status: answer.status().as_u16(), headers: answer.headers().clone(), text: answer.text().await? })
    }

    async fn get(&self, path: &str) -> Told {
        self.send("GET", path, None).await.unwrap()
    }

    /// A page of the members of the guild.
    async fn members(&self, query: &str) -> Told {
        self.get(&format!("/guilds/{GUILD}/members{query}")).await
    }
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The status and the code of an error.
    fn error(&self) -> (u16, u64) {
        (self.status, self.json()["code"].as_u64().unwrap())
    }

    /// The ids of a list of members.
    fn ids(&self) -> Vec<u64> {
        assert_eq!(self.status, 200, "{}", self.text);
        let list = self.json();
        list.as_array().unwrap().iter().map(|one| one["user"]["id"].as_str().unwrap().parse().unwrap()).collect()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[tokio::test]
async fn who_does_not_say_who_they_are_is_refused() {
    let fake = Fake::start().await;
    let known = Client::of(&fake);
    assert_eq!(known.get("/users/@me").await.json()["id"], APPLICATION.to_string());
    assert_eq!(known.get("/no/such/route").await.error(), (404, 0));

    for agent in ["reqwest/0.12", "DiscordBot", "DiscordBot (somewhere, 1.0)", "DiscordBot (https://example.org)"] {
        assert_eq!(Client::called(&fake, agent).get("/users/@me").await.status, 400, "{agent}");
    }
    let stranger = Client { authorization: "Bot other".into(), ..Client::of(&fake) };
    let told = stranger.get("/users/@me").await;
    assert_eq!((told.error(), told.json()["message"].as_str()), ((401, 0), Some("401: Unauthorized")));

    fake.world(|w| w.token = "other".into());
    assert_eq!(stranger.get("/users/@me").await.status, 200);
    assert_eq!(known.get("/users/@me").await.status, 401);
}

#[tokio::test]
async fn what_was_asked_is_kept_and_can_be_awaited() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    let path = format!("/guilds/{GUILD}?with_counts=true");
    let (status, _) = tokio::join!(
        fake.until("somebody asks for the guild", |w| w.asked(Route::Guild).next().map(|asked| asked.status)),
        client.get(&path),
    );
    assert_eq!(status, Some(200));
    let asked = fake.world(|w| w.log.clone());
    let [asked] = &asked[..] else { panic!("one request: {asked:?}") };
    assert_eq!((asked.request.method.as_str(), asked.request.query.as_str()), ("GET", "with_counts=true"));
    assert_eq!(asked.request.path, format!("/api/v10/guilds/{GUILD}"));
    assert!(asked.request.user_agent.starts_with("DiscordBot"));
}

#[tokio::test]
async fn nothing_of_two_fakes_is_shared() {
    let (one, other) = (Fake::start().await, Fake::start().await);
    one.world(|w| w.put(&Person::new(1)));
    assert_ne!(one.url(), other.url());
    assert_eq!(Client::of(&other).members("").await.json(), json!([]));
}
