-- SPDX-License-Identifier: MIT
-- Stores a page that was read from the store under a generation.
--
-- KEYS    page, generation, writers of the list
-- ARGV    token of the generation, ttl_ms, then the page's fields and values
-- answer  1: stored; 0: refused, a write has begun since
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
if redis.call('EXISTS', KEYS[3]) == 1 then
    return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
