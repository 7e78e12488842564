-- What is searched of a member stands apart from the member's row, so that a sync need not wait for the index of three letters in a row,
-- which costs a first list more than all other indexes together. A sync only notes whom it changed, an entry a statement; the sweeper takes
-- them up beside the runs, and until then those noted are read one by one. What is not noted is here as it is there.
CREATE TABLE member_search (
    discord_id bigint PRIMARY KEY,
    -- In small letters, each behind the start of a line; the account's name, too.
    names text NOT NULL,
    joined_at timestamptz,
    date_left timestamptz,
    is_bot boolean NOT NULL,
    user_id bigint
);
CREATE INDEX member_search_joined ON member_search (joined_at, discord_id);
CREATE INDEX member_search_left ON member_search (date_left, discord_id) WHERE date_left IS NOT NULL;

CREATE TABLE unindexed_members (discord_ids bigint[] NOT NULL);
INSERT INTO unindexed_members
SELECT array_agg(discord_id) FROM (SELECT discord_id, row_number() OVER (ORDER BY discord_id) AS n FROM guild_members) m GROUP BY n / 5000;

CREATE FUNCTION note_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unindexed_members SELECT array_agg(discord_id) FROM after HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE FUNCTION note_changed_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Not a join: the plan made for a change of one would go through all pairs for a change of many.
    INSERT INTO unindexed_members
    SELECT array_agg(discord_id) FROM (
        SELECT discord_id, username, display_name, nickname, joined_at, date_left, is_bot, user_id FROM after
        EXCEPT
        SELECT discord_id, username, display_name, nickname, joined_at, date_left, is_bot, user_id FROM before
    ) changed
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE FUNCTION note_renamed_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unindexed_members SELECT ARRAY[discord_id] FROM guild_members WHERE user_id = new.id;
    RETURN NULL;
END $$;
CREATE TRIGGER guild_members_new AFTER INSERT ON guild_members
    REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION note_members();
CREATE TRIGGER guild_members_changed AFTER UPDATE ON guild_members
    REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION note_changed_members();
-- One who is gone is noted, too, and taken out.
CREATE TRIGGER guild_members_gone AFTER DELETE ON guild_members
    REFERENCING OLD TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION note_members();
CREATE TRIGGER users_renamed AFTER UPDATE OF username ON users
    FOR EACH ROW WHEN (old.username IS DISTINCT FROM new.username) EXECUTE FUNCTION note_renamed_account();

-- Without the extension (see 0006) the search reads every row.
DO $$
BEGIN
    CREATE INDEX member_search_names ON member_search USING gin (names gin_trgm_ops);
EXCEPTION WHEN undefined_object THEN
    RAISE WARNING 'pg_trgm is missing (%), so the search for names will be slow in a large guild', SQLERRM;
END $$;
DROP INDEX IF EXISTS guild_members_names;
ALTER TABLE guild_members DROP COLUMN names;
