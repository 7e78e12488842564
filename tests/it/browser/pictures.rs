//! Pictures of the pages for `docs/pages.md`, taken of the demo's invented guild. Ignored, because they are made and looked at by
//! whoever changes how a page looks; CONTRIBUTING.md says how.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::chromium::{Browser, DESK, PHONE, Scheme};
use crate::support::process::{Guildsync, Stream};
use crate::support::scratch;

/// Where they go.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/screenshots");
/// How much of a long page is shown. CSS pixels.
const TALLEST: u32 = 1_400;

/// The demo, and what it printed.
struct Demo {
    process: Guildsync,
    base: String,
}

impl Demo {
    async fn start() -> Self {
        let folder = scratch::folder("demo");
        let args = ["demo", "--bind", "127.0.0.1:0", "--members", "1500", "--every", "3600", "--seed", "7"];
        let process = Guildsync::with(args).var("TMPDIR", folder).start();
        process.wait_for_line("Stop with Ctrl-C").await;
        let base = Self::after(&process, "Pages").trim_end_matches("/admin/").to_owned();
        Self { process, base }
    }

    /// The word that follows this one in what it printed.
    fn after(process: &Guildsync, word: &str) -> String {
        let text = process.lines(Stream::Out).join("\n");
        let rest = text.split_once(word).unwrap_or_else(|| panic!("{word} in {text}")).1;
        rest.trim_start_matches([':', '@', ' ']).split([' ', '\'', '\n']).next().unwrap().to_owned()
    }

    /// A bot sends only half of the guild's list, so that the departures are held.
    async fn send_half(&self) -> String {
        let [key, guild, list] = ["X-API-Key", "X-Guild-Id", "--data-binary"].map(|word| Self::after(&self.process, word));
        let mut list: Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
        let members = list["members"].as_array_mut().unwrap();
        members.truncate(members.len() / 2);
        let url = format!("{}/api/dbot/sync_guild_members", self.base);
        let request = reqwest::Client::new().post(url).header("X-API-Key", key).header("X-Guild-Id", guild);
        let answer: Value = request.json(&list).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["state"], "held", "{answer}");
        answer["run_id"].as_str().unwrap().to_owned()
    }
}

/// Takes the picture of the page that is shown: light and dark at a desk, light on a phone.
async fn take(browser: &Browser, name: &str) {
    for (width, scheme) in [(DESK, Scheme::Light), (DESK, Scheme::Dark), (PHONE, Scheme::Light)] {
        browser.resize(width).await;
        browser.prefer(scheme).await;
        let file = Path::new(FOLDER).join(format!("{name}-{width}-{}.png", scheme.word()));
        fs::write(file, browser.picture(TALLEST).await).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes the pictures in docs/screenshots"]
async fn of_every_page() {
    fs::create_dir_all(FOLDER).unwrap();
    let demo = Demo::start().await;
    let held = demo.send_half().await;
    let browser = Browser::start(DESK).await;
    browser.open(&format!("{}/admin/", demo.base)).await;
    take(&browser, "login").await;
    browser.fill("#name", "demo").await;
    browser.fill("#password", &Demo::after(&demo.process, "Password")).await;
    browser.enter().await;
    browser.element(".logout").await;

    for (name, path) in [
        ("overview", "/admin/"),
        ("members", "/admin/accounts/guildmember/"),
        ("syncs", "/admin/sync/"),
        ("comparison", "/admin/accounts/guildmember/comparison/"),
        ("accounts", "/admin/accounts/user/"),
        ("account", "/admin/accounts/user/1/"),
        ("conflicts", "/admin/accounts/user/conflicts/"),
        ("workers", "/admin/workers/"),
        ("log", "/admin/log/"),
        ("me", "/accounts/me/"),
        ("not-found", "/admin/nothing/"),
        ("sync-held", &format!("/admin/sync/{held}/")),
    ] {
        browser.open(&format!("{}{path}", demo.base)).await;
        take(&browser, name).await;
    }
    let (members, runs) = ("/admin/accounts/guildmember/?status=left", "/admin/sync/");
    for (name, list, link) in
        [("member", members, "[data-row] a[data-open]"), ("sync", runs, "[data-row]:nth-child(2) a[data-open]")]
    {
        browser.open(&format!("{}{list}", demo.base)).await;
        browser.click(link).await;
        take(&browser, name).await;
    }
}
