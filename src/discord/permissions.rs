//! What a member may do in a channel, by Discord's own rule: the roles, then what the channel says otherwise.

use serde::Deserialize;
use serde_json::Value;

use super::guild::json;
use super::{DiscordError, Presence, Rest, member};
use crate::domain::DiscordId;

/// Permission to do everything, whatever a channel says.
const ADMINISTRATOR: u64 = 1 << 3;
/// What a report takes, by the name that Discord's settings show.
const TO_WRITE: [(u64, &str); 2] = [(1 << 10, "View Channel"), (1 << 11, "Send Messages")];

/// What a channel allows and denies, other than the roles do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overwrite {
    /// The role or the member it is about. That of @everyone is the guild's.
    pub id: DiscordId,
    /// Permissions that it gives.
    pub allow: u64,
    /// Permissions that it takes away.
    pub deny: u64,
}

/// A role, and the permissions it gives everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Granted {
    role: DiscordId,
    permissions: u64,
}

/// Permissions as Discord writes them: a number of any length in a string.
#[derive(Deserialize)]
struct Listed {
    id: DiscordId,
    permissions: String,
}

/// Whose permissions are asked for.
#[derive(Debug, Clone, Copy)]
struct Who<'a> {
    guild: DiscordId,
    user: DiscordId,
    /// The roles that the member has, without @everyone.
    roles: &'a [DiscordId],
}

impl Rest {
    /// The names of the permissions that `user`, a member of the guild, lacks for writing in a channel that says `overwrites`.
    ///
    /// # Errors
    /// [`DiscordError`]. `None` if it cannot be told.
    pub async fn lacks_to_write(
        &self,
        guild: DiscordId,
        user: DiscordId,
        overwrites: &[Overwrite],
    ) -> Result<Option<Vec<&'static str>>, DiscordError> {
        let Presence::Present(member) = self.member(guild, user).await? else { return Ok(None) };
        let ask = self.ask("to list the server's roles", reqwest::Method::GET, &["guilds", &guild.to_string(), "roles"]);
        let listed: Vec<Listed> = self.send(&ask, json).await?;
        let granted: Vec<_> =
            listed.iter().map(|role| Granted { role: role.id, permissions: bits(Some(&role.permissions)) }).collect();
        let roles: Vec<DiscordId> = member.roles.to_vec().iter().filter_map(|role| role.parse().ok()).collect();
        let may = permissions(Who { guild, user, roles: &roles }, &granted, overwrites);
        Ok(Some(TO_WRITE.iter().filter(|(bit, _)| may & bit == 0).map(|(_, name)| *name).collect()))
    }
}

/// What `who` may do where the roles grant `granted` and the channel says `overwrites`.
fn permissions(who: Who<'_>, granted: &[Granted], overwrites: &[Overwrite]) -> u64 {
    let is_ours = |id: &DiscordId| *id == who.guild || who.roles.contains(id);
    let base = granted.iter().filter(|one| is_ours(&one.role)).fold(0, |all, one| all | one.permissions);
    if base & ADMINISTRATOR != 0 {
        return u64::MAX;
    }
    // First what it says to everyone, then to all roles at once, then to the member alone.
    let of = |wanted: &dyn Fn(&DiscordId) -> bool| {
        let ours = overwrites.iter().filter(|one| wanted(&one.id));
        ours.fold((0, 0), |(allow, deny), one| (allow | one.allow, deny | one.deny))
    };
    let steps = [of(&|id| *id == who.guild), of(&|id| who.roles.contains(id)), of(&|id| *id == who.user)];
    steps.into_iter().fold(base, |may, (allow, deny)| may & !deny | allow)
}

/// Reads the overwrites of a channel; what cannot be read is left out.
pub(super) fn overwrites(listed: &[Value]) -> Vec<Overwrite> {
    let read = |one: &Value| {
        Some(Overwrite {
            id: member::id(one.get("id")).ok()?,
            allow: bits(one["allow"].as_str()),
            deny: bits(one["deny"].as_str()),
        })
    };
    listed.iter().filter_map(read).collect()
}

/// The lowest 64 permissions, among which are all that matter here.
fn bits(number: Option<&str>) -> u64 {
    let number = number.and_then(|number| number.parse::<u128>().ok()).unwrap_or(0);
    u64::try_from(number & u128::from(u64::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GUILD: i64 = 1;
    const BOT: i64 = 2;
    const VIEW: u64 = 1 << 10;
    const SEND: u64 = 1 << 11;

    fn id(number: i64) -> DiscordId {
        number.try_into().unwrap()
    }

    /// What the bot, with the roles 10 and 11, may do of viewing and sending.
    fn may(granted: &[(i64, u64)], overwrites: &[(i64, u64, u64)]) -> u64 {
        let granted: Vec<_> =
            granted.iter().map(|(role, permissions)| Granted { role: id(*role), permissions: *permissions }).collect();
        let overwrites: Vec<_> =
            overwrites.iter().map(|(one, allow, deny)| Overwrite { id: id(*one), allow: *allow, deny: *deny }).collect();
        let roles = [id(10), id(11)];
        permissions(Who { guild: id(GUILD), user: id(BOT), roles: &roles }, &granted, &overwrites) & (VIEW | SEND)
    }

    #[test]
    fn roles_add_up_and_the_channel_has_the_last_word() {
        let all = VIEW | SEND;
        for (granted, overwrites, expected) in [
            (vec![], vec![], 0),
            (vec![(GUILD, VIEW)], vec![], VIEW),
            (vec![(GUILD, VIEW), (10, SEND)], vec![], all),
            // Of a role that it does not have.
            (vec![(GUILD, VIEW), (12, SEND)], vec![(12, SEND, 0)], VIEW),
            (vec![(GUILD, all)], vec![(GUILD, 0, SEND)], VIEW),
            (vec![(GUILD, all)], vec![(GUILD, 0, all), (10, VIEW, 0)], VIEW),
            // Wherever it stands in the list.
            (vec![(GUILD, all)], vec![(10, VIEW, 0), (GUILD, 0, all)], VIEW),
            // What one role is denied and another allowed is allowed.
            (vec![(GUILD, all)], vec![(10, 0, SEND), (11, SEND, 0)], all),
            (vec![(GUILD, all)], vec![(11, SEND, 0), (10, 0, SEND)], all),
            (vec![(GUILD, all)], vec![(BOT, 0, SEND), (10, SEND, 0)], VIEW),
            (vec![(GUILD, VIEW)], vec![(10, 0, SEND), (BOT, SEND, 0)], all),
            (vec![(10, ADMINISTRATOR)], vec![(GUILD, 0, all), (BOT, 0, all)], all),
            // A channel gives nobody that.
            (vec![(GUILD, VIEW)], vec![(BOT, ADMINISTRATOR, 0)], VIEW),
        ] {
            assert_eq!(may(&granted, &overwrites), expected, "{granted:?} {overwrites:?}");
        }
    }

    #[test]
    fn numbers_of_any_length_are_read() {
        assert_eq!(bits(Some("2048")), SEND);
        assert_eq!(bits(Some("36893488147419105280")), SEND, "two to the 65th beside it");
        assert_eq!((bits(Some("x")), bits(None)), (0, 0));
        let listed = [json!({"id": "7", "type": 0, "allow": "1024", "deny": "2048"}), json!({"id": "x"}), json!(null)];
        assert_eq!(overwrites(&listed), [Overwrite { id: id(7), allow: VIEW, deny: SEND }]);
    }
}
