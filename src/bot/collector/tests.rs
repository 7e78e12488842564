//! What is kept of a flood, and what two sightings of one member say together. Filing is tested over sockets, in `tests/it/bot`.

use super::*;
use crate::bot::BotOptions;
use crate::domain::{Member, Roles};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_614_400 + seconds, 0).unwrap()
}

fn member(number: i64, username: &str) -> Member {
    Member {
        id: DiscordId::try_from(number).unwrap(),
        username: username.into(),
        display_name: String::new(),
        nickname: String::new(),
        avatar_hash: String::new(),
        guild_avatar_hash: None,
        roles: Roles::default(),
        joined_at: None,
        is_bot: false,
    }
}

fn present(number: i64, username: &str) -> Seen {
    Seen::Present(member(number, username))
}

fn gone(number: i64) -> Seen {
    let member = member(number, "gone");
    Seen::Gone { id: member.id, user: Some(member) }
}

fn joined(number: i64, seconds: i64) -> Seen {
    Seen::Present(Member { joined_at: Some(at(seconds)), ..member(number, "new") })
}

const ROOM: usize = BotOptions::ROOM;

/// What waits, by id.
fn waits(waiting: &mut Waiting) -> Vec<Sighting> {
    let mut sightings = waiting.take();
    sightings.sort_by_key(Sighting::id);
    sightings
}

fn sighting(seconds: i64, seen: Seen) -> Sighting {
    Sighting { observed_at: at(seconds), seen }
}

#[test]
fn of_each_member_the_latest_counts() {
    let mut waiting = Waiting::new(ROOM);
    waiting.add(present(1, "old"), at(0));
    waiting.add(gone(2), at(1));
    waiting.add(present(1, "new"), at(2));
    waiting.add(present(2, "back"), at(3));
    waiting.add(gone(2), at(3));
    assert_eq!(waits(&mut waiting), [sighting(2, present(1, "new")), sighting(3, gone(2))]);
    assert!(waiting.take().is_empty());
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_older() {
    let mut waiting = Waiting::new(ROOM);
    waiting.add(present(1, "first"), at(100));
    waiting.add(gone(1), at(0));
    waiting.add(present(2, "other"), at(50));
    assert_eq!(waits(&mut waiting), [sighting(100, gone(1)), sighting(100, present(2, "other"))]);
}

#[test]
fn the_time_of_joining_is_not_lost_over_a_change_that_does_not_know_it() {
    let mut waiting = Waiting::new(ROOM);
    waiting.add(joined(1, -5), at(0));
    waiting.add(present(1, "new"), at(1));
    assert_eq!(waits(&mut waiting), [sighting(1, joined(1, -5))]);
    waiting.add(joined(1, -5), at(2));
    waiting.add(joined(1, -4), at(3));
    assert_eq!(waits(&mut waiting), [sighting(3, joined(1, -4))], "a known time is the newer one's");
    waiting.add(joined(1, -5), at(4));
    waiting.add(gone(1), at(5));
    waiting.add(present(1, "new"), at(6));
    assert_eq!(waits(&mut waiting), [sighting(6, present(1, "new"))], "another stay begins at another time");
}

#[test]
fn what_could_not_be_filed_is_older_than_what_has_come_since() {
    let mut waiting = Waiting::new(ROOM);
    waiting.add(joined(1, -5), at(0));
    waiting.add(present(2, "second"), at(0));
    let unfiled = waiting.take();
    waiting.add(present(1, "new"), at(1));
    waiting.put_back(unfiled);
    assert_eq!(waits(&mut waiting), [sighting(1, joined(1, -5)), sighting(0, present(2, "second"))]);
}

#[test]
fn a_run_takes_so_many_and_no_more() {
    let mut waiting = Waiting::new(ROOM);
    let members = MOST + MOST / 2;
    for number in 1..=i64::try_from(members).unwrap() {
        waiting.add(present(number, "a"), at(number));
    }
    let (first, second) = (waiting.take(), waiting.take());
    assert_eq!((first.len(), second.len()), (MOST, MOST / 2));
    let ids: std::collections::HashSet<_> = first.iter().chain(&second).map(Sighting::id).collect();
    assert_eq!(ids.len(), members, "each member once");
}

#[test]
fn without_room_all_is_dropped_and_that_is_known() {
    let mut waiting = Waiting::new(ROOM);
    let room = i64::try_from(ROOM).unwrap();
    for number in 1..=room {
        waiting.add(present(number, "a"), at(0));
    }
    waiting.add(gone(1), at(1));
    assert!(!waiting.dropped, "a known member takes no further room");
    waiting.add(present(room + 1, "a"), at(2));
    assert!(waiting.dropped);
    assert_eq!(waits(&mut waiting), [sighting(2, present(room + 1, "a"))]);
}
