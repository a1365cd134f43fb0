-- SPDX-License-Identifier: MIT
-- Stores a page that was read from the store under a generation.
--
-- KEYS    page, generation, writers of the list
-- ARGV    token of the generation, ttl_ms, then the page's fields and values
-- answer  1: stored; 0: refused, a write has begun since
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZCOUNT', KEYS[3], '(' .. now_ms, '+inf') > 0 then
    return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
