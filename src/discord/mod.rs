//! OUT: asks Discord's REST API, within its rate limits, and reads what it says; logs people in. Beside that the invented guild of the demo.
//!
//! Enters: ids and a token; of the demo a seed and a time. Leaves: [`domain`](crate::domain) members and roles, whole pages of the
//! member list, or a [`DiscordError`] that names the switch to turn. Must not import `store`, `queue` or anything above them.
//!
//! [`Rest`] is the one way out: `rest` sends and tries again, [`budget`](Budget) says when, `member` reads. Nothing goes to another host
//! than the one that `DISCORD_API_URL` names, and no token stands in a log line, an error or a key of Redis.

mod budget;
mod channel;
mod error;
mod guild;
mod intent;
mod invented;
mod member;
mod message;
mod oauth;
mod permissions;
mod presence;
mod rest;
mod roster;
mod route;

pub use budget::{Budget, Limits, LocalBudget, RedisBudget, Scope};
pub use channel::ChannelFacts;
pub use error::DiscordError;
pub use guild::{BotIdentity, GuildFacts};
pub use intent::members_intent_off;
pub use invented::{Churn, InventedAccount, InventedGuild, write_roster};
pub use member::{OddMember, read_member, read_user};
pub use oauth::{Authorization, DiscordUser, OAuth, OAuthError, OAuthOptions};
pub use permissions::Overwrite;
pub use presence::Presence;
pub use rest::{Patience, Rest, RestOptions};
pub use roster::RosterPage;
pub use route::Route;
