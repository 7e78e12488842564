//! What fails: what is tried again and how often, what ends at once, and what a person reads of it.

use std::time::Duration;

use guildsync::discord::{DiscordError, Patience};
use tokio::time::{Instant, timeout};

use super::script::{Script, Then};
use super::{BRIEF, guild, id, rest, rest_at, statuses};
use crate::support::DEADLINE;
use crate::support::discord::{Fake, Person, Route, Trouble, When};

/// Asks for members once with seven of these troubles before, and once with eight.
async fn seven_are_outlasted_and_eight_are_too_many(trouble: Trouble, patience: Patience) -> DiscordError {
    let fake = Fake::start().await;
    let rest = rest_at(&fake.url(), patience);
    fake.world(|world| {
        world.put(&Person::new(1));
        world.trouble(Route::Members, When::Next(7), trouble);
    });
    assert_eq!(rest.members_after(guild(), None).await.unwrap().members.len(), 1, "{trouble:?}");
    fake.world(|world| {
        world.untroubled();
        world.log.clear();
        world.trouble(Route::Members, When::Next(8), trouble);
    });
    let error = rest.members_after(guild(), None).await.unwrap_err();
    assert_eq!(statuses(&fake, Route::Members).len(), 8, "{trouble:?}");
    assert!(error.is_transient());
    error
}

#[tokio::test]
async fn eight_failures_in_a_row_are_too_many() {
    for (trouble, words) in [
        (Trouble::Status(500), "it answered 500"),
        (Trouble::Edge(502, None), "it answered 502"),
        (Trouble::Edge(522, None), "it answered 522"),
        (Trouble::Closed, "the connection failed"),
        (Trouble::CutBody, "the connection failed"),
    ] {
        let error = seven_are_outlasted_and_eight_are_too_many(trouble, BRIEF).await;
        assert_eq!(error.code(), "discord_unavailable");
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = seven_are_outlasted_and_eight_are_too_many(Trouble::Edge(200, None), BRIEF).await;
    assert_eq!(error.code(), "bad_answer");
    assert!(error.to_string().contains("no JSON"), "{error}");
}

#[tokio::test]
async fn an_answer_that_never_comes_is_not_waited_for() {
    let patience = Patience { answer: Duration::from_millis(300), ..BRIEF };
    let error = seven_are_outlasted_and_eight_are_too_many(Trouble::Hang, patience).await;
    assert!(error.to_string().contains("it did not answer within 0.3 s"), "{error}");
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_read_for_ever() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[";
    let script = Script::start(head, Then::Flood(b' ')).await;
    let error = timeout(DEADLINE, rest_at(script.url(), BRIEF).members_after(guild(), None)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("larger than 16 MiB"), "{error}");

    let script = Script::start(head, Then::Hang).await;
    let rest = rest_at(script.url(), Patience { answer: Duration::from_millis(100), ..BRIEF });
    let error = timeout(DEADLINE, rest.members_after(guild(), None)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("did not answer within 0.1 s"), "{error}");
    assert_eq!(script.heard().len(), 8);
}

#[tokio::test]
async fn nobody_there_is_told_without_a_secret() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let rest = rest_at(&nobody, BRIEF);
    let error = rest.edit_reply(id(1), &"reply-secret".into(), "text").await.unwrap_err();
    assert_eq!(error.code(), "discord_unavailable");
    assert!(error.to_string().contains("refused") && !error.to_string().contains("secret"), "{error}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_wrong_token_is_shown_to_discord_once() {
    let fake = Fake::start().await;
    fake.world(|world| world.token = "another".into());
    let rest = rest(&fake);
    let asking = rest.clone();
    assert_eq!(rest.members_after(guild(), None).await, Err(DiscordError::WrongToken));
    assert_eq!(asking.guild(guild()).await, Err(DiscordError::WrongToken));
    assert_eq!(asking.identity().await, Err(DiscordError::WrongToken));
    assert_eq!(fake.world(|world| world.log.len()), 1);
}

#[tokio::test]
async fn a_refusal_is_final_and_names_the_switch() {
    let fake = Fake::start().await;
    let rest = rest(&fake);
    fake.world(|world| world.members_intent = false);
    let error = rest.members_after(guild(), None).await.unwrap_err();
    assert_eq!(error, DiscordError::MissingAccess);
    assert!(error.to_string().contains("Bot > Privileged Gateway Intents > Server Members Intent"), "{error}");
    assert_eq!(statuses(&fake, Route::Members), [Some(403)]);

    fake.world(|world| world.in_guild = false);
    assert_eq!(rest.guild(guild()).await, Err(DiscordError::MissingAccess));
    assert_eq!(rest.roles(id(77)).await, Err(DiscordError::UnknownGuild));
    fake.world(|world| world.trouble(Route::Guild, When::Next(1), Trouble::Edge(403, None)));
    assert_eq!(rest.guild(guild()).await, Err(DiscordError::Blocked));
    fake.world(|world| world.trouble(Route::Guild, When::Next(1), Trouble::Status(400)));
    let error = rest.guild(guild()).await.unwrap_err();
    assert_eq!(error.code(), "refused");
    assert!(error.to_string().contains("to look at the server: 400: scripted (status 400"), "{error}");
    assert_eq!(fake.world(|world| world.log.len()), 5);
}

#[tokio::test]
async fn the_token_follows_no_redirect() {
    let elsewhere = Fake::start().await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("{}/api/v10/guilds/{}/members", elsewhere.url(), guild());
        let answer = format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let script = Script::start(answer, Then::Close).await;
        let error = rest_at(script.url(), BRIEF).members_after(guild(), None).await.unwrap_err();
        assert_eq!((error.code(), error.is_transient()), ("bad_address", false));
        assert!(error.to_string().contains(&status[..3]) && error.to_string().contains("DISCORD_API_URL"), "{error}");
        assert_eq!(script.heard().len(), 1);
    }
    assert_eq!(elsewhere.world(|world| world.log.len()), 0);
}

#[tokio::test]
async fn what_is_no_discord_is_said_to_be_none() {
    let page = "<h1>Not Found</h1>";
    let answer = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}", page.len());
    let script = Script::start(answer, Then::Close).await;
    let error = rest_at(script.url(), BRIEF).guild(guild()).await.unwrap_err();
    assert_eq!(error.code(), "bad_address");
    assert_eq!(script.heard().len(), 1);
}

#[tokio::test]
async fn pauses_between_tries_grow() {
    let fake = Fake::start().await;
    fake.world(|world| world.trouble(Route::Guild, When::Next(3), Trouble::Status(500)));
    let patience = Patience { first_pause: Duration::from_millis(200), longest_pause: Duration::from_secs(1), ..BRIEF };
    let begun = Instant::now();
    rest_at(&fake.url(), patience).guild(guild()).await.unwrap();
    // Half of 200, 400 and 800 ms; the rest is chance.
    assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());
}
