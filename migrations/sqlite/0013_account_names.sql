-- The names of accounts by three letters in a row, for the search among those that were never seen in the guild. As with members (0006),
-- an import only notes whom to take up, and that is done beside it.
CREATE VIRTUAL TABLE account_names USING fts5 (name, content = '', contentless_delete = 1, tokenize = 'trigram');
CREATE TABLE unindexed_accounts (id INTEGER PRIMARY KEY);
INSERT INTO unindexed_accounts SELECT id FROM users;

CREATE TRIGGER users_new AFTER INSERT ON users BEGIN
    INSERT INTO unindexed_accounts SELECT new.id WHERE new.id NOT IN (SELECT id FROM unindexed_accounts);
END;
CREATE TRIGGER users_named AFTER UPDATE OF username ON users WHEN old.username IS NOT new.username BEGIN
    INSERT INTO unindexed_accounts SELECT new.id WHERE new.id NOT IN (SELECT id FROM unindexed_accounts);
END;
