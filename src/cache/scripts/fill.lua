-- SPDX-License-Identifier: MIT
-- Stores an entry that was read from the store under a lease; it replaces an older one.
--
-- KEYS    entry, lease of one id
-- ARGV    token, ttl_ms, then the entry's fields and values
-- answer  1: stored; 0: refused, the lease is no longer yours
-- promise a write that began after the lease was taken has deleted the lease, so an old value is never stored; when
--         Redis is full a new entry is refused (Redis lets an HSET pass only after a DEL, and DEL runs only for an old
--         entry)
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('DEL', KEYS[2])
return 1
