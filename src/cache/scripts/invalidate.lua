-- SPDX-License-Identifier: MIT
-- After a foreign write, as the store's change stream reports it: deletes what is older than that write.
--
-- KEYS    entry, lease, writers of each id (3 per id); an id may come several times, in the order of its changes
-- ARGV    for each id what the change made: "V UPDATED_AT", or "V UPDATED_AT LIFE" if the life is told; "none": the todo
--         is deleted; "": not known
-- answer  how many entries stayed, because they are what the change made
-- promise no entry or lease from before the change remains; it runs when Redis is full (DEL comes before ZADD)
-- overlap a writer whose write is older than this change may be about to publish it: '!' in its set forbids that
--         (publish.lua), and goes with the last writer. An entry that stays was filled or published after the change,
--         so nothing is forbidden then
local kept = 0
for i = 1, #KEYS, 3 do
    local left, writers = ARGV[(i + 2) / 3], KEYS[i + 2]
    local entry = left ~= '' and redis.pcall('HMGET', KEYS[i], 'v', 'updated_at', 'life', 'none')
    local is_none = entry and entry[4] and left == 'none'
    local made = entry and entry[1] and entry[2] and entry[1] .. ' ' .. entry[2]
    if is_none or made and (made == left or entry[3] and made .. ' ' .. entry[3] == left) then
        kept = kept + 1
        redis.call('DEL', KEYS[i + 1])
    else
        redis.call('DEL', KEYS[i], KEYS[i + 1])
    end
    local last = redis.call('ZRANGE', writers, -1, -1, 'WITHSCORES')
    if #last > 0 then
        redis.call('ZADD', writers, last[2], '!')
    end
end
return kept
