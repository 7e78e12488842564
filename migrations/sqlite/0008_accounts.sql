-- The list of accounts goes by name, which has an index, and a search finds by how a name or an address begins. In the order of code
-- points, which is the same on every machine and in both databases.
CREATE INDEX users_by_email ON users (lower(email));
CREATE INDEX users_by_discord_name ON users (lower(discord_username));
-- The few that are filtered for.
CREATE INDEX users_staff ON users (username_key) WHERE is_staff;
CREATE INDEX users_inactive ON users (username_key) WHERE NOT is_active;
