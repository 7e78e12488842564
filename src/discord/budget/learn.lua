-- Takes note of what an answer says of its bucket, by the clock of Redis.
-- KEYS: 1 the bucket of the route, 2 its window
-- ARGV: 1 the bucket's name, 2 its limit, 3 what remains of it, 4 after how many ms it is filled again,
--       5 how long an idle window is kept, in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local remaining, after, idle = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local ends, length = now + after, after

local known = redis.call('HMGET', KEYS[2], 'remaining', 'ends', 'length')
if known[1] then
    if now < tonumber(known[2]) then
        -- While a window lasts we also know of requests that are under way.
        remaining = math.min(remaining, tonumber(known[1]))
    end
    length = math.max(length, tonumber(known[3]))
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', after + idle)
redis.call('HSET', KEYS[2], 'remaining', remaining, 'ends', ends, 'limit', ARGV[2], 'length', length)
redis.call('PEXPIRE', KEYS[2], after + idle)
