-- SPDX-License-Identifier: MIT
-- Stores a page that was read from the store under a generation.
--
-- KEYS    page, generation, writers, pages of the list
-- ARGV    token of the generation, ttl_ms, max: pages that Redis keeps, then the page's fields and values
-- answer  1: stored; 0: refused, a write has begun since
-- promise no more than max pages are there, the last ones that were filled; if Redis evicts the set of their names, those
--         that are not filled again end with their lifetime
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
if redis.call('EXISTS', KEYS[3]) == 1 then
    return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local time = redis.call('TIME')
redis.call('ZADD', KEYS[4], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), KEYS[1])
redis.call('PEXPIRE', KEYS[4], 2 * ARGV[2])
for _, page in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1 - ARGV[3])) do
    redis.call('DEL', page)
    redis.call('ZREM', KEYS[4], page)
end
return 1
