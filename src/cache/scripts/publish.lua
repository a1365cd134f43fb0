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
local is_lost = redis.call('ZREM', writers, ARGV[1]) == 0
local left = redis.call('ZCARD', writers)
local is_alone = left == 1 and redis.call('ZREM', writers, '!') == 1
if is_lost then
    if left > 0 and not is_alone then
        redis.call('ZADD', writers, redis.call('ZRANGE', writers, -1, -1, 'WITHSCORES')[2], '!')
    end
    return -1
end
if left > 0 then
    return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
