//! What a bot writes: commands, answers, messages.

use super::*;

fn commands() -> String {
    format!("/applications/{APPLICATION}/guilds/{GUILD}/commands")
}

#[tokio::test]
async fn commands_are_registered_anew_each_time() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    let option = json!({ "type": 5, "name": "dry_run", "description": "Only count" });
    let command =
        json!({ "name": "sync_members", "description": "Sync", "default_member_permissions": "8", "options": [option] });
    let told = client
        .send("PUT", &commands(), Some(json!([command.clone(), { "name": "other", "description": "Other" }])))
        .await
        .unwrap();
    assert_eq!(told.status, 200);
    let told = client.send("PUT", &commands(), Some(json!([command]))).await.unwrap().json();
    assert_eq!(fake.world(|w| json!(w.commands)), told);
    assert_eq!(told.as_array().map(Vec::len), Some(1));
    assert_eq!((&told[0]["default_member_permissions"], &told[0]["options"]), (&json!("8"), &json!([option])));

    for body in
        [json!({}), json!([{ "name": "Sync Members", "description": "x" }]), json!([{ "name": "sync", "description": "" }])]
    {
        assert_eq!(client.send("PUT", &commands(), Some(body)).await.unwrap().error(), (400, 50035));
    }
    let elsewhere = format!("/applications/1/guilds/{GUILD}/commands");
    assert_eq!(client.send("PUT", &elsewhere, Some(json!([]))).await.unwrap().error(), (404, 10002));
    fake.world(|w| w.may_have_commands = false);
    assert_eq!(client.send("PUT", &commands(), Some(json!([]))).await.unwrap().error(), (403, 50001));
}

#[tokio::test]
async fn a_command_is_answered_once_and_its_reply_edited_until_it_expires() {
    let fake = Fake::start().await;
    // The tokens of the paths are enough.
    let client = Client { authorization: String::new(), ..Client::of(&fake) };
    let (id, token) = fake.world(|w| w.open_interaction(5));
    let (callback, reply) =
        (format!("/interactions/{id}/{token}/callback"), format!("/webhooks/{APPLICATION}/{token}/messages/@original"));
    let edit = async |text: &str| client.send("PATCH", &reply, Some(json!({ "content": text }))).await.unwrap();
    let answer = async |path: &str, kind: u8| {
        client.send("POST", path, Some(json!({ "type": kind, "data": { "flags": 64 } }))).await.unwrap()
    };

    assert_eq!(edit("too soon").await.error(), (404, 10008));
    assert_eq!(answer(&format!("/interactions/1/{token}/callback"), 5).await.error(), (404, 10062));
    assert_eq!(answer(&callback, 1).await.error(), (400, 50035));
    assert_eq!(answer(&callback, 4).await.error(), (400, 50006), "an answer at once has a text");
    assert_eq!(answer(&callback, 5).await.status, 204);
    assert_eq!(answer(&callback, 5).await.error(), (400, 40060));

    let message = edit("one").await;
    assert_eq!(
        (message.status, message.json()["content"].as_str(), message.json()["channel_id"].as_str()),
        (200, Some("one"), Some("5"))
    );
    assert_eq!(edit("").await.error(), (400, 50006));
    assert_eq!(edit(&"é".repeat(2001)).await.error(), (400, 50035));
    assert_eq!(edit(&"é".repeat(2000)).await.status, 200);
    let seen = fake.world(|w| w.interaction(&token).unwrap().clone());
    assert_eq!(seen.callback.as_ref().map(|(body, _)| &body["data"]["flags"]), Some(&json!(64)));
    assert!(seen.callback.is_some_and(|(_, after)| after < DEADLINE));
    assert_eq!((seen.replies.len(), seen.replies[0].as_str()), (2, "one"));

    fake.world(|w| w.interaction(&token).unwrap().expired = true);
    assert_eq!(edit("too late").await.error(), (401, 50027));
    assert_eq!(client.send("PATCH", "/webhooks/1/x/messages/@original", Some(json!({}))).await.unwrap().error(), (404, 10015));
}

#[tokio::test]
async fn a_channel_is_seen_where_the_bot_may_view_it() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    fake.world(|w| {
        w.channels.extend([(5, true), (6, true)]);
        w.hidden_channels.insert(6);
        w.channels_elsewhere.insert(7, GUILD + 1);
    });
    let channel = client.get("/channels/5").await.json();
    assert_eq!((&channel["name"], &channel["guild_id"]), (&json!("channel-5"), &json!(GUILD.to_string())));
    assert_eq!(client.get("/channels/6").await.error(), (403, 50001));
    assert_eq!(client.get("/channels/7").await.json()["guild_id"], (GUILD + 1).to_string());
    assert_eq!(client.get("/channels/8").await.error(), (404, 10003));
}

#[tokio::test]
async fn messages_go_where_the_bot_may_write() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    let post = async |channel: u64, text: &str| {
        client.send("POST", &format!("/channels/{channel}/messages"), Some(json!({ "content": text }))).await.unwrap()
    };
    fake.world(|w| w.channels.extend([(5, true), (6, false)]));
    assert_eq!(post(5, "hello").await.json()["content"], "hello");
    assert_eq!(post(5, "").await.error(), (400, 50006));
    assert_eq!(post(6, "hello").await.error(), (403, 50013));
    assert_eq!(post(7, "hello").await.error(), (404, 10003));
    fake.world(|w| w.in_guild = false);
    assert_eq!(post(5, "hello").await.error(), (403, 50001));
    assert_eq!(client.get("/channels/5").await.error(), (403, 50001));
    let posted = fake.world(|w| w.messages.clone());
    let [posted] = &posted[..] else { panic!("one message: {posted:?}") };
    assert_eq!((posted.channel, &posted.message["content"]), (5, &json!("hello")));
}
