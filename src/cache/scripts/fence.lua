-- SPDX-License-Identifier: MIT
-- Before the store's write: entries and leases go, and no reader may fill until unfence.
--
-- KEYS    entry, lease, writers of each id (3 per id)
-- ARGV    token of the write, window_ms: how long the fence lasts if nobody takes it away
-- answer  how many ids
-- promise when this has run, the cache holds no entry of these ids and takes none while the token is in the set and its
--         window lasts; fencing again with the same token only moves the deadline; it runs when Redis is full (DEL first)
-- overlap a fence that finds another write's mark puts '!' into the set: publish.lua must not leave an entry then
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local deadline_ms = now_ms + tonumber(ARGV[2])
for i = 1, #KEYS, 3 do
    local writers = KEYS[i + 2]
    redis.call('DEL', KEYS[i], KEYS[i + 1])
    redis.call('ZREMRANGEBYSCORE', writers, '-inf', now_ms)
    redis.call('ZREM', writers, ARGV[1])
    local is_overlap = redis.call('EXISTS', writers) == 1
    redis.call('ZADD', writers, deadline_ms, ARGV[1])
    local last_ms = redis.call('ZRANGE', writers, -1, -1, 'WITHSCORES')[2]
    if is_overlap then
        redis.call('ZADD', writers, last_ms, '!')
    end
    redis.call('PEXPIREAT', writers, string.format('%.0f', last_ms + 1000))
end
return #KEYS / 3
