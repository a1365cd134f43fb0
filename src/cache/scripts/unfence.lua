-- SPDX-License-Identifier: MIT
-- After the store's write: entries and leases go once more, and this write's mark with them.
--
-- KEYS    entry, lease, writers of each id (3 per id)
-- ARGV    token of the write
-- answer  how many ids had lost the token (evicted, expired, flushed)
-- promise whatever happened to the marks, no entry or lease from before this moment remains; it runs when Redis is full
-- overlap who finds its own mark gone while others are there puts '!' into the set: they didn't see each other. The last
--         write to leave takes '!' along.
local lost, doomed = 0, {}
for i = 1, #KEYS, 3 do
    doomed[#doomed + 1] = KEYS[i]
    doomed[#doomed + 1] = KEYS[i + 1]
end
for i = 1, #doomed, 1000 do
    redis.call('DEL', unpack(doomed, i, math.min(i + 999, #doomed)))
end
for i = 3, #KEYS, 3 do
    local writers = KEYS[i]
    local was_there = redis.call('ZREM', writers, ARGV[1]) == 1
    local left = redis.call('ZCARD', writers)
    if not was_there then
        lost = lost + 1
    end
    if was_there and left == 1 then
        redis.call('ZREM', writers, '!')
    elseif not was_there and left > 0 then
        redis.call('ZADD', writers, redis.call('ZRANGE', writers, -1, -1, 'WITHSCORES')[2], '!')
    end
end
return lost
