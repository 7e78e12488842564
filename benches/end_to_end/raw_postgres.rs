//! What PostgreSQL itself needs for the rows: `\copy` into an unlogged table, then one statement.

use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::roster::Roster;

const STAGE: &str = "
CREATE UNLOGGED TABLE stage (discord_id bigint, username text, display_name text, nickname text, avatar_hash text,
    guild_avatar_hash text, roles jsonb, joined_at timestamptz, is_bot boolean);
";

/// The table with its columns and indexes; that changes are noted for the search is ours.
const BARE: &str = "ALTER TABLE guild_members DISABLE TRIGGER USER;";

const INSERT: &str = "
INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles, joined_at, is_bot,
    date_created, date_modified, observed_at)
SELECT discord_id, username, COALESCE(display_name, ''), COALESCE(nickname, ''), COALESCE(avatar_hash, ''),
    COALESCE(guild_avatar_hash, ''), roles, joined_at, is_bot, now(), now(), now()
FROM stage
ON CONFLICT (discord_id) DO UPDATE SET username = EXCLUDED.username, display_name = EXCLUDED.display_name,
    nickname = EXCLUDED.nickname, avatar_hash = EXCLUDED.avatar_hash, guild_avatar_hash = EXCLUDED.guild_avatar_hash,
    roles = EXCLUDED.roles, joined_at = EXCLUDED.joined_at, is_bot = EXCLUDED.is_bot, date_modified = now(), observed_at = now();
";

/// A join that finds what differs and who is missing.
const DIFF: &str = "
SELECT count(*) FILTER (WHERE m.discord_id IS NULL), count(*) FILTER (WHERE s.discord_id IS NULL),
    count(*) FILTER (WHERE (m.username, m.display_name, m.nickname, m.avatar_hash, m.guild_avatar_hash, m.roles, m.joined_at, m.is_bot)
        IS DISTINCT FROM (s.username, COALESCE(s.display_name, ''), COALESCE(s.nickname, ''), COALESCE(s.avatar_hash, ''),
            COALESCE(s.guild_avatar_hash, ''), s.roles, s.joined_at, s.is_bot))
FROM stage s FULL JOIN guild_members m USING (discord_id);
";

/// Writes the rows as new ones, then compares them with themselves.
pub fn measure(url: &str, roster: &Roster) -> (Duration, Duration) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&roster.csv).unwrap();
    file.flush().unwrap();
    let copy = format!("\\copy stage FROM '{}' WITH (FORMAT csv)\n", file.path().display());
    let new = psql(url, &format!("{STAGE}{BARE}{copy}{INSERT}"));
    let same = psql(url, &format!("TRUNCATE stage;\n{copy}{DIFF}"));
    (new, same)
}

fn psql(url: &str, script: &str) -> Duration {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(script.as_bytes()).unwrap();
    file.flush().unwrap();
    let begun = Instant::now();
    let output = Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-f"])
        .arg(file.path())
        .output()
        .expect("psql runs");
    let took = begun.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    took
}
