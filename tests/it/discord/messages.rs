//! What the bot writes.

use std::time::Duration;

use guildsync::discord::DiscordError;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::script::Script;
use super::{BRIEF, id, rest, rest_at};
use crate::support::discord::{APPLICATION, Call, Fake, Route, Scope, Trouble, When};

const CHANNEL: u64 = 55;

#[tokio::test]
async fn a_message_pings_nobody_and_is_posted_once() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.channels.insert(CHANNEL, true);
        world.trouble(Route::Message, When::Next(2), Trouble::Status(502));
    });
    let rest = rest(&fake);
    rest.post_message(id(CHANNEL), "@everyone: 3 departures are held").await.unwrap();
    rest.post_message(id(CHANNEL), "another").await.unwrap();
    let bodies: Vec<Value> = fake.world(|world| world.asked(Route::Message).map(|asked| asked.request.body.clone()).collect());
    assert_eq!(bodies[0]["content"], "@everyone: 3 departures are held");
    assert_eq!(bodies[0]["allowed_mentions"], json!({"parse": []}));
    // All tries are one message to Discord, which compares nonces; two messages are two.
    assert_eq!((&bodies[0], &bodies[0]), (&bodies[1], &bodies[2]));
    assert_eq!(bodies[0]["enforce_nonce"], true);
    let nonce = bodies[0]["nonce"].as_str().unwrap();
    assert!((1..=25).contains(&nonce.len()));
    assert_ne!(bodies[3]["nonce"], nonce);
}

#[tokio::test]
async fn a_channel_where_the_bot_may_not_write_is_told_with_the_permission() {
    let fake = Fake::start().await;
    fake.world(|world| world.channels.insert(CHANNEL, false));
    let rest = rest(&fake);
    let error = rest.post_message(id(CHANNEL), "text").await.unwrap_err();
    assert_eq!(error.code(), "no_permission");
    assert!(error.to_string().contains("View Channel and Send Messages"), "{error}");
    assert_eq!(rest.post_message(id(7), "text").await, Err(DiscordError::UnknownChannel));
    // Here Missing Access is about the channel, not about the intent.
    fake.world(|world| world.in_guild = false);
    assert_eq!(rest.post_message(id(CHANNEL), "text").await.unwrap_err().code(), "no_permission");
    assert_eq!(fake.world(|world| world.log.len()), 3);
}

#[tokio::test]
async fn a_reply_is_edited_without_the_bots_token() {
    let script = Script::json("200 OK", "{}").await;
    let token = SecretString::from("aW50/../?#:token");
    assert_eq!(rest_at(script.url(), BRIEF).edit_reply(id(9), &token, "Created: 3").await, Ok(true));
    let heard = script.heard();
    let [request] = &heard[..] else { panic!("{heard:?}") };
    let path = "/api/v10/webhooks/9/aW50%2F..%2F%3F%23:token/messages/@original";
    assert!(request.starts_with(&format!("PATCH {path} HTTP/1.1\r\n")), "{request}");
    assert!(!request.to_lowercase().contains("authorization"), "{request}");
    let body: Value = serde_json::from_str(request.rsplit_once("\r\n").unwrap().1).unwrap();
    assert_eq!(body, json!({"content": "Created: 3", "allowed_mentions": {"parse": []}}));
}

#[tokio::test]
async fn a_reply_is_edited_again_and_again_until_its_time_is_over() {
    let fake = Fake::start().await;
    let token = fake.world(|world| {
        world.commands = vec![json!({"id": "5", "name": "sync_members"})];
        let token = world.call(&Call::of("sync_members"));
        world.interaction(&token).unwrap().callback = Some((json!({"type": 5}), Duration::ZERO));
        token
    });
    let rest = rest(&fake);
    let edit = async |text: &str| rest.edit_reply(id(APPLICATION), &token.clone().into(), text).await;
    assert_eq!((edit("10 %").await, edit("Created: 3").await), (Ok(true), Ok(true)));
    assert_eq!(fake.world(|world| world.interaction(&token).unwrap().replies.clone()), ["10 %", "Created: 3"]);
    fake.world(|world| world.interaction(&token).unwrap().expired = true);
    assert_eq!(edit("too late").await, Ok(false));
}

#[tokio::test]
async fn a_reply_whose_time_is_over_is_no_error_and_says_nothing_of_the_token() {
    for (status, code) in
        [("404 Not Found", 10_008), ("404 Not Found", 10_015), ("404 Not Found", 10_062), ("401 Unauthorized", 50_027)]
    {
        let script = Script::json(status, &format!(r#"{{"message":"Gone","code":{code}}}"#)).await;
        let rest = rest_at(script.url(), BRIEF);
        assert_eq!(rest.edit_reply(id(9), &"token".into(), "text").await, Ok(false), "{code}");
        // The bot's own token is as good as before: Discord is asked.
        rest.guild(id(1)).await.unwrap_err();
        assert_eq!(script.heard().len(), 2);
    }
    let script = Script::json("400 Bad Request", r#"{"message":"Cannot send an empty message","code":50006}"#).await;
    let error = rest_at(script.url(), BRIEF).edit_reply(id(9), &"token".into(), "").await.unwrap_err();
    assert_eq!(error.code(), "refused");
}

#[tokio::test]
async fn replies_do_not_wait_for_what_holds_back_the_bot() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.trouble(Route::Guild, When::Next(1), Trouble::Limited(Scope::Global, Duration::from_hours(1)));
    });
    let rest = rest(&fake);
    assert_eq!(rest.guild(super::guild()).await.unwrap_err().code(), "stood_still");
    assert_eq!(rest.edit_reply(id(9), &"token".into(), "text").await, Ok(false));
    assert_eq!(rest.roles(super::guild()).await.unwrap_err().code(), "stood_still");
}
