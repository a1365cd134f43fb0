-- SPDX-License-Identifier: MIT
-- After the store's write: deletes entries and leases once more, and removes this write's mark.
--
-- KEYS    entry, lease, writers of each id (3 per id)
-- ARGV    token of the write
-- answer  how many ids had lost the token (evicted, expired, flushed)
-- promise whatever happened to the marks, no entry or lease from before this moment remains; it runs when Redis is full
-- overlap a write that finds its own mark gone while others are there adds '!' to the set, because those writes did not
--         see each other. The last write removes '!' as well.
--
-- The number of calls is what it costs, as in fence.lua: the set is looked at only where something is in it.
local doomed, marked, lost, lost_count = {}, {}, {}, 0
for i = 1, #KEYS, 3 do
    doomed[#doomed + 1] = KEYS[i]
    doomed[#doomed + 1] = KEYS[i + 1]
    marked[#marked + 1] = KEYS[i + 2]
end
for i = 1, #doomed, 1000 do
    redis.call('DEL', unpack(doomed, i, math.min(i + 999, #doomed)))
end
for i, writers in ipairs(marked) do
    if redis.call('ZREM', writers, ARGV[1]) == 0 then
        lost[i] = true
        lost_count = lost_count + 1
    end
end
local there = 0
for i = 1, #marked, 1000 do
    there = there + redis.call('EXISTS', unpack(marked, i, math.min(i + 999, #marked)))
end
if there == 0 then
    return lost_count
end
for i, writers in ipairs(marked) do
    local left = redis.call('ZCARD', writers)
    if not lost[i] and left == 1 then
        redis.call('ZREM', writers, '!')
    elseif lost[i] and left > 0 then
        redis.call('ZADD', writers, redis.call('ZRANGE', writers, -1, -1, 'WITHSCORES')[2], '!')
    end
end
return lost_count
