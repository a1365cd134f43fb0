-- SPDX-License-Identifier: MIT
-- The writes of a shard behind a number, in order.
--
-- KEYS    writes of the shard
-- ARGV    the number, how many at most, how many bytes of text are enough
-- answer  {number, text, number, text ...}
local part = 16
local answer, bytes, after = {}, 0, ARGV[1]
while #answer < 2 * tonumber(ARGV[2]) and bytes < tonumber(ARGV[3]) do
    local count = math.min(part, tonumber(ARGV[2]) - #answer / 2)
    local found = redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', count)
    for i = 1, #found do
        answer[#answer + 1] = found[i][1]
        answer[#answer + 1] = found[i][2][2]
        bytes, after = bytes + #found[i][2][2], found[i][1]
    end
    if #found < count then
        break
    end
end
return answer
