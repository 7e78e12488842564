-- Forgets workers that nobody took off the books: started long ago, and no longer among the living.
-- KEYS: 1 started workers (sorted set), 2 living workers (sorted set), 3 prefix of the workers' metadata
-- ARGV: 1 started at this second or before, 2 how many to look at
-- Returns how many were forgotten.
local forgotten = 0
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
    if not redis.call('ZSCORE', KEYS[2], name) then
        redis.call('DEL', KEYS[3] .. name)
        redis.call('ZREM', KEYS[1], name)
        forgotten = forgotten + 1
    end
end
return forgotten
