-- What the pages of runs and accounts show and search. Only widens what is there.

-- last_error: why the last claim of the batch that came to nothing did. Short, and without secrets.
ALTER TABLE sync_batches ADD COLUMN last_error TEXT;
CREATE INDEX sync_batches_troubled ON sync_batches (run_id, batch) WHERE last_error IS NOT NULL;
-- The same of a list's fetch. given_back: whoever claimed the fetch last has let go of it, so that its lease did not run out.
ALTER TABLE sync_runs ADD COLUMN fetch_error TEXT;
ALTER TABLE sync_runs ADD COLUMN given_back INTEGER NOT NULL DEFAULT 0;

-- A part of an address is searched for. No sync writes accounts, so they are taken up at once.
CREATE VIRTUAL TABLE account_emails USING fts5 (email, content = '', contentless_delete = 1, tokenize = 'trigram');
INSERT INTO account_emails (rowid, email) SELECT id, email FROM users WHERE email <> '';
CREATE TRIGGER users_new_email AFTER INSERT ON users WHEN new.email <> '' BEGIN
    INSERT INTO account_emails (rowid, email) VALUES (new.id, new.email);
END;
CREATE TRIGGER users_other_email AFTER UPDATE OF email ON users WHEN old.email IS NOT new.email BEGIN
    DELETE FROM account_emails WHERE rowid = old.id;
    INSERT INTO account_emails (rowid, email) SELECT new.id, new.email WHERE new.email <> '';
END;
CREATE TRIGGER users_gone_email AFTER DELETE ON users BEGIN
    DELETE FROM account_emails WHERE rowid = old.id;
END;
