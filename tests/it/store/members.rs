//! A batch against the rows: what is created, updated, brought back, left alone, and counted as what.

use guildsync::domain::{Counts, Member, MemberRow};
use guildsync::store::MemberPage;

use super::Ledger;
use super::hand::{List, apply, at, id, member, members, row, rows, sync, take_up};

on_both!(
    every_kind_of_entry_is_counted_and_written_as_it_must_be,
    a_new_row_carries_its_times_and_its_run,
    a_list_of_many_chunks_is_counted_exactly,
    members_are_read_page_by_page,
    a_roster_that_is_the_same_again_writes_no_row,
);

/// One field of a listed member that differs from its row.
type Change = (&'static str, fn(&mut Member));

/// A list that does not tell the picture for the guild is no change.
const UNTOLD: &str = "guild_avatar_hash is not told";

/// How a listed member may differ from its row; the first does not.
const CHANGES: [Change; 18] = [
    ("nothing", |_| ()),
    ("username", |m| m.username = "other".into()),
    ("only the case of the username", |m| m.username = m.username.to_uppercase()),
    ("display_name", |m| m.display_name = "other".into()),
    ("no display_name", |m| m.display_name.clear()),
    ("nickname", |m| m.nickname = "nick ".into()),
    ("avatar_hash", |m| m.avatar_hash = "a_0123456789abcdef0123456789abcdef".into()),
    ("guild_avatar_hash", |m| m.guild_avatar_hash = Some("a_fedcba9876543210fedcba9876543210".into())),
    ("no guild_avatar_hash", |m| m.guild_avatar_hash = Some(String::new())),
    (UNTOLD, |m| m.guild_avatar_hash = None),
    ("username, but not guild_avatar_hash", |m| (m.username, m.guild_avatar_hash) = ("other".into(), None)),
    ("one role more", |m| m.roles = ["10", "20", "30"].into_iter().collect()),
    ("the order of roles", |m| m.roles = ["20", "10"].into_iter().collect()),
    ("no roles", |m| m.roles = guildsync::domain::Roles::default()),
    ("joined_at", |m| m.joined_at = m.joined_at.map(|at| at + super::hand::MICRO)),
    ("no joined_at", |m| m.joined_at = None),
    ("joined_at is known at last", |m| m.joined_at = Some(at(-1_000))),
    ("is_bot", |m| m.is_bot = true),
];

/// How the evidence of a row stands to that of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Evidence {
    Older,
    Equal,
    Newer,
}

impl Evidence {
    fn observed_at(self) -> chrono::DateTime<chrono::Utc> {
        match self {
            Self::Older => at(99),
            Self::Equal => at(100),
            Self::Newer => at(100) + super::hand::MICRO,
        }
    }
}

/// Every change, on a row that is present or has left, with each kind of evidence.
fn cases() -> Vec<(i64, Change, bool, Evidence)> {
    let mut cases = Vec::new();
    for change in CHANGES {
        for left in [false, true] {
            for evidence in [Evidence::Older, Evidence::Equal, Evidence::Newer] {
                cases.push((i64::try_from(cases.len()).unwrap() + 1, change, left, evidence));
            }
        }
    }
    cases
}

fn before(number: i64, change: &Change) -> Member {
    let joined_at = if change.0 == "joined_at is known at last" { None } else { member(number).joined_at };
    Member { joined_at, ..member(number) }
}

async fn every_kind_of_entry_is_counted_and_written_as_it_must_be(ledger: &Ledger) {
    let cases = cases();
    sync(ledger, at(0), &cases.iter().map(|(number, change, ..)| before(*number, change)).collect::<Vec<_>>()).await;
    let mut prepare = String::new();
    for (number, _, left, evidence) in &cases {
        let date_left = if *left { ledger.literal(at(50)) } else { "NULL".into() };
        let observed_at = ledger.literal(evidence.observed_at());
        let set = format!("date_left = {date_left}, observed_at = {observed_at}");
        prepare.extend(["UPDATE guild_members SET ", &set, " WHERE discord_id = ", &number.to_string(), ";"]);
    }
    ledger.execute(&prepare).await;
    ledger.note_writes().await;
    let old = rows(ledger).await;

    let listed: Vec<Member> = cases
        .iter()
        .map(|(number, change, ..)| {
            let mut member = before(*number, change);
            (change.1)(&mut member);
            member
        })
        .collect();
    // One entry a batch, so that each is counted alone.
    let run = List::new(at(100), &listed, 1).file(ledger).await;
    take_up(ledger, run, at(150)).await;
    let mut written = Vec::new();
    for (batch, (number, (what, _), left, evidence)) in (0_i32..).zip(&cases) {
        let case = format!("{what} changed, left: {left}, evidence: {evidence:?}");
        let counts = apply(ledger, run, batch, at(150)).await.counts;
        let newer = *evidence == Evidence::Newer;
        let same = ["nothing", UNTOLD].contains(what);
        let expected = Counts {
            updated: 1,
            deferred: newer.into(),
            rejoined: (*left && !newer).into(),
            unchanged: (same && !left && !newer).into(),
            ..Counts::default()
        };
        assert_eq!(counts, expected, "{case}");

        let was = &old[usize::try_from(batch).unwrap()];
        let is = row(ledger, *number).await;
        if newer || same && !left {
            assert_eq!(&is, was, "{case}");
            continue;
        }
        let mut listed = listed[usize::try_from(batch).unwrap()].clone();
        listed.guild_avatar_hash = listed.guild_avatar_hash.or_else(|| was.member.guild_avatar_hash.clone());
        let now = MemberRow { member: listed, date_left: None, date_modified: at(150), observed_at: at(100), ..was.clone() };
        assert_eq!(is, now, "{case}");
        written.push(format!("update {number}"));
    }
    written.sort();
    assert_eq!(ledger.noted().await, written);
}

async fn a_new_row_carries_its_times_and_its_run(ledger: &Ledger) {
    let run = List::new(at(10), &[member(1)], 1).file(ledger).await;
    take_up(ledger, run, at(19)).await;
    let counts = apply(ledger, run, 0, at(20)).await.counts;
    assert_eq!(counts, Counts { created: 1, ..Counts::default() });
    let new = MemberRow {
        member: member(1),
        date_created: at(20),
        date_modified: at(20),
        date_left: None,
        observed_at: at(10),
        created_run_id: Some(run),
        account: None,
    };
    assert_eq!(rows(ledger).await, std::slice::from_ref(&new));
    ledger.work.fail_run(run, &super::hand::mishap(), at(21)).await.unwrap();

    // A later change keeps when and by which run the row was made.
    let changed = super::hand::renamed(1, "other");
    sync(ledger, at(30), std::slice::from_ref(&changed)).await;
    let later = MemberRow { member: changed, date_modified: at(31), observed_at: at(30), ..new };
    assert_eq!(rows(ledger).await, [later]);
    let made_by = ledger.texts("SELECT CAST(created_run_id AS text) FROM guild_members").await;
    assert_eq!(made_by, [run.to_string()]);
}

/// A batch is larger than any chunk a store may cut it into, and its edges are where counts go wrong.
async fn a_list_of_many_chunks_is_counted_exactly(ledger: &Ledger) {
    let first = List::new(at(0), &members(1..=1_001), 2_000).file(ledger).await;
    take_up(ledger, first, at(1)).await;
    assert_eq!(apply(ledger, first, 0, at(1)).await.counts, Counts { created: 1_001, ..Counts::default() });
    ledger.work.fail_run(first, &super::hand::mishap(), at(2)).await.unwrap();

    let changed = (501..=1_503).map(|n| super::hand::renamed(n, &format!("user{}", n + n / 1_000 * 7))).collect::<Vec<_>>();
    let second = List::new(at(10), &changed, 2_000).file(ledger).await;
    take_up(ledger, second, at(11)).await;
    let expected = Counts { created: 502, updated: 501, unchanged: 499, ..Counts::default() };
    assert_eq!(apply(ledger, second, 0, at(11)).await.counts, expected);
    assert_eq!(ledger.read.member_totals().await.unwrap().present, 1_503);
}

async fn members_are_read_page_by_page(ledger: &Ledger) {
    sync(ledger, at(0), &members([1, 2, 3, 5, 8, i64::MAX])).await;
    let page = async |after: Option<i64>, limit| {
        let rows = ledger.read.members(MemberPage { after: after.map(id), limit }).await.unwrap();
        rows.into_iter().map(|row| row.member.id.get()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 3).await, [1, 2, 3]);
    assert_eq!(page(Some(3), 2).await, [5, 8]);
    assert_eq!(page(Some(6), 9).await, [8, i64::MAX]);
    assert!(page(Some(i64::MAX), 9).await.is_empty());
    assert!(page(None, 0).await.is_empty());
}

async fn a_roster_that_is_the_same_again_writes_no_row(ledger: &Ledger) {
    let everyone = members(1..=50);
    sync(ledger, at(0), &everyone).await;
    let before = rows(ledger).await;
    ledger.note_writes().await;
    let again = sync(ledger, at(10), &everyone).await;
    let expected = Counts { updated: 50, unchanged: 50, total_received: 50, total_active: 50, ..Counts::default() };
    assert_eq!(again.counts, expected);
    assert_eq!(ledger.noted().await, Vec::<String>::new());
    assert_eq!(rows(ledger).await, before);
}
