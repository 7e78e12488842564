-- Lists fetched from Discord, replies the bot owes, names of roles, standing problems. Only widens what is there.

-- fetched_to: the highest id that has come so far, where a fetch goes on. expected_members: how many members Discord says there are.
-- reported_at: when the bot told its channel that the run was held or failed.
ALTER TABLE sync_runs
    ADD COLUMN fetched_to       bigint,
    ADD COLUMN expected_members bigint,
    ADD COLUMN reported_at      timestamptz;
UPDATE sync_runs SET reported_at = finished_at WHERE finished_at IS NOT NULL;
-- A second wish joins the first.
CREATE UNIQUE INDEX sync_runs_one_fetch ON sync_runs (mode) WHERE source = 'discord' AND finished_at IS NULL AND mode <> 'delta';
CREATE INDEX sync_runs_unreported ON sync_runs (id) WHERE reported_at IS NULL AND mode = 'full' AND state IN ('held', 'failed');

-- spared: ids of entries that could not be used, and who are not to be taken for departed.
ALTER TABLE sync_batches ADD COLUMN spared bigint[] NOT NULL DEFAULT '{}';

-- The guild's roles, as Discord last listed them. color: 24-bit RGB, 0 for none.
CREATE TABLE roles (
    role_id  bigint PRIMARY KEY,
    name     text NOT NULL,
    color    int NOT NULL,
    position int NOT NULL
);

-- Replies to interactions that are to be completed when their run ends. token: what Discord knows the interaction by, for 15 minutes.
CREATE TABLE replies (
    token          text PRIMARY KEY,
    run_id         uuid NOT NULL,
    application_id bigint NOT NULL,
    expires_at     timestamptz NOT NULL
);

-- What is wrong just now and will not mend itself, for the overview; code says what it is about.
CREATE TABLE problems (
    code     text PRIMARY KEY,
    message  text NOT NULL,
    noted_at timestamptz NOT NULL
);
