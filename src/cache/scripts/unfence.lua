-- SPDX-License-Identifier: MIT
-- After the store's write: entries and leases go once more, and this write's mark with them.
--
-- KEYS    entry, lease, writers of each id (3 per id)
-- ARGV    token of the write
-- answer  how many ids had lost the token (evicted, expired, flushed)
-- promise whatever happened to the marks, no entry or lease from before this moment remains; it runs when Redis is full
local lost, doomed = 0, {}
for i = 1, #KEYS, 3 do
    doomed[#doomed + 1] = KEYS[i]
    doomed[#doomed + 1] = KEYS[i + 1]
end
for i = 1, #doomed, 1000 do
    redis.call('DEL', unpack(doomed, i, math.min(i + 999, #doomed)))
end
for i = 3, #KEYS, 3 do
    lost = lost + 1 - redis.call('ZREM', KEYS[i], ARGV[1])
end
return lost
