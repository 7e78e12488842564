//! Commands that people call.

use serenity::model::application::CommandInteraction;
use serenity::model::id::GuildId;
use serenity::model::permissions::Permissions;

use super::gateway::Bot;
use super::*;

async fn register(client: &Client) {
    let commands = json!([{ "name": "sync_members", "description": "Sync" }]);
    let told = client.send("PUT", &format!("/applications/{APPLICATION}/guilds/{GUILD}/commands"), Some(commands)).await.unwrap();
    assert_eq!(told.status, 200, "{}", told.text);
}

#[tokio::test]
async fn a_call_waits_for_the_bot_and_reads_every_reply() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    let bot = async {
        register(&client).await;
        let (mut bot, _) = Bot::identified(&fake, 0b1).await;
        let call: CommandInteraction = serde_json::from_value(bot.event("INTERACTION_CREATE").await).unwrap();
        assert_eq!((call.data.name.as_str(), call.guild_id.map(GuildId::get)), ("sync_members", Some(GUILD)));
        assert_eq!(call.data.options[0].value.as_bool(), Some(true));
        let member = call.member.as_ref().unwrap();
        assert_eq!((member.user.id.get(), member.permissions), (100_000_000_000_000_009, Some(Permissions::ADMINISTRATOR)));
        let path = format!("/interactions/{}/{}/callback", call.id, call.token);
        client.send("POST", &path, Some(json!({ "type": 5, "data": { "flags": 64 } }))).await.unwrap();
        let path = format!("/webhooks/{APPLICATION}/{}/messages/@original", call.token);
        for text in ["0 %", "50 %", "Created: 3", "more"] {
            client.send("PATCH", &path, Some(json!({ "content": text }))).await.unwrap();
        }
    };
    let user = async {
        let mut called = fake.call(Call::of("sync_members").option("dry_run", true)).await;
        assert_eq!(called.callback().await["data"]["flags"], 64);
        assert_eq!(called.next_reply().await, "0 %");
        assert_eq!(called.reply_with("Created").await, "Created: 3");
        assert_eq!(called.next_reply().await, "more");
        called.expire();
        called.token.clone()
    };
    let (token, ()) = tokio::join!(user, bot);
    assert!(fake.world(|w| w.interaction(&token).unwrap().expired));
}

#[tokio::test]
async fn anybody_may_call_anywhere() {
    let fake = Fake::start().await;
    let (mut bot, _) = Bot::identified(&fake, 0b1).await;
    let someone = Person::new(77).username("someone");
    let tokens = fake.world(|w| {
        [
            w.call(&Call::of("sync_status").by(&someone, 0)),
            w.call(&Call::of("sync_status").in_guild(Some(12345))),
            w.call(&Call::of("sync_status").in_guild(None)),
        ]
    });
    let mut calls = Vec::new();
    for token in &tokens {
        let call: CommandInteraction = serde_json::from_value(bot.event("INTERACTION_CREATE").await).unwrap();
        assert_eq!(&call.token, token);
        calls.push(call);
    }
    assert_eq!(calls[0].member.as_ref().unwrap().permissions, Some(Permissions::empty()));
    assert_eq!(calls[0].user.name, "someone");
    assert_eq!(calls[1].guild_id.map(GuildId::get), Some(12345));
    assert_eq!((calls[2].guild_id, calls[2].member.is_none(), calls[2].user.name.as_str()), (None, true, "admin"));
}
