//! The picture of a person at Discord.
//!
//! Enters: a member, and which guild is spoken of. Leaves: a piece of markup of one size, whether the picture comes or not.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::domain::{DiscordId, Member, is_visible};

const CDN: &str = "https://cdn.discordapp.com";

/// A round picture.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<span class="avatar tone-{{ tone }}"><span aria-hidden="true">{{ initial }}</span><img src="{{ address }}" loading="lazy" referrerpolicy="no-referrer" alt=""></span>"#
)]
pub(in crate::http) struct Avatar {
    address: String,
    /// Stands where the picture will be, or would be.
    initial: char,
    /// Which of the six colours of Discord's default pictures goes behind it.
    tone: i64,
}

impl HtmlSafe for Avatar {}

impl Avatar {
    /// As `guild` sees the member; where no guild is set, as everybody does.
    pub(in crate::http) fn new(member: &Member, guild: Option<DiscordId>) -> Self {
        Self { address: address(member, guild), initial: initial(&member.shown_name()), tone: tone(member.id) }
    }

    /// The same in a size for a page of its own.
    pub(in crate::http) fn large(self) -> Self {
        Self { address: self.address.replace("size=64", "size=256"), ..self }
    }
}

/// The first letter or digit of a name; most scripts have one. Some letters fill a place and show nothing.
fn initial(name: &str) -> char {
    name.chars().find(|c| c.is_alphanumeric() && is_visible(*c)).and_then(|c| c.to_uppercase().next()).unwrap_or('#')
}

/// Discord's rule for the colour of its default pictures.
fn tone(id: DiscordId) -> i64 {
    (id.get() >> 22) % 6
}

/// The picture chosen for the guild, else the user's own, else the default.
fn address(member: &Member, guild: Option<DiscordId>) -> String {
    let (id, own, chosen) = (member.id, &member.avatar_hash, member.guild_avatar());
    if let Some(guild) = guild.filter(|_| is_hash(chosen)) {
        format!("{CDN}/guilds/{guild}/users/{id}/avatars/{chosen}.{}", kind(chosen, "webp"))
    } else if is_hash(own) {
        format!("{CDN}/avatars/{id}/{own}.{}", kind(own, "png"))
    } else {
        format!("{CDN}/embed/avatars/{}.png", tone(id))
    }
}

/// A hash is free text as far as we know, so only what looks like one goes into an address.
fn is_hash(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// How an address ends; `still` is the format of a picture that does not move.
fn kind(hash: &str, still: &str) -> String {
    // Discord's sign of a moving picture.
    if hash.starts_with("a_") { "webp?size=64&animated=true".to_owned() } else { format!("{still}?size=64") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Roles;

    const STILL: &str = "8342729096ea3675442027381ff50dfe";
    const MOVING: &str = "a_8342729096ea3675442027381ff50dfe";

    /// The address after the host, of a member with these two hashes.
    fn of(own: &str, chosen: &str, guild: Option<i64>) -> String {
        let member = Member {
            id: DiscordId::try_from(80_351_110_224_678_912_i64).unwrap(),
            username: "nelly".into(),
            display_name: String::new(),
            nickname: String::new(),
            avatar_hash: own.into(),
            guild_avatar_hash: Some(chosen.into()),
            roles: Roles::default(),
            joined_at: None,
            is_bot: false,
        };
        let address = address(&member, guild.map(|guild| guild.try_into().unwrap()));
        address.strip_prefix("https://cdn.discordapp.com/").unwrap().to_owned()
    }

    #[test]
    fn the_picture_for_the_guild_comes_before_the_own_one() {
        let user = "guilds/41/users/80351110224678912/avatars";
        assert_eq!(of(MOVING, STILL, Some(41)), format!("{user}/{STILL}.webp?size=64"));
        assert_eq!(of("", MOVING, Some(41)), format!("{user}/{MOVING}.webp?size=64&animated=true"));
        // Nobody can say where it is.
        assert_eq!(of("", STILL, None), "embed/avatars/5.png");
    }

    #[test]
    fn the_own_picture_comes_before_the_default() {
        assert_eq!(of(MOVING, "", Some(41)), format!("avatars/80351110224678912/{MOVING}.webp?size=64&animated=true"));
        assert_eq!(of(STILL, "", Some(41)), format!("avatars/80351110224678912/{STILL}.png?size=64"));
        assert_eq!(of(STILL, MOVING, None), format!("avatars/80351110224678912/{STILL}.png?size=64"));
    }

    #[test]
    fn the_initial_can_be_seen() {
        assert_eq!(["\u{3164}\u{ffa0} élan", "🙂 7", "…"].map(initial), ['É', '7', '#']);
    }

    #[test]
    fn only_what_looks_like_a_hash_goes_into_an_address() {
        for odd in ["", "../../x", "a\" onerror=", "ä"] {
            assert_eq!(of(odd, odd, Some(41)), "embed/avatars/5.png", "{odd}");
            assert_eq!(of("83427290", odd, Some(41)), "avatars/80351110224678912/83427290.png?size=64", "{odd}");
        }
    }
}
