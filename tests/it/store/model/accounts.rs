//! The model's accounts: imports, logins, and claims that could not be met.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use guildsync::domain::{ConflictKind, RunId, username_key};
use guildsync::store::{Claim, DiscordLogin, ImportRow, Imported};

use super::world::World;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub username: String,
    pub email: String,
    pub discord_id: Option<i64>,
    pub discord_username: String,
    pub date_joined: DateTime<Utc>,
    pub last_login: Option<DateTime<Utc>>,
    pub conflict: Option<Unmet>,
}

/// A claim that could not be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    pub kind: ConflictKind,
    pub claimed: String,
    pub noted_at: DateTime<Utc>,
}

const NO_RUN: Option<RunId> = None;

impl World {
    /// The name of the account that has the id.
    pub fn owner(&self, number: i64) -> Option<&str> {
        self.sites.values().find(|site| site.discord_id == Some(number)).map(|site| site.username.as_str())
    }

    /// Which claims can be met without guessing, by account and id.
    fn granted(&self, claims: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
        let has = |account: &str| self.sites.get(account).and_then(|site| site.discord_id);
        let alone = |account: &str, id: i64| claims.iter().all(|(other, claimed)| other == account || *claimed != id);
        let mut granted: BTreeMap<String, i64> = claims
            .iter()
            .filter(|(account, id)| has(account) == Some(**id) || alone(account, **id))
            .map(|(account, id)| (account.clone(), *id))
            .collect();
        // An id is given to one who is not its holder only if the holder is given another; refusals cascade.
        loop {
            let gives_up = |holder: &str, id: i64| granted.get(holder).is_some_and(|other| *other != id);
            let refused: BTreeSet<String> = granted
                .iter()
                .filter(|(account, id)| {
                    let holder = self.sites.iter().find(|(_, site)| site.discord_id == Some(**id)).map(|(key, _)| key);
                    holder.is_some_and(|holder| holder != *account && !gives_up(holder, **id))
                })
                .map(|(account, _)| account.clone())
                .collect();
            if refused.is_empty() {
                return granted;
            }
            granted.retain(|account, _| !refused.contains(account));
        }
    }

    pub fn import(&mut self, lines: &[ImportRow], now: DateTime<Utc>) -> Imported {
        let mut done = Imported::default();
        let claims = lines.iter().filter_map(|line| match &line.discord_id {
            Claim::Id(id) => Some((username_key(&line.username), id.get())),
            Claim::None | Claim::Unreadable(_) => None,
        });
        let granted = self.granted(&claims.collect());
        for line in lines {
            let key = username_key(&line.username);
            *if self.sites.contains_key(&key) { &mut done.updated } else { &mut done.created } += 1;
            let site = self.sites.entry(key.clone()).or_insert_with(|| new_site(&line.username, now));
            if !line.email.is_empty() {
                site.email.clone_from(&line.email);
            }
            let unmet = |kind, claimed| Some(Unmet { kind, claimed, noted_at: now });
            site.conflict = match &line.discord_id {
                Claim::Id(id) if !granted.contains_key(&key) => unmet(ConflictKind::ClaimedTwice, id.to_string()),
                Claim::Unreadable(text) => unmet(ConflictKind::NotAnId, text.clone()),
                Claim::Id(_) | Claim::None => None,
            };
            done.conflicts += i64::from(site.conflict.is_some());
        }
        for (key, id) in granted {
            self.sites.get_mut(&key).unwrap().discord_id = Some(id);
        }
        self.version += 1;
        (done.linked, done.unlinked) = self.link(|_| true, NO_RUN, now);
        done
    }

    /// Answers the key of the account.
    pub fn log_in(&mut self, login: &DiscordLogin, now: DateTime<Utc>) -> String {
        let number = login.id.get();
        let known = self.sites.iter().find(|(_, site)| site.discord_id == Some(number)).map(|(key, _)| key.clone());
        let key = known.unwrap_or_else(|| {
            let numbered = (2..).map(|n| format!("{}{n}", login.username));
            let free = |name: &String| !self.sites.contains_key(&username_key(name));
            let name = std::iter::once(login.username.clone()).chain(numbered).find(free).unwrap();
            let key = username_key(&name);
            self.sites.insert(key.clone(), Site { discord_id: Some(number), ..new_site(&name, now) });
            key
        });
        let site = self.sites.get_mut(&key).unwrap();
        site.discord_username.clone_from(&login.username);
        site.last_login = Some(now);
        site.conflict = None;
        if let Some(email) = &login.email {
            site.email.clone_from(email);
        }
        self.version += 1;
        self.link(|member| member == number, NO_RUN, now);
        key
    }
}

fn new_site(username: &str, now: DateTime<Utc>) -> Site {
    Site {
        username: username.to_owned(),
        email: String::new(),
        discord_id: None,
        discord_username: String::new(),
        date_joined: now,
        last_login: None,
        conflict: None,
    }
}
