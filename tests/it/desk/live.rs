//! A run that is watched while it goes on.

use std::time::Duration;

use futures::StreamExt as _;
use guildsync::domain::{Clock as _, RunId, SystemClock};
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, COOKIE};

use super::{Answer, Desk, list};

/// How long an event may take to come.
const DEADLINE: Duration = Duration::from_secs(30);

/// A browser's stream of events.
pub struct Events {
    chunks: std::pin::Pin<Box<dyn futures::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

impl Events {
    async fn of(desk: &Desk, run: RunId) -> Self {
        let request = desk.client.get(desk.url(&format!("/admin/sync/{run}/events"))).header(COOKIE, &desk.cookie);
        Self::from(request.send().await.unwrap())
    }

    /// The stream that is answered.
    pub fn from(response: Response) -> Self {
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        Self { chunks: Box::pin(response.bytes_stream()), text: String::new() }
    }

    /// The next event: its name and its data; `None` once the stream has ended.
    pub async fn next(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let lines = |name: &str| -> Vec<String> {
                    event.lines().filter_map(|line| line.strip_prefix(name)).map(str::to_owned).collect()
                };
                if event.starts_with(':') {
                    continue;
                }
                return Some((lines("event: ").concat(), lines("data: ").join("\n")));
            }
            let chunk = tokio::time::timeout(DEADLINE, self.chunks.next()).await.expect("an event comes in time")?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    /// The state that the next event tells.
    async fn state(&mut self) -> String {
        let (name, data) = self.next().await.expect("an event");
        assert_eq!(name, "live");
        state(&data)
    }
}

fn state(page: &str) -> String {
    let (_, rest) = page.split_once("data-state=\"").unwrap_or_else(|| panic!("no state in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_watched_from_its_queue_to_its_end() {
    let desk = Desk::start().await;
    let blocker = desk.block().await;
    let run = desk.upload(&[], list(1..=250)).await.run();
    let page = desk.get(&format!("/admin/sync/{run}/")).await.body;
    assert!(page.contains(&format!("data-events=\"/admin/sync/{run}/events\"")) && state(&page) == "queued", "{page}");

    let (mut events, mut others) = (Events::of(&desk, run).await, Events::of(&desk, run).await);
    assert_eq!((events.state().await, others.state().await), ("queued".into(), "queued".into()));
    let cancelled = desk.agree(&format!("/admin/sync/{blocker}/cancel/"), &[], "Cancel this sync?").await;
    assert_eq!(cancelled.run(), blocker);

    let (mut seen, mut last) = (vec!["queued".to_owned()], String::new());
    while let Some((name, data)) = events.next().await {
        if name == "ended" {
            break;
        }
        last = data;
        if seen.last() != Some(&state(&last)) {
            seen.push(state(&last));
        }
    }
    assert_eq!(events.next().await, None, "the stream ends with the run");
    let order = ["queued", "applying", "finishing", "succeeded"];
    let places: Vec<_> = seen.iter().map(|state| order.iter().position(|known| known == state)).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some) && seen.last().unwrap() == "succeeded", "{seen:?}");
    assert!(last.contains("250 of 250 members, 1 of 1 batch") && last.contains("<dd>250</dd>"), "{last}");
    loop {
        match others.next().await {
            Some((name, _)) if name == "ended" => break,
            Some(_) => {}
            None => panic!("whoever else looks is told of the end, too"),
        }
    }
    let page = desk.get(&format!("/admin/sync/{run}/")).await.body;
    assert!(page.contains("What it changed") && page.contains("Next page"), "{page}");
    assert!(!page.contains("data-events"));
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_batch_is_tried_again_is_told_while_the_run_goes_on_and_after() {
    let desk = Desk::start().await;
    desk.execute("CREATE TRIGGER full BEFORE INSERT ON guild_members BEGIN SELECT RAISE(ABORT, 'the disk said no'); END").await;
    let run = desk.upload(&[], list(1..=3)).await.run();
    let mut events = Events::of(&desk, run).await;
    let told = |page: &str| page.contains("the disk said no") && page.contains("Tried again");
    while !told(&events.next().await.expect("the run goes on").1) {}
    desk.execute("DROP TRIGGER full").await;
    let ended = desk.ended(run).await;
    assert_eq!((ended.state.as_str(), ended.counts.created), ("succeeded", 3));
    let page = desk.get(&format!("/admin/sync/{run}/")).await.body;
    assert!(told(&page) && page.contains("applied since"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_after_the_end_is_told_of_it_at_once() {
    let desk = Desk::start().await;
    let run = desk.push(1..=3).await;
    let mut events = Events::of(&desk, run).await;
    assert_eq!(events.state().await, "succeeded");
    assert_eq!(events.next().await.unwrap().0, "ended");
    assert_eq!(events.next().await, None);
    desk.get(&format!("/admin/sync/{}/events", RunId::new(SystemClock.now(), [0; 32]))).await.refuses(404, "no such sync");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_so_many_watch_at_once_and_a_place_that_is_left_is_free() {
    let desk = Desk::with(&[("GUILDSYNC__HTTP__LIVE_VIEWERS", "1")]).await;
    desk.block().await;
    let run = desk.upload(&[], list(1..=3)).await.run();
    let address = format!("/admin/sync/{run}/events");
    let mut events = Events::of(&desk, run).await;
    events.state().await;
    desk.get(&address).await.refuses(503, "Too many people are watching");
    assert!(desk.get(&format!("/admin/sync/{run}/")).await.body.contains("queued"), "the page itself is shown");
    drop(events);
    let free = async {
        loop {
            let request = desk.client.get(desk.url(&address)).header(COOKIE, &desk.cookie);
            if request.send().await.unwrap().status().is_success() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, free).await.expect("the place is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_ends_what_is_watched_and_strangers_watch_nothing() {
    let mut desk = Desk::start().await;
    desk.block().await;
    let run = desk.upload(&[], list(1..=3)).await.run();
    let mut events = Events::of(&desk, run).await;
    events.state().await;
    let cookie = std::mem::take(&mut desk.cookie);
    let stranger: Answer = desk.get(&format!("/admin/sync/{run}/events")).await;
    assert_eq!((stranger.status, stranger.location.starts_with("/admin/login/")), (303, true));
    desk.cookie = cookie;
    let stopping = tokio::spawn(desk.running.stop());
    while events.next().await.is_some() {}
    tokio::time::timeout(DEADLINE, stopping).await.expect("the server stops").unwrap();
}
