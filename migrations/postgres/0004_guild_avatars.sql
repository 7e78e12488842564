-- What the pages show. Only widens what is there.

-- guild_avatar_hash: the picture that a member chose for this guild alone; empty where the user's own stands.
ALTER TABLE guild_members ADD COLUMN guild_avatar_hash text NOT NULL DEFAULT '';
