//! Whoever watches a run sees no more once the session is over: over a real socket, for a browser keeps such a stream for hours.

use std::time::Duration;

use guildsync::domain::RunState;
use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use reqwest::header::COOKIE;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::seed::{put_run, run};
use super::{ADMIN, LOGIN, ME, PASSWORD, Site};
use crate::desk::live::Events;

/// A stream ends within this after its session.
const BOUND: Duration = Duration::from_secs(15);

/// The pages of a site behind a listener.
struct Served {
    address: String,
    client: Client,
    serving: JoinHandle<()>,
}

impl Served {
    async fn of(site: &Site) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap());
        let pages = site.pages.clone();
        let serving = tokio::spawn(async move { server.run(pages).await.unwrap() });
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { address, client, serving }
    }

    async fn get(&self, path: &str, cookie: &str) -> Response {
        self.client.get(format!("{}{path}", self.address)).header(COOKIE, cookie).send().await.unwrap()
    }

    /// A stream over which the run has been told once.
    async fn watch(&self, path: &str, cookie: &str) -> Events {
        let mut events = Events::from(self.get(path, cookie).await);
        assert_eq!(events.next().await.unwrap().0, "live");
        events
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Logs in anew; the session before goes on.
async fn session(site: &mut Site, name: &str) -> String {
    site.cookie = None;
    assert_eq!(site.log_in(name, PASSWORD).await.status, StatusCode::SEE_OTHER);
    site.cookie.clone().unwrap()
}

async fn ends(mut events: Events, why: &str) {
    let end = async { while events.next().await.is_some() {} };
    assert!(tokio::time::timeout(BOUND, end).await.is_ok(), "the stream goes on: {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_session_of_who_watches() {
    let mut site = Site::with_people().await;
    let run = run(RunState::Applying);
    put_run(&site.ledger, &run).await;
    let served = Served::of(&site).await;
    let path = format!("/admin/sync/{}/events", run.id);
    let (leaves, shut_out, idle) =
        (session(&mut site, "root").await, session(&mut site, "anna").await, session(&mut site, "root").await);
    let (left, shut, mut forgotten) =
        (served.watch(&path, &leaves).await, served.watch(&path, &shut_out).await, served.watch(&path, &idle).await);

    let anna = site.ledger.number("SELECT id FROM users WHERE username = 'anna'").await;
    let deactivated = site.act(&format!("/admin/accounts/user/{anna}/"), &[("change", "deactivate"), ("agreed", "1")]).await;
    assert_eq!(deactivated.status, StatusCode::SEE_OTHER);
    site.cookie = Some(leaves.clone());
    let word = site.get(ME).await.form_word();
    let form = [("form_word", word.as_str())];
    site.post("/accounts/logout/", &[("sec-fetch-site", "same-origin")], &form).await;
    tokio::join!(ends(left, "logged out"), ends(shut, "deactivated"));

    // Whose session lasts is still told of what happens.
    site.ledger.execute("UPDATE sync_batches SET state = 'applied' WHERE batch = 1").await;
    assert_eq!(served.get(ADMIN, &idle).await.status().as_u16(), 200);
    let told = tokio::time::timeout(BOUND, forgotten.next()).await.expect("an event comes in time");
    assert_eq!(told.expect("the stream goes on").0, "live");
    site.clock.advance(chrono::TimeDelta::minutes(31));
    ends(forgotten, "nobody has been there for longer than a session may be idle").await;
    for cookie in [leaves, shut_out, idle] {
        let refused = served.get(&path, &cookie).await;
        assert_eq!(refused.status().as_u16(), 303);
        assert!(refused.headers()["location"].to_str().unwrap().starts_with(LOGIN));
    }
}
