-- Puts jobs straight onto the active list, as apalis-redis reads them, and wakes the workers.
-- KEYS: 1 bodies (hash), 2 prefix of the metadata hashes, 3 active list
-- ARGV: 1 channel to wake, 2 most ids that may wait, then id, body, id, body, ...
-- Returns how many were taken: all, or none because too many are waiting.
if redis.call('LLEN', KEYS[3]) >= tonumber(ARGV[2]) then
    return 0
end
for i = 3, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    redis.call('HSET', KEYS[2] .. ':' .. ARGV[i], 'attempts', 0, 'max_attempts', 1, 'status', 'Pending')
    redis.call('RPUSH', KEYS[3], ARGV[i])
end
redis.call('PUBLISH', ARGV[1], '')
return (#ARGV - 2) / 2
