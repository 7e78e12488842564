//! What holds for every body that somebody may send as a member list. Run by the fuzz target, and by `cargo test` over the corpus.

mod model;
mod node;
mod time;
mod words;

use std::collections::BTreeMap;

use guildsync::domain::{DiscordId, Member};
use guildsync::intake::{Fault, IntakeLimits, MAX_FAULTS, Refusal, Roster, parse_roster};
use guildsync::store::decode_payload;
use model::{Expected, Person, Switches};
use node::Node;

const GUILD: i64 = 42;
/// Few enough for a short body to have more.
const MAX_MEMBERS: usize = 64;

/// What became of a body, so that two outcomes can be compared.
#[derive(Debug, PartialEq)]
enum Outcome {
    Taken(Taken),
    /// Place and rule of each fault, its message, and how many faults there are.
    Faulty(Vec<Fault>, u64),
    /// Message, line and column.
    Malformed(String, usize, usize),
    TooLarge(String),
}

#[derive(Debug, PartialEq)]
struct Taken {
    received: i64,
    duplicates: i64,
    distinct: i64,
    observed_at: Option<i64>,
    switches: Switches,
    batches: Vec<Vec<Person>>,
    dropped: Vec<(usize, Vec<i64>)>,
}

/// Panics where the parser does not do what the contract says.
///
/// # Panics
/// That is how a property fails.
pub fn hold(body: &[u8]) {
    let outcome = outcome(body, 4096, 3);
    assert_eq!(outcome, self::outcome(body, 7, 3), "in chunks of 7");
    assert_eq!(outcome, self::outcome(body, 1, 3), "in chunks of 1");
    match Node::read(body) {
        Err(error) => broken_json_is_refused(body, &outcome, &error),
        Ok(node) if node.entries() > MAX_MEMBERS => {
            assert!(matches!(outcome, Outcome::TooLarge(_)) || (node.has_key_twice() && is_twice(&outcome)), "{outcome:?}");
        }
        Ok(node) if node.has_key_twice() => assert!(is_twice(&outcome), "a key stands twice: {outcome:?}"),
        Ok(node) => json_is_judged_by_the_rules(body, &outcome, &node),
    }
    no_text_of_the_body_is_repeated(&outcome);
}

fn outcome(body: &[u8], chunk: usize, batch_members: usize) -> Outcome {
    let limits = IntakeLimits {
        max_body: 16 << 20,
        max_members: MAX_MEMBERS as u64,
        batch_members,
        idle: std::time::Duration::ZERO,
        total: std::time::Duration::ZERO,
        uploads: 1,
    };
    let guild = DiscordId::try_from(GUILD).unwrap();
    match parse_roster(guild, &limits, body.chunks(chunk).map(<[u8]>::to_vec)) {
        Ok(roster) => Outcome::Taken(taken(roster)),
        Err(Refusal::Faulty { faults, count }) => Outcome::Faulty(faults, count),
        Err(Refusal::Malformed { message, line, column }) => Outcome::Malformed(message, line, column),
        Err(Refusal::TooLarge(message)) => Outcome::TooLarge(message),
        Err(other) => panic!("no body is refused so: {other:?}"),
    }
}

/// The roster in the model's words. Checks what ties its batches together.
fn taken(roster: Roster) -> Taken {
    let mut batches = Vec::new();
    for (number, batch) in roster.batches.iter().enumerate() {
        let members = decode_payload(&batch.payload).unwrap();
        assert_eq!((batch.batch, batch.members), (i32::try_from(number).unwrap(), members.len().cast_signed() as i64));
        assert!(!members.is_empty(), "an empty batch");
        assert!(members.is_sorted_by(|one, next| one.id < next.id), "a batch is sorted and has each id once");
        batches.push(members.iter().map(person).collect());
    }
    let dropped = roster.dropped.into_iter().map(|dropped| (usize::try_from(dropped.batch).unwrap(), dropped.ids)).collect();
    Taken {
        received: roster.received,
        duplicates: roster.duplicates,
        distinct: roster.distinct,
        observed_at: roster.observed_at.map(|at| at.timestamp_micros()),
        switches: Switches { allow_mass_departure: roster.allow_mass_departure, dry_run: roster.dry_run },
        batches,
        dropped,
    }
}

fn person(member: &Member) -> Person {
    Person {
        id: member.id.get(),
        texts: [&member.username, &member.display_name, &member.nickname, &member.avatar_hash].map(String::clone),
        guild_avatar: member.guild_avatar_hash.clone(),
        roles: member.roles.to_vec(),
        joined_at: member.joined_at.map(|at| at.timestamp_micros()),
        is_bot: member.is_bot,
    }
}

fn is_twice(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Malformed(message, ..) if message.ends_with("stands twice in one object"))
}

fn broken_json_is_refused(body: &[u8], outcome: &Outcome, error: &serde_json::Error) {
    let (message, line, column) = match outcome {
        Outcome::Malformed(message, line, column) => (message, *line, *column),
        // The list had too many entries before it broke.
        Outcome::TooLarge(_) => return,
        other => panic!("{error}, and yet {other:?}"),
    };
    let text = body.split(|byte| *byte == b'\n').nth(line - 1).unwrap_or_else(|| panic!("no line {line}"));
    assert!((1..=text.len().max(1)).contains(&column), "column {column} of {} bytes in line {line}", text.len());
    // Nothing else may have been wrong before the place where it breaks, but a key that stands twice.
    let same = error.to_string() == format!("{message} at line {} column {}", error.line(), error.column());
    // Who reads a stream has looked one byte ahead, and that may be the end of the line.
    let near = (error.line()..=error.line() + 1).contains(&line);
    assert!(is_twice(outcome) || (same && near), "{error}, and yet {message} in line {line}");
}

fn json_is_judged_by_the_rules(body: &[u8], outcome: &Outcome, node: &Node) {
    let expected = Expected::of(node, GUILD);
    let taken = match outcome {
        Outcome::Faulty(faults, count) => {
            assert_eq!(*count, expected.faults.len() as u64, "{faults:?} where {:?}", expected.faults);
            let told: Vec<String> = faults.iter().map(|fault| format!("{} {:?}", fault.at, fault.rule)).collect();
            let first = &expected.faults[..expected.faults.len().min(MAX_FAULTS)];
            assert_eq!(told, first);
            assert!(*count > 0);
            return;
        }
        Outcome::Taken(taken) => taken,
        other => panic!("{other:?} where {:?}", expected.faults),
    };
    assert_eq!(expected.faults, Vec::<String>::new(), "taken all the same");
    assert_eq!(taken.received, expected.received);
    assert_eq!(taken.received, taken.distinct + taken.duplicates);
    assert_eq!((taken.observed_at, taken.switches), (expected.observed_at, expected.switches));
    let kept = without_dropped(taken);
    assert_eq!(taken.distinct, kept.len().cast_signed() as i64);
    assert_eq!(kept, expected.members, "of entries with one id the last counts");
    // However the list is cut, it comes to the same.
    let Outcome::Taken(whole) = self::outcome(body, 4096, MAX_MEMBERS) else { panic!("refused in one batch") };
    assert!(whole.batches.len() <= 1 && whole.dropped.is_empty(), "{whole:?}");
    assert_eq!(without_dropped(&whole), kept);
    assert_eq!((whole.received, whole.duplicates), (taken.received, taken.duplicates));
}

/// The members of all batches. What is dropped of a batch is in it, and in a later one.
fn without_dropped(taken: &Taken) -> BTreeMap<i64, Person> {
    assert!(taken.dropped.is_sorted_by(|one, next| one.0 < next.0), "a batch twice in {:?}", taken.dropped);
    let mut left = taken.batches.clone();
    for (number, ids) in &taken.dropped {
        assert!(ids.is_sorted_by(|one, next| one < next), "an id twice in {ids:?}");
        for id in ids {
            let place = left[*number].iter().position(|person| person.id == *id).expect("what is dropped is there");
            left[*number].remove(place);
            assert!(taken.batches[*number + 1..].iter().flatten().any(|person| person.id == *id), "{id} has no later entry");
        }
    }
    let mut members = BTreeMap::new();
    for person in left.into_iter().flatten() {
        let id = person.id;
        assert!(members.insert(id, person).is_none(), "{id} stands in two batches");
    }
    members
}

/// All that a refusal may say; a key that stands twice is the one thing it repeats.
fn no_text_of_the_body_is_repeated(outcome: &Outcome) {
    match outcome {
        Outcome::Taken(_) => {}
        Outcome::Faulty(faults, count) => {
            assert_eq!(faults.len() as u64, (*count).min(MAX_FAULTS as u64));
            for Fault { at, message, .. } in faults {
                assert!(words::is_a_place(at), "{at}");
                assert!(words::is_a_rule_in_words(message), "{message}");
            }
        }
        Outcome::Malformed(message, ..) if is_twice(outcome) => {
            let key = message.strip_prefix("the key ").and_then(|rest| rest.strip_suffix(" stands twice in one object"));
            // Each of at most 40 characters may be escaped.
            assert!(key.is_some_and(|key| key.chars().count() <= 2 + 40 * "\\u{10ffff}".len()), "{message}");
        }
        Outcome::Malformed(message, ..) => assert!(words::is_a_word_of_serde(message), "{message}"),
        Outcome::TooLarge(message) => assert!(message.contains("api.max_members"), "{message}"),
    }
}
