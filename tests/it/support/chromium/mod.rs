//! A Chromium of one test, with a profile of its own: it sees pages as people do.
//!
//! What a page is about to show is waited for with [`Browser::until`]; nothing sleeps. A method that cannot do what it is asked
//! fails the test and says what the page showed instead.

mod driver;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, Locator};
use poem::http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::{DEADLINE, LOOK, scratch};
use driver::Driver;

/// Whether pages may run script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// As usual.
    On,
    /// Switched off by the reader.
    Off,
}

/// What the reader prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Scheme {
    /// Its name in CSS.
    pub fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// How wide the window of a desk is. CSS pixels.
pub const DESK: u32 = 1280;
/// How wide a phone is. CSS pixels.
pub const PHONE: u32 = 390;

fn height(width: u32) -> u32 {
    if width < 600 { 844 } else { 900 }
}

/// A command that only Chromium has.
#[derive(Debug)]
struct Command {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

fn downloads(folder: &Path) -> PathBuf {
    folder.join("downloads")
}

/// A running Chromium. It ends with this value.
pub struct Browser {
    client: Client,
    driver: &'static Driver,
    session: String,
    folder: PathBuf,
}

impl Browser {
    /// Starts one with an empty page in a window of that width.
    pub async fn start(width: u32) -> Self {
        Self::with(width, Script::On).await
    }

    /// Starts one where script may be off.
    pub async fn with(width: u32, script: Script) -> Self {
        let (driver, folder) = (driver::shared().await, scratch::folder("chromium"));
        let client = driver.begin(&folder, script).await;
        let session = client.session_id().await.expect("it has just begun").expect("it has an id");
        let browser = Self { client, driver, session, folder };
        browser.resize(width).await;
        browser
    }

    /// Makes the window so wide; a window of a desktop cannot be as narrow as a phone by itself.
    pub async fn resize(&self, width: u32) {
        self.resize_to(width, height(width)).await;
    }

    async fn resize_to(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Makes the reader prefer these colours.
    pub async fn prefer(&self, scheme: Scheme) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme.word() }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Moves the reader into a time zone.
    pub async fn live_in(&self, zone: &str) {
        self.devtools("Emulation.setTimezoneOverride", json!({ "timezoneId": zone })).await;
    }

    async fn devtools(&self, command: &str, params: Value) -> Value {
        let body = json!({ "cmd": command, "params": params });
        let answer = self.client.issue_cmd(Command { path: "goog/cdp/execute", body }).await;
        answer.unwrap_or_else(|e| panic!("{command}: {e}"))
    }

    /// Goes to an address and waits until the page is there.
    pub async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap_or_else(|e| panic!("{address}: {e}"));
    }

    /// Where it is.
    pub async fn address(&self) -> Url {
        self.client.current_url().await.expect("the address of the page")
    }

    /// Runs a script in the page, whatever the page's policy says and also where pages may run none; answers what it returns.
    pub async fn run(&self, script: &str, args: Vec<Value>) -> Value {
        self.client.execute(script, args).await.unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    /// As [`Browser::run`], for a script whose last argument is a function to be called with the answer.
    pub async fn run_async(&self, script: &str, args: Vec<Value>) -> Value {
        self.client.execute_async(script, args).await.unwrap_or_else(|e| panic!("a script that answers later: {e}"))
    }

    /// What the first element that fits shows; nothing while there is none.
    pub async fn shown(&self, css: &str) -> Option<String> {
        let script = "return document.querySelector(arguments[0])?.innerText ?? null";
        // Between two pages there is none to look at.
        let shown = self.client.execute(script, vec![css.into()]).await.unwrap_or_default();
        shown.as_str().map(|text| text.trim().to_owned())
    }

    /// What each element that fits shows.
    pub async fn all_shown(&self, css: &str) -> Vec<String> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((found) => found.innerText.trim())";
        serde_json::from_value(self.run(script, vec![css.into()]).await).expect("texts")
    }

    /// Waits until `check` finds what it looks for. Panics after [`DEADLINE`], naming `what` and what the page shows.
    pub async fn until<T>(&self, what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(found) = check().await {
                    return found;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        if let Ok(found) = tokio::time::timeout(DEADLINE, looking).await {
            return found;
        }
        let (address, page) = (self.address().await, self.shown("body").await.unwrap_or_default());
        panic!("waited {} s in vain until {what}; {address} shows:\n{page}", DEADLINE.as_secs())
    }

    /// Waits until an element that fits shows `text`.
    pub async fn until_shows(&self, css: &str, text: &str) {
        let check = async || self.shown(css).await.filter(|shown| shown.contains(text));
        self.until(&format!("{css} shows {text:?}"), check).await;
    }

    /// Waits for an element.
    pub async fn element(&self, css: &str) -> Element {
        self.until(&format!("there is {css}"), async || self.client.find(Locator::Css(css)).await.ok()).await
    }

    /// Clicks on an element.
    pub async fn click(&self, css: &str) {
        self.element(css).await.click().await.unwrap_or_else(|e| panic!("click on {css}: {e}"));
    }

    /// Follows the link with exactly these words, and waits until the page it leads to is there.
    pub async fn follow(&self, words: &str) {
        self.click_on(Locator::LinkText(words), words).await;
    }

    /// Presses the button with exactly these words.
    pub async fn push(&self, words: &str) {
        self.click_on(Locator::XPath(&format!("//button[normalize-space()='{words}']")), words).await;
    }

    async fn click_on(&self, what: Locator<'_>, words: &str) {
        let there = format!("there is {words:?} to click on");
        let found = self.until(&there, async || self.client.find(what).await.ok()).await;
        found.click().await.unwrap_or_else(|e| panic!("click on {words:?}: {e}"));
    }

    /// Writes into a field instead of what it has.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.element(css).await;
        field.clear().await.unwrap_or_else(|e| panic!("{css}: {e}"));
        field.send_keys(text).await.unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    /// Chooses an entry of a list of choices by its value.
    pub async fn choose(&self, css: &str, value: &str) {
        self.element(css).await.select_by_value(value).await.unwrap_or_else(|e| panic!("{value:?} of {css}: {e}"));
    }

    /// Presses keys, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let element = self.client.active_element().await.expect("something has the focus, or the body");
        element.send_keys(keys).await.unwrap_or_else(|e| panic!("{keys:?}: {e}"));
    }

    /// Presses Enter.
    pub async fn enter(&self) {
        self.press(&String::from(char::from(Key::Enter))).await;
    }

    /// What the browser complained about since it was last asked: script that failed, what the page's policy refused, what did not
    /// load. Pictures are Discord's, and Discord is out of reach.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Command { path: "se/log", body: json!({ "type": "browser" }) }).await;
        let log = log.expect("the console of the page");
        let severe = log.as_array().into_iter().flatten().filter(|entry| entry["level"] == "SEVERE");
        let messages = severe.filter_map(|entry| entry["message"].as_str()).map(str::to_owned);
        messages.filter(|message| !message.starts_with("https://cdn.discordapp.com/")).collect()
    }

    /// Waits until a file has been downloaded whole, and answers it.
    pub async fn downloaded(&self, name: &str) -> Vec<u8> {
        // Until it is whole it has another name.
        let file = downloads(&self.folder).join(name);
        self.until(&format!("{name} is downloaded"), async || std::fs::read(&file).ok().filter(|bytes| !bytes.is_empty())).await
    }

    /// A picture of the page down to that height, in a window that is as tall, so that what keeps to its edge is there. PNG.
    pub async fn picture(&self, tallest: u32) -> Vec<u8> {
        let size = self.run("return [innerWidth, document.documentElement.scrollHeight]", vec![]).await;
        let [width, height]: [u32; 2] = serde_json::from_value(size).expect("the size of the page");
        self.resize_to(width, height.min(tallest)).await;
        let taken = self.devtools("Page.captureScreenshot", json!({ "format": "png" })).await;
        self.resize(width).await;
        STANDARD.decode(taken["data"].as_str().expect("a picture")).expect("in base64")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Also while a test fails: no Chromium is left behind.
        if let Err(e) = self.driver.end(&self.session) {
            eprintln!("a session of chromedriver did not end: {e}");
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

#[cfg(test)]
mod tests;
