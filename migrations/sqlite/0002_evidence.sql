-- Holds, history, plans of dry runs, decisions, idempotency keys, conflicts of accounts. Only widens what is there.

-- act: what a person decided of target_run_id's departures, if that is what the run is.
ALTER TABLE sync_runs ADD COLUMN act TEXT;
ALTER TABLE sync_runs ADD COLUMN target_run_id TEXT;
ALTER TABLE sync_runs ADD COLUMN superseded_by TEXT;
ALTER TABLE sync_runs ADD COLUMN allow_mass_departure INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sync_runs ADD COLUMN dismissed INTEGER NOT NULL DEFAULT 0;
-- Applied rosters, of which the newest counts; the index it replaces would fill with small runs.
CREATE INDEX sync_runs_rosters ON sync_runs (observed_at, id) WHERE mode = 'full' AND state IN ('succeeded', 'held');
DROP INDEX sync_runs_applied;
-- The runs that are shown unless all are asked for.
CREATE INDEX sync_runs_shown ON sync_runs (id) WHERE mode <> 'delta' OR act IS NOT NULL;

-- The departures that a run keeps back. outcome: null until a person decides, then marked, not_marked or dismissed; decided_by: the run
-- of that decision.
CREATE TABLE held_departures (
    run_id     TEXT NOT NULL,
    discord_id INTEGER NOT NULL,
    outcome    TEXT,
    decided_by TEXT,
    PRIMARY KEY (run_id, discord_id)
) WITHOUT ROWID;

-- Every change of a member's row after its creation. before and after hold the fields that differ, times in them as in columns. run_id:
-- null for links made by an import or a login; runs may be forgotten before their events are.
CREATE TABLE member_events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id      TEXT,
    discord_id  INTEGER NOT NULL,
    action      TEXT NOT NULL,
    before      TEXT,
    after       TEXT,
    observed_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL
);
CREATE INDEX member_events_member ON member_events (discord_id, id);
CREATE INDEX member_events_run ON member_events (run_id, discord_id);
CREATE INDEX member_events_recorded ON member_events (recorded_at);

-- What a dry run would do, in the columns of member_events.
CREATE TABLE planned_changes (
    id          INTEGER PRIMARY KEY,
    run_id      TEXT NOT NULL,
    discord_id  INTEGER NOT NULL,
    action      TEXT NOT NULL,
    before      TEXT,
    after       TEXT,
    observed_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL
);
CREATE INDEX planned_changes_run ON planned_changes (run_id, discord_id);

-- body_hash: SHA-256 of the inflated body that the key came with.
CREATE TABLE idempotency_keys (
    key        TEXT PRIMARY KEY,
    body_hash  BLOB NOT NULL,
    run_id     TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- Discord ids that an import claims for an account and that could not be given to it, for staff to settle.
CREATE TABLE account_conflicts (
    user_id  INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    kind     TEXT NOT NULL,
    claimed  TEXT NOT NULL,
    noted_at INTEGER NOT NULL
);
