-- Who has left, by id, with what lists ask of them: of those whom a search finds most are present, and that they are, and of the others which are to be
-- shown, need not be read from rows all over the table.
CREATE INDEX guild_members_gone ON guild_members (discord_id, user_id, is_bot, date_left, joined_at) WHERE date_left IS NOT NULL;
