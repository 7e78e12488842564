//! What may happen, in lines short enough to be read when a sequence fails.

use std::fmt;

use guildsync::domain::{Act, Member};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::store::hand::member;

/// A list that comes in. Times are seconds after the newest evidence so far.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Roster {
    pub ahead: i64,
    /// Ids, and which version of the member.
    pub entries: Vec<(i64, u8)>,
    /// Entries in a batch.
    pub size: usize,
    pub dry: bool,
    pub allow: bool,
    pub key: Option<u8>,
}

/// What is seen of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Here(u8),
    Gone,
    /// With what the event says of the person.
    GoneUser,
}

/// How a worker that was given up for lost shows up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    Concludes,
    Renews,
    GivesBack,
    GivesBackBlameless,
}

/// What an import's line claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claims {
    Nothing,
    Id(i64),
    Unreadable,
}

/// Something that happens. A run is named by its place among those that it could be, counted round.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// A list is filed.
    File(Roster),
    /// A list is filed and carried out, if it is its turn.
    Sync(Roster),
    /// Sightings are filed, and carried out at once or not.
    See {
        now: bool,
        seen: Vec<(i64, i64, Look)>,
    },
    /// A person decides about a run's departures.
    Decide {
        now: bool,
        act: Act,
        run: usize,
        ids: Option<Vec<i64>>,
    },
    /// An open run is carried on by so many steps, its batches from the first or the last on.
    Advance {
        run: usize,
        by: usize,
        backwards: bool,
    },
    /// Everything that can be carried out is.
    CarryOut,
    /// A worker claims the next step of an open run and is not heard of.
    Lose(usize),
    /// A worker that was lost shows up.
    Return(usize, Late),
    /// Time passes, in seconds.
    Wait(i64),
    /// Runs with a step that was given up three times are set aside.
    SetAside,
    Cancel(usize),
    Fail(usize),
    /// Jobs come again that were done.
    Again(usize),
    /// A list that came with a key comes again: the same, or another body.
    Resend {
        which: usize,
        same: bool,
    },
    /// Accounts, whether their names are shouted, whether an address comes with them, and what they claim.
    Import(Vec<(u8, bool, bool, Claims)>),
    LogIn {
        name: u8,
        id: i64,
        email: bool,
    },
}

fn word(is: bool, word: &'static str) -> &'static str {
    if is { word } else { "" }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ahead, entries, size, dry, allow, key } = self;
        write!(f, "{}{ahead:+}s by {size}{} ", word(*dry, "dry "), word(*allow, " allowed"))?;
        if let Some(key) = key {
            write!(f, "key {key} ")?;
        }
        write!(f, "{entries:?}")
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(roster) => write!(f, "file {roster:?}"),
            Self::Sync(roster) => write!(f, "sync {roster:?}"),
            Self::See { now, seen } => write!(f, "see {}{seen:?}", word(!now, "later ")),
            Self::Decide { now, act, run, ids } => write!(f, "{act} {}of {run} {ids:?}", word(!now, "later ")),
            Self::Advance { run, by, backwards } => write!(f, "advance {run} by {by}{}", word(*backwards, " backwards")),
            Self::CarryOut => write!(f, "carry out"),
            Self::Lose(run) => write!(f, "lose {run}"),
            Self::Return(which, late) => write!(f, "return {which} {late:?}"),
            Self::Wait(seconds) => write!(f, "wait {seconds}"),
            Self::SetAside => write!(f, "set aside"),
            Self::Cancel(run) => write!(f, "cancel {run}"),
            Self::Fail(run) => write!(f, "fail {run}"),
            Self::Again(run) => write!(f, "again {run}"),
            Self::Resend { which, same } => write!(f, "resend {which}{}", word(!same, " with another body")),
            Self::Import(lines) => write!(f, "import {lines:?}"),
            Self::LogIn { name, id, email } => write!(f, "log in {name} {id}{}", word(*email, " with e-mail")),
        }
    }
}

/// A member as evidence states it, in one of six versions.
pub fn version(number: i64, version: u8) -> Member {
    match version {
        0 => member(number),
        1 => Member { nickname: String::new(), joined_at: None, ..member(number) },
        2 => Member { roles: ["20", "10"].into_iter().collect(), is_bot: true, ..member(number) },
        3 => Member { guild_avatar_hash: Some("a \"new\" one".into()), ..member(number) },
        4 => Member { guild_avatar_hash: None, ..member(number) },
        _ => Member { username: "ünï \"x\" \\ 🦀".into(), avatar_hash: String::new(), ..member(number) },
    }
}

fn entries() -> impl Strategy<Value = Vec<(i64, u8)>> {
    let version = || prop_oneof![4 => Just(0_u8), 1 => 1_u8..6];
    let most = (subsequence((1..=9).collect::<Vec<i64>>(), 5..=9), vec(version(), 9), vec((1_i64..=9, version()), 0..3))
        .prop_map(|(ids, versions, more)| {
            let listed = ids.into_iter().zip(versions);
            more.into_iter().chain(listed).collect::<Vec<_>>()
        });
    prop_oneof![5 => most, 3 => vec((1_i64..=9, version()), 1..9), 1 => Just(Vec::new())]
}

fn roster() -> impl Strategy<Value = Roster> {
    let rarely = |weight| prop::bool::weighted(weight);
    let key = prop_oneof![3 => Just(None), 1 => (0_u8..2).prop_map(Some)];
    (-3_i64..=3, entries(), 1_usize..6, rarely(0.2), rarely(0.15), key)
        .prop_map(|(ahead, entries, size, dry, allow, key)| Roster { ahead, entries, size, dry, allow, key })
}

fn see() -> impl Strategy<Value = Step> {
    let look = prop_oneof![4 => (0_u8..4).prop_map(Look::Here), 3 => Just(Look::Gone), 1 => Just(Look::GoneUser)];
    (prop::bool::weighted(0.8), btree_map(1_i64..=10, (-3_i64..=2, look), 1..4)).prop_map(|(now, seen)| {
        let seen = seen.into_iter().map(|(id, (ahead, look))| (id, ahead, look)).collect();
        Step::See { now, seen }
    })
}

fn decide() -> impl Strategy<Value = Step> {
    let act = prop_oneof![3 => Just(Act::ApplyDepartures), 2 => Just(Act::DismissDepartures), 2 => Just(Act::UndoDepartures)];
    let ids = prop_oneof![1 => Just(None), 1 => btree_set(1_i64..=10, 1..6).prop_map(|ids| Some(ids.into_iter().collect()))];
    (prop::bool::weighted(0.8), act, 0_usize..6, ids).prop_map(|(now, act, run, ids)| {
        // An undo is always of all.
        let ids = if act == Act::UndoDepartures { None } else { ids };
        Step::Decide { now, act, run, ids }
    })
}

fn accounts() -> impl Strategy<Value = Step> {
    let claims = prop_oneof![1 => Just(Claims::Nothing), 8 => (1_i64..=6).prop_map(Claims::Id), 1 => Just(Claims::Unreadable)];
    let line = (prop::bool::weighted(0.2), any::<bool>(), claims);
    btree_map(0_u8..5, line, 1..5).prop_map(|lines| {
        Step::Import(lines.into_iter().map(|(name, (loud, email, claims))| (name, loud, email, claims)).collect())
    })
}

fn workers() -> impl Strategy<Value = Step> {
    let late = prop_oneof![
        4 => Just(Late::Concludes),
        1 => Just(Late::Renews),
        1 => Just(Late::GivesBack),
        1 => Just(Late::GivesBackBlameless),
    ];
    prop_oneof![
        5 => (0_usize..4, 1_usize..5, any::<bool>()).prop_map(|(run, by, backwards)| Step::Advance { run, by, backwards }),
        2 => Just(Step::CarryOut),
        4 => (0_usize..4).prop_map(Step::Lose),
        4 => (0_usize..4, late).prop_map(|(which, late)| Step::Return(which, late)),
        4 => prop_oneof![12 => Just(7_i64), 1 => Just(90_000)].prop_map(Step::Wait),
        1 => Just(Step::SetAside),
        1 => (0_usize..4).prop_map(Step::Cancel),
        1 => (0_usize..4).prop_map(Step::Fail),
        1 => (0_usize..8).prop_map(Step::Again),
        1 => (0_usize..3, any::<bool>()).prop_map(|(which, same)| Step::Resend { which, same }),
    ]
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => roster().prop_map(Step::Sync),
        2 => roster().prop_map(Step::File),
        3 => see(),
        2 => decide(),
        6 => workers(),
        1 => accounts(),
        1 => (0_u8..5, 1_i64..=8, any::<bool>()).prop_map(|(name, id, email)| Step::LogIn { name, id, email }),
    ];
    vec(step, 1..16)
}
