-- Pauses for ARGV[1] ms, or longer if it is paused for longer already. KEYS: 1 the pause.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])
end
