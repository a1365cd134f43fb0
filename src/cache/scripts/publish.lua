-- SPDX-License-Identifier: MIT
-- After the store's write, instead of unfence: stores what was written as the entry, if no other write overlapped.
--
-- KEYS    entry, lease, writers of one id
-- ARGV    token of the write, ttl_ms, then the entry's fields and values
-- answer  1: the entry is stored; 0: it is not, because another write overlapped; -1: it is not, the token was lost
-- promise all that unfence.lua promises; and a stored entry equals the store: no other write began, went on or ended
--         between this write's fence and now, else '!' or another mark would be in the set, or this write's mark gone
local writers = KEYS[3]
redis.call('DEL', KEYS[1], KEYS[2])
if redis.call('ZREM', writers, ARGV[1]) == 0 then
    local last = redis.call('ZRANGE', writers, -1, -1, 'WITHSCORES')
    if #last > 0 then
        redis.call('ZADD', writers, last[2], '!')
    end
    return -1
end
local left = redis.call('ZCARD', writers)
if left == 1 then
    redis.call('ZREM', writers, '!')
end
if left > 0 then
    return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
