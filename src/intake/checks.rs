//! The rules of a member (design 3.3), one by one: from what an entry says to a [`Member`], or to faults.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::faults::{Faults, Rule};
use super::json::Loose;
use crate::domain::{
    DiscordId, MAX_ROLES, Member, Roles, TIME_RULE, TextError, check_member_username, check_role, check_text, parse_time,
};

/// The known keys of an entry, unchecked. Of two spellings of a key the documented one counts.
#[derive(Debug, Default)]
pub(super) struct Entry<'de> {
    pub id: Option<Loose<'de>>,
    pub discord_id: Option<Loose<'de>>,
    pub username: Option<Loose<'de>>,
    pub display_name: Option<Loose<'de>>,
    pub nickname: Option<Loose<'de>>,
    pub avatar: Option<Loose<'de>>,
    pub avatar_hash: Option<Loose<'de>>,
    pub guild_avatar: Option<Loose<'de>>,
    pub guild_avatar_hash: Option<Loose<'de>>,
    pub roles: Option<Loose<'de>>,
    pub joined_at: Option<Loose<'de>>,
    pub is_bot: Option<Loose<'de>>,
}

impl<'de> Entry<'de> {
    /// Where the value of a key goes; `None` for a key that is not known.
    pub fn slot(&mut self, key: &str) -> Option<&mut Option<Loose<'de>>> {
        Some(match key {
            "id" => &mut self.id,
            "discord_id" => &mut self.discord_id,
            "username" => &mut self.username,
            "display_name" => &mut self.display_name,
            "nickname" => &mut self.nickname,
            "avatar" => &mut self.avatar,
            "avatar_hash" => &mut self.avatar_hash,
            "guild_avatar" => &mut self.guild_avatar,
            "guild_avatar_hash" => &mut self.guild_avatar_hash,
            "roles" => &mut self.roles,
            "joined_at" => &mut self.joined_at,
            "is_bot" => &mut self.is_bot,
            _ => return None,
        })
    }

    /// Checks the entry at `members[index]`. `everyone`: the role that is the guild's own id.
    pub fn check(self, index: u64, everyone: &str, faults: &mut Faults) -> Option<Member> {
        let mut checks = Checks { index, faults };
        let (id_key, id) = spelled(("id", self.id), ("discord_id", self.discord_id));
        let (avatar_key, avatar) = spelled(("avatar", self.avatar), ("avatar_hash", self.avatar_hash));
        let (guild_avatar_key, guild_avatar) =
            spelled(("guild_avatar", self.guild_avatar), ("guild_avatar_hash", self.guild_avatar_hash));
        // All of them, so that the author learns of every fault at once.
        let id = checks.id(id_key, id);
        let username = checks.username(self.username);
        let display_name = checks.text("display_name", self.display_name);
        let nickname = checks.text("nickname", self.nickname);
        let avatar_hash = checks.text(avatar_key, avatar);
        // Not told is not none: most bots know nothing of it.
        let guild_avatar_hash = match guild_avatar {
            None => Some(None),
            told => checks.text(guild_avatar_key, told).map(Some),
        };
        let roles = checks.roles(self.roles, everyone);
        let joined_at = checks.time("joined_at", self.joined_at);
        let is_bot = checks.flag("is_bot", self.is_bot);
        Some(Member {
            id: id?,
            username: username?,
            display_name: display_name?,
            nickname: nickname?,
            avatar_hash: avatar_hash?,
            guild_avatar_hash: guild_avatar_hash?,
            roles: roles?,
            joined_at: joined_at?,
            is_bot: is_bot?,
        })
    }
}

/// A key as it is spelled, and its value.
type Spelling<'de> = (&'static str, Option<Loose<'de>>);

/// Of two spellings of a key the one that counts: the documented one, unless only the other is there.
fn spelled<'de>(documented: Spelling<'de>, other: Spelling<'de>) -> Spelling<'de> {
    if documented.1.is_none() && other.1.is_some() { other } else { documented }
}

/// Checks the values of one entry. `None` is a fault that has been noted.
struct Checks<'a> {
    index: u64,
    faults: &'a mut Faults,
}

impl Checks<'_> {
    fn fault<T>(&mut self, key: &str, rule: Rule, message: impl Into<String>) -> Option<T> {
        let index = self.index;
        self.faults.add(|| format!("members[{index}].{key}"), rule, message);
        None
    }

    /// The text, if its check found no fault.
    fn checked(&mut self, key: &str, check: Result<(), TextError>, text: Cow<'_, str>) -> Option<String> {
        let Err(error) = check else { return Some(text.into_owned()) };
        let rule = match error {
            TextError::Nul => Rule::Nul,
            TextError::Empty | TextError::TooLong | TextError::RoleLength => Rule::Length,
        };
        self.fault(key, rule, error.to_string())
    }

    fn id(&mut self, key: &str, value: Option<Loose<'_>>) -> Option<DiscordId> {
        let digits = match value {
            None | Some(Loose::Null) => return self.fault(key, Rule::Required, "every member needs an id"),
            Some(Loose::Text(digits)) => digits,
            Some(Loose::Integer(digits)) => digits.into(),
            Some(other) => return self.fault(key, Rule::Type, format!("must be a string or an integer, not {}", other.kind())),
        };
        match digits.parse() {
            Ok(id) => Some(id),
            Err(e) => self.fault(key, Rule::Id, format!("{e}")),
        }
    }

    fn username(&mut self, value: Option<Loose<'_>>) -> Option<String> {
        match value {
            None | Some(Loose::Null) => self.fault("username", Rule::Required, "every member needs a username"),
            Some(Loose::Text(text)) => self.checked("username", check_member_username(&text), text),
            wrong => self.text("username", wrong),
        }
    }

    fn text(&mut self, key: &str, value: Option<Loose<'_>>) -> Option<String> {
        match value {
            None | Some(Loose::Null) => Some(String::new()),
            Some(Loose::Text(text)) => self.checked(key, check_text(&text), text),
            Some(other) => self.fault(key, Rule::Type, format!("must be a string or null, not {}", other.kind())),
        }
    }

    fn roles(&mut self, value: Option<Loose<'_>>, everyone: &str) -> Option<Roles> {
        let elements = match value {
            None | Some(Loose::Null) => return Some(Roles::default()),
            Some(Loose::List(elements)) => elements,
            Some(Loose::LongList(_)) => return self.too_many_roles(),
            Some(other) => return self.fault("roles", Rule::Type, format!("must be a list, not {}", other.kind())),
        };
        let mut roles = Vec::with_capacity(elements.len());
        let mut sound = true;
        for (place, element) in elements.into_iter().enumerate() {
            match self.role(place, element) {
                Some(role) if role == everyone => {}
                Some(role) => roles.push(role),
                None => sound = false,
            }
        }
        // Counted without @everyone, which some lists name and nobody keeps.
        if roles.len() > MAX_ROLES {
            return self.too_many_roles();
        }
        sound.then(|| roles.into_iter().collect())
    }

    fn too_many_roles<T>(&mut self) -> Option<T> {
        self.fault("roles", Rule::Count, format!("must be at most {MAX_ROLES} roles"))
    }

    fn role<'de>(&mut self, place: usize, element: Loose<'de>) -> Option<Cow<'de, str>> {
        let key = || format!("roles[{place}]");
        let role = match element {
            Loose::Text(role) => role,
            Loose::Integer(role) => role.into(),
            other => return self.fault(&key(), Rule::Type, format!("must be a string or an integer, not {}", other.kind())),
        };
        match check_role(&role) {
            Ok(()) => Some(role),
            broken => self.checked(&key(), broken, role).map(Cow::Owned),
        }
    }

    #[expect(clippy::option_option, reason = "the outer one is a fault, the inner one a time that is not given")]
    fn time(&mut self, key: &str, value: Option<Loose<'_>>) -> Option<Option<DateTime<Utc>>> {
        match value {
            None | Some(Loose::Null) => Some(None),
            Some(Loose::Text(text)) => match parse_time(&text) {
                Some(time) => Some(Some(time)),
                None => self.fault(key, Rule::Time, TIME_RULE),
            },
            Some(other) => self.fault(key, Rule::Type, format!("must be a string or null, not {}", other.kind())),
        }
    }

    fn flag(&mut self, key: &str, value: Option<Loose<'_>>) -> Option<bool> {
        match value {
            None | Some(Loose::Null) => Some(false),
            Some(Loose::Bool(flag)) => Some(flag),
            Some(other) => self.fault(key, Rule::Type, format!("must be true or false, not {}", other.kind())),
        }
    }
}
