//! OUT: asks Discord's REST API, within its rate limits, and reads what it says. Beside that the invented guild of the demo.
//!
//! Enters: ids and a token; of the demo a seed and a time. Leaves: [`domain`](crate::domain) members and roles, or a
//! [`DiscordError`] that names the switch to turn. Must not import `store`, `queue` or anything above them.

mod error;
mod invented;
mod member;
mod oauth;

pub use error::DiscordError;
pub use invented::{Churn, InventedAccount, InventedGuild, write_roster};
pub use member::{OddMember, read_member, read_user};
pub use oauth::{Authorization, DiscordUser, OAuth, OAuthError, OAuthOptions};
