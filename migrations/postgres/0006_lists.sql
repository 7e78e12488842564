-- What the lists of members are read by. Each index serves what no other does, since every one of them slows a first sync down.

-- Sorting by when people joined and left, and the spans of both. Who is present costs the second one nothing.
CREATE INDEX guild_members_joined ON guild_members (joined_at, discord_id);
CREATE INDEX guild_members_left ON guild_members (date_left, discord_id) WHERE date_left IS NOT NULL;
CREATE INDEX guild_members_bots ON guild_members (discord_id) WHERE is_bot;
CREATE INDEX guild_members_roles ON guild_members USING gin (roles jsonb_path_ops);

-- What is searched for a part of a name: in small letters, each name behind the start of a line. Kept, because every row that an index
-- finds is asked once more.
ALTER TABLE guild_members ADD COLUMN names text NOT NULL GENERATED ALWAYS AS (lower(E'\n' || username
    || CASE WHEN lower(display_name) IN ('', lower(username)) THEN '' ELSE E'\n' || display_name END
    || CASE WHEN nickname = '' THEN '' ELSE E'\n' || nickname END)) STORED;

-- The extension is a trusted one, which the owner of a database may add; where it is missing or forbidden, the search reads every row
-- instead, and `guildsync check` says so.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX guild_members_names ON guild_members USING gin (names gin_trgm_ops);
    CREATE INDEX users_names ON users USING gin (username_key gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR undefined_object OR feature_not_supported THEN
    RAISE WARNING 'pg_trgm cannot be used (%), so the search for names will be slow in a large guild', SQLERRM;
END $$;
