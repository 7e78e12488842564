-- Holds, history, plans of dry runs, decisions, idempotency keys, conflicts of accounts. Only widens what is there.

-- act: what a person decided of target_run_id's departures, if that is what the run is.
ALTER TABLE sync_runs
    ADD COLUMN act                  text,
    ADD COLUMN target_run_id        uuid,
    ADD COLUMN superseded_by        uuid,
    ADD COLUMN allow_mass_departure boolean NOT NULL DEFAULT false,
    ADD COLUMN dismissed            bigint NOT NULL DEFAULT 0;
-- Applied rosters, of which the newest counts; the index it replaces would fill with small runs.
CREATE INDEX sync_runs_rosters ON sync_runs (observed_at, id) WHERE mode = 'full' AND state IN ('succeeded', 'held');
DROP INDEX sync_runs_applied;
-- The runs that are shown unless all are asked for.
CREATE INDEX sync_runs_shown ON sync_runs (id) WHERE mode <> 'delta' OR act IS NOT NULL;

-- The departures that a run keeps back. outcome: null until a person decides, then marked, not_marked or dismissed; decided_by: the run
-- of that decision.
CREATE TABLE held_departures (
    run_id     uuid NOT NULL,
    discord_id bigint NOT NULL,
    outcome    text,
    decided_by uuid,
    PRIMARY KEY (run_id, discord_id)
);

-- Every change of a member's row after its creation. before and after hold the fields that differ. run_id: null for links made by an
-- import or a login; runs may be forgotten before their events are.
CREATE TABLE member_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      uuid,
    discord_id  bigint NOT NULL,
    action      text NOT NULL,
    before      jsonb,
    after       jsonb,
    observed_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX member_events_member ON member_events (discord_id, id);
CREATE INDEX member_events_run ON member_events (run_id, discord_id);
CREATE INDEX member_events_recorded ON member_events (recorded_at);

-- What a dry run would do, in the columns of member_events.
CREATE TABLE planned_changes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      uuid NOT NULL,
    discord_id  bigint NOT NULL,
    action      text NOT NULL,
    before      jsonb,
    after       jsonb,
    observed_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX planned_changes_run ON planned_changes (run_id, discord_id);

-- body_hash: SHA-256 of the inflated body that the key came with.
CREATE TABLE idempotency_keys (
    key        text PRIMARY KEY,
    body_hash  bytea NOT NULL,
    run_id     uuid NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- Discord ids that an import claims for an account and that could not be given to it, for staff to settle.
CREATE TABLE account_conflicts (
    user_id  bigint PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    kind     text NOT NULL,
    claimed  text NOT NULL,
    noted_at timestamptz NOT NULL
);
