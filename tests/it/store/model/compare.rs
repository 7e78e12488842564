//! Compares a whole ledger with the model.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Utc};
use guildsync::domain::{Action, Change, Fields, HeldReason, MemberRow, Mode, RunId, RunState};
use guildsync::store::{AccountConflict, ChangeCursor, MemberPage};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, FromRow};

use super::driver::{Drive, same};
use super::rules::Case;
use super::world::{Told, stated};
use crate::store::Raw;
use crate::store::hand::id;

/// What SQL says of an account; times in microseconds.
#[derive(FromRow)]
struct User {
    id: i64,
    username: String,
    email: String,
    discord_id: Option<i64>,
    discord_username: String,
    date_joined: i64,
    last_login: Option<i64>,
}

/// What SQL says of a change.
#[derive(FromRow)]
struct Line {
    discord_id: i64,
    action: String,
    before: Option<String>,
    after: Option<String>,
    run_id: Option<String>,
    observed_at: i64,
    recorded_at: i64,
}

impl Raw {
    /// Rows of a query in which `micros(x)` is a time in microseconds and `word(x)` a text.
    async fn rows<T>(&mut self, query: &str) -> Result<Vec<T>>
    where
        T: Send + Unpin + for<'r> FromRow<'r, sqlx::postgres::PgRow> + for<'r> FromRow<'r, sqlx::sqlite::SqliteRow>,
    {
        match self {
            Self::Postgres(connection) => Ok(sqlx::query_as(AssertSqlSafe(spell(query, |expression, is_time| {
                if is_time {
                    format!("CAST(extract(epoch FROM {expression}) * 1000000 AS bigint)")
                } else {
                    format!("CAST({expression} AS text)")
                }
            })))
            .fetch_all(connection)
            .await?),
            Self::Sqlite(connection) => Ok(sqlx::query_as(AssertSqlSafe(spell(query, |expression, _| expression.to_owned())))
                .fetch_all(connection)
                .await?),
        }
    }
}

/// Replaces `micros(x)` and `word(x)`; the column keeps its name.
fn spell(query: &str, form: impl Fn(&str, bool) -> String) -> String {
    let mut spelled = String::new();
    let mut rest = query;
    while let Some((place, mark)) = ["micros(", "word("].iter().filter_map(|mark| Some((rest.find(mark)?, *mark))).min() {
        let (head, tail) = rest.split_at(place);
        let (expression, tail) = tail[mark.len()..].split_once(')').expect("a closed bracket");
        spelled.extend([head, &form(expression, mark == "micros("), " AS ", expression]);
        rest = tail;
    }
    spelled + rest
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).expect("a time")
}

/// The fields of a change in the form of the model. As a database keeps them a time may be a number; as they are read it may not.
fn plain(fields: Fields, names: &HashMap<i64, String>, as_kept: bool) -> Result<Fields> {
    let plain = |(name, value): (String, Value)| {
        let value = match (name.as_str(), &value) {
            ("joined_at" | "date_left", Value::String(text)) => stated(DateTime::parse_from_rfc3339(text)?.to_utc()),
            ("joined_at" | "date_left", Value::Number(micros)) if as_kept => stated(time(micros.as_i64().context("a time")?)),
            ("roles", Value::String(text)) if as_kept => serde_json::from_str(text)?,
            ("is_bot", Value::Number(number)) if as_kept => json!(number.as_i64() == Some(1)),
            ("user_id", Value::Number(number)) => {
                json!(number.as_i64().and_then(|number| names.get(&number)).context("an account")?)
            }
            _ => value,
        };
        Ok((name, value))
    };
    fields.into_iter().map(plain).collect()
}

/// The entries that are not as they shall be.
fn differences<K: Ord + Debug, V: PartialEq + Debug>(what: &str, is: &BTreeMap<K, V>, shall: &BTreeMap<K, V>) -> Result<()> {
    let keys: BTreeSet<&K> = is.keys().chain(shall.keys()).collect();
    for key in keys {
        let (is, shall) = (is.get(key), shall.get(key));
        ensure!(is == shall, "{what} {key:?}\n   is    {is:?}\n   shall {shall:?}");
    }
    Ok(())
}

impl Drive<'_> {
    /// Everything is as the model says.
    pub async fn compare(&mut self) -> Result<()> {
        let names = self.compare_accounts().await?;
        self.compare_members(&names).await?;
        self.compare_runs().await?;
        self.compare_events(&names).await
    }

    async fn compare_accounts(&mut self) -> Result<HashMap<i64, String>> {
        let query =
            "SELECT id, username, email, discord_id, discord_username, micros(date_joined), micros(last_login) FROM users";
        let users: Vec<User> = self.raw.rows(query).await?;
        let names: HashMap<i64, String> = users.iter().map(|user| (user.id, user.username.clone())).collect();
        let is = users.into_iter().map(|user| {
            let times = (time(user.date_joined), user.last_login.map(time));
            (user.username, (user.email, user.discord_id, user.discord_username, times))
        });
        let shall = self.model.world.sites.values().cloned().map(|site| {
            let times = (site.date_joined, site.last_login);
            (site.username, (site.email, site.discord_id, site.discord_username, times))
        });
        differences("account", &is.collect(), &shall.collect())?;

        let is = self.ledger.accounts.conflicts(100).await?.into_iter().map(|conflict| (conflict.username.clone(), conflict));
        let shall = self.model.world.sites.values().filter_map(|site| {
            let unmet = site.conflict.clone()?;
            let holder = unmet.claimed.parse().ok().and_then(|number| self.model.world.owner(number));
            let (username, held_by) = (site.username.clone(), holder.map(str::to_owned));
            let conflict =
                AccountConflict { username, kind: unmet.kind, claimed: unmet.claimed, held_by, noted_at: unmet.noted_at };
            Some((site.username.clone(), conflict))
        });
        differences("conflict of", &is.collect(), &shall.collect())?;
        Ok(names)
    }

    async fn compare_members(&mut self, names: &HashMap<i64, String>) -> Result<()> {
        let rows = self.ledger.read.members(MemberPage { after: None, limit: 1_000 }).await?;
        let mut linked = BTreeSet::new();
        for row in &rows {
            if let Some((account, name)) = &row.account {
                ensure!(linked.insert(*account), "two members on the account {name}");
                same("the number of an account", &names.get(account), &Some(name))?;
                let owner = self.model.world.owner(row.member.id.get());
                ensure!(owner == Some(name), "{} is linked to {name}, which has another id", row.member.id);
            }
        }
        let is = rows.into_iter().map(|row| {
            let account = row.account.map(|(_, name)| (0, name));
            (row.member.id.get(), MemberRow { account, ..row })
        });
        differences("member", &is.collect(), &self.model.world.rows)
    }

    async fn compare_runs(&mut self) -> Result<()> {
        let runs = self.ledger.read.runs(true, 1_000).await?;
        same("the number of runs", &runs.len(), &self.model.runs.len())?;
        for run in &runs {
            let name = self.name(run.id);
            let slot = self.desk.slot((run.id, None));
            let (touched, is_held) = (slot.touched, slot.is_held());
            let case = self.model.runs.get(&run.id).with_context(|| format!("{name} was never filed"))?;
            let state = match case.state {
                // How far a claim alone brings a run is for nobody to see but those who work on it.
                RunState::Queued if case.is_small() && touched && !run.state.has_ended() => run.state,
                RunState::Finishing if !is_held && run.state == RunState::Applying => run.state,
                state => state,
            };
            same(&format!("the state of {name}"), &(run.state, run.finished_at.is_some()), &(state, state.has_ended()))?;
            same(&format!("the counts of {name}"), &run.counts, &case.counts)?;
            let error = run.error.as_ref().map(|error| error.code.as_str());
            let ends = (run.held_reason, run.superseded_by, error);
            same(&format!("the end of {name}"), &ends, &(case.held_reason, case.superseded_by, case.error))?;
            same(&format!("{name} as filed"), &(run.mode, run.observed_at), &(case.mode, case.observed_at))?;
            let decision = match &case.about {
                super::rules::About::Decision { act, target, .. } => (Some(*act), Some(*target)),
                _ => (None, None),
            };
            same(&format!("what {name} decides"), &(run.act, run.target_run_id), &decision)?;
            let counts = run.counts;
            let entries = counts.created + counts.updated + counts.skipped + counts.duplicates;
            let all_done = matches!(run.state, RunState::Succeeded | RunState::Held);
            ensure!(!all_done || entries == counts.total_received, "{name} counts {entries} entries: {counts:?}");
        }
        let open = runs.iter().filter(|run| run.state == RunState::Held && run.held_reason == Some(HeldReason::MassDeparture));
        ensure!(open.count() <= 1, "more than one open hold");

        let query = "SELECT word(run_id), discord_id FROM held_departures WHERE outcome IS NULL";
        let held: Vec<(String, i64)> = self.raw.rows(query).await?;
        let is: BTreeSet<(String, i64)> = held.into_iter().collect();
        let held = |case: &Case| case.held.iter().map(|number| (case.id.to_string(), *number)).collect::<Vec<_>>();
        same("undecided departures", &is, &self.model.runs.values().flat_map(held).collect())
    }

    async fn compare_events(&mut self, names: &HashMap<i64, String>) -> Result<()> {
        let query = "SELECT discord_id, action, word(before), word(after), word(run_id), micros(observed_at), micros(recorded_at)
                     FROM member_events ORDER BY discord_id, id";
        let lines: Vec<Line> = self.raw.rows(query).await?;
        let mut is = BTreeMap::<(i64, usize), Told>::new();
        for line in lines {
            let fields = |text: Option<String>| text.map(|text| plain(serde_json::from_str(&text)?, names, true)).transpose();
            let told = Told {
                action: Action::from_word(&line.action).with_context(|| line.action.clone())?,
                before: fields(line.before)?,
                after: fields(line.after)?,
                run: line.run_id.map(|run| run.parse()).transpose()?,
                observed_at: time(line.observed_at),
                recorded_at: time(line.recorded_at),
            };
            let place = is.range((line.discord_id, 0)..=(line.discord_id, usize::MAX)).count();
            is.insert((line.discord_id, place), told);
        }
        let events = self.model.world.events.iter();
        let shall =
            events.flat_map(|(number, told)| told.iter().cloned().enumerate().map(|(place, told)| ((*number, place), told)));
        differences("event", &is, &shall.collect())
    }

    /// History and changes read as they were made, page by page.
    pub async fn compare_reading(&mut self) -> Result<()> {
        let users: Vec<(i64, String)> = self.raw.rows("SELECT id, username FROM users").await?;
        let names: HashMap<i64, String> = users.into_iter().collect();
        for (number, shall) in &self.model.world.events {
            let mut is = Vec::new();
            let mut before = None;
            loop {
                let page = self.ledger.read.history(id(*number), before, 3).await?;
                let Some(last) = page.last() else { break };
                ensure!(page.is_sorted_by_key(|event| -event.number) && page.len() <= 3, "history is out of order");
                before = Some(last.number);
                for event in page {
                    let (observed_at, recorded_at, run) = (event.observed_at, event.recorded_at, event.run_id);
                    same("whose history", &event.change.id, &id(*number))?;
                    let fields = |fields: Option<Fields>| fields.map(|fields| plain(fields, &names, false)).transpose();
                    let (before, after) = (fields(event.change.before)?, fields(event.change.after)?);
                    is.insert(0, Told { action: event.change.action, before, after, run, observed_at, recorded_at });
                }
            }
            same(&format!("the history of {number}"), &is, shall)?;
        }
        for (place, run) in self.order.clone().into_iter().enumerate() {
            let Some(shall) = self.shall_change(run) else { continue };
            let is = self.changes(run, if place % 3 == 0 { 2 } else { 100 }, &names).await?;
            differences(&format!("change by run {place} of"), &is, &shall)?;
        }
        Ok(())
    }

    async fn changes(&self, run: RunId, limit: i64, names: &HashMap<i64, String>) -> Result<Changes> {
        let mut all = Changes::new();
        let mut after = ChangeCursor::default();
        loop {
            let page = self.ledger.read.changes(run, None, after, limit).await?;
            ensure!(i64::try_from(page.len())? <= limit, "a page of {}", page.len());
            if page.is_empty() {
                return Ok(all);
            }
            for (cursor, Change { id, action, before, after: fields }) in page {
                ensure!(cursor > after && cursor.id == id.get(), "changes are out of order: {cursor:?} of {id} after {after:?}");
                after = cursor;
                let plain = |fields: Option<Fields>| fields.map(|fields| plain(fields, names, false)).transpose();
                let mut fields = plain(fields)?;
                if action == Action::Created
                    && let Some(fields) = &mut fields
                {
                    // That someone unknown was seen to leave may stand there or not.
                    fields.remove("date_left");
                }
                all.entry(id.get()).or_default().push((action, plain(before)?, fields));
            }
        }
    }

    /// What is to be read of a run; `None` if that is nobody's to say.
    fn shall_change(&self, run: RunId) -> Option<Changes> {
        let case = self.model.case(run);
        let mut shall = Changes::new();
        if case.mode == Mode::DryRun {
            if self.unsure.contains(&run) || !matches!(case.state, RunState::Succeeded | RunState::Superseded) {
                return None;
            }
            for (number, planned) in &case.planned {
                shall.entry(*number).or_default().extend(planned.iter().map(change));
            }
        } else {
            for ((_, number), fields) in self.model.world.made.iter().filter(|(key, _)| key.0 == run) {
                shall.entry(*number).or_default().push((Action::Created, None, Some(fields.clone())));
            }
            for (number, told) in &self.model.world.events {
                shall.entry(*number).or_default().extend(told.iter().filter(|told| told.run == Some(run)).map(change));
            }
            for number in &case.held {
                let left = |time| Some(super::world::date_left(time));
                shall.entry(*number).or_default().push((Action::Held, left(None), left(Some(case.observed_at))));
            }
        }
        for changes in shall.values_mut() {
            // A held departure is no event; where it stands among the links is open.
            changes.sort_by_key(|(action, ..)| *action == Action::Held);
        }
        shall.retain(|_, changes| !changes.is_empty());
        Some(shall)
    }
}

type Changes = BTreeMap<i64, Vec<(Action, Option<Fields>, Option<Fields>)>>;

fn change(told: &Told) -> (Action, Option<Fields>, Option<Fields>) {
    (told.action, told.before.clone(), told.after.clone())
}
