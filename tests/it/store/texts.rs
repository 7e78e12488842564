//! What comes out is what went in: texts, lists and times, in both databases.

use chrono::{DateTime, Utc};
use guildsync::domain::{Member, Roles};

use super::Ledger;
use super::hand::{MICRO, at, id, member, renamed, rows, sync};

on_both!(odd_but_valid_members_are_kept_to_the_letter, texts_that_only_look_alike_are_different);

fn odd_members() -> Vec<Member> {
    let texts = [
        "日本語のユーザー",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "it's \"quoted\" \\ `and` $1 ?1 :x; DROP TABLE guild_members; --",
        "مرحبا\u{202e}abc",
        "e\u{301} tab\there\nline\r\n",
        "\u{1}\u{7f}\u{feff}\u{fffd}",
        "NULL",
        " ",
        "%_*[]",
    ];
    let longest: String = std::iter::repeat_n('𝕏', 100).collect();
    let times =
        ["0000-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z", "2015-05-13T00:00:00.000001Z"];
    let many: Roles = (0..1_000).map(|n| format!("{:0>64}", 9_000_000_000_000_000_000_u64 + n)).collect();

    let mut members: Vec<Member> =
        texts.into_iter().chain([longest.as_str()]).zip(10..).map(|(text, n)| named(n, text)).collect();
    for (time, n) in times.into_iter().zip(100..) {
        members.push(Member { joined_at: Some(time.parse::<DateTime<Utc>>().unwrap()), ..member(n) });
    }
    members.push(Member { roles: many, ..member(1) });
    members.push(Member { roles: ["", "7", "7", "a\"b\\c/", "🦀", "admin role"].into_iter().collect(), ..member(2) });
    members.push(Member { joined_at: Some(at(0) - MICRO), is_bot: true, ..member(i64::MAX) });
    members.sort_by_key(|member| member.id);
    members
}

fn named(number: i64, text: &str) -> Member {
    let text = text.to_owned();
    let (display_name, nickname) = (text.clone(), text.clone());
    let (avatar_hash, guild_avatar_hash) = (text.clone(), Some(text.clone()));
    Member { id: id(number), username: text, display_name, nickname, avatar_hash, guild_avatar_hash, ..member(number) }
}

async fn odd_but_valid_members_are_kept_to_the_letter(ledger: &Ledger) {
    let listed = odd_members();
    let count = i64::try_from(listed.len()).unwrap();
    assert_eq!(sync(ledger, at(0), &listed).await.counts.created, count);
    let read: Vec<Member> = rows(ledger).await.into_iter().map(|row| row.member).collect();
    for (read, listed) in read.iter().zip(&listed) {
        assert_eq!(read.roles.to_vec(), listed.roles.to_vec());
        assert_eq!(read, listed);
    }
    assert_eq!(read.len(), listed.len());
    // What was kept is also recognised.
    assert_eq!(sync(ledger, at(10), &listed).await.counts.unchanged, count);
    assert_eq!(sync(ledger, at(20), &read).await.counts.unchanged, count);
}

async fn texts_that_only_look_alike_are_different(ledger: &Ledger) {
    let pairs = [("a", "A"), ("a", "a "), ("é", "e\u{301}"), ("ss", "ß"), ("I", "ı"), ("1", "１"), ("a", "а")];
    let list = |first: bool| -> Vec<Member> {
        pairs.iter().zip(1..).map(|((one, other), n)| renamed(n, if first { one } else { other })).collect()
    };
    sync(ledger, at(0), &list(true)).await;
    let done = sync(ledger, at(10), &list(false)).await;
    assert_eq!((done.counts.updated, done.counts.unchanged), (7, 0));
    let read: Vec<Member> = rows(ledger).await.into_iter().map(|row| row.member).collect();
    assert_eq!(read, list(false));
}
