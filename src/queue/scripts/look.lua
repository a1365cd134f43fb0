-- SPDX-License-Identifier: MIT
-- How each shard stands.
--
-- KEYS    writes, dead letters and hold of each shard
-- ARGV    none
-- answer  for each shard: how many writes wait, the number of the first or "", how many dead letters, the last number
--         that was given or "", who holds it or ""
local answer = {}
for i = 1, #KEYS, 3 do
    local info = {}
    local found = redis.pcall('XINFO', 'STREAM', KEYS[i])
    for j = 1, #found, 2 do
        info[found[j]] = found[j + 1]
    end
    answer[#answer + 1] = info['length'] or 0
    answer[#answer + 1] = info['first-entry'] and info['first-entry'][1] or ''
    answer[#answer + 1] = redis.call('XLEN', KEYS[i + 1])
    answer[#answer + 1] = info['last-generated-id'] or ''
    answer[#answer + 1] = redis.call('GET', KEYS[i + 2]) or ''
end
return answer
