//! The built program, as a bot meets it.

use std::time::{Duration, Instant};

use super::roster::Roster;
use super::support;
use super::support::process::Guildsync;

const KEY: &str = "bench-0123456789abcdef";

/// The built program, serving.
pub struct Service {
    _process: Guildsync,
    pid: u32,
    address: String,
    client: reqwest::Client,
    guild: String,
}

impl Service {
    pub async fn start(database: &str, redis: Option<&str>, roster: &Roster) -> Self {
        let mut launch = Guildsync::with(["serve", "--bind", "127.0.0.1:0"])
            .var("GUILD_ID", &roster.guild)
            .var("DBOT_AUTH_KEY", KEY)
            .var("DATABASE_URL", database)
            // The answer has the counts, however long they take.
            .var("GUILDSYNC__API__WAIT_SECS", "600")
            .var("GUILDSYNC__REDIS__PREFIX", support::redis::unique_prefix());
        if let Some(redis) = redis {
            launch = launch.var("REDIS_URL", redis);
        }
        let process = launch.start();
        let line = process.wait_for_line("serving on http://").await;
        let address = line.split("http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        let pid = process.pid();
        Self { _process: process, pid, address, client: reqwest::Client::new(), guild: roster.guild.clone() }
    }

    /// Sends the list and waits for its counts, of which `all` must be the whole list.
    pub async fn post(&self, roster: &Roster, all: &str) -> Duration {
        let begun = Instant::now();
        let answer: serde_json::Value = self
            .client
            .post(format!("http://{}/api/dbot/sync_guild_members", self.address))
            .header("Content-Type", "application/json")
            .header("X-API-Key", KEY)
            .header("X-Guild-Id", &self.guild)
            .body(roster.json.clone())
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let took = begun.elapsed();
        assert_eq!(answer[all], roster.members, "{answer}");
        took
    }

    /// The most memory the process has had, in bytes.
    pub fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1_024
    }
}
