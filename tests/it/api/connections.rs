//! What a polite client never does: pieces, silence, and hanging up.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{GUILD, KEY, LISTS, Service, list, members, picked};
use crate::support::{DEADLINE, eventually};

/// A connection without manners.
pub(super) struct Raw {
    pub stream: TcpStream,
}

impl Raw {
    pub async fn connect(service: &Service) -> Self {
        Self { stream: TcpStream::connect(service.address()).await.unwrap() }
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Status, head and body of the one answer.
    async fn answer(mut self) -> (u16, String, Value) {
        let mut answer = Vec::new();
        timeout(DEADLINE, self.stream.read_to_end(&mut answer)).await.expect("an answer in time").unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {answer:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or_default())
    }
}

/// A request's head up to its last line, with one more header.
pub(super) fn head(more: &str) -> String {
    format!(
        "POST {LISTS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-API-Key: {KEY}\r\nX-Guild-Id: {GUILD}\r\n\
         Content-Type: application/json\r\n{more}\r\n"
    )
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_come_in_chunks_that_cut_characters() {
    let service = Service::start().await;
    let body = list(vec![serde_json::json!({ "id": "1", "username": "Zoë 🦀" })]);
    let mut raw = Raw::connect(&service).await;
    raw.write(format!("{}\r\n", head("Transfer-Encoding: chunked"))).await;
    for byte in body.as_bytes() {
        raw.write(chunk(&[*byte])).await;
    }
    raw.write("0\r\n\r\n").await;
    let (status, _, counts) = raw.answer().await;
    assert_eq!((status, picked(&counts, ["created"])), (200, [1]));
    assert_eq!(service.of_member("1", "username").await, "Zoë 🦀");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stands_still_is_a_408() {
    let settings = [("GUILDSYNC__API__BODY_IDLE_SECS", "1"), ("GUILDSYNC__WORKER__BATCH_MEMBERS", "100")];
    let service = Service::with(&settings).await;
    service.sync(members(1..=3)).await.counts();
    let before = service.tables().await;
    let body = list(members(1..=400));
    // In the middle, after some batches; and with nothing missing but the end of the body.
    for sent in [&body.as_bytes()[..body.len() / 2], body.as_bytes(), b""] {
        let mut raw = Raw::connect(&service).await;
        raw.write(format!("{}\r\n", head(&format!("Content-Length: {}", body.len() + 1)))).await;
        raw.write(sent).await;
        let (status, head, problem) = raw.answer().await;
        assert_eq!((status, &problem["status"]), (408, &408.into()), "{problem}");
        assert!(head.contains("content-type: application/problem+json"), "{head}");
        assert_eq!(service.tables().await, before);
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_stands_still_must_end_too() {
    let settings = [("GUILDSYNC__API__BODY_IDLE_SECS", "2"), ("GUILDSYNC__API__BODY_TOTAL_SECS", "1")];
    let service = Service::with(&settings).await;
    let before = service.tables().await;
    let mut raw = Raw::connect(&service).await;
    raw.write(format!("{}\r\n{{", head("Content-Length: 1000000"))).await;
    let (mut reading, mut writing) = raw.stream.into_split();
    let trickle = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut first = [0; 12];
    timeout(DEADLINE, reading.read_exact(&mut first)).await.unwrap().unwrap();
    assert_eq!(&first, b"HTTP/1.1 408");
    assert_eq!(service.tables().await, before);
    trickle.abort();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_leaves_nothing_even_if_all_but_the_end_was_there() {
    let service = Service::with(&[("GUILDSYNC__WORKER__BATCH_MEMBERS", "100")]).await;
    service.sync(members(1..=3)).await.counts();
    let before = service.tables().await;
    let body = list(members(1..=1_000));
    let half = &body.as_bytes()[..body.len() / 2];
    let sized = format!("{}\r\n", head(&format!("Content-Length: {}", body.len() + 1)));
    let chunked = format!("{}\r\n", head("Transfer-Encoding: chunked"));
    for (what, bytes) in [
        ("half of a sized body", [sized.as_bytes(), half].concat()),
        ("all of a sized body but a byte", [sized.as_bytes(), body.as_bytes()].concat()),
        ("half of a chunked body", [chunked.as_bytes(), &chunk(half)].concat()),
        ("a chunked body without its end", [chunked.as_bytes(), &chunk(body.as_bytes())].concat()),
    ] {
        for abrupt in [false, true] {
            let mut raw = Raw::connect(&service).await;
            raw.write(&bytes).await;
            if abrupt {
                raw.stream.set_zero_linger().unwrap();
                drop(raw);
            } else {
                raw.stream.shutdown().await.unwrap();
                let mut rest = Vec::new();
                let _ = timeout(DEADLINE, raw.stream.read_to_end(&mut rest)).await.expect("the connection ends");
                assert!(!rest.starts_with(b"HTTP/1.1 2"), "{what}: {}", String::from_utf8_lossy(&rest));
            }
        }
        // A list that is whole queues behind these in the one writer, so what they left would show.
        let after = async || service.tables().await == before;
        eventually("nothing is left", after).await;
    }
    assert_eq!(service.running.stores.read.runs(true, 10).await.unwrap().len(), 1);
    service.sync(members(1..=3)).await.counts();
    assert_eq!(service.running.stores.read.runs(true, 10).await.unwrap().len(), 2);
    service.stop().await;
}

/// Python's `requests`, among others, sends all before it reads anything: it must still see why it is refused.
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_all_before_reading_still_gets_the_reason() {
    let service = Service::with(&[("GUILDSYNC__API__MAX_BODY", "1_000_000")]).await;
    let mut body = list(members(1..=3)).into_bytes();
    body.resize(8_000_000, b' ');
    let sized = head(&format!("Content-Length: {}", body.len()));
    for (status, head) in [(413, sized.clone()), (401, sized.replace(KEY, "wrong")), (415, sized.replace("/json", "/xml"))] {
        let mut raw = Raw::connect(&service).await;
        raw.write(format!("{head}\r\n")).await;
        let sent = timeout(DEADLINE, raw.stream.write_all(&body)).await.expect("it is taken in time");
        assert!(sent.is_ok(), "{status}: {sent:?}");
        assert_eq!(raw.answer().await.0, status);
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_first_is_not_sent_for_the_body_in_vain() {
    let service = Service::start().await;
    let mut raw = Raw::connect(&service).await;
    raw.write(format!("{}\r\n", head("Expect: 100-continue\r\nContent-Length: 1000").replace(KEY, "wrong"))).await;
    let (status, ..) = raw.answer().await;
    assert_eq!(status, 401);
    service.stop().await;
}
