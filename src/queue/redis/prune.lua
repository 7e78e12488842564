-- One step through a set of ended jobs: deletes those that ended long enough ago.
-- KEYS: 1 ended ids (set), 2 bodies (hash), 3 prefix of the metadata hashes
-- ARGV: 1 cursor, 2 how many to look at, 3 ended at this second or before
-- Returns the next cursor, "0" at the end.
local page = redis.call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
for _, id in ipairs(page[2]) do
    local metadata = KEYS[3] .. ':' .. id
    if tonumber(redis.call('HGET', metadata, 'done_at') or 0) <= tonumber(ARGV[3]) then
        redis.call('HDEL', KEYS[2], id)
        redis.call('DEL', metadata)
        redis.call('SREM', KEYS[1], id)
    end
end
return page[1]
