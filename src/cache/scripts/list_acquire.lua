-- SPDX-License-Identifier: MIT
-- After a page's miss: under which generation may it be filled?
--
-- KEYS    generation, writers of the list
-- ARGV    a new token, in case there is no generation; generation_ms: its lifetime
-- answer  "BYPASS": a write is under way; "DOUBT T": a mark is past its deadline, and T is Redis' time
--         (list_clear.lua); else the generation's token
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if #last > 0 then
    local time = redis.call('TIME')
    local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
    return tonumber(last[2]) > now_ms and 'BYPASS' or string.format('DOUBT %.0f', now_ms)
end
local generation = redis.call('GET', KEYS[1])
if generation then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return generation
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
