-- SPDX-License-Identifier: MIT
-- A machine is no holder any more: a writer has waited until its licence was over, or its agent leaves.
--
-- KEYS    holders of an epoch
-- ARGV    machine, incarnation, RENEWS as tell.lua said; "": whatever it is
-- answer  1; 0: it has renewed since, so it has its box, or it is another incarnation
local found = redis.call('HGET', KEYS[1], ARGV[1])
local incarnation, renews = string.match(found or '', '^(%x+) (%d+) ')
if incarnation ~= ARGV[2] or (ARGV[3] ~= '' and renews ~= ARGV[3]) then
    return 0
end
redis.call('DEL', KEYS[1] .. ':' .. ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
