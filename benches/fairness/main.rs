//! Small syncs beside a huge one: `cargo bench --bench fairness [-- MEMBERS]`.
//!
//! A first list of a large guild is sent to an http process; two worker processes apply it, over PostgreSQL and Redis. All the while, from the
//! list's first byte to its run's end, every 200 ms a leave is posted, a login claims its account, and a handful of gateway events are filed as a
//! delta, each for members of that list, whose rows may be in the making. What is timed is how long each took until it was in effect: a leave and a
//! delta until their run had succeeded, a login until its transaction, link included, was committed. They are told apart by what the large run was
//! doing when they began. The same on SQLite, where one process does it all.
//!
//! The bar is a second for each of them.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

#[path = "../site/mod.rs"]
#[expect(dead_code, reason = "a bench needs a part of what benches need")]
mod site;
#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "a bench needs a part of what tests need")]
mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::DateTime;
use guildsync::app;
use guildsync::discord::{InventedGuild, write_roster};
use guildsync::domain::{Member, RunId, RunState, Seen, Sighting, Source, SystemClock};
use guildsync::intake::{Follow, Intake, IntakeLimits};
use guildsync::queue::{Queue, RedisOptions, local, redis};
use guildsync::store::{DiscordLogin, Stores};
use support::postgres::PrivatePostgres;
use support::redis::PrivateRedis;
use tokio::task::JoinSet;

use site::{Serving, Site, Times};

/// Members of the list, unless said.
const MEMBERS: usize = 1_000_000;
/// How often something small comes.
const EVERY: Duration = Duration::from_millis(200);
/// Members in a delta.
const EVENTS: usize = 20;
/// How long all of it may take.
const LONGEST: Duration = Duration::from_mins(30);
const BAR: &str = "each <= 1,000 ms";

#[tokio::main]
async fn main() {
    let members = site::argument(MEMBERS);
    let guild = InventedGuild::new(7, members, DateTime::from_timestamp(1_780_000_000, 0).unwrap());
    let mut json = Vec::new();
    write_roster(guild.roster(), &mut json).unwrap();
    let list = bytes::Bytes::from(json);
    println!("{members} members; every {EVERY:?} a leave, a login and a delta of {EVENTS} members");

    let server = PrivatePostgres::durable();
    let cache = PrivateRedis::start();
    let database = server.database().await;
    let site = Site::new(database.url(), guild.id()).with_redis(&cache.url());
    let (front, _one, _two) = tokio::join!(site.serve("http"), site.serve("worker"), site.serve("worker"));
    let options =
        RedisOptions { url: cache.url().into(), prefix: site.value("GUILDSYNC__REDIS__PREFIX").into(), host: "bench".into() };
    let queue = redis(options, Arc::new(SystemClock)).await.unwrap();
    measure("PostgreSQL + Redis, two worker processes", &site, &front, Some(queue), &guild, &list).await;

    let database = support::sqlite::sqlite();
    let site = Site::new(&database.url(), guild.id());
    let alone = site.serve("http,worker").await;
    measure("SQLite, one process", &site, &alone, None, &guild, &list).await;
}

/// What the large run is doing.
type Phase = Arc<Mutex<&'static str>>;

/// Who does the small things, and when each was done.
struct Beside {
    front: site::Door,
    stores: Stores,
    /// Files deltas, where the workers hear of them.
    intake: Option<Intake>,
    follow: Follow,
    phase: Phase,
    times: Mutex<BTreeMap<(&'static str, &'static str), Times>>,
}

async fn measure(name: &str, site: &Site, front: &Serving, queue: Option<Queue>, guild: &InventedGuild, list: &bytes::Bytes) {
    println!("\n{name}");
    // Logins and deltas come from processes of their own, and so with connections of their own.
    let (stores, telling) = (site.stores().await, site.stores().await);
    let notices = queue.as_ref().map_or_else(|| local().notices, |queue| queue.notices.clone());
    let beside = Arc::new(Beside {
        front: front.door.clone(),
        intake: queue.map(|queue| intake(&telling, &queue, site)),
        follow: Follow::new(telling.read.clone(), notices),
        stores,
        phase: Arc::new(Mutex::new("staged")),
        times: Mutex::default(),
    });
    let door = front.door.clone();
    let (begun, list) = (Instant::now(), list.clone());
    let (watching, phase) = (beside.clone(), beside.phase.clone());
    let large = tokio::spawn(async move {
        let run = door.file(list).await;
        let staged = begun.elapsed();
        let ended = watching.follow.to_end(run, LONGEST, |run| *phase.lock().unwrap() = word(run.state)).await.unwrap();
        assert_eq!(ended.state, RunState::Succeeded, "{ended:?}");
        (staged, begun.elapsed())
    });
    let mut small = JoinSet::new();
    let mut turn = tokio::time::interval(EVERY);
    let places = 7..guild.roster().len() / (EVENTS + 2);
    for place in places.map(|place| place * (EVENTS + 2)) {
        turn.tick().await;
        if large.is_finished() {
            break;
        }
        let members: Vec<Member> = guild.roster()[place..place + EVENTS + 2].to_vec();
        small.spawn(beside.clone().leave(members[0].clone()));
        small.spawn(beside.clone().log_in(members[1].clone()));
        if beside.intake.is_some() {
            small.spawn(beside.clone().tell(members[2..].to_vec()));
        }
    }
    let (staged, ended) = large.await.unwrap();
    small.join_all().await;
    println!("the list was staged after {:.1} s, and its run had ended after {:.1} s", staged.as_secs_f64(), ended.as_secs_f64());
    Times::head();
    for ((kind, phase), times) in &*beside.times.lock().unwrap() {
        times.print(&format!("{kind}, while the large one was {phase}"), BAR);
    }
}

impl Beside {
    fn note(&self, kind: &'static str, phase: &'static str, begun: Instant) {
        self.times.lock().unwrap().entry((kind, phase)).or_default().add(begun.elapsed());
    }

    fn begin(&self) -> (&'static str, Instant) {
        (*self.phase.lock().unwrap(), Instant::now())
    }

    async fn leave(self: Arc<Self>, member: Member) {
        let (phase, begun) = self.begin();
        let answer = self.front.post(&format!("member_left/{}", member.id), None, "").await;
        assert_eq!(answer["status"], "departed", "{answer}");
        self.note("a leave", phase, begun);
    }

    async fn log_in(self: Arc<Self>, member: Member) {
        let (phase, begun) = self.begin();
        let login = DiscordLogin { id: member.id, username: member.username, email: None };
        self.stores.accounts.log_in_with_discord(&login, site::now()).await.unwrap();
        self.note("a login", phase, begun);
    }

    async fn tell(self: Arc<Self>, members: Vec<Member>) {
        let Some(intake) = &self.intake else { return };
        let (phase, begun) = self.begin();
        let told = |mut member: Member| {
            member.nickname = "told".into();
            Sighting { observed_at: site::now(), seen: Seen::Present(member) }
        };
        let run: RunId = intake.file_delta(members.into_iter().map(told).collect(), Source::Events, String::new()).await.unwrap();
        let ended = self.follow.to_end(run, LONGEST, |_| {}).await.unwrap();
        assert_eq!(ended.state, RunState::Succeeded, "{ended:?}");
        self.note("a delta", phase, begun);
    }
}

fn intake(stores: &Stores, queue: &Queue, site: &Site) -> Intake {
    let limits = IntakeLimits { max_body: 1, max_members: 1, batch_members: 1, idle: LONGEST, total: LONGEST, uploads: 1 };
    Intake::new(stores.filing.clone(), queue.ring.clone(), Arc::new(SystemClock), app::random(), site.guild, limits)
}

fn word(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "staged",
        RunState::Applying => "being applied",
        RunState::Finishing => "being ended",
        _ => "over",
    }
}
