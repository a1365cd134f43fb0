-- SPDX-License-Identifier: MIT
-- After an answer WRONGTYPE: deletes what another program has put in the place of the cache's keys.
--
-- KEYS    some of the cache's keys (keys.h), whose names say their types
-- ARGV    are not looked at: they are those of the script that got the answer
-- answer  the names of the deleted keys
-- promise no key of ours is deleted; that ours is gone already is as if Redis had evicted it, and the script that got the
--         answer runs again
local types = {beat = 'string', gen = 'string', lease = 'string', pages = 'zset', watermark = 'string', writers = 'zset'}
local deleted = {}
for _, key in ipairs(KEYS) do
    local found = redis.call('TYPE', key).ok
    if found ~= 'none' and found ~= (types[string.match(key, '[^:]*$')] or 'hash') then
        redis.call('DEL', key)
        deleted[#deleted + 1] = key
    end
end
return deleted
