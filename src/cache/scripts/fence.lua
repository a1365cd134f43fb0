-- SPDX-License-Identifier: MIT
-- Before the store's write: entries and leases go, and no reader may fill until unfence.
--
-- KEYS    entry, lease, writers of each id (3 per id)
-- ARGV    token of the write, window_ms: how long the fence lasts if nobody takes it away
-- answer  how many ids
-- promise when this has run, the cache holds no entry of these ids and takes none while the token is in the set and its
--         window lasts; fencing again with the same token only moves the deadline; it runs when Redis is full (DEL first)
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local deadline_ms = now_ms + tonumber(ARGV[2])
for i = 1, #KEYS, 3 do
    redis.call('DEL', KEYS[i], KEYS[i + 1])
    redis.call('ZREMRANGEBYSCORE', KEYS[i + 2], '-inf', now_ms)
    redis.call('ZADD', KEYS[i + 2], deadline_ms, ARGV[1])
    local last = redis.call('ZRANGE', KEYS[i + 2], -1, -1, 'WITHSCORES')
    redis.call('PEXPIREAT', KEYS[i + 2], string.format('%.0f', last[2] + 1000))
end
return #KEYS / 3
