-- SPDX-License-Identifier: MIT
-- What became of a write.
--
-- KEYS    writes, outcomes and dead letters of the shard
-- ARGV    the write's number
-- answer  {"pending", id of the todo}; {"settled", outcome}; {"dead", id of the todo, reason}; {"forgotten"}: such a
--         number was given once; {"unknown"}
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]
if found then
    return {'pending', found[2][4]}
end
found = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])[1]
if found then
    return {'settled', found[2][2]}
end
found = redis.call('XRANGE', KEYS[3], ARGV[1], ARGV[1])[1]
if found then
    return {'dead', found[2][4], found[2][6]}
end
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
        local ms, seq = string.match(info[i + 1], '^(%d+)-(%d+)$')
        local own_ms, own_seq = string.match(ARGV[1], '^(%d+)-(%d+)$')
        local ahead = tonumber(ms) - tonumber(own_ms)
        return {(ahead > 0 or (ahead == 0 and tonumber(seq) >= tonumber(own_seq))) and 'forgotten' or 'unknown'}
    end
end
return {'unknown'}
