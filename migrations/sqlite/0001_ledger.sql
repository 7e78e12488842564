-- The ledger's first tables. Times are whole microseconds since 1970 UTC; run ids and lists are text (UUID, JSON).

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Accounts of the website. Those without a discord_id are local; no sync reads or touches them.
CREATE TABLE users (
    id               INTEGER PRIMARY KEY,
    username         TEXT NOT NULL,
    username_key     TEXT NOT NULL UNIQUE, -- the name in lower case
    email            TEXT NOT NULL DEFAULT '',
    discord_id       INTEGER UNIQUE,
    discord_username TEXT NOT NULL DEFAULT '',
    is_staff         INTEGER NOT NULL DEFAULT 0,
    is_superuser     INTEGER NOT NULL DEFAULT 0,
    is_active        INTEGER NOT NULL DEFAULT 1,
    password_hash    TEXT,
    date_joined      INTEGER NOT NULL,
    last_login       INTEGER
);

-- One row for everyone who was ever seen in the guild; rows are never deleted, date_left says who is gone.
CREATE TABLE guild_members (
    discord_id     INTEGER PRIMARY KEY,
    username       TEXT NOT NULL,
    display_name   TEXT NOT NULL,
    nickname       TEXT NOT NULL,
    avatar_hash    TEXT NOT NULL,
    roles          TEXT NOT NULL,
    joined_at      INTEGER,
    is_bot         INTEGER NOT NULL,
    date_created   INTEGER NOT NULL,
    date_modified  INTEGER NOT NULL,
    date_left      INTEGER,
    user_id        INTEGER UNIQUE REFERENCES users (id) ON DELETE SET NULL,
    observed_at    INTEGER NOT NULL,
    created_run_id TEXT
);

-- One row a sync. attempts counts the claims of the present step that have had no outcome yet.
CREATE TABLE sync_runs (
    id              TEXT PRIMARY KEY,
    source          TEXT NOT NULL,
    mode            TEXT NOT NULL,
    state           TEXT NOT NULL,
    requested_by    TEXT NOT NULL DEFAULT '',
    observed_at     INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    started_at      INTEGER,
    finished_at     INTEGER,
    members_total   INTEGER NOT NULL,
    batches_total   INTEGER NOT NULL,
    held_reason     TEXT,
    warnings        TEXT NOT NULL DEFAULT '[]',
    error_code      TEXT,
    error_message   TEXT,
    attempts        INTEGER NOT NULL DEFAULT 0,
    lease_until     INTEGER,
    rung_at         INTEGER NOT NULL,
    created         INTEGER NOT NULL DEFAULT 0,
    updated         INTEGER NOT NULL DEFAULT 0,
    marked_left     INTEGER NOT NULL DEFAULT 0,
    rejoined        INTEGER NOT NULL DEFAULT 0,
    unchanged       INTEGER NOT NULL DEFAULT 0,
    linked          INTEGER NOT NULL DEFAULT 0,
    unlinked        INTEGER NOT NULL DEFAULT 0,
    total_received  INTEGER NOT NULL DEFAULT 0,
    duplicates      INTEGER NOT NULL DEFAULT 0,
    total_active    INTEGER NOT NULL DEFAULT 0,
    skipped         INTEGER NOT NULL DEFAULT 0,
    deferred        INTEGER NOT NULL DEFAULT 0,
    departures_held INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX sync_runs_open ON sync_runs (observed_at, id) WHERE finished_at IS NULL;
CREATE INDEX sync_runs_applied ON sync_runs (observed_at) WHERE state IN ('succeeded', 'held');
CREATE INDEX sync_runs_finished ON sync_runs (finished_at);

-- A slice of a run's members, the unit of work. Staged before its run is filed, so there is no foreign key: a batch without a run
-- belongs to a list that is still coming in, or never came in whole and is swept.
-- payload: a version byte, then zstd. dropped: ids whose entry here is replaced by a later batch of the same run.
CREATE TABLE sync_batches (
    run_id      TEXT NOT NULL,
    batch       INTEGER NOT NULL,
    state       TEXT NOT NULL,
    members     INTEGER NOT NULL,
    dropped     TEXT NOT NULL DEFAULT '[]',
    payload     BLOB,
    attempts    INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    rung_at     INTEGER NOT NULL,
    staged_at   INTEGER NOT NULL,
    created     INTEGER NOT NULL DEFAULT 0,
    updated     INTEGER NOT NULL DEFAULT 0,
    rejoined    INTEGER NOT NULL DEFAULT 0,
    unchanged   INTEGER NOT NULL DEFAULT 0,
    deferred    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, batch)
);
-- Those that still hold a payload: of runs under way, of failed ones, and of lists that never came in whole.
CREATE INDEX sync_batches_kept ON sync_batches (staged_at) WHERE payload IS NOT NULL;

-- id: SHA-256 of the token in the cookie, so that a copy of this table logs nobody in.
CREATE TABLE sessions (
    id         BLOB PRIMARY KEY,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
);
CREATE INDEX sessions_seen ON sessions (seen_at);
CREATE INDEX sessions_user ON sessions (user_id);

-- Duties that one process at a time has.
CREATE TABLE leases (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    until  INTEGER NOT NULL
);

-- Every running process, by its own heartbeat.
CREATE TABLE processes (
    id         TEXT PRIMARY KEY,
    host       TEXT NOT NULL,
    roles      TEXT NOT NULL,
    version    TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
);
