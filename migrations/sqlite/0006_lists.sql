-- What the lists of members are read by. Each index serves what no other does, since every one of them slows a first sync down.

-- Sorting by when people joined and left, and the spans of both. Who is present costs the second one nothing.
CREATE INDEX guild_members_joined ON guild_members (joined_at, discord_id);
CREATE INDEX guild_members_left ON guild_members (date_left, discord_id) WHERE date_left IS NOT NULL;
CREATE INDEX guild_members_bots ON guild_members (discord_id) WHERE is_bot;

-- What is searched for a part of a name, each name behind the start of a line.
ALTER TABLE guild_members ADD COLUMN names TEXT GENERATED ALWAYS AS (
    char(10) || username || iif(lower(display_name) IN ('', lower(username)), '', char(10) || display_name)
    || iif(nickname = '', '', char(10) || nickname)) VIRTUAL;

-- By three letters in a row, and by role. Taking a member up here costs as much as five upserts, so a sync only notes whom to take up,
-- and that is done beside it; until then those noted are read one by one.
CREATE VIRTUAL TABLE member_names USING fts5 (names, content = '', contentless_delete = 1, tokenize = 'trigram');
CREATE VIRTUAL TABLE member_roles USING fts5 (roles, content = '', contentless_delete = 1, detail = 'none');
CREATE TABLE unindexed_members (discord_id INTEGER PRIMARY KEY);
INSERT INTO unindexed_members SELECT discord_id FROM guild_members;

-- Not OR IGNORE: the way in which the statement above a trigger meets conflicts, such as an upsert's, would take its place.
CREATE TRIGGER guild_members_new AFTER INSERT ON guild_members BEGIN
    INSERT INTO unindexed_members SELECT new.discord_id WHERE new.discord_id NOT IN (SELECT discord_id FROM unindexed_members);
END;
CREATE TRIGGER guild_members_changed AFTER UPDATE OF username, display_name, nickname, roles, user_id ON guild_members
WHEN (old.names, old.roles, old.user_id) IS NOT (new.names, new.roles, new.user_id) BEGIN
    INSERT INTO unindexed_members SELECT new.discord_id WHERE new.discord_id NOT IN (SELECT discord_id FROM unindexed_members);
END;
CREATE TRIGGER users_renamed AFTER UPDATE OF username ON users WHEN old.username IS NOT new.username BEGIN
    INSERT INTO unindexed_members SELECT discord_id FROM guild_members
    WHERE user_id = new.id AND discord_id NOT IN (SELECT discord_id FROM unindexed_members);
END;
