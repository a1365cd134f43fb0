-- SPDX-License-Identifier: MIT
-- Writes leave a shard, the first ones of it: applied or refused by the store, or as dead letters.
--
-- KEYS    writes, outcomes and dead letters of the shard
-- ARGV    reason, of dead letters, or ""; how many outcomes are kept; then number, outcome for each
-- answer  how many have left; the others had before
-- promise all of them in one step, and again without harm; it runs when Redis is full: an XDEL comes before all
--         else
local time = redis.call('TIME')
local now_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local left = 0
redis.call('XDEL', KEYS[1], '0-1')
for i = 3, #ARGV, 2 do
    local number = ARGV[i]
    local found = ARGV[1] ~= '' and redis.call('XRANGE', KEYS[1], number, number)[1]
    if found then
        redis.call('XADD', KEYS[3], number, 'text', found[2][2], 'id', found[2][4] or '', 'reason', ARGV[1], 'at',
                   now_ms)
    end
    if redis.call('XDEL', KEYS[1], number) == 1 then
        left = left + 1
        if not found then -- an outcome that comes out of order is not kept; the write was settled all the same
            redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], number, 'outcome', ARGV[i + 1])
        end
    end
end
return left
