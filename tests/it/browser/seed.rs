//! A site with a history: what bots sent, what Discord said, and the accounts of a website.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::{LISTS, Site};
use crate::support::discord::{Route, Trouble, When, role};
use crate::support::eventually;

/// The first of them has the longest history.
pub const FIRST: u64 = 80_351_110_224_678_912;
/// How many the list of yesterday has.
const COUNT: u64 = 120;
const ROLES: [(u64, &str, u32); 3] = [
    (300_000_001, "Moderators", 0x00e7_4c3c),
    (300_000_002, "Cartographers of the North", 0x0034_98db),
    (300_000_003, "<b>Bold</b>", 0),
];

const HEAD: &str = "username,email,discord_id\n";

/// Runs of the history, for the pages that show one.
pub struct History {
    /// Ended well.
    pub succeeded: String,
    /// Failed at Discord.
    pub failed: String,
    /// Waits for somebody to decide about its departures.
    pub held: String,
}

/// Runs that a history has less often.
pub struct Others {
    /// Only said what it would do.
    pub dry: String,
    /// Came after a newer list.
    pub superseded: String,
    /// Somebody ended it.
    pub cancelled: String,
    /// Waits for Discord, which does not answer.
    pub running: String,
}

#[expect(clippy::disallowed_methods, reason = "the program's own clock is the machine's, too")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

fn member(place: u64) -> Value {
    let mut member = json!({
        "id": (FIRST + place).to_string(),
        "username": format!("user.{place:03}"),
        "roles": ROLES.iter().take(usize::try_from(place % 4).unwrap()).map(|(id, ..)| id.to_string()).collect::<Vec<_>>(),
        "joined_at": now() - TimeDelta::days(i64::try_from(place % 40).unwrap()),
    });
    let nickname = match place {
        0 => "Nelly of the North",
        1 => "<script>alert(1)</script>",
        2 => "\u{202e}drowssap \u{5d0}\u{5d1}\u{5d2}",
        3 => "🎉🐉👩‍👩‍👧‍👦 Łucja",
        4 => return with(member, "nickname", "z\u{351}\u{36b}\u{343}\u{36a}\u{302}".repeat(16)),
        5 => return with(member, "nickname", "W".repeat(100)),
        6 => return with(member, "is_bot", true),
        _ => "",
    };
    member["nickname"] = nickname.into();
    member
}

fn with(mut member: Value, field: &str, value: impl Into<Value>) -> Value {
    member[field] = value.into();
    member
}

impl Site {
    /// Gives it a past: members with every kind of name, some renamed, some gone; accounts, two of which claim one person; runs that
    /// succeeded, failed and wait.
    pub async fn with_history(self) -> (Self, History) {
        let failed = self.fetch_in_vain().await;
        let yesterday: Vec<_> = (0..COUNT).map(member).collect();
        self.list(&yesterday, TimeDelta::days(1), "succeeded").await;
        let mut later: Vec<_> = (0..COUNT - 7).map(member).collect();
        later[0] = with(with(later[0].clone(), "nickname", "Nelly of the South"), "roles", json!([ROLES[0].0.to_string()]));
        later[1] = with(later[1].clone(), "username", "little.bobby");
        let succeeded = self.list(&later, TimeDelta::hours(2), "succeeded").await;
        self.import_accounts().await;
        let held = self.list(&later[..40], TimeDelta::minutes(5), "held").await;
        (self, History { succeeded, failed, held })
    }

    /// Files the runs that a history has less often. From then on Discord tells nobody who its members are.
    pub async fn with_other_runs(&self) -> Others {
        let members: Vec<_> = (0..COUNT - 9).map(member).collect();
        let dry = json!({ "members": &members, "dry_run": true });
        let dry = self.ended(&self.api(Method::POST, LISTS, dry).await, "succeeded").await;
        let superseded = self.list(&members, TimeDelta::days(3), "superseded").await;
        self.discord.world(|world| world.trouble(Route::Members, When::Next(1_000), Trouble::Hang));
        let wish = json!({ "source": "discord" });
        let cancelled = self.api(Method::POST, "/api/dbot/sync_runs", wish.clone()).await;
        let path = format!("/api/dbot/sync_runs/{}/cancel", cancelled["id"].as_str().unwrap());
        self.api(Method::POST, &path, Value::Null).await;
        let cancelled = self.ended(&cancelled, "cancelled").await;
        let running = self.api(Method::POST, "/api/dbot/sync_runs", wish).await["id"].as_str().unwrap().to_owned();
        Others { dry, superseded, cancelled, running }
    }

    /// Names of roles come before the members from Discord, which do not come.
    async fn fetch_in_vain(&self) -> String {
        self.discord.world(|world| {
            world.roles.extend(ROLES.map(|(id, name, colour)| role(id, name, colour)));
            world.trouble(Route::Members, When::Next(1), Trouble::Status(401));
        });
        let run = self.api(Method::POST, "/api/dbot/sync_runs", json!({ "source": "discord" })).await;
        self.ended(&run, "failed").await
    }

    /// Sends a list that was seen so long ago; answers its run, which ends so.
    async fn list(&self, members: &[Value], ago: TimeDelta, end: &str) -> String {
        let list = json!({ "members": members, "observed_at": now() - ago });
        self.ended(&self.api(Method::POST, LISTS, list).await, end).await
    }

    /// Waits until the run an answer tells of has ended, and how; answers its id.
    pub async fn ended(&self, answer: &Value, end: &str) -> String {
        let id = answer["run_id"].as_str().or(answer["id"].as_str()).unwrap_or_else(|| panic!("no run in {answer}"));
        eventually("the run has ended", async || {
            let run = self.api(Method::GET, &format!("/api/dbot/sync_runs/{id}"), Value::Null).await;
            assert!(run["finished_at"].is_null() || run["state"] == end, "{run}");
            run["state"] == end
        })
        .await;
        id.to_owned()
    }

    /// Accounts of members present and gone, of strangers and of nobody; the last one says it is the first member, who has one.
    async fn import_accounts(&self) {
        let mut csv = String::from(HEAD);
        for place in (0..COUNT).step_by(3).chain(500..503) {
            writeln!(csv, "account{place},account{place}@example.org,{}", FIRST + place).unwrap();
        }
        csv.push_str("local,,\n");
        assert_eq!(self.import(&csv).await, 0);
        // For the conflict.
        assert_eq!(self.import(&format!("{HEAD}double,,{FIRST}\n")).await, 3);
    }

    pub async fn import(&self, csv: &str) -> i32 {
        let file = self.folder.path().join("users.csv");
        std::fs::write(&file, csv).unwrap();
        self.command(["users", "import", file.to_str().unwrap()], "").await
    }
}
