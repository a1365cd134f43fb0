-- SPDX-License-Identifier: MIT
-- How far has the store come? Redis keeps the latest watermark that any worker has told (watermark.c).
--
-- KEYS    watermark of an epoch
-- ARGV    a watermark of the store, ttl_ms
-- answer  1
-- promise an earlier watermark never replaces a later one; it runs when Redis is full: DEL comes before SET
local known = redis.pcall('GET', KEYS[1])
if type(known) == 'string' and #known == #ARGV[1] and not string.find(known, '[^0-9a-f]') and known >= ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
    redis.call('DEL', KEYS[1])
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
