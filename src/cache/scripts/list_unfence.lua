-- SPDX-License-Identifier: MIT
-- After the store's write: makes pages that were read meanwhile unreachable, and removes this write's mark.
--
-- KEYS    generation, writers of the list
-- ARGV    token of the write
-- answer  1: the mark was there; 0: it was lost
-- promise it runs when Redis is full: DEL comes before all else
redis.call('DEL', KEYS[1])
return redis.call('ZREM', KEYS[2], ARGV[1])
