//! Who may call a command, and how the commands are registered.

use serde_json::{Value, json};

use super::*;

const GUILD: i64 = 1_234;

fn guild() -> DiscordId {
    DiscordId::try_from(GUILD).unwrap()
}

/// A call as Discord sends it: of this command, from a guild or a direct message, by someone with these permissions.
fn call(name: &str, from: Option<i64>, permissions: u64) -> CommandInteraction {
    let user = json!({ "id": "9", "username": "admin", "discriminator": "0", "global_name": null, "avatar": null });
    let mut call = json!({
        "id": "1", "application_id": "2", "type": 2, "data": { "id": "3", "name": name, "type": 1 }, "channel_id": "4", "token": "t", "version": 1,
        "locale": "en-US", "entitlements": [], "attachment_size_limit": 1
    });
    match from {
        None => call["user"] = user,
        Some(from) => {
            call["guild_id"] = from.to_string().into();
            call["member"] = json!({
                "user": user, "roles": [], "joined_at": null, "deaf": false, "mute": false, "flags": 0, "permissions": permissions.to_string()
            });
        }
    }
    serde_json::from_value(call).unwrap()
}

#[test]
fn only_administrators_of_the_guild_may_call() {
    const ADMINISTRATOR: u64 = 8;
    for name in ["sync_members", "sync_status"] {
        let refused = |from, permissions| refusal(&call(name, from, permissions), guild());
        assert_eq!(refused(Some(GUILD), ADMINISTRATOR), None);
        assert_eq!(refused(Some(GUILD), u64::MAX), None);
        assert_eq!(refused(None, 0), Some(say::not_in_the_guild()));
        assert_eq!(refused(Some(GUILD + 1), ADMINISTRATOR), Some(say::other_guild()));
        assert_eq!(refused(Some(GUILD), 0), Some(say::not_an_administrator()));
        assert_eq!(refused(Some(GUILD), !ADMINISTRATOR), Some(say::not_an_administrator()), "no other permission counts");
    }
    assert_eq!(refusal(&call("sync", Some(GUILD), ADMINISTRATOR), guild()), Some(say::unknown_command()));
}

#[test]
fn the_commands_are_for_administrators_in_the_guild() {
    let commands = serde_json::to_value([sync_members::command(), sync_status::command()]).unwrap();
    let names: Vec<&Value> = commands.as_array().unwrap().iter().map(|command| &command["name"]).collect();
    assert_eq!(names, ["sync_members", "sync_status"]);
    for command in commands.as_array().unwrap() {
        assert_eq!((&command["default_member_permissions"], &command["contexts"]), (&json!("8"), &json!([0])), "{command}");
    }
    let option = &commands[0]["options"][0];
    assert_eq!((&option["name"], &option["type"], &option["required"]), (&json!("dry_run"), &json!(5), &json!(false)));
    assert_eq!(commands[1]["options"], json!([]));
}

#[test]
fn an_invitation_asks_for_what_the_bot_needs() {
    let link = invitation("https://discord.com", 5);
    assert_eq!(link, "https://discord.com/oauth2/authorize?client_id=5&scope=bot+applications.commands&permissions=3072");
    let setup = include_str!("../../../docs/discord-setup.md");
    assert!(
        setup.contains(&link.replace("client_id=5", "client_id=YOUR_APPLICATION_ID")),
        "docs/discord-setup.md has another link"
    );
}
