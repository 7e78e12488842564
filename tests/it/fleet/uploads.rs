//! Large bodies, and bodies that break off.

use std::path::Path;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::ledger::Ledger;
use super::lists;
use super::{Door, KEY, Site, assert_all_created};
use crate::support::{eventually, postgres};

/// A POST that a test sends piece by piece.
pub struct Upload {
    connection: TcpStream,
    body: Vec<u8>,
}

impl Upload {
    /// Sends the head of a request for the list in a file.
    pub async fn begin(door: &Door, list: &Path) -> Self {
        let body = tokio::fs::read(list).await.unwrap();
        let head = format!(
            "POST /api/dbot/sync_guild_members HTTP/1.1\r\nHost: {}\r\nX-API-Key: {KEY}\r\nX-Guild-Id: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            door.address,
            door.guild,
            body.len()
        );
        let mut connection = TcpStream::connect(&door.address).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        Self { connection, body }
    }

    /// Sends the first half of the body.
    pub async fn send_half(&mut self) {
        self.connection.write_all(&self.body[..self.body.len() / 2]).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_that_breaks_off_leaves_nothing_behind() {
    let (guild, list) = lists::list(100_000);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let alone = Site::new(database.url(), guild).serve("http,worker").await;
    let mut upload = Upload::begin(&alone.door, list.file()).await;
    upload.send_half().await;
    let staged = "SELECT count(*) FROM sync_batches";
    eventually("some of it is staged", async || ledger.number(staged).await > 0).await;
    drop(upload);
    ledger.wait_for("what was staged is gone", 0, staged).await;
    assert_eq!(ledger.number("SELECT count(*) FROM sync_runs").await, 0);
    assert_eq!(ledger.number("SELECT count(*) FROM guild_members").await, 0);
}

#[tokio::test]
async fn memory_does_not_grow_with_the_list() {
    let (guild, list) = lists::list(200_000);
    let database = postgres::database().await;
    let alone = Site::new(database.url(), guild).serve("http,worker").await;
    assert_all_created(&alone.door.post(list.file()).await, list.len());
    let status = std::fs::read_to_string(format!("/proc/{}/status", alone.process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak <= 128 * 1_024, "the process took {} MiB", peak / 1_024);
}
