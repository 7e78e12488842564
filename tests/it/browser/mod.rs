//! The pages in a real Chromium, served by the built program: what staff do with them, at a desk, on a phone, and with script off.

mod axe;
mod every_page;
mod held;
mod live;
mod names;
mod people;
mod pictures;
mod refresh;
mod round;
mod script_off;
mod seed;
mod targets;
mod times;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::chromium::Browser;
use super::support::discord::{APPLICATION, CLIENT_SECRET, Fake, GUILD, TOKEN};
use super::support::process::{Guildsync, Launch};
use super::support::{children, scratch};

const KEY: &str = "key-of-the-tests-4711";
const PASSWORD: &str = "correct horse battery";
/// Who may act.
const ROOT: &str = "root";
/// Who may only look.
const ANNA: &str = "anna";

const LISTS: &str = "/api/dbot/sync_guild_members";
const ADMIN: &str = "/admin/";
const MEMBERS: &str = "/admin/accounts/guildmember/";
const RUNS: &str = "/admin/sync/";

/// The program at work, and the Discord it asks.
struct Site {
    /// Those that serve pages, and those that only work.
    processes: Vec<Guildsync>,
    url: String,
    vars: Vec<(&'static str, String)>,
    discord: Fake,
    folder: TempDir,
}

impl Site {
    /// One process on a new SQLite file; [`ROOT`] and [`ANNA`] may log in, and nothing else is there.
    async fn start() -> Self {
        let folder = tempfile::tempdir_in(scratch::root()).unwrap();
        let database = format!("sqlite://{}", folder.path().join("guildsync.db").display());
        Self::serve("http,worker", folder, vec![("DATABASE_URL", database)]).await
    }

    /// A process that only serves pages, over PostgreSQL and Redis: what is filed stays queued until [`Site::add_worker`].
    async fn without_worker(database: &str, redis: &str, prefix: &str) -> Self {
        let folder = tempfile::tempdir_in(scratch::root()).unwrap();
        let vars = vec![
            ("DATABASE_URL", database.to_owned()),
            ("REDIS_URL", redis.to_owned()),
            ("GUILDSYNC__REDIS__PREFIX", prefix.to_owned()),
        ];
        Self::serve("http", folder, vars).await
    }

    async fn serve(roles: &str, folder: TempDir, mut vars: Vec<(&'static str, String)>) -> Self {
        let discord = Fake::start().await;
        vars.extend([
            ("GUILD_ID", GUILD.to_string()),
            ("DBOT_AUTH_KEY", KEY.to_owned()),
            ("DISCORD_API_URL", discord.url()),
            ("DISCORD_TOKEN", TOKEN.to_owned()),
            ("DISCORD_CLIENT_ID", APPLICATION.to_string()),
            ("DISCORD_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
            ("GUILDSYNC__SHUTDOWN__GRACE_SECS", "2".to_owned()),
        ]);
        let mut site = Self { processes: Vec::new(), url: String::new(), vars, discord, folder };
        while site.processes.is_empty() {
            site.listen(roles).await;
        }
        for (name, more) in [(ROOT, None), (ANNA, Some("--read-only"))] {
            let args = ["staff", "create", name, "--password-stdin"].into_iter().chain(more);
            assert_eq!(site.command(args, PASSWORD).await, 0);
        }
        site
    }

    /// Tries to serve on a free port. Somebody may take it first; then nothing has changed.
    async fn listen(&mut self, roles: &str) {
        let address = format!("127.0.0.1:{}", children::free_port().unwrap());
        self.url = format!("http://{address}");
        let args = ["serve", "--role", roles, "--bind", &address];
        let process = self.launch(args).var("PUBLIC_URL", &self.url).start();
        if process.wait_for_line(&address).await.contains("serving on") {
            self.processes.push(process);
            let back = format!("{}/accounts/discord/login/callback/", self.url);
            self.discord.world(|world| world.oauth.redirects.push(back));
        }
    }

    /// Adds a process that works.
    async fn add_worker(&mut self) {
        let process = self.launch(["serve", "--role", "worker"]).start();
        process.wait_for_line("serving roles=").await;
        self.processes.push(process);
    }

    fn launch<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Launch {
        self.vars.iter().fold(Guildsync::with(args), |launch, (name, value)| launch.var(name, value))
    }

    /// Runs a command beside the service, and answers its exit status.
    async fn command<'a>(&self, args: impl IntoIterator<Item = &'a str>, input: &str) -> i32 {
        let mut process = self.launch(args).input(input).start();
        process.wait().await.code().expect("it is not killed")
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Asks the bot API.
    async fn api(&self, method: Method, path: &str, body: Value) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.request(method, self.at(path)).header("X-API-Key", KEY).header("X-Guild-Id", GUILD.to_string());
        let request = if body.is_null() { request } else { request.header("Prefer", "respond-async").json(&body) };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// Files a list as a bot does.
    async fn file(&self, members: Vec<Value>) -> Value {
        self.api(Method::POST, LISTS, json!({ "members": members })).await
    }

    /// A browser of that width in which `name` has logged in, on the way to a page.
    async fn browser(&self, width: u32, name: &str, path: &str) -> Browser {
        let browser = Browser::start(width).await;
        self.log_in(&browser, name, path).await;
        browser
    }

    /// Asks for a page, logs in on the way, and is there.
    async fn log_in(&self, browser: &Browser, name: &str, path: &str) {
        browser.open(&self.at(path)).await;
        browser.fill("#name", name).await;
        browser.fill("#password", PASSWORD).await;
        browser.enter().await;
        browser
            .until("the page that was asked for is there", async || {
                (browser.address().await.as_str() == self.at(path)).then_some(())
            })
            .await;
    }
}

/// Members with these ids and no more than a name.
fn members(ids: impl IntoIterator<Item = u64>) -> Vec<Value> {
    ids.into_iter().map(|id| json!({ "id": id.to_string(), "username": format!("user{id}") })).collect()
}

/// The form that logs out stands in the bar of every page.
async fn log_out(browser: &Browser) {
    browser.click(".logout button").await;
    browser.element("#password").await;
}

/// Fails if the page is wider than the window: nothing but a table of its own may scroll sideways. Says what reaches out of it.
async fn assert_fits(browser: &Browser) {
    let script = "
        const [page, width] = [document.scrollingElement.scrollWidth, window.innerWidth];
        const out = [...document.querySelectorAll('main *')].filter((one) => one.getBoundingClientRect().right > width);
        return [page <= width, `${page} in ${width}: ${out.slice(0, 5).map((one) => one.cloneNode().outerHTML).join(' ')}`]";
    let (fits, told): (bool, String) = serde_json::from_value(browser.run(script, vec![]).await).unwrap();
    assert!(fits, "{} is wider than the window: {told}", browser.address().await);
}
