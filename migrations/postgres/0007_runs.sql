-- When a run's phases ended, and who carried out which batch. Only widens what is there.

-- fetched_at: the list from Discord had come whole. applied_at: all batches were applied.
ALTER TABLE sync_runs
    ADD COLUMN fetched_at timestamptz,
    ADD COLUMN applied_at timestamptz;
-- worker: the process that claimed it last.
ALTER TABLE sync_batches ADD COLUMN worker text;
