//! The integration tests, as one program, so that all of them share one PostgreSQL and one Redis. A list of modules, no more.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod rooms;
mod support;
