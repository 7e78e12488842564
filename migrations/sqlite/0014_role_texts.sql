-- Roles that are texts are found in one piece from now on; the index had them in words.
INSERT INTO unindexed_members SELECT discord_id FROM guild_members
WHERE substr(roles, 2, length(roles) - 2) GLOB '*[^0-9",]*' AND discord_id NOT IN (SELECT discord_id FROM unindexed_members);
