-- SPDX-License-Identifier: MIT
-- A holder goes on, and gets its box. It makes nobody a holder: after a lost reply that would hide an expulsion.
--
-- KEYS    holders of an epoch
-- ARGV    machine, incarnation, the number up to which it has applied its box
-- answer  {FIRST, NAMES}: names from number FIRST on (not included), 8 bytes each; {}: it is no holder, or not under
--         this incarnation
-- promise what is not known to be applied stays in the box, because this answer may be lost; there is a box, if only
--         an empty one, as long as there is a holder; it runs when Redis is full: DEL comes before SET
local found = redis.call('HGET', KEYS[1], ARGV[1])
local incarnation, renews, last, channel = string.match(found or '', '^(%x+) (%d+) (%d+) (%S+)$')
if incarnation ~= ARGV[2] then
    return {}
end
local place, applied = KEYS[1] .. ':' .. ARGV[1], tonumber(ARGV[3])
local box = redis.pcall('GET', place)
box = type(box) == 'string' and box or ''
local first = last - #box / 8
if first < applied then
    box = string.sub(box, (applied - first) * 8 + 1)
    first = applied
end
redis.call('DEL', place)
redis.call('SET', place, box, 'PX', 86400000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%s %.0f %s %s', incarnation, renews + 1, last, channel))
redis.call('PEXPIRE', KEYS[1], 86400000)
return {first, box}
