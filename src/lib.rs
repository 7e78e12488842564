//! guildsync keeps a website's members in step with its Discord server: who is there, who left, who has an account.
//!
//! # The rooms
//!
//! ```text
//! cli          a file per command
//! app          composition root: the one file that names every room
//! http, bot    ENTRY   browsers and bots, Discord's gateway: each turns a wish into a run, or reads
//! cron         ENTRY   time: a wish for the whole list now and then
//! intake       DOOR    roster stream -> checked members -> run and batches in SQL -> ring the queue
//! queue        PIPE    jobs, through Redis or in this process
//! worker       WORK    actors: the only writers of guild_members
//! discord      OUT     Discord's REST API and login within its limits; the invented guild of the demo
//! store        LEDGER  traits; postgres and sqlite, a file per table
//! domain       GROUND  ids, members, run states, guard, clock: pure, no I/O
//! ```
//!
//! Beside the ground stand `config` (settings), `password` (hashes) and `telemetry` (log lines).
//!
//! Imports point down only: `domain`, `config`, `password`, `telemetry` <- `store`, `queue`, `discord` (never each other) <- `intake` <-
//! `worker` and, beside it, `http`, `bot`, `cron` (never each other, never `worker`) <- `app` <- `cli` <- `main`. `tests/it/rooms.rs` keeps it so.
//!
//! The way of the data: entry -> intake -> (SQL) -> queue -> worker -> store; facts come back one way: store -> read handle -> page.

pub mod app;
pub mod bot;
pub mod cli;
pub mod config;
pub mod cron;
pub mod discord;
pub mod domain;
pub mod http;
pub mod intake;
pub mod password;
pub mod queue;
pub mod store;
pub mod telemetry;
pub mod worker;
