-- SPDX-License-Identifier: MIT
-- After a page's miss: under which generation may it be filled?
--
-- KEYS    generation, writers of the list
-- ARGV    a new token, in case there is no generation; generation_ms: its lifetime
-- answer  "BYPASS": a write is under way; else the generation's token
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZCOUNT', KEYS[2], '(' .. now_ms, '+inf') > 0 then
    return 'BYPASS'
end
local generation = redis.call('GET', KEYS[1])
if generation then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return generation
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
