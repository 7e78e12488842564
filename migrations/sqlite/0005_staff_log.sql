-- What staff did, and who of them. account: null once the account is gone; name stays. target: what it was done to, by act an id of a
-- run, a member or an account.
CREATE TABLE staff_log (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    account INTEGER REFERENCES users (id) ON DELETE SET NULL,
    name    TEXT NOT NULL,
    act     TEXT NOT NULL,
    target  TEXT NOT NULL DEFAULT '',
    detail  TEXT NOT NULL DEFAULT ''
);
CREATE INDEX staff_log_account ON staff_log (account, id);
CREATE INDEX staff_log_act ON staff_log (act, id);
CREATE INDEX staff_log_at ON staff_log (at);
