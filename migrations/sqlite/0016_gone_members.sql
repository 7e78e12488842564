-- Who has left, by id: of those whom a search finds, most are present, and whether they are need not be read from rows all over the table.
CREATE INDEX guild_members_gone ON guild_members (discord_id, user_id, is_bot) WHERE date_left IS NOT NULL;
