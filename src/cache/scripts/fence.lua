-- SPDX-License-Identifier: MIT
-- Before the store's write: entries and leases go, and no reader may fill until unfence.
--
-- KEYS    entry, lease, writers of each id (3 per id)
-- ARGV    token of the write, window_ms: how long the fence lasts if nobody takes it away
-- answer  how many ids
-- promise when this has run, the cache holds no entry of these ids and takes none while the token is in the set and its
--         window lasts; fencing again with the same token only moves the deadline; it runs when Redis is full (DEL first)
--
-- A load fences a thousand ids at once, so calls are what it costs: one DEL for many keys, and pruning only where there are
-- other writers.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local deadline_ms = now_ms + tonumber(ARGV[2])
local expire_at_ms = string.format('%.0f', deadline_ms + 1000)
local doomed = {}
for i = 1, #KEYS, 3 do
    doomed[#doomed + 1] = KEYS[i]
    doomed[#doomed + 1] = KEYS[i + 1]
end
for i = 1, #doomed, 1000 do
    redis.call('DEL', unpack(doomed, i, math.min(i + 999, #doomed)))
end
for i = 3, #KEYS, 3 do
    redis.call('ZADD', KEYS[i], deadline_ms, ARGV[1])
    if redis.call('ZCARD', KEYS[i]) == 1 then
        redis.call('PEXPIREAT', KEYS[i], expire_at_ms)
    else
        redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now_ms)
        local last = redis.call('ZRANGE', KEYS[i], -1, -1, 'WITHSCORES')
        redis.call('PEXPIREAT', KEYS[i], string.format('%.0f', last[2] + 1000))
    end
end
return #KEYS / 3
