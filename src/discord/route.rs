//! What Discord counts requests by: the route with its top-level resource, whatever else the path names.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// How many bytes of a hash tell one secret from another.
const TOLD_APART: usize = 8;

/// The route of a request, as far as rate limits go. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    name: String,
    resource: String,
    is_global: bool,
}

impl Route {
    /// The route of a request to `path`, given as its steps behind `/api/v10`.
    ///
    /// Guilds, channels and webhooks keep their id, since Discord counts each of them apart; the token of a webhook or an
    /// interaction belongs to it, and stands hashed. All other ids are left out.
    #[must_use]
    pub fn new(method: &str, path: &[&str]) -> Self {
        let major = match path {
            ["guilds" | "channels", _, ..] => 2,
            ["webhooks" | "interactions", _, _, ..] => 3,
            _ => 0,
        };
        let mut resource = String::new();
        for (place, step) in path.iter().take(major).enumerate() {
            // Writing to a String cannot fail.
            let _ = if place == 2 { write!(resource, "/{}", hashed(step)) } else { write!(resource, "/{step}") };
        }
        let mut name = format!("{method} {resource}");
        for step in &path[major..] {
            let is_id = !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
            let _ = write!(name, "/{}", if is_id { ":id" } else { step });
        }
        Self { name, resource, is_global: !matches!(path, ["webhooks" | "interactions", ..]) }
    }

    /// Method and path, such as `GET /guilds/41771983423143937/members/:id`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The top-level resource, such as `/guilds/41771983423143937`; empty if there is none. A bucket of Discord's is counted for each
    /// of them apart.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Whether its requests count against the bot's limit over all routes. Those of an interaction do not.
    #[must_use]
    pub fn is_global(&self) -> bool {
        self.is_global
    }
}

fn hashed(secret: &str) -> String {
    let hash = Sha256::digest(secret);
    hash[..TOLD_APART].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(path: &[&str], name: &str, resource: &str, is_global: bool) {
        let route = Route::new("GET", path);
        assert_eq!((route.name(), route.resource(), route.is_global()), (name, resource, is_global));
    }

    #[test]
    fn the_top_level_resource_stays_and_other_ids_go() {
        is(&["guilds", "41"], "GET /guilds/41", "/guilds/41", true);
        is(&["guilds", "41", "members", "7"], "GET /guilds/41/members/:id", "/guilds/41", true);
        is(&["channels", "5", "messages"], "GET /channels/5/messages", "/channels/5", true);
        is(&["users", "@me"], "GET /users/@me", "", true);
        is(&["applications", "3", "guilds", "41"], "GET /applications/:id/guilds/:id", "", true);
    }

    #[test]
    fn the_token_of_an_interaction_tells_apart_and_is_not_told() {
        let reply = |token| Route::new("PATCH", &["webhooks", "3", token, "messages", "@original"]);
        let (one, other) = (reply("a-secret"), reply("another-secret"));
        assert_ne!(one, other);
        assert_eq!(one, reply("a-secret"));
        assert!(!one.is_global());
        assert_eq!(one.name(), format!("PATCH {}/messages/@original", one.resource()));
        assert_eq!(one.resource(), format!("/webhooks/3/{}", hashed("a-secret")));
        assert!(!format!("{one:?}").contains("secret"));
    }
}
