//! ENTRY: browsers and bots.
//!
//! Enters: HTTP requests. Leaves: pages and answers. May import `domain`, `config`, `password`, the read, account and session
//! handles of `store`, and `intake`. Must not import `worker`, the taking side of `queue`, or another entry.

pub mod admin;
mod password;
pub mod throttle;
