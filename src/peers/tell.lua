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
-- up to number LAST. A box that grows too large, or that Redis evicts, is gone: the holder sees the gap in the numbers
-- and clears its table. The message brings the names sooner than the next renew; it may be lost.
local most_bytes, kept_ms = 16384, 86400000
local told = {}
local holders = redis.call('HGETALL', KEYS[1])
for i = 1, #holders, 2 do
    local machine = holders[i]
    local incarnation, renews, first, channel = string.match(holders[i + 1], '^(%x+) (%d+) (%d+) (%S+)$')
    if incarnation and machine ~= ARGV[1] then
        local place = KEYS[1] .. ':' .. machine
        local box = redis.pcall('GET', place)
        box = (type(box) == 'string' and box or '') .. ARGV[2]
        redis.call('DEL', place)
        if #box <= most_bytes then
            redis.call('SET', place, box, 'PX', kept_ms)
        end
        local last = string.format('%.0f', first + #ARGV[2] / 8)
        redis.call('HSET', KEYS[1], machine, incarnation .. ' ' .. renews .. ' ' .. last .. ' ' .. channel)
        redis.pcall('PUBLISH', channel, 'told ' .. incarnation .. ' ' .. first .. ' ' .. ARGV[3] .. ' ' .. ARGV[2])
        told[#told + 1] = machine .. ' ' .. incarnation .. ' ' .. renews .. ' ' .. last
    end
end
return told
