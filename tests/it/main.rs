//! The integration tests, as one program, so that all of them share one PostgreSQL and one Redis. A list of modules, no more.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod api;
mod bot;
mod browser;
mod cli;
mod corpus;
mod desk;
mod discord;
mod fleet;
mod login;
mod pages;
mod queue;
mod queue_redis;
mod queue_redis_server;
mod rooms;
mod store;
mod support;
