-- SPDX-License-Identifier: MIT
-- After the store's write: deletes entries and leases once more, and removes this write's mark. Of the list: pages that
-- were read meanwhile become unreachable.
--
-- KEYS    entry, lease, writers of each id (3 per id); then generation, writers of the list, if it belongs to this call
-- ARGV    the token of each id's write, or one for all
-- answer  the places of the ids (1: the first) that had lost the token (evicted, expired, flushed; or removed by this
--         very call, which met a key of another type and was made again: redis_script.c)
-- promise whatever happened to the marks, no entry or lease from before this moment remains; it runs when Redis is full
--         (DEL first); of many writes it does what a call for each would do
-- overlap a write that finds its own mark gone while others are there adds '!' to the set, because those writes did not
--         see each other. Where it is alone, '!' goes as well.
--
-- The number of calls is what it costs, as in fence.lua: the set is looked at only where something is in it.
local list_key_count = #KEYS % 3
local doomed, marked, is_lost, lost = {}, {}, {}, {}
if list_key_count == 2 then
    doomed[1] = KEYS[#KEYS - 1]
end
for i = 1, #KEYS - list_key_count, 3 do
    doomed[#doomed + 1] = KEYS[i]
    doomed[#doomed + 1] = KEYS[i + 1]
    marked[#marked + 1] = KEYS[i + 2]
end
for i = 1, #doomed, 1000 do
    redis.call('DEL', unpack(doomed, i, math.min(i + 999, #doomed)))
end
if list_key_count == 2 then
    redis.call('ZREM', KEYS[#KEYS], unpack(ARGV))
end
for i, writers in ipairs(marked) do
    if redis.call('ZREM', writers, ARGV[i] or ARGV[1]) == 0 then
        is_lost[i] = true
        lost[#lost + 1] = i
    end
end
local there = 0
for i = 1, #marked, 1000 do
    there = there + redis.call('EXISTS', unpack(marked, i, math.min(i + 999, #marked)))
end
if there == 0 then
    return lost
end
for i, writers in ipairs(marked) do
    local left = redis.call('ZCARD', writers)
    if left == 1 then
        left = left - redis.call('ZREM', writers, '!')
    end
    if is_lost[i] and left > 0 then
        redis.call('ZADD', writers, redis.call('ZRANGE', writers, -1, -1, 'WITHSCORES')[2], '!')
    end
end
return lost
