//! The gateway, by a client that knows its frames and no more.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serenity::model::event::{
    GuildCreateEvent, GuildMemberAddEvent, GuildMemberRemoveEvent, GuildMemberUpdateEvent, GuildRoleCreateEvent,
    GuildRoleDeleteEvent, GuildRoleUpdateEvent, ReadyEvent,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::*;

/// `GUILDS` alone.
const FEW: u64 = 1;
const ALL: u64 = FEW | GUILD_MEMBERS;

/// What comes on a connection.
#[derive(Debug, PartialEq)]
enum Heard {
    Frame(Value),
    /// Closed with that code.
    Closed(u16),
    /// The end, with no word.
    Broken,
}

pub(super) struct Bot(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Bot {
    /// A connection that was greeted.
    async fn connect(fake: &Fake) -> Self {
        let url = fake.world(|w| w.gateway.url.clone());
        let mut bot = Self(tokio_tungstenite::connect_async(format!("{url}/?v=10&encoding=json")).await.unwrap().0);
        let hello = bot.frame().await;
        assert_eq!((&hello["op"], &hello["d"]), (&json!(10), &json!({ "heartbeat_interval": 41_250 })));
        bot
    }

    /// One that has a session, and has read what comes first.
    pub(super) async fn identified(fake: &Fake, intents: u64) -> (Self, String) {
        let mut bot = Self::connect(fake).await;
        bot.identify(TOKEN, intents).await;
        let ready = bot.event("READY").await;
        bot.event("GUILD_CREATE").await;
        (bot, ready["session_id"].as_str().unwrap().to_owned())
    }

    /// One that took a session back up.
    async fn resuming(fake: &Fake, session: &str, seq: u64) -> Self {
        let mut bot = Self::connect(fake).await;
        bot.say(json!({ "op": 6, "d": { "token": TOKEN, "session_id": session, "seq": seq } })).await;
        bot
    }

    async fn say(&mut self, frame: Value) {
        self.0.send(Message::Text(frame.to_string())).await.unwrap();
    }

    async fn identify(&mut self, token: &str, intents: u64) {
        self.say(json!({ "op": 2, "d": { "token": token, "intents": intents, "properties": {} } })).await;
    }

    async fn hear(&mut self) -> Heard {
        match tokio::time::timeout(DEADLINE, self.0.next()).await.expect("something comes") {
            Some(Ok(Message::Text(text))) => Heard::Frame(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Close(Some(frame)))) => Heard::Closed(frame.code.into()),
            Some(Err(_)) | None => Heard::Broken,
            Some(Ok(other)) => panic!("{other:?}"),
        }
    }

    async fn frame(&mut self) -> Value {
        match self.hear().await {
            Heard::Frame(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    /// The next event, which is of that kind.
    pub(super) async fn event(&mut self, kind: &str) -> Value {
        let frame = self.frame().await;
        assert_eq!((&frame["op"], frame["t"].as_str()), (&json!(0), Some(kind)), "{frame}");
        frame["d"].clone()
    }
}

#[tokio::test]
async fn a_session_begins_with_who_it_is_and_its_guild() {
    let fake = Fake::start().await;
    fake.world(|w| {
        w.put_many(1, 300);
        w.roles.push(role(5, "Staff", 7));
        w.channels.insert(6, true);
    });
    assert_eq!(Client::of(&fake).get("/gateway").await.json()["url"], fake.world(|w| w.gateway.url.clone()));
    let mut bot = Bot::connect(&fake).await;
    bot.identify(TOKEN, ALL).await;
    let ready: ReadyEvent = serde_json::from_value(bot.event("READY").await).unwrap();
    assert_eq!((ready.ready.application.id.get(), ready.ready.guilds[0].id.get()), (APPLICATION, GUILD));
    let guild: GuildCreateEvent = serde_json::from_value(bot.event("GUILD_CREATE").await).unwrap();
    let guild = guild.guild;
    assert_eq!((guild.id.get(), guild.member_count, guild.large, guild.members.len()), (GUILD, 300, true, 1));
    assert_eq!((guild.roles.len(), guild.channels.len()), (2, 1));
    assert_eq!(fake.world(|w| w.gateway.identifies.clone()), [ALL]);
    assert_eq!(fake.world(|w| w.gateway.sessions()), [ALL]);
    let limit = Client::of(&fake).get("/gateway/bot").await.json();
    assert_eq!(limit["session_start_limit"]["remaining"], 999);
}

#[tokio::test]
async fn members_come_and_go_before_those_who_asked_for_it() {
    let fake = Fake::start().await;
    let ((mut all, _), (mut few, _)) = tokio::join!(Bot::identified(&fake, ALL), Bot::identified(&fake, FEW));
    let ada = Person::new(7).username("ada").nick("Ada");
    fake.world(|w| {
        w.member_joins(&ada);
        w.member_changes(&ada.clone().nick("Countess"));
        w.member_leaves(7);
        w.dispatch("GUILD_ROLE_DELETE", &json!({ "guild_id": GUILD.to_string(), "role_id": "5" }));
    });
    let joined: GuildMemberAddEvent = serde_json::from_value(all.event("GUILD_MEMBER_ADD").await).unwrap();
    assert_eq!((joined.member.user.name.as_str(), joined.member.nick.as_deref()), ("ada", Some("Ada")));
    let changed: GuildMemberUpdateEvent = serde_json::from_value(all.event("GUILD_MEMBER_UPDATE").await).unwrap();
    assert_eq!((changed.guild_id.get(), changed.nick.as_deref()), (GUILD, Some("Countess")));
    let left: GuildMemberRemoveEvent = serde_json::from_value(all.event("GUILD_MEMBER_REMOVE").await).unwrap();
    assert_eq!((left.guild_id.get(), left.user.id.get()), (GUILD, 7));
    all.event("GUILD_ROLE_DELETE").await;
    few.event("GUILD_ROLE_DELETE").await;
    assert_eq!(fake.world(|w| w.member(7)), None);
}

#[tokio::test]
async fn roles_come_change_and_go_before_everyone() {
    let fake = Fake::start().await;
    let (mut few, _) = Bot::identified(&fake, FEW).await;
    fake.world(|w| {
        w.role_appears(&role(5, "Staff", 7));
        w.role_changes(&role(5, "Crew", 7));
        w.role_goes(5);
    });
    let made: GuildRoleCreateEvent = serde_json::from_value(few.event("GUILD_ROLE_CREATE").await).unwrap();
    assert_eq!((made.role.guild_id.get(), made.role.name.as_str()), (GUILD, "Staff"));
    let changed: GuildRoleUpdateEvent = serde_json::from_value(few.event("GUILD_ROLE_UPDATE").await).unwrap();
    assert_eq!(changed.role.name, "Crew");
    let gone: GuildRoleDeleteEvent = serde_json::from_value(few.event("GUILD_ROLE_DELETE").await).unwrap();
    assert_eq!((gone.guild_id.get(), gone.role_id.get()), (GUILD, 5));
    assert_eq!(fake.world(|w| w.roles.len()), 1);
}

#[tokio::test]
async fn who_may_not_come_in_is_told_why() {
    let fake = Fake::start().await;
    let refused = async |token: &str, intents: u64| {
        let mut bot = Bot::connect(&fake).await;
        bot.identify(token, intents).await;
        bot.hear().await
    };
    assert_eq!(refused("other", FEW).await, Heard::Closed(4004));
    assert_eq!(refused(TOKEN, 1 << 40).await, Heard::Closed(4013));
    fake.world(|w| w.gateway.refuses = Some(4011));
    assert_eq!(refused(TOKEN, FEW).await, Heard::Closed(4011));
    fake.world(|w| (w.gateway.refuses, w.members_intent) = (None, false));
    assert_eq!(refused(TOKEN, ALL).await, Heard::Closed(4014));
    assert!(matches!(refused(&format!("Bot {TOKEN}"), FEW).await, Heard::Frame(ready) if ready["t"] == "READY"));
    assert_eq!(fake.world(|w| w.gateway.identifies.len()), 5);

    for (said, code) in [
        (json!({ "op": 3, "d": {} }), 4003),
        (json!({ "op": 77 }), 4001),
        (json!({ "op": 2, "d": {} }), 4002),
        (json!({ "op": 2, "d": { "token": TOKEN, "intents": FEW } }), 4002),
        (json!({ "op": 6, "d": { "token": "other", "session_id": "x", "seq": 1 } }), 4004),
    ] {
        let mut bot = Bot::connect(&fake).await;
        bot.say(said.clone()).await;
        assert_eq!(bot.hear().await, Heard::Closed(code), "{said}");
    }
    let (mut bot, _) = Bot::identified(&fake, FEW).await;
    bot.say(json!({ "op": 3, "d": {} })).await;
    bot.identify(TOKEN, FEW).await;
    assert_eq!(bot.hear().await, Heard::Closed(4005));

    let url = fake.world(|w| w.gateway.url.clone());
    for query in ["", "?v=9", "?v=10&encoding=etf", "?v=10&compress=zlib-stream"] {
        assert!(tokio_tungstenite::connect_async(format!("{url}/{query}")).await.is_err(), "{query}");
    }
}

#[tokio::test]
async fn heartbeats_are_answered_unless_they_are_not() {
    let fake = Fake::start().await;
    let (mut bot, _) = Bot::identified(&fake, FEW).await;
    bot.say(json!({ "op": 1, "d": 2 })).await;
    assert_eq!(bot.frame().await["op"], 11);
    fake.world(|w| w.gateway.acknowledges = false);
    bot.say(json!({ "op": 1, "d": 2 })).await;
    fake.until("the heartbeat has come", |w| (w.gateway.heartbeats == 2).then_some(())).await;
    fake.world(|w| w.dispatch("GUILD_ROLE_DELETE", &json!({})));
    bot.event("GUILD_ROLE_DELETE").await;

    fake.world(|w| w.gateway.heartbeat = Duration::from_secs(1));
    let url = fake.world(|w| w.gateway.url.clone());
    let mut bot = Bot(tokio_tungstenite::connect_async(format!("{url}/?v=10")).await.unwrap().0);
    assert_eq!(bot.frame().await["d"]["heartbeat_interval"], 1000);
}

#[tokio::test]
async fn a_resume_has_again_what_was_missed() {
    let fake = Fake::start().await;
    let (mut bot, session) = Bot::identified(&fake, ALL).await;
    fake.world(|w| {
        w.member_joins(&Person::new(1));
        w.gateway.break_connections();
        w.member_joins(&Person::new(2));
    });
    bot.event("GUILD_MEMBER_ADD").await;
    assert_eq!(bot.hear().await, Heard::Broken);
    assert_eq!(fake.world(|w| w.gateway.sessions()), [0; 0]);

    let mut bot = Bot::resuming(&fake, &session, 2).await;
    for id in ["1", "2"] {
        assert_eq!(bot.event("GUILD_MEMBER_ADD").await["user"]["id"], id);
    }
    let resumed = bot.frame().await;
    assert_eq!((&resumed["t"], &resumed["s"]), (&json!("RESUMED"), &json!(5)));
    fake.world(|w| w.member_joins(&Person::new(3)));
    assert_eq!(bot.event("GUILD_MEMBER_ADD").await["user"]["id"], "3");
    assert_eq!(fake.world(|w| w.gateway.resumes.iter().map(|one| (one.seq, one.granted)).collect::<Vec<_>>()), [(2, true)]);

    let mut bot = Bot::resuming(&fake, &session, 99).await;
    assert_eq!(bot.hear().await, Heard::Closed(4007));
}

#[tokio::test]
async fn a_session_may_be_lost() {
    let fake = Fake::start().await;
    let (mut bot, session) = Bot::identified(&fake, ALL).await;
    fake.world(|w| {
        w.gateway.resumable = false;
        w.gateway.close_connections(4000);
    });
    assert_eq!(bot.hear().await, Heard::Closed(4000));
    let mut bot = Bot::resuming(&fake, &session, 2).await;
    let frame = bot.frame().await;
    assert_eq!((&frame["op"], &frame["d"]), (&json!(9), &json!(false)));
    fake.world(|w| w.gateway.resumable = true);
    assert_eq!(Bot::resuming(&fake, &session, 2).await.frame().await["op"], 9, "what is lost is lost");

    let (mut bot, session) = Bot::identified(&fake, ALL).await;
    bot.0.close(None).await.unwrap();
    let (mut other, kept) = Bot::identified(&fake, ALL).await;
    other.0.send(Message::Close(Some(close(1000)))).await.unwrap();
    fake.until("both are gone", |w| w.gateway.sessions().is_empty().then_some(())).await;
    assert_eq!(Bot::resuming(&fake, &session, 2).await.event("RESUMED").await["_trace"], json!([]));
    assert_eq!(Bot::resuming(&fake, &kept, 2).await.frame().await["op"], 9, "who says goodbye gives the session up");
}

fn close(code: u16) -> tokio_tungstenite::tungstenite::protocol::CloseFrame<'static> {
    tokio_tungstenite::tungstenite::protocol::CloseFrame { code: code.into(), reason: "".into() }
}

#[tokio::test]
async fn clients_are_asked_to_come_again_or_find_nobody() {
    let fake = Fake::start().await;
    let (mut bot, _) = Bot::identified(&fake, ALL).await;
    fake.world(|w| w.gateway.ask_to_reconnect());
    assert_eq!(bot.frame().await["op"], 7);
    for resumable in [true, false] {
        fake.world(|w| w.gateway.invalidate(resumable));
        let frame = bot.frame().await;
        assert_eq!((&frame["op"], &frame["d"]), (&json!(9), &json!(resumable)));
        assert_eq!(fake.world(|w| w.gateway.sessions().len()), usize::from(resumable));
    }
    fake.world(|w| w.gateway.away = true);
    let url = fake.world(|w| w.gateway.url.clone());
    let mut bot = Bot(tokio_tungstenite::connect_async(format!("{url}/?v=10")).await.unwrap().0);
    assert_eq!(bot.hear().await, Heard::Broken);
}

#[tokio::test]
async fn the_bot_is_invited_and_thrown_out() {
    let fake = Fake::start().await;
    fake.world(|w| w.in_guild = false);
    let mut bot = Bot::connect(&fake).await;
    bot.identify(TOKEN, FEW).await;
    assert_eq!(bot.event("READY").await["guilds"], json!([]));
    fake.world(World::bot_is_invited);
    assert_eq!(bot.event("GUILD_CREATE").await["id"], GUILD.to_string());
    fake.world(World::bot_is_removed);
    assert_eq!(bot.event("GUILD_DELETE").await, json!({ "id": GUILD.to_string() }));
    assert!(!fake.world(|w| w.in_guild));
}
