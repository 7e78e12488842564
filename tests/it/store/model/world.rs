//! What is known of members and accounts, and what history says of it. The part of the model that evidence moves.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use guildsync::domain::{Action, Counts, Fields, Member, MemberRow, RunId, Seen, Sighting};
use serde_json::{Value, json};

use super::accounts::Site;
use crate::store::hand::id;

/// A change of a row as history has to tell it. Its fields are in the form of [`Told::fields`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub action: Action,
    pub before: Option<Fields>,
    pub after: Option<Fields>,
    pub run: Option<RunId>,
    pub observed_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
}

/// Whose evidence it is, when it was true and when it is taken in.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    pub run: RunId,
    pub observed_at: DateTime<Utc>,
    pub now: DateTime<Utc>,
}

#[derive(Debug, Clone, Default)]
pub struct World {
    /// By Discord id. A linked account has the number 0 here: numbers are the database's own.
    pub rows: BTreeMap<i64, MemberRow>,
    /// By the key of the name.
    pub sites: BTreeMap<String, Site>,
    /// By Discord id, oldest first.
    pub events: BTreeMap<i64, Vec<Told>>,
    /// Rows as they were made, by the run that made them.
    pub made: BTreeMap<(RunId, i64), Fields>,
    /// Raised by every change of rows and accounts.
    pub version: u64,
}

/// A time as the fields of a change state it here, whatever the database writes.
pub fn stated(time: DateTime<Utc>) -> Value {
    json!(time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}

/// The fields of a member.
pub fn fields(member: &Member) -> Fields {
    let Value::Object(fields) = json!({
        "username": member.username,
        "display_name": member.display_name,
        "nickname": member.nickname,
        "avatar_hash": member.avatar_hash,
        "guild_avatar_hash": member.guild_avatar(),
        "roles": member.roles.to_vec(),
        "joined_at": member.joined_at.map(stated),
        "is_bot": member.is_bot,
    }) else {
        unreachable!("an object")
    };
    fields
}

fn all_fields(member: &Member, date_left: Option<DateTime<Utc>>) -> Fields {
    let mut fields = fields(member);
    fields.insert("date_left".into(), date_left.map_or(Value::Null, stated));
    fields
}

fn account(name: Option<&str>) -> Fields {
    [("account".to_owned(), json!(name)), ("user_id".to_owned(), json!(name))].into_iter().collect()
}

/// One field before and after.
pub fn date_left(time: Option<DateTime<Utc>>) -> Fields {
    [("date_left".to_owned(), time.map_or(Value::Null, stated))].into_iter().collect()
}

impl World {
    /// Members who are present.
    pub fn active(&self) -> i64 {
        self.rows.values().filter(|row| row.date_left.is_none()).count().try_into().unwrap()
    }

    fn tell(&mut self, number: i64, told: Told) {
        self.version += 1;
        self.events.entry(number).or_default().push(told);
    }

    fn make(&mut self, member: &Member, date_left: Option<DateTime<Utc>>, evidence: Evidence) {
        let Evidence { run, observed_at, now } = evidence;
        let number = member.id.get();
        self.version += 1;
        self.made.insert((run, number), fields(member));
        let new = MemberRow {
            member: Member { guild_avatar_hash: Some(member.guild_avatar().to_owned()), ..member.clone() },
            date_created: now,
            date_modified: now,
            date_left,
            observed_at,
            created_run_id: Some(run),
            account: None,
        };
        assert!(self.rows.insert(number, new).is_none());
    }

    /// Writes a known row; answers whether anything in it differs, apart from when it was seen.
    fn write(&mut self, member: &Member, left: Option<DateTime<Utc>>, action: Action, evidence: Evidence) -> bool {
        let Evidence { run, observed_at, now } = evidence;
        let number = member.id.get();
        let row = self.rows.get_mut(&number).expect("a known row");
        let (mut before, mut after) = (all_fields(&row.member, row.date_left), all_fields(member, left));
        let same: Vec<String> =
            before.iter().filter(|(name, value)| after[*name] == **value).map(|(name, _)| name.clone()).collect();
        for name in same {
            before.remove(&name);
            after.remove(&name);
        }
        if before.is_empty() {
            return false;
        }
        (row.member, row.date_left, row.date_modified) = (member.clone(), left, now);
        self.tell(
            number,
            Told { action, before: Some(before), after: Some(after), run: Some(run), observed_at, recorded_at: now },
        );
        true
    }

    /// One entry of a roster: known or new, evidence newer or not, changed or not.
    pub fn hear(&mut self, listed: &Member, evidence: Evidence, counts: &mut Counts) {
        let number = listed.id.get();
        let Some(row) = self.rows.get(&number) else {
            counts.created += 1;
            self.make(listed, None, evidence);
            return;
        };
        counts.updated += 1;
        let was_gone = row.date_left.is_some();
        let listed = untold_is_as_before(listed, row);
        if row.observed_at > evidence.observed_at {
            counts.deferred += 1;
        } else if self.write(&listed, None, if was_gone { Action::Rejoined } else { Action::Updated }, evidence) {
            counts.rejoined += i64::from(was_gone);
            self.rows.get_mut(&number).unwrap().observed_at = evidence.observed_at;
        } else {
            counts.unchanged += 1;
        }
    }

    /// What is known of one member, unless a roster of the time `spoken_for` or newer evidence has spoken for it.
    pub fn see(&mut self, sighting: &Sighting, spoken_for: Option<DateTime<Utc>>, evidence: Evidence, counts: &mut Counts) {
        let evidence = Evidence { observed_at: sighting.observed_at, ..evidence };
        let number = sighting.id().get();
        let row = self.rows.get(&number).cloned();
        let is_late = spoken_for.is_some_and(|roster| sighting.observed_at < roster);
        *match (&row, is_late) {
            (Some(_), _) => &mut counts.updated,
            (None, true) => &mut counts.skipped,
            (None, false) => &mut counts.created,
        } += 1;
        if is_late || row.as_ref().is_some_and(|row| row.observed_at > sighting.observed_at) {
            counts.deferred += 1;
            return;
        }
        let Some(row) = row else {
            match &sighting.seen {
                Seen::Present(member) => self.make(member, None, evidence),
                Seen::Gone { user, .. } => {
                    let member = user.clone().unwrap_or_else(|| nobody(number));
                    self.make(&member, Some(sighting.observed_at), evidence);
                }
            }
            return;
        };
        let was_gone = row.date_left.is_some();
        let changed = match &sighting.seen {
            Seen::Present(member) => {
                let member = untold_is_as_before(member, &row);
                let member = Member { joined_at: member.joined_at.or(row.member.joined_at), ..member };
                counts.rejoined += i64::from(was_gone);
                self.write(&member, None, if was_gone { Action::Rejoined } else { Action::Updated }, evidence)
            }
            Seen::Gone { .. } => {
                counts.marked_left += i64::from(!was_gone);
                let action = if was_gone { Action::Updated } else { Action::Left };
                self.write(&row.member, Some(sighting.observed_at), action, evidence)
            }
        };
        counts.unchanged += i64::from(!changed);
        self.rows.get_mut(&number).unwrap().observed_at = sighting.observed_at;
        self.version += 1;
    }

    /// Whom the evidence does not list although nothing newer is known of them.
    pub fn departures(&self, listed: &BTreeMap<i64, Member>, observed_at: DateTime<Utc>) -> Vec<i64> {
        let missed = |row: &MemberRow| row.date_left.is_none() && row.observed_at <= observed_at;
        self.rows.iter().filter(|(number, row)| missed(row) && !listed.contains_key(number)).map(|(number, _)| *number).collect()
    }

    /// A member who is present is gone.
    pub fn mark_left(&mut self, number: i64, evidence: Evidence) {
        let member = self.rows[&number].member.clone();
        assert!(self.write(&member, Some(evidence.observed_at), Action::Left, evidence), "a present one");
        self.rows.get_mut(&number).unwrap().observed_at = evidence.observed_at;
    }

    /// A departure is taken back: the row is as before, seen when it was seen.
    pub fn take_back(&mut self, number: i64, run: RunId, now: DateTime<Utc>) {
        let member = self.rows[&number].member.clone();
        assert!(self.write(&member, None, Action::Rejoined, Evidence { run, observed_at: now, now }), "a departed one");
    }

    /// The last thing that is told of a row apart from its links.
    pub fn last_told(&self, number: i64) -> Option<&Told> {
        let about_row = |told: &&Told| matches!(told.action, Action::Updated | Action::Rejoined | Action::Left);
        self.events.get(&number)?.iter().rev().find(about_row)
    }

    /// Links those rows whose id an account has, and unlinks those whose id it no longer has; answers how many of each.
    pub fn link(&mut self, which: impl Fn(i64) -> bool, run: Option<RunId>, now: DateTime<Utc>) -> (i64, i64) {
        let owners: BTreeMap<i64, String> =
            self.sites.values().filter_map(|site| Some((site.discord_id?, site.username.clone()))).collect();
        let (mut linked, mut unlinked) = (0, 0);
        let numbers: Vec<i64> = self.rows.keys().copied().filter(|number| which(*number)).collect();
        for number in numbers {
            let row = self.rows.get_mut(&number).unwrap();
            let is = row.account.take().map(|(_, name)| name);
            let shall = owners.get(&number).cloned();
            row.account = shall.clone().map(|name| (0, name));
            if is == shall {
                continue;
            }
            let told = |action, before: Option<&str>, after: Option<&str>| Told {
                action,
                before: Some(account(before)),
                after: Some(account(after)),
                run,
                observed_at: now,
                recorded_at: now,
            };
            if let Some(is) = &is {
                unlinked += 1;
                self.tell(number, told(Action::Unlinked, Some(is), None));
            }
            if let Some(shall) = &shall {
                linked += 1;
                self.tell(number, told(Action::Linked, None, Some(shall)));
            }
        }
        (linked, unlinked)
    }
}

/// A member with what the evidence does not tell as the row has it.
fn untold_is_as_before(member: &Member, row: &MemberRow) -> Member {
    let guild_avatar_hash = member.guild_avatar_hash.clone().or_else(|| row.member.guild_avatar_hash.clone());
    Member { guild_avatar_hash, ..member.clone() }
}

/// A person of whom nothing is known but that they left.
fn nobody(number: i64) -> Member {
    Member {
        id: id(number),
        username: String::new(),
        display_name: String::new(),
        nickname: String::new(),
        avatar_hash: String::new(),
        guild_avatar_hash: Some(String::new()),
        roles: guildsync::domain::Roles::default(),
        joined_at: None,
        is_bot: false,
    }
}
