//! The pages, asked as a browser asks them, over a ledger of their own in SQLite.

mod account_lists;
mod accounts;
mod assets;
mod comparison;
mod conflicts;
mod discord;
mod every_page;
mod login;
mod me;
mod member;
mod member_sync;
mod members;
mod overview;
mod paging;
mod runs;
mod seed;
mod staff_log;
mod trail;
mod watching;
mod who_may;
mod workers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use guildsync::config::{Config, Environment, Flags};
use guildsync::discord::{OAuth, OAuthOptions, Rest};
use guildsync::domain::{Clock, DiscordId, ManualClock};
use guildsync::http::{DISCORD_CALLBACK, PagesState, TrustedProxies, page_routes};
use guildsync::intake::{Follow, Intake, IntakeLimits};
use guildsync::queue::Queue;
use guildsync::store::Stores;
use poem::endpoint::BoxEndpoint;
use poem::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint as _, EndpointExt as _, Request};
use tokio_util::sync::CancellationToken;

use crate::store::Ledger;
use crate::support::forms::hidden;
use seed::start;

const PASSWORD: &str = "correct horse battery";

const LIST: &str = "/admin/accounts/guildmember/";
const LOGIN: &str = "/admin/login/";
const ADMIN: &str = "/admin/";
const ME: &str = "/accounts/me/";
/// The guild.
const GUILD: i64 = 41_771_983_423_143_937;
/// The application at Discord.
const CLIENT_ID: i64 = 47_110_815;
const CLIENT_SECRET: &str = "secret-of-the-tests";

/// The pages, the ledger behind them, and a browser before them.
struct Site {
    pages: Arc<BoxEndpoint<'static>>,
    /// For what no handle can do.
    ledger: Ledger,
    pub stores: Stores,
    clock: Arc<ManualClock>,
    /// The session's.
    cookie: Option<String>,
    /// That of a login with Discord.
    begun: Option<String>,
    /// That of the login form.
    form: Option<String>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body for a snapshot: versions of assets change with every touch of the style sheet.
    fn page(&self) -> String {
        let mut parts = self.body.split("?v=");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |page, part| page + "?v=HASH" + &part[16..])
    }

    /// What the log-out form of the page carries.
    fn form_word(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"form_word\" value=\"").expect("the page has a log-out form");
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Takes in what the pages file; nobody carries it out.
fn intake(stores: &Stores, queue: &Queue, clock: &Arc<ManualClock>) -> Intake {
    let limits = IntakeLimits {
        max_body: 1 << 20,
        max_members: 1_000,
        batch_members: 100,
        idle: Duration::from_secs(20),
        total: Duration::from_secs(20),
        uploads: 2,
    };
    let (ring, clock) = (queue.ring.clone(), Arc::<ManualClock>::clone(clock));
    let guild = DiscordId::try_from(GUILD).unwrap();
    Intake::new(stores.filing.clone(), ring, clock, guildsync::app::random(), guild, limits)
}

impl Site {
    /// Nobody and nothing is there yet.
    async fn empty() -> Self {
        Self::at("http://127.0.0.1:8080").await
    }

    async fn at(public_url: &str) -> Self {
        Self::with(public_url, None, false).await
    }

    /// Where people may log in with the Discord at this address, or only members of the guild may.
    async fn with_discord(public_url: &str, discord: &str, require_member: bool) -> Self {
        let options = OAuthOptions {
            api_url: discord.to_owned(),
            client_id: DiscordId::try_from(CLIENT_ID).unwrap(),
            client_secret: CLIENT_SECRET.into(),
            redirect_url: format!("{public_url}{DISCORD_CALLBACK}"),
        };
        Self::with(public_url, Some(OAuth::new(options).unwrap()), require_member).await
    }

    async fn with(public_url: &str, discord: Option<OAuth>, require_member: bool) -> Self {
        Self::made_of(public_url, discord, require_member, None, guildsync::queue::local()).await
    }

    /// Whose pages can ask Discord, with `root` logged in.
    async fn asking(rest: Rest) -> Self {
        let queue = guildsync::queue::local();
        let mut site = Self::made_of("http://127.0.0.1:8080", None, false, Some(rest), queue).await;
        seed::people(&site.ledger).await;
        assert_eq!(site.log_in("root", PASSWORD).await.status, StatusCode::SEE_OTHER);
        site
    }

    /// Of a program that is set otherwise, with `root` logged in.
    async fn set_otherwise(change: impl FnOnce(&mut PagesState)) -> Self {
        let queue = guildsync::queue::local();
        let mut site = Self::built("http://127.0.0.1:8080", None, false, queue, change).await;
        seed::people(&site.ledger).await;
        assert_eq!(site.log_in("root", PASSWORD).await.status, StatusCode::SEE_OTHER);
        site
    }

    async fn made_of(public_url: &str, discord: Option<OAuth>, require_member: bool, rest: Option<Rest>, queue: Queue) -> Self {
        Self::built(public_url, discord, require_member, queue, |state| state.rest = rest).await
    }

    async fn built(
        public_url: &str,
        discord: Option<OAuth>,
        require_member: bool,
        queue: Queue,
        change: impl FnOnce(&mut PagesState),
    ) -> Self {
        let login = Config::load(&Environment::new(), &Flags::default()).unwrap().login;
        let ledger = Ledger::sqlite().await;
        let stores = Stores::clone(&ledger);
        let clock = Arc::new(ManualClock::new(start()));
        // Each draw differs from the 255 before. The first goes into a login form.
        let drawn = AtomicU8::new(0);
        let mut state = PagesState {
            read: stores.read.clone(),
            runs: stores.runs.clone(),
            live_viewers: 3,
            member_lists: stores.member_lists.clone(),
            accounts: stores.accounts.clone(),
            account_lists: stores.account_lists.clone(),
            account_desk: stores.account_desk.clone(),
            sessions: stores.sessions.clone(),
            staff_log: stores.staff_log.clone(),
            overview: stores.overview.clone(),
            fleet: stores.fleet.clone(),
            queue: queue.depth.clone(),
            full_sync: Some(Duration::from_hours(6)),
            intake: Some(intake(&stores, &queue, &clock)),
            has_bot_key: true,
            follow: Follow::new(stores.read.clone(), queue.notices.clone()),
            rest: None,
            hurry: CancellationToken::new(),
            clock: Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(move || {
                [Some(drawn.fetch_add(1, Ordering::Relaxed)).filter(|drawn| *drawn > 0).unwrap_or(0xee); 32]
            }),
            login: guildsync::config::Login { require_member, ..login },
            discord,
            proxies: TrustedProxies::default(),
            public_url: public_url.to_owned(),
        };
        change(&mut state);
        Self { pages: Arc::new(page_routes(state).boxed()), ledger, stores, clock, cookie: None, begun: None, form: None }
    }

    /// With the people of [`seed::people`].
    async fn with_people() -> Self {
        let site = Self::empty().await;
        seed::people(&site.ledger).await;
        site
    }

    /// With `anna` logged in, who may look.
    async fn as_staff() -> Self {
        Self::logged_in("anna").await
    }

    /// With `root` logged in, who may act.
    async fn as_superuser() -> Self {
        Self::logged_in("root").await
    }

    async fn logged_in(name: &str) -> Self {
        let mut site = Self::with_people().await;
        let answer = site.log_in(name, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        site
    }

    async fn open_sessions(&self) -> i64 {
        self.ledger.number("SELECT count(*) FROM sessions").await
    }

    /// Sends a form of this session, with its word.
    async fn act(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let word = self.get(ME).await.form_word();
        self.post(path, &[("sec-fetch-site", "same-origin")], &[&[("form_word", word.as_str())], fields].concat()).await
    }

    /// Sends a form of this session, is asked this first, and agrees to it. The log says that nothing is done before.
    async fn agree(&mut self, path: &str, fields: &[(&str, &str)], question: &str) -> Answer {
        let noted = self.ledger.number("SELECT count(*) FROM staff_log").await;
        let asked = self.act(path, fields).await;
        assert_eq!(asked.status, StatusCode::OK, "{}", asked.body);
        assert!(asked.body.contains(question), "{question:?} is not in {}", asked.body);
        assert_eq!(self.ledger.number("SELECT count(*) FROM staff_log").await, noted);
        let sent = hidden(&asked.body);
        self.act(path, &sent[1..].iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>()).await
    }

    /// That forms nobody here may send are refused: of another session, of another site, and of who may only look.
    async fn refuses_foreign_forms(path: &str, fields: &[(&str, &str)], prepare: impl AsyncFn(&Site)) {
        let mut site = Site::as_superuser().await;
        prepare(&site).await;
        let word = site.get(ME).await.form_word();
        for wrong in ["", "0", &word.to_uppercase(), &"0".repeat(64)] {
            let answer = site.post(path, &[], &[&[("form_word", wrong)], fields].concat()).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong}");
            assert!(answer.body.contains("out of date"), "{}", answer.body);
        }
        let fields_with_word = [&[("form_word", word.as_str())], fields].concat();
        let foreign = site.post(path, &[("sec-fetch-site", "cross-site")], &fields_with_word).await;
        assert_eq!(foreign.status, StatusCode::FORBIDDEN);
        site.log_in("anna", PASSWORD).await;
        let looking = site.act(path, fields).await;
        assert_eq!(looking.status, StatusCode::FORBIDDEN);
        assert!(looking.body.contains("may look, not act"), "{}", looking.body);
        site.log_in("ben", PASSWORD).await;
        assert_eq!(site.act(path, fields).await.status, StatusCode::FORBIDDEN);
        site.cookie = None;
        assert_eq!(site.post(path, &[], fields).await.header("location"), format!("{LOGIN}?ended=1"));
        assert_eq!(site.ledger.number("SELECT count(*) FROM staff_log WHERE act <> 'log_in'").await, 0, "nothing was done");
    }

    /// Follows a link on the page at `from`.
    async fn get_from(&mut self, path: &str, from: &str) -> Answer {
        self.send(Method::GET, path, &[("referer", &format!("http://127.0.0.1:8080{from}"))], String::new()).await
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], String::new()).await
    }

    async fn post(&mut self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form = (CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded");
        self.send(Method::POST, path, &[&[form], headers].concat(), body).await
    }

    async fn log_in(&mut self, name: &str, password: &str) -> Answer {
        self.enter(&[("sec-fetch-site", "same-origin")], &[("name", name), ("password", password)]).await
    }

    /// Sends the login form with the word it was given.
    async fn enter(&mut self, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let word = self.login_word().await;
        self.post(LOGIN, headers, &[&[("form_word", word.as_str())], fields].concat()).await
    }

    /// The word of this browser's login form, which only those see who are not logged in.
    async fn login_word(&mut self) -> String {
        if self.form.is_none() {
            let session = self.cookie.take();
            self.get(LOGIN).await;
            self.cookie = session;
        }
        self.form.as_ref().and_then(|pair| pair.split_once('=')).expect("the login page has a form").1.to_owned()
    }

    async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let mut request = Request::builder().method(method).uri_str(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for cookie in [&self.cookie, &self.begun, &self.form].into_iter().flatten() {
            request = request.header(COOKIE, cookie);
        }
        let response = self.pages.get_response(request.body(body)).await;
        let (parts, body) = response.into_parts();
        for set in parts.headers.get_all(SET_COOKIE) {
            let set = set.to_str().unwrap();
            let pair = set.split(';').next().unwrap().to_owned();
            let kept = match set.strip_prefix("__Host-").unwrap_or(set).split('=').next() {
                Some("guildsync_session") => &mut self.cookie,
                Some("guildsync_login") => &mut self.form,
                _ => &mut self.begun,
            };
            *kept = (!set.contains("Max-Age=0")).then_some(pair);
        }
        Answer { status: parts.status, headers: parts.headers, body: body.into_string().await.unwrap() }
    }
}
