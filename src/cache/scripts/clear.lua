-- SPDX-License-Identifier: MIT
-- After the store has shown where it stands: removes marks that were past their deadline before that.
--
-- KEYS    entry, lease, writers of one id
-- ARGV    the T of acquire.lua's "DOUBT T": marks with a later deadline stay
-- answer  how many marks were removed
-- promise no entry or lease from before this moment remains; it runs when Redis is full: DEL comes before all else
redis.call('DEL', KEYS[1], KEYS[2])
local removed = redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[3]) == 1 then
    redis.call('ZREM', KEYS[3], '!')
end
return removed
