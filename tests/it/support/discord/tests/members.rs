//! The guild and its members.

use super::*;

#[tokio::test]
async fn pages_begin_after_an_id_and_go_by_its_number() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    for id in [10, 9, 100, 1, 20] {
        fake.world(|w| w.put(&Person::new(id)));
    }
    assert_eq!(client.members("").await.ids(), [1], "a page has one member unless more are asked for");
    assert_eq!(client.members("?limit=3").await.ids(), [1, 9, 10]);
    assert_eq!(client.members("?limit=3&after=10").await.ids(), [20, 100]);
    assert_eq!(client.members("?limit=1000&after=100").await.ids(), [0; 0]);
    for query in ["?limit=0", "?limit=1001", "?limit=all", "?limit=-1", "?after=last"] {
        assert_eq!(client.members(query).await.error(), (400, 50035), "{query}");
    }
}

#[tokio::test]
async fn members_are_as_they_were_put() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    let someone =
        Person::new(7).username("ada").global_name("Ada").nick("Countess").roles(&[5, 6]).with("joined_at", Value::Null);
    let odd = json!({ "user": { "id": 0 } });
    fake.world(|w| {
        w.put(&someone);
        w.put(&Person::new(9).bot().with_user("avatar", "a_1"));
        w.put_raw(8, &odd);
    });
    let list = client.members("?limit=5").await.json();
    assert_eq!(list[0]["user"]["username"], "ada");
    assert_eq!(list[0]["user"]["global_name"], "Ada");
    assert_eq!(
        (&list[0]["nick"], &list[0]["roles"], &list[0]["joined_at"]),
        (&json!("Countess"), &json!(["5", "6"]), &Value::Null)
    );
    assert_eq!(list[1], odd);
    assert_eq!((&list[2]["user"]["bot"], &list[2]["user"]["discriminator"]), (&json!(true), &json!("4821")));

    let told = client.get(&format!("/guilds/{GUILD}/members/7")).await;
    assert_eq!(told.json(), list[0]);
    assert_eq!(fake.world(|w| w.member(7)), Some(someone.member()));
}

#[tokio::test]
async fn who_is_not_there_left_or_never_was() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    fake.world(|w| {
        w.put(&Person::new(7));
        w.remove(7);
    });
    assert_eq!(client.get(&format!("/guilds/{GUILD}/members/7")).await.error(), (404, 10007));
    assert_eq!(client.get(&format!("/guilds/{GUILD}/members/8")).await.error(), (404, 10013));
    assert_eq!(client.get(&format!("/guilds/{GUILD}/members/eight")).await.error(), (400, 50035));
    fake.world(|w| w.put(&Person::new(7)));
    assert_eq!(client.get(&format!("/guilds/{GUILD}/members/7")).await.status, 200);
}

#[tokio::test]
async fn the_intent_of_the_portal_guards_the_list_alone() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    let flags = async || client.get("/applications/@me").await.json()["flags"].as_u64().unwrap();
    assert_eq!(flags().await, 1 << 15);
    fake.world(|w| {
        w.members_intent = false;
        w.put(&Person::new(7));
    });
    assert_eq!(flags().await, 0);
    let told = client.members("").await;
    assert_eq!((told.error(), told.json()["message"].as_str()), ((403, 50001), Some("Missing Access")));
    assert_eq!(client.get(&format!("/guilds/{GUILD}/members/7")).await.status, 200);
    assert_eq!(client.get(&format!("/guilds/{GUILD}")).await.status, 200);
}

#[tokio::test]
async fn a_guild_that_is_not_ours_shows_nothing() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    for path in ["", "/members", "/members/7", "/roles"] {
        assert_eq!(client.get(&format!("/guilds/12345{path}")).await.error(), (404, 10004), "{path}");
    }
    fake.world(|w| w.in_guild = false);
    for path in ["", "/members", "/members/7", "/roles"] {
        assert_eq!(client.get(&format!("/guilds/{GUILD}{path}")).await.error(), (403, 50001), "{path}");
    }
}

#[tokio::test]
async fn the_guild_tells_its_size_when_asked() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    fake.world(|w| {
        w.put_many(1, 12);
        w.guild_name = "Ours".into();
        w.roles.push(role(5, "Staff", 0x00ff_8800));
    });
    let count =
        async || client.get(&format!("/guilds/{GUILD}?with_counts=true")).await.json()["approximate_member_count"].clone();
    assert_eq!(count().await, 12);
    fake.world(|w| w.approximate_member_count = Some(1000));
    assert_eq!(count().await, 1000);

    let guild = client.get(&format!("/guilds/{GUILD}")).await.json();
    assert_eq!((&guild["name"], &guild["approximate_member_count"]), (&json!("Ours"), &Value::Null));
    let roles = client.get(&format!("/guilds/{GUILD}/roles")).await.json();
    assert_eq!((roles[0]["id"].as_str(), roles[1]["name"].as_str()), (Some(GUILD.to_string().as_str()), Some("Staff")));
    assert_eq!((&roles[1]["color"], &roles[1]["colors"]["primary_color"]), (&json!(0x00ff_8800), &json!(0x00ff_8800)));
}

#[tokio::test]
async fn a_hundred_thousand_members_come_in_pages() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    fake.world(|w| {
        w.limits.global.requests = 1000;
        w.limits.set(Route::Members, 1000, std::time::Duration::from_secs(1));
        w.put_many(1, 100_000);
    });
    let mut ids = Vec::new();
    loop {
        let page = client.members(&format!("?limit=1000&after={}", ids.last().unwrap_or(&0))).await.ids();
        if page.is_empty() {
            break;
        }
        ids.extend(page);
    }
    assert!(ids.iter().copied().eq(1..=100_000));
    assert_eq!(fake.world(|w| w.asked(Route::Members).count()), 101);
}
