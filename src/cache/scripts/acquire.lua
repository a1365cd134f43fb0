-- SPDX-License-Identifier: MIT
-- After a miss, or ahead of an expiry: may this reader fill the entry?
--
-- KEYS    entry, lease, writers of one id; watermark of the epoch
-- ARGV    token, lease_ms, after_ms: an entry filled at this time or earlier will not do; -1: any will;
--         the watermark that the reader knows, "" if the store has none
-- answer  the entry's fields and values, if another reader has filled one meanwhile that will do; else a word, a
--         blank, and the watermark that the reader's read must show
--         "BYPASS"  a write is under way, or Redis has lost the watermark: read the store, do not fill
--         "DOUBT T" a mark is past its deadline, and T is Redis' time: read the store, do not fill, until clear.lua
--         "FILL"    the lease is yours: read the store, then fill
--         "WAIT"    another reader has the lease
-- promise as long as a writer is in the set, no reader gets a lease; if Redis evicts a lease, the next reader gets a
--         new one, and the old holder's fill is refused
local filled_at_ms = tonumber(redis.call('HGET', KEYS[1], 'at') or -1)
if filled_at_ms > tonumber(ARGV[3]) then
    return redis.call('HGETALL', KEYS[1])
end
local watermark = ''
if ARGV[4] ~= '' then
    watermark = redis.pcall('GET', KEYS[4])
    watermark = type(watermark) == 'string' and #watermark == #ARGV[4] and watermark or ''
end
local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
if #last > 0 then
    local time = redis.call('TIME')
    local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
    local word = tonumber(last[2]) > now_ms and 'BYPASS' or string.format('DOUBT %.0f', now_ms)
    return word .. ' ' .. watermark
end
if #watermark ~= #ARGV[4] then
    return 'BYPASS '
end
local is_granted = redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
if not is_granted and redis.call('PTTL', KEYS[2]) == -1 then -- what never ends is no lease of ours
    is_granted = redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
return (is_granted and 'FILL ' or 'WAIT ') .. watermark
