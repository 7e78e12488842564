//! The integration tests, as one program. A list of modules, no more.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod queue;
mod queue_redis;
mod queue_redis_server;
