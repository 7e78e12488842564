//! *Sync this member now*: with a fake Discord over real sockets, and, where something comes of it, the whole program behind the pages.

use std::sync::Arc;
use std::time::Duration;

use guildsync::app::{self, Carrier, Role, Running};
use guildsync::config::{Config, Environment, Flags};
use guildsync::discord::{LocalBudget, Patience, Rest, RestOptions};
use guildsync::domain::StaffAct;
use guildsync::store::{Claim, ImportRow, NewStaff, StaffLogPage};
use poem::http::StatusCode;
use reqwest::header::{COOKIE, LOCATION};

use super::seed::{HASH, id, member, members, start};
use super::{LIST, ME, PASSWORD, Site};
use crate::store::Ledger;
use crate::support::DEADLINE;
use crate::support::discord::{Fake, GUILD, Person, Route, TOKEN, Trouble, When};
use crate::support::forms::LoginForm;
use crate::support::sqlite::{TempSqlite, migrated};

const WHO: u64 = 80_351_110_224_678_912;
const PATH: &str = "/admin/accounts/guildmember/80351110224678912/";

#[tokio::test]
async fn only_who_may_act_asks_and_only_from_here() {
    let prepare = async |site: &Site| members(&site.stores, &[member(WHO.cast_signed(), "who")], &[]).await;
    Site::refuses_foreign_forms(PATH, &[], prepare).await;
}

#[tokio::test]
async fn without_a_token_the_page_says_what_is_missing() {
    let mut site = Site::as_superuser().await;
    members(&site.stores, &[member(WHO.cast_signed(), "who")], &[]).await;
    let page = site.get(PATH).await;
    assert!(page.body.contains("no bot token (DISCORD_TOKEN)") && !page.body.contains("Sync this member now"));
    let answer = site.act(PATH, &[]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("no bot token") && answer.body.contains("Nothing was done"), "{}", answer.body);
    assert_eq!(site.ledger.number("SELECT count(*) FROM sync_runs WHERE mode = 'delta'").await, 0);
}

/// Pages that ask this Discord, which they give up on soon.
async fn asking(discord: &Fake) -> Site {
    let patience = Patience {
        connect: DEADLINE,
        answer: DEADLINE,
        stand_still: DEADLINE,
        first_pause: Duration::from_millis(2),
        longest_pause: Duration::from_millis(20),
    };
    let options = RestOptions {
        api_url: discord.url(),
        token: TOKEN.into(),
        home: "https://members.example.org".into(),
        random: Arc::new(rand::random),
        patience,
    };
    let site = Site::asking(Rest::new(options, Arc::new(LocalBudget::new())).unwrap()).await;
    members(&site.stores, &[member(WHO.cast_signed(), "who")], &[]).await;
    site
}

#[tokio::test]
async fn what_discord_refuses_is_said_in_words_and_changes_nothing() {
    let discord = Fake::start().await;
    let mut site = asking(&discord).await;
    // The guild of these pages is not the fake's.
    let unknown = site.act(PATH, &[]).await;
    assert_eq!(unknown.status, StatusCode::BAD_GATEWAY);
    assert!(unknown.body.contains("knows no server with the id in GUILD_ID"), "{}", unknown.body);
    discord.world(|world| world.trouble(Route::Member, When::Next(8), Trouble::Status(500)));
    let away = site.act(PATH, &[]).await;
    assert_eq!((away.status, away.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "30"));
    assert!(away.body.contains("tried 8 times") && away.body.contains("Nothing was changed"), "{}", away.body);
    assert!(away.body.contains(&format!("<a class=\"button\" href=\"{PATH}\">Back to the member</a>")));
    discord.world(|world| world.token = "another".into());
    let token = site.act(PATH, &[]).await;
    assert_eq!(token.status, StatusCode::BAD_GATEWAY);
    assert!(token.body.contains("does not accept the bot&#39;s token") && !token.body.contains(TOKEN), "{}", token.body);
    assert_eq!(site.ledger.number("SELECT count(*) FROM sync_runs WHERE mode = 'delta'").await, 0);
    assert_eq!(
        site.ledger.number("SELECT count(*) FROM staff_log WHERE act = 'sync_member' AND target = '80351110224678912'").await,
        3
    );
    let log = StaffLogPage { act: Some(StaffAct::SyncMember), limit: 10, ..StaffLogPage::default() };
    let noted = site.stores.staff_log.acts(&log).await.unwrap();
    assert_eq!(
        noted.iter().map(|act| act.detail.as_str()).collect::<Vec<_>>(),
        [
            "nothing was changed: Discord refuses to say",
            "nothing was changed: Discord cannot be reached",
            "nothing was changed: Discord refuses to say"
        ]
    );
    // With a token the easiest way of all is told first.
    site.ledger.execute("DELETE FROM guild_members").await;
    let nobody = site.get(LIST).await.body;
    let place = |words: &str| nobody.find(words).unwrap_or_else(|| panic!("{words} is not in {nobody}"));
    assert!(place("Fetch it from Discord") < place("Send a file") && place("Send a file") < place("curl"), "the easiest first");
}

/// The whole program, with `root` before it.
struct Program {
    running: Running,
    discord: Fake,
    client: reqwest::Client,
    cookie: String,
    _place: TempSqlite,
}

struct Page {
    status: u16,
    location: String,
    body: String,
}

impl Program {
    async fn start() -> Self {
        let (discord, place) = (Fake::start().await, migrated().await);
        let (guild, discord_url, database) = (GUILD.to_string(), discord.url(), place.url());
        let settings = [
            ("GUILD_ID", guild.as_str()),
            ("DATABASE_URL", database.as_str()),
            ("HTTP_BIND", "127.0.0.1:0"),
            ("DISCORD_TOKEN", TOKEN),
            ("DISCORD_API_URL", discord_url.as_str()),
            ("GUILDSYNC__SHUTDOWN__GRACE_SECS", "2"),
        ];
        let environment: Environment = settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let config = Config::load(&environment, &Flags::default()).unwrap();
        let running = app::start(&config, &[Role::Http, Role::Worker], Carrier::AsConfigured).await.unwrap();
        let root = NewStaff { username: "root".into(), password_hash: HASH.clone(), is_superuser: true };
        running.stores.accounts.create_staff(&root, start()).await.unwrap().unwrap();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut program = Self { running, discord, client, cookie: String::new(), _place: place };
        members(&program.running.stores, &[member(WHO.cast_signed(), "who"), member(1, "one")], &[]).await;
        program.cookie = LoginForm::ask(&program.client, &program.url("")).await.log_in("root", PASSWORD).await;
        program
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address.unwrap())
    }

    async fn get(&self, path: &str) -> Page {
        Self::page(self.client.get(self.url(path)).header(COOKIE, &self.cookie).send().await.unwrap()).await
    }

    /// Presses the button; answers where it leads and what is there.
    async fn sync(&self) -> (String, String) {
        let me = self.get(ME).await.body;
        let word = me.split_once("name=\"form_word\" value=\"").unwrap().1.split('"').next().unwrap();
        let pressed = self.client.post(self.url(PATH)).header(COOKIE, &self.cookie).form(&[("form_word", word)]);
        let pressed = Self::page(pressed.send().await.unwrap()).await;
        assert_eq!(pressed.status, 303, "{}", pressed.body);
        let page = self.get(&pressed.location).await;
        assert_eq!(page.status, 200, "{}", page.body);
        (pressed.location, page.body)
    }

    async fn page(answer: reqwest::Response) -> Page {
        let location = answer.headers().get(LOCATION).map_or("", |value| value.to_str().unwrap()).to_owned();
        Page { status: answer.status().as_u16(), location, body: answer.text().await.unwrap() }
    }

    fn asked(&self) -> usize {
        self.discord.world(|world| world.asked(Route::Member).count())
    }

    async fn deltas(&self) -> usize {
        self.running.stores.read.runs(true, 100).await.unwrap().iter().filter(|run| run.source.as_str() == "discord").count()
    }
}

/// The steps of a sync as a reader sees them: without markup, in one line.
fn steps(page: &str) -> String {
    let (_, rest) = page.split_once("<ol class=\"steps\">").expect("the page tells of a sync");
    let list = rest.split_once("</ol>").unwrap().0;
    let mut text = String::new();
    for part in list.split('<') {
        let (tag, shown) = part.split_once('>').unwrap_or(("", part));
        if !tag.starts_with("time") {
            text.push_str(shown);
        }
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_step_is_told_and_a_reload_repeats_nothing() {
    let program = Program::start().await;
    let claim = Claim::Id(id(WHO.cast_signed()));
    let row = ImportRow { username: "owner".into(), email: String::new(), discord_id: claim };
    program.running.stores.accounts.import(&[row], start()).await.unwrap();
    assert!(program.get(PATH).await.body.contains("Sync this member now"));

    let person = Person::new(WHO).username("who").nick("<b>Who</b>");
    program.discord.world(|world| world.put(&person));
    let (address, page) = program.sync().await;
    let told = steps(&page);
    assert!(told.starts_with("Asked Discord was asked for this member, at the wish of root. Found Discord says that they are in the guild. Matched The account with this Discord id: owner Changed Renamed"), "{told}");
    assert!(told.contains("Nickname — → became &#60;b&#62;Who&#60;/b&#62;"), "{told}");
    assert!(!page.contains("<b>Who"));
    let after = (program.asked(), program.deltas().await);
    assert_eq!(steps(&program.get(&address).await.body), told);
    assert_eq!((program.asked(), program.deltas().await), after, "a reload asks nobody");
    assert_eq!(after, (1, 1));

    let (unchanged, page) = program.sync().await;
    assert!(steps(&page).ends_with("Changed Nothing: all was as it is known here."), "{}", steps(&page));
    // What an earlier sync told stays told.
    assert_eq!(steps(&program.get(&address).await.body), told);
    // It is not another member's.
    let other = program.get(&address.replace(&WHO.to_string(), "1")).await;
    assert!(other.status == 200 && !other.body.contains("class=\"steps\""), "{}", other.body);

    program.discord.world(|world| world.remove(WHO));
    let (_, page) = program.sync().await;
    let told = steps(&page);
    assert!(told.contains("Not found Discord says that they are not in the guild.") && told.ends_with("Changed Left"), "{told}");
    // That nothing had changed cannot be told once newer evidence has come.
    let page = program.get(&unchanged).await;
    assert!(page.status == 200 && !page.body.contains("class=\"steps\""), "{}", page.body);
    program.discord.world(|world| world.put(&person));
    let (_, page) = program.sync().await;
    assert!(
        steps(&page).contains("Found Discord says that they are in the guild.") && steps(&page).ends_with("Changed Came back")
    );
    let log = StaffLogPage { act: Some(StaffAct::SyncMember), limit: 10, ..StaffLogPage::default() };
    let noted = program.running.stores.staff_log.acts(&log).await.unwrap();
    let came: Vec<&str> = noted.iter().map(|act| act.detail.as_str()).collect();
    assert_eq!(came, ["in the guild", "not in the guild", "in the guild", "in the guild"]);
    program.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_cannot_be_kept_is_no_answer() {
    let program = Program::start().await;
    program.discord.world(|world| world.put(&Person::new(WHO).with("nick", "x".repeat(200))));
    let me = program.get(ME).await.body;
    let word = me.split_once("name=\"form_word\" value=\"").unwrap().1.split('"').next().unwrap();
    let pressed = program.client.post(program.url(PATH)).header(COOKIE, &program.cookie).form(&[("form_word", word)]);
    let page = Program::page(pressed.send().await.unwrap()).await;
    assert_eq!(page.status, 502);
    assert!(
        page.body.contains("nick: must be at most 100 characters") && page.body.contains("Nothing was changed"),
        "{}",
        page.body
    );
    assert_eq!(program.deltas().await, 0);
    program.running.stop().await;
}

/// A run of one member that is still to be done, or came to nothing.
#[tokio::test]
async fn a_sync_that_has_not_ended_says_so() {
    let mut site = Site::as_superuser().await;
    members(&site.stores, &[member(WHO.cast_signed(), "who")], &[]).await;
    let run = waiting(&site.ledger).await;
    let page = site.get(&format!("{PATH}?run={run}")).await;
    assert!(
        page.body.contains("a worker has yet to take the answer up") && page.body.contains(">Look again</a>"),
        "{}",
        page.body
    );
    site.stores.work.fail_run(run, &crate::store::hand::mishap(), start()).await.unwrap();
    let page = site.get(&format!("{PATH}?run={run}")).await;
    assert!(page.body.contains("Nothing worked.") && !page.body.contains(">Look again</a>"), "{}", page.body);
}

async fn waiting(ledger: &Ledger) -> guildsync::domain::RunId {
    use guildsync::domain::{Mode, Seen, Sighting, Source};
    use guildsync::store::{StagedBatch, encode_sightings};
    let sighting = Sighting { observed_at: start(), seen: Seen::Present(member(WHO.cast_signed(), "new")) };
    let mut list = crate::store::hand::List::new(start(), &[], 1);
    list.run.mode = Mode::Delta;
    list.run.source = Source::Discord;
    (list.run.members_total, list.run.batches_total) = (1, 1);
    list.batches = vec![StagedBatch { batch: 0, members: 1, payload: encode_sightings(&[sighting]).unwrap() }];
    list.file(ledger).await
}

#[test]
fn the_list_is_where_the_paths_say() {
    assert_eq!(PATH, format!("{LIST}{WHO}/"));
}
