-- What the pages of runs and accounts show and search. Only widens what is there.

-- last_error: why the last claim of the batch that came to nothing did. Short, and without secrets.
ALTER TABLE sync_batches ADD COLUMN last_error text;
CREATE INDEX sync_batches_troubled ON sync_batches (run_id, batch) WHERE last_error IS NOT NULL;
-- The same of a list's fetch. given_back: whoever claimed the fetch last has let go of it, so that its lease did not run out.
ALTER TABLE sync_runs
    ADD COLUMN fetch_error text,
    ADD COLUMN given_back  boolean NOT NULL DEFAULT false;

-- A part of an address is searched for. Without the extension (see 0006) that reads every row.
DO $$
BEGIN
    CREATE INDEX users_email_parts ON users USING gin (lower(email COLLATE "C") gin_trgm_ops);
EXCEPTION WHEN undefined_object THEN
    RAISE WARNING 'pg_trgm is missing (%), so the search for e-mails will be slow with many accounts', SQLERRM;
END $$;
