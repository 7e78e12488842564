-- Takes a place for one request, by the clock of Redis.
-- KEYS: 1 pause over all routes, 2 times of the last requests (list), 3 pause of the route, 4 the bucket of the route
-- ARGV: 1 what names of windows begin with, 2 the resource, 3 whether the request counts over all routes (1 or 0),
--       4 most requests over all routes, 5 within so many ms, 6 how long an idle window is kept, in ms
-- Returns 0 if the place is taken, else after how many ms to ask again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counts = ARGV[3] == '1'

-- A key that is in its last millisecond says 0, one that is not there less.
local function left(key)
    local left = redis.call('PTTL', key)
    return left < 0 and 0 or left + 1
end

local wait = left(KEYS[3])
if counts then
    wait = math.max(wait, left(KEYS[1]))
end

local bucket = redis.call('GET', KEYS[4])
local window, remaining, ends
if bucket then
    window = ARGV[1] .. bucket .. ARGV[2]
    local known = redis.call('HMGET', window, 'remaining', 'ends', 'limit', 'length')
    if known[1] then
        remaining, ends = tonumber(known[1]), tonumber(known[2])
        local length = tonumber(known[4])
        if now >= ends then
            -- Discord begins the next one with this request.
            remaining, ends = tonumber(known[3]), now + length
        elseif remaining <= 0 then
            -- No longer than a window is, also if the clock was put back.
            wait = math.max(wait, math.min(ends - now, length))
        end
    end
end
if wait > 0 then
    return wait
end

if counts then
    local most, within = tonumber(ARGV[4]), tonumber(ARGV[5])
    local oldest = tonumber(redis.call('LINDEX', KEYS[2], most - 1) or 0)
    if oldest > now then
        redis.call('DEL', KEYS[2])
    elseif now - oldest < within then
        return within - (now - oldest)
    end
    redis.call('LPUSH', KEYS[2], now)
    redis.call('LTRIM', KEYS[2], 0, most - 1)
    redis.call('PEXPIRE', KEYS[2], within)
end
if remaining then
    redis.call('HSET', window, 'remaining', math.max(remaining - 1, 0), 'ends', ends)
    redis.call('PEXPIRE', window, ends - now + ARGV[6])
end
return 0
