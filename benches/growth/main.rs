//! How the cost of a list grows with its members, from a thousand to a million: `cargo bench --bench growth [-- MOST]`.
//!
//! Sends lists of growing size to the built program, each to a database of its own, first as new and then again, and prints the median of
//! the rounds. With all sizes it also draws them: `docs/growth.svg`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a bench fails by panicking, and draws"
)]

mod plot;
#[path = "../end_to_end/roster.rs"]
#[expect(dead_code, reason = "a bench needs a part of what benches need")]
mod roster;
#[path = "../end_to_end/service.rs"]
mod service;
#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "a bench needs a part of what tests need")]
mod support;

use std::time::Duration;

use plot::{Line, Plot};
use roster::Roster;
use service::Service;
use support::postgres::PrivatePostgres;
use support::redis::PrivateRedis;

/// Members of the lists.
const SIZES: [usize; 7] = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
/// Members of all rounds of a size together, about: small lists are sent more often, as their times vary more.
const SENT: usize = 300_000;
/// Rounds of a size, at least and at most.
const ROUNDS: (usize, usize) = (1, 9);

/// What a list took.
struct Took {
    new: Duration,
    again: Duration,
    /// Most memory of the serving process. Bytes.
    memory: usize,
}

#[tokio::main]
async fn main() {
    // cargo adds flags of its own.
    let most = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(usize::MAX);
    let server = PrivatePostgres::durable();
    let redis = PrivateRedis::start();
    println!("{:>10} {:<20} {:>10} {:>10} {:>12} {:>10}", "members", "", "new", "again", "a second", "memory");
    let mut lines = ["PostgreSQL, new", "PostgreSQL, again", "SQLite, new", "SQLite, again"].map(Line::named);
    for members in SIZES.into_iter().filter(|&members| members <= most) {
        let roster = Roster::new(members);
        let rounds = (SENT / members).clamp(ROUNDS.0, ROUNDS.1);
        let (mut large, mut small) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let database = server.database().await;
            large.push(send(database.url(), Some(&redis.url()), &roster).await);
            let database = support::sqlite::sqlite();
            small.push(send(&database.url(), None, &roster).await);
        }
        let [large, small] = [("PostgreSQL + Redis", large), ("SQLite", small)].map(|(name, took)| print(name, members, &took));
        for (line, took) in lines.iter_mut().zip([large.0, large.1, small.0, small.1]) {
            line.points.push((members as f64, took.as_secs_f64()));
        }
    }
    if most >= SIZES[SIZES.len() - 1] {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/growth.svg");
        std::fs::write(file, Plot { lines: &lines, x: "members of the list", y: "POST to counts, seconds" }.svg()).unwrap();
        println!("\ndrawn: docs/growth.svg");
    }
}

async fn send(database: &str, redis: Option<&str>, roster: &Roster) -> Took {
    let service = Service::start(database, redis, roster).await;
    let new = service.post(roster, "created").await;
    let again = service.post(roster, "unchanged").await;
    Took { new, again, memory: service.peak_memory() }
}

/// Prints the medians; answers those of new and again.
fn print(name: &str, members: usize, took: &[Took]) -> (Duration, Duration) {
    let (new, again) = (median(took.iter().map(|took| took.new)), median(took.iter().map(|took| took.again)));
    let memory = took.iter().map(|took| took.memory).max().unwrap_or_default() as f64 / 1_048_576.0;
    let (first, second) = (new.as_secs_f64(), again.as_secs_f64());
    let rate = members as f64 / first;
    println!("{members:>10} {name:<20} {first:>8.3} s {second:>8.3} s {rate:>12.0} {memory:>6.0} MiB");
    (new, again)
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times[times.len() / 2]
}
