//! OUT: what the project knows of Discord's side. So far the invented guild of the demo.
//!
//! Enters: a seed and a time. Leaves: [`domain`](crate::domain) members. Must not import `store`, `queue` or anything above them.

mod invented;
mod oauth;

pub use invented::{Churn, InventedAccount, InventedGuild, write_roster};
pub use oauth::{Authorization, DiscordUser, OAuth, OAuthError, OAuthOptions};
