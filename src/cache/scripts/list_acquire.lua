-- SPDX-License-Identifier: MIT
-- After a page's miss: under which generation may it be filled?
--
-- KEYS    generation, writers of the list; watermark of the epoch
-- ARGV    a new token, in case there is no generation; generation_ms: its lifetime; the watermark that the reader
--         knows, "" if the store has none
-- answer  a word, a blank, and the watermark that the reader's read must show. The word is "BYPASS": a write is under
--         way, or Redis has lost the watermark; "DOUBT T": a mark is past its deadline, and T is Redis' time
--         (list_clear.lua); else the generation's token
local watermark = ''
if ARGV[3] ~= '' then
    watermark = redis.pcall('GET', KEYS[3])
    watermark = type(watermark) == 'string' and #watermark == #ARGV[3] and watermark or ''
end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if #last > 0 then
    local time = redis.call('TIME')
    local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
    local word = tonumber(last[2]) > now_ms and 'BYPASS' or string.format('DOUBT %.0f', now_ms)
    return word .. ' ' .. watermark
end
if #watermark ~= #ARGV[3] then
    return 'BYPASS '
end
local generation = redis.call('GET', KEYS[1])
if generation then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
    generation = ARGV[1]
    redis.call('SET', KEYS[1], generation, 'PX', ARGV[2])
end
return generation .. ' ' .. watermark
