//! The picture of a person at Discord.
//!
//! Enters: an id and the hash of a picture. Leaves: a piece of markup of one size, whether the picture comes or not.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::domain::{DiscordId, Member};

const AVATARS: &str = "https://cdn.discordapp.com";

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

impl From<&Member> for Avatar {
    fn from(member: &Member) -> Self {
        Self { address: address(member.id, &member.avatar_hash), initial: initial(member.shown_name()), tone: tone(member.id) }
    }
}

/// The first letter or digit of a name; most scripts have one.
fn initial(name: &str) -> char {
    name.chars().find(|c| c.is_alphanumeric()).and_then(|c| c.to_uppercase().next()).unwrap_or('#')
}

/// Discord's rule for the colour of its default pictures.
fn tone(id: DiscordId) -> i64 {
    (id.get() >> 22) % 6
}

/// A hash is free text as far as we know, so only what looks like one goes into an address.
fn address(id: DiscordId, hash: &str) -> String {
    if !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        // Discord's sign of a moving picture.
        let kind = if hash.starts_with("a_") { "webp?size=64&animated=true" } else { "png?size=64" };
        format!("{AVATARS}/avatars/{id}/{hash}.{kind}")
    } else {
        format!("{AVATARS}/embed/avatars/{}.png", tone(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_hash_goes_into_an_address() {
        let id = DiscordId::try_from(80_351_110_224_678_912_i64).unwrap();
        let own = address(id, "a_8342729096ea3675442027381ff50dfe");
        assert_eq!(
            own,
            "https://cdn.discordapp.com/avatars/80351110224678912/a_8342729096ea3675442027381ff50dfe.webp?size=64&animated=true"
        );
        assert_eq!(address(id, "83427290"), "https://cdn.discordapp.com/avatars/80351110224678912/83427290.png?size=64");
        for odd in ["", "../../x", "a\" onerror=", "ä"] {
            assert_eq!(address(id, odd), "https://cdn.discordapp.com/embed/avatars/5.png", "{odd}");
        }
    }
}
