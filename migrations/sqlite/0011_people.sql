-- The list of accounts sorted by when they were made and last used. Neither is read or written by a sync.
CREATE INDEX users_by_joined ON users (date_joined, id);
CREATE INDEX users_by_last_login ON users (last_login, id);

-- The ids of the members that a batch made, so that a run's changes are found without looking through all members: an index by the run
-- that made them would slow a first sync down. Null: nobody, or a batch of before this column.
ALTER TABLE sync_batches ADD COLUMN made BLOB;
