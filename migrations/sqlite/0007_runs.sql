-- When a run's phases ended, and who carried out which batch. Only widens what is there.

-- fetched_at: the list from Discord had come whole. applied_at: all batches were applied.
ALTER TABLE sync_runs ADD COLUMN fetched_at INTEGER;
ALTER TABLE sync_runs ADD COLUMN applied_at INTEGER;
-- worker: the process that claimed it last.
ALTER TABLE sync_batches ADD COLUMN worker TEXT;
