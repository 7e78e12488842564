//! guildsync keeps a website's members in step with its Discord server: who is there, who left, who has an account.
//!
//! # The rooms
//!
//! ```text
//! app          composition root: the one file that names every room
//! http         ENTRY   browsers and bots: each turns a wish into a run, or reads
//! intake       DOOR    roster stream -> checked members -> run and batches in SQL -> ring the queue
//! queue        PIPE    jobs, through Redis or in this process
//! worker       WORK    actors: the only writers of guild_members
//! discord      OUT     the invented guild of the demo
//! store        LEDGER  traits; postgres and sqlite, a file per table
//! domain       GROUND  ids, members, run states, guard, clock: pure, no I/O
//! password     GROUND  from a password to the hash that is stored, and back to yes or no: pure, no I/O
//! ```
//!
//! Imports point down only: `domain`, `config`, `telemetry` <- `store`, `queue`, `discord` (never each other) <- `intake` <-
//! `worker` and, beside it, `http` (never `worker`) <- `app` <- `cli` <- `main`. `tests/it/rooms.rs` keeps it so.
//!
//! The way of the data: entry -> intake -> (SQL) -> queue -> worker -> store; facts come back one way: store -> read handle -> page.

pub mod config;
pub mod domain;
pub mod http;
pub mod password;
pub mod store;
