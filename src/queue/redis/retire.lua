-- Takes a worker off the books, with the jobs it still held.
-- KEYS: 1 its ids in hand (set), 2 active list, 3 living workers (sorted set), 4 its metadata, 5 started workers (sorted set),
--       6 bodies (hash), 7 prefix of the metadata hashes
-- ARGV: 1 its name, 2 "keep" puts its jobs back, "drop" deletes them, 3 channel to wake
-- Returns how many jobs it held.
local ids = redis.call('SMEMBERS', KEYS[1])
for _, id in ipairs(ids) do
    if ARGV[2] == 'keep' then
        redis.call('LPUSH', KEYS[2], id)
    else
        redis.call('HDEL', KEYS[6], id)
        redis.call('DEL', KEYS[7] .. ':' .. id)
    end
end
redis.call('DEL', KEYS[1], KEYS[4])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[1])
if #ids > 0 and ARGV[2] == 'keep' then
    redis.call('PUBLISH', ARGV[3], '')
end
return #ids
