-- SPDX-License-Identifier: MIT
-- After the store's write: entries and leases go once more, and this write's mark with them.
--
-- KEYS    entry, lease, writers of each id (3 per id)
-- ARGV    token of the write
-- answer  how many ids had lost the token (evicted, expired, flushed)
-- promise whatever happened to the marks, no entry or lease from before this moment remains; it runs when Redis is full
-- overlap who finds its own mark gone while others are there puts '!' into the set: they didn't see each other. The last
--         write to leave takes '!' along.
local lost = 0
for i = 1, #KEYS, 3 do
    local writers = KEYS[i + 2]
    redis.call('DEL', KEYS[i], KEYS[i + 1])
    if redis.call('ZREM', writers, ARGV[1]) == 0 then
        lost = lost + 1
        local last = redis.call('ZRANGE', writers, -1, -1, 'WITHSCORES')
        if #last > 0 then
            redis.call('ZADD', writers, last[2], '!')
        end
    elseif redis.call('ZCARD', writers) == 1 then
        redis.call('ZREM', writers, '!')
    end
end
return lost
