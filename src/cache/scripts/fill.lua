-- SPDX-License-Identifier: MIT
-- Puts in an entry that was read from the store under a lease.
--
-- KEYS    entry, lease of one id
-- ARGV    token, ttl_ms, then the entry's fields and values
-- answer  1: stored; 0: refused, the lease is no longer yours
-- promise a write that began after the lease was taken has deleted it, so what it made old is never put in; when Redis is
--         full the entry is refused (HSET comes before DEL: Redis would let it pass after a DEL)
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('DEL', KEYS[2])
return 1
