-- Why a step was tried again. Only widens what is there.

-- last_error: why the last claim that came to nothing did. Short, and without secrets.
ALTER TABLE sync_batches ADD COLUMN last_error text;
CREATE INDEX sync_batches_troubled ON sync_batches (run_id, batch) WHERE last_error IS NOT NULL;
-- The same of a list's fetch. given_back: whoever claimed the fetch last has let go of it, so that its lease did not run out.
ALTER TABLE sync_runs
    ADD COLUMN fetch_error text,
    ADD COLUMN given_back  boolean NOT NULL DEFAULT false;
