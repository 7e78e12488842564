//! A member of the guild, as a list states it and as a row keeps it.

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::{DiscordId, RunId, has_visible};

/// Longest `username`, `display_name`, `nickname`, `avatar_hash` and `guild_avatar_hash`, in characters.
pub const MAX_TEXT: usize = 100;
/// Most roles of one member.
pub const MAX_ROLES: usize = 1_000;
/// Longest role id, in characters.
pub const MAX_ROLE_LEN: usize = 64;

/// The rule that a text of a member breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It must be there.
    #[error("must not be empty")]
    Empty,
    /// More than [`MAX_TEXT`].
    #[error("must be at most {MAX_TEXT} characters")]
    TooLong,
    /// More than [`MAX_ROLE_LEN`], or none.
    #[error("must be 1 to {MAX_ROLE_LEN} characters")]
    RoleLength,
    /// A database cannot keep it.
    #[error("must not contain a NUL character")]
    Nul,
}

/// Checks a `display_name`, `nickname`, `avatar_hash` or `guild_avatar_hash`, each of which may be empty.
///
/// # Errors
/// [`TextError`].
pub fn check_text(text: &str) -> Result<(), TextError> {
    if text.contains('\0') {
        return Err(TextError::Nul);
    }
    // Counted only where there may be too many.
    if text.len() > MAX_TEXT && text.chars().count() > MAX_TEXT { Err(TextError::TooLong) } else { Ok(()) }
}

/// Checks a `username` as Discord has them.
///
/// # Errors
/// [`TextError`].
pub fn check_member_username(username: &str) -> Result<(), TextError> {
    if username.is_empty() { Err(TextError::Empty) } else { check_text(username) }
}

/// Checks the id of a role.
///
/// # Errors
/// [`TextError`].
pub fn check_role(role: &str) -> Result<(), TextError> {
    if role.contains('\0') {
        return Err(TextError::Nul);
    }
    if role.is_empty() || role.chars().count() > MAX_ROLE_LEN { Err(TextError::RoleLength) } else { Ok(()) }
}

/// One entry of a roster, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Discord user id.
    pub id: DiscordId,
    /// Discord username, 1 to [`MAX_TEXT`] characters.
    pub username: String,
    /// Global display name, or empty.
    pub display_name: String,
    /// Name in this guild, or empty.
    pub nickname: String,
    /// Hash of the user's own picture at Discord's CDN, or empty.
    pub avatar_hash: String,
    /// Hash of the picture this person chose for this guild, or empty; `None` of a list that does not tell, which leaves a row as it is.
    pub guild_avatar_hash: Option<String>,
    /// Role ids in the order given.
    pub roles: Roles,
    /// When the member joined the guild, if known.
    pub joined_at: Option<DateTime<Utc>>,
    /// Whether it is a bot.
    pub is_bot: bool,
}

/// Role ids as the JSON list that the databases store (`["1","2"]`, no spaces).
///
/// Kept as text because a sync only compares and stores them, a million lists at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(String);

impl Roles {
    /// The list as JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// Takes JSON text that this type wrote earlier; `None` if it is no list of strings.
    #[must_use]
    pub fn from_json(json: String) -> Option<Self> {
        serde_json::from_str::<Vec<String>>(&json).is_ok_and(|roles| roles.len() <= MAX_ROLES).then_some(Self(json))
    }

    /// Takes JSON text that is known to have been written by this type: a payload of our own.
    #[must_use]
    pub(crate) fn trusted(json: String) -> Self {
        Self(json)
    }

    /// The role ids one by one.
    #[must_use]
    pub fn to_vec(&self) -> Vec<String> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self("[]".to_owned())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Roles {
    fn from_iter<I: IntoIterator<Item = S>>(roles: I) -> Self {
        let roles = roles.into_iter();
        // Discord's ids have 17 to 19 digits.
        let mut json = String::with_capacity(2 + 22 * roles.size_hint().0);
        json.push('[');
        for role in roles {
            if json.len() > 1 {
                json.push(',');
            }
            push_json_string(&mut json, role.as_ref());
        }
        json.push(']');
        Self(json)
    }
}

/// Appends `text` as a JSON string. Role ids are digits, so escaping is the rare case.
fn push_json_string(json: &mut String, text: &str) {
    json.push('"');
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        json.push_str(text);
    } else {
        push_escaped(json, text);
    }
    json.push('"');
}

fn push_escaped(json: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
}

/// A row of `guild_members` with the account it is linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// What the last evidence said of the member.
    pub member: Member,
    /// When the row was made.
    pub date_created: DateTime<Utc>,
    /// When a field last really changed.
    pub date_modified: DateTime<Utc>,
    /// When the member left; `None` while present.
    pub date_left: Option<DateTime<Utc>>,
    /// When the evidence for this row was seen.
    pub observed_at: DateTime<Utc>,
    /// The run that made the row.
    pub created_run_id: Option<RunId>,
    /// Id and name of the linked account.
    pub account: Option<(i64, String)>,
}

impl Member {
    /// Hash of the picture for this guild; empty if there is none, or none is known.
    #[must_use]
    pub fn guild_avatar(&self) -> &str {
        self.guild_avatar_hash.as_deref().unwrap_or_default()
    }

    /// The name staff know a member by: nickname, else display name, else username, the first that can be seen; else the id.
    #[must_use]
    pub fn shown_name(&self) -> Cow<'_, str> {
        let names = [&self.nickname, &self.display_name, &self.username];
        names.into_iter().find(|name| has_visible(name)).map_or_else(|| self.id.to_string().into(), |name| name.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_is_shown_can_be_seen() {
        let shown = |nickname: &str, display_name: &str, username: &str| {
            let member = Member {
                id: DiscordId::try_from(80_351_110_224_678_912_i64).unwrap(),
                username: username.into(),
                display_name: display_name.into(),
                nickname: nickname.into(),
                avatar_hash: String::new(),
                guild_avatar_hash: None,
                roles: Roles::default(),
                joined_at: None,
                is_bot: false,
            };
            member.shown_name().into_owned()
        };
        assert_eq!(shown(" Nelly ", "Nell", "nelly"), " Nelly ");
        assert_eq!(shown("   ", "Nell", "nelly"), "Nell");
        assert_eq!(shown("\u{3164}\u{200b}\u{2800}", "", "nelly"), "nelly");
        assert_eq!(shown("", "\u{3164}", "\u{ffa0}"), "80351110224678912");
    }

    #[test]
    fn roles_are_the_json_they_will_be_stored_as() {
        assert_eq!(Roles::from_iter::<[&str; 0]>([]), Roles::default());
        let roles = Roles::from_iter(["1", "role_id_2", "a\"b\\c\n"]);
        assert_eq!(roles.as_json(), r#"["1","role_id_2","a\"b\\c\u000a"]"#);
        assert_eq!(roles.to_vec(), ["1", "role_id_2", "a\"b\\c\n"]);
        assert_eq!(Roles::from_json(roles.as_json().into()), Some(roles));
        assert_eq!(Roles::from_json("[1]".into()), None);
    }
}
