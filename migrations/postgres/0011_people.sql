-- The list of accounts sorted by when they were made and last used. Neither is read or written by a sync.
CREATE INDEX users_by_joined ON users (date_joined, id);
CREATE INDEX users_by_last_login ON users (last_login, id);
