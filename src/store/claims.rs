//! Which claims of an import can be met without guessing, and what a new account is named; said once for both databases.

use std::collections::HashMap;

use super::{Claim, DiscordLogin, ImportRow, StoreError};
use crate::domain::{ConflictKind, DiscordId, MAX_USERNAME, check_username, username_key};

/// An account that an import concerns: it names it, or claims its Discord id for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub key: String,
    pub discord_id: Option<i64>,
}

/// A claim that cannot be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unmet {
    /// The account that claims, by its key.
    pub key: String,
    pub kind: ConflictKind,
    pub claimed: String,
}

/// What an import's claims come to: of each of its lines the id that the account gets, if it gets one, and the claims that are not met.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    pub granted: Vec<Option<DiscordId>>,
    pub unmet: Vec<Unmet>,
}

/// Settles the claims of `rows`, whose names are distinct, given all accounts that they name or whose Discord ids they claim.
///
/// A claim is met if nobody else in the import makes it, and if nobody has the id but the account itself or one that is granted another id
/// in the same import.
pub(super) fn settle(rows: &[ImportRow], accounts: &[Holder]) -> Settled {
    let keys: Vec<String> = rows.iter().map(|row| username_key(&row.username)).collect();
    let holders: HashMap<i64, &Holder> = accounts.iter().filter_map(|a| Some((a.discord_id?, a))).collect();
    let held: HashMap<&str, i64> = accounts.iter().filter_map(|a| Some((a.key.as_str(), a.discord_id?))).collect();
    let lines: HashMap<&str, usize> = keys.iter().enumerate().map(|(line, key)| (key.as_str(), line)).collect();
    let mut granted: Vec<Option<DiscordId>> = rows.iter().map(|row| claimed_id(&row.discord_id)).collect();
    let mut claims = HashMap::<DiscordId, usize>::new();
    for id in granted.iter().flatten() {
        *claims.entry(*id).or_default() += 1;
    }
    let holder_of = |id: DiscordId| holders.get(&id.get()).copied();
    let own = |line: usize, id: DiscordId| holder_of(id).is_some_and(|holder| holder.key == keys[line]);
    for (line, grant) in granted.iter_mut().enumerate() {
        // Who has an id and claims it only says what is so; it is the others who want it.
        if grant.is_some_and(|id| claims[&id] > 1 && !own(line, id)) {
            *grant = None;
        }
    }
    let takers: HashMap<i64, usize> =
        granted.iter().enumerate().filter_map(|(line, grant)| Some((grant.as_ref()?.get(), line))).collect();
    // Whoever is refused keeps the id it has, so that who was to get that one is refused, too.
    let mut looked_at: Vec<usize> = (0..rows.len()).collect();
    while let Some(line) = looked_at.pop() {
        let Some(id) = granted[line] else { continue };
        let Some(holder) = holder_of(id).filter(|holder| holder.key != keys[line]) else { continue };
        let gives_up = lines.get(holder.key.as_str()).is_some_and(|line| granted[*line].is_some_and(|other| other != id));
        if !gives_up {
            granted[line] = None;
            looked_at.extend(held.get(keys[line].as_str()).and_then(|id| takers.get(id)));
        }
    }
    let unmet = rows.iter().zip(&keys).zip(&granted).filter_map(|((row, key), granted)| {
        let (kind, claimed) = match &row.discord_id {
            Claim::Unreadable(text) => (ConflictKind::NotAnId, text.clone()),
            Claim::Id(id) if granted.is_none() => (ConflictKind::ClaimedTwice, id.to_string()),
            _ => return None,
        };
        Some(Unmet { key: key.clone(), kind, claimed })
    });
    Settled { unmet: unmet.collect(), granted }
}

fn claimed_id(claim: &Claim) -> Option<DiscordId> {
    match claim {
        Claim::Id(id) => Some(*id),
        Claim::None | Claim::Unreadable(_) => None,
    }
}

/// The Discord ids that the lines of an import claim.
pub(super) fn claimed(rows: &[ImportRow]) -> Vec<i64> {
    rows.iter().filter_map(|row| claimed_id(&row.discord_id)).map(DiscordId::get).collect()
}

/// Names of the form "name7" that are tried before one that nobody else can have.
const NUMBERED: u32 = 50;

/// What the account of a person who logs in may be named, in order: the name at Discord, then with a number behind it.
pub(super) fn names(login: &DiscordLogin) -> impl Iterator<Item = String> {
    let id = login.id;
    // Room for what may stand behind it.
    let short: String = login.username.chars().take(MAX_USERNAME - 21).collect();
    let base = check_username(&short).map_or_else(|_| format!("discord-{id}"), str::to_owned);
    let numbered = (2..=NUMBERED).map({
        let base = base.clone();
        move |number| format!("{base}{number}")
    });
    let last = format!("{base}-{id}");
    std::iter::once(base).chain(numbered).chain(std::iter::once(last))
}

/// When even a name with the person's own id in it is taken.
pub(super) fn no_name_left() -> StoreError {
    StoreError::Refused("no account name is left for this person; a member of staff must rename the account that has it".into())
}
