-- SPDX-License-Identifier: MIT
-- Before the store's write: deletes entries and leases, and keeps readers from filling until unfence. Of the list: all
-- pages become unreachable, and none may be filled until then.
--
-- KEYS    entry, lease, writers of each id (3 per id); then generation, writers of the list, if it belongs to this call
-- ARGV    window_ms: how long the fence lasts if nothing removes it; then the token of each id's write, or one for all
-- answer  how many ids
-- promise from now on the cache holds no entry of these ids, and takes none while the token is in the set and its
--         window lasts; fencing again with the same token only moves the deadline; it runs when Redis is full (DEL
--         first); of many writes it does what a call for each would do
-- overlap a fence that finds another write's mark adds '!' to the set: publish.lua must not store an entry then. The
--         list's set has no use for it. Its next reader that may fill makes a generation (list_acquire.lua): most
--         writes are followed by another write.
--
-- A load fences a thousand ids at once, so the number of calls is what it costs: one DEL and one EXISTS for many keys,
-- and a look at the other writers only where there may be some. Numbers go as text, or each call would print them
-- again. A set lives for a day from its last fence, so longer than any mark's window by nearly that.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local deadline_ms = string.format('%.0f', now_ms + ARGV[1])
local list_key_count = #KEYS % 3
local doomed, marked = {}, {}
if list_key_count == 2 then
    doomed[1] = KEYS[#KEYS - 1]
end
for i = 1, #KEYS - list_key_count, 3 do
    doomed[#doomed + 1] = KEYS[i]
    doomed[#doomed + 1] = KEYS[i + 1]
    marked[#marked + 1] = KEYS[i + 2]
end
for i = 1, #doomed, 1000 do
    redis.call('DEL', unpack(doomed, i, math.min(i + 999, #doomed)))
end
local there = 0
for i = 1, #marked, 1000 do
    there = there + redis.call('EXISTS', unpack(marked, i, math.min(i + 999, #marked)))
end
local is_met = {}
for i, writers in ipairs(marked) do
    redis.call('ZADD', writers, deadline_ms, ARGV[i + 1] or ARGV[2])
    redis.call('PEXPIRE', writers, '86400000')
    if (there > 0 or is_met[writers]) and redis.call('ZCARD', writers) > 1 then
        redis.call('ZADD', writers, redis.call('ZRANGE', writers, -1, -1, 'WITHSCORES')[2], '!')
    end
    is_met[writers] = true
end
if list_key_count == 2 then
    local marks = {}
    for i = 2, #ARGV do
        marks[#marks + 1] = deadline_ms
        marks[#marks + 1] = ARGV[i]
    end
    redis.call('ZADD', KEYS[#KEYS], unpack(marks))
    redis.call('PEXPIRE', KEYS[#KEYS], '86400000')
end
return #marked
