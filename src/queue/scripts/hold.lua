-- SPDX-License-Identifier: MIT
-- An applier takes a shard or goes on with it, or gives it back.
--
-- KEYS    the shard's hold
-- ARGV    its owner, ms: 0 gives it back
-- answer  1; 0: another owner has it
-- promise it runs when Redis is full, because an applier makes room: DEL comes before SET
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[1])
if ARGV[2] ~= '0' then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
