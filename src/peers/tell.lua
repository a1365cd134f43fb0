-- SPDX-License-Identifier: MIT
-- What a write changes, for the boxes of all machines that hold a licence, but for the writer's own.
--
-- KEYS    holders of an epoch
-- ARGV    the writer's machine, "" if it has no table; names of ids, 8 bytes each; the channel for answers
-- answer  for each other holder "MACHINE INCARNATION RENEWS LAST": it must have applied its box up to number LAST
-- promise a holder that renews from now on gets these names with the reply; it runs when Redis is full: DEL
--         comes before all that grows
--
-- A holder is a field "INCARNATION RENEWS LAST CHANNEL" of the hash; its box is a string beside it, the newest names
-- up to number LAST. A box that grows too large, or that Redis evicts, is gone until the next renew: the holder sees the
-- gap in the numbers and clears its table. While the list's slot is on its way to another server the box may still be at
-- the first one. None is made beside it here, for the first one's could then not be moved (BUSYKEY); the numbers go on
-- by more than it holds, so that there is a gap even if the slot stays there after all. The message brings the names
-- sooner than the next renew; it may be lost.
local most_bytes, kept_ms = 16384, 86400000
local told = {}
local holders = redis.call('HGETALL', KEYS[1])
for i = 1, #holders, 2 do
    local machine = holders[i]
    local incarnation, renews, first, channel = string.match(holders[i + 1], '^(%x+) (%d+) (%d+) (%S+)$')
    if incarnation and machine ~= ARGV[1] then
        local place = KEYS[1] .. ':' .. machine
        local found, gap = redis.pcall('GET', place), 0
        local box = (type(found) == 'string' and found or '') .. ARGV[2]
        redis.call('DEL', place)
        if not found then
            gap = most_bytes
        elseif #box <= most_bytes then
            redis.call('SET', place, box, 'PX', kept_ms)
        end
        local last = string.format('%.0f', first + #ARGV[2] / 8)
        local kept = string.format('%.0f', last + gap)
        redis.call('HSET', KEYS[1], machine, incarnation .. ' ' .. renews .. ' ' .. kept .. ' ' .. channel)
        redis.pcall('PUBLISH', channel, 'told ' .. incarnation .. ' ' .. first .. ' ' .. ARGV[3] .. ' ' .. ARGV[2])
        told[#told + 1] = machine .. ' ' .. incarnation .. ' ' .. renews .. ' ' .. last
    end
end
return told
