-- SPDX-License-Identifier: MIT
-- A journal belongs to one store: the first one that asks.
--
-- KEYS    the name of its store
-- ARGV    the name of ours, or "": not known
-- answer  the name of its store, or ""
-- promise it runs when Redis is full, because an applier makes room: DEL comes before SET
local name = redis.call('GET', KEYS[1]) or ''
if name == '' and ARGV[1] ~= '' then
    redis.call('DEL', KEYS[1])
    redis.call('SET', KEYS[1], ARGV[1])
    name = ARGV[1]
end
return name
