//! What SQLite itself needs for the rows: a prepared statement in a loop, in one transaction.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::roster::Roster;
use crate::support;

/// The schema as far as it concerns the table, in order, so that it is the service's own with its indexes; that changes are noted for the search is
/// ours.
const SCHEMA: [&str; 6] = [
    include_str!("../../migrations/sqlite/0001_ledger.sql"),
    include_str!("../../migrations/sqlite/0002_evidence.sql"),
    include_str!("../../migrations/sqlite/0003_discord.sql"),
    include_str!("../../migrations/sqlite/0004_guild_avatars.sql"),
    include_str!("../../migrations/sqlite/0006_lists.sql"),
    "DROP TRIGGER guild_members_new; DROP TRIGGER guild_members_changed; DROP TRIGGER users_renamed;",
];

const UPSERT: &str = "
INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles, joined_at, is_bot,
    date_created, date_modified, observed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?10)
ON CONFLICT (discord_id) DO UPDATE SET username = excluded.username, display_name = excluded.display_name,
    nickname = excluded.nickname, avatar_hash = excluded.avatar_hash, guild_avatar_hash = excluded.guild_avatar_hash,
    roles = excluded.roles, joined_at = excluded.joined_at, is_bot = excluded.is_bot,
    date_modified = excluded.date_modified, observed_at = excluded.observed_at
WHERE (username, display_name, nickname, avatar_hash, guild_avatar_hash, roles, joined_at, is_bot)
    IS NOT (excluded.username, excluded.display_name, excluded.nickname, excluded.avatar_hash, excluded.guild_avatar_hash,
        excluded.roles, excluded.joined_at, excluded.is_bot)";

/// Writes the rows as new ones, then again, when nothing differs.
pub fn measure(roster: &Roster) -> (Duration, Duration) {
    let file = support::sqlite::sqlite();
    let mut connection = Connection::open(file.path()).unwrap();
    connection.execute_batch("PRAGMA journal_mode = wal; PRAGMA synchronous = full;").unwrap();
    for migration in SCHEMA {
        connection.execute_batch(migration).unwrap();
    }
    (write(&mut connection, roster), write(&mut connection, roster))
}

fn write(connection: &mut Connection, roster: &Roster) -> Duration {
    let begun = Instant::now();
    let transaction = connection.transaction().unwrap();
    let mut statement = transaction.prepare(UPSERT).unwrap();
    for m in &roster.rows {
        let joined = m.joined_at.map(|at| at.timestamp_micros());
        let (avatar, guild_avatar) = (&m.avatar_hash, m.guild_avatar());
        let (roles, is_bot) = (m.roles.as_json(), m.is_bot);
        let row = params![m.id.get(), m.username, m.display_name, m.nickname, avatar, guild_avatar, roles, joined, is_bot, 1];
        statement.execute(row).unwrap();
    }
    drop(statement);
    transaction.commit().unwrap();
    begun.elapsed()
}
