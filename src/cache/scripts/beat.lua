-- SPDX-License-Identifier: MIT
-- Has the store gone back in time? Redis keeps the latest beat of the store that any worker has told (beat.c).
--
-- KEYS    beat of an epoch
-- ARGV    the beat that the store has now, ttl_ms
-- answer  the latest beat: ARGV[1], or a later one that the store had before
-- promise an earlier beat never replaces a later one; what is no number counts as nothing known
--
-- Beats are compared as texts: Lua's numbers hold 53 bits. A full Redis refuses a SET, but not behind a DEL: a beat that
-- was not kept is a restored store that nobody notices.
local known = redis.pcall('GET', KEYS[1])
if type(known) == 'string' and #known < 20 and string.find(known, '^[1-9]%d*$') and
    (#known > #ARGV[1] or (#known == #ARGV[1] and known > ARGV[1])) then
    return known
end
redis.pcall('DEL', KEYS[1])
redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
