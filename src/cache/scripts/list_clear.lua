-- SPDX-License-Identifier: MIT
-- After the store has shown where it stands: removes marks that were past their deadline before that, and makes pages
-- that were read meanwhile unreachable.
--
-- KEYS    generation, writers of the list
-- ARGV    the T of list_acquire.lua's "DOUBT T": marks with a later deadline stay
-- answer  how many marks were removed
-- promise it runs when Redis is full: DEL comes before all else
redis.call('DEL', KEYS[1])
return redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
