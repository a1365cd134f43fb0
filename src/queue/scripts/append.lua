-- SPDX-License-Identifier: MIT
-- A write is accepted: it gets the next number of its shard. Or a dead letter goes to the end of its shard.
--
-- KEYS    writes, outcomes and dead letters of the shard; writes of all shards; the key of an Idempotency-Key, if any
-- ARGV    shard, text, id of the todo, most that may wait, most ms that the shard's oldest may wait, fingerprint, ms
--         for which the key is kept; or: shard, the dead letter's number
-- answer  {"ok" or "exists", ticket}; {"mismatch"}; {"full"}; {"old"}; {"none"}: there is no such dead letter; an error:
--         no number is left until the writes that wait have been applied
-- promise a number is greater than all before it of the shard, also if the clock went back or somebody deleted the
--         writes; a full Redis refuses a write before anything was done (XADD comes first), but retries a dead letter
local shard, seq_bound, ahead_max_ms = ARGV[1], 1048576, 2199023255552

local function info_of(key)
    local found = redis.pcall('XINFO', 'STREAM', key)
    local info = {}
    for i = 1, #found, 2 do
        info[found[i]] = found[i + 1]
    end
    return info
end

local function parts(number)
    local ms, seq = string.match(number or '0-0', '^(%d+)-(%d+)$')
    return tonumber(ms), tonumber(seq)
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local info = info_of(KEYS[1])

-- Another program's item may have taken all numbers (ticket_number_given()). The reader removes it.
local function is_given(ms)
    return ms - now_ms <= ahead_max_ms
end
if not is_given(parts(info['last-generated-id'])) then
    if info['length'] > 0 then
        return redis.error_reply('ERR another program has put an item far ahead of time into ' .. KEYS[1])
    end
    redis.call('DEL', KEYS[1])
    info = {}
end

-- The first write of an empty stream: what was settled tells which numbers were given, if anything does.
local function next_number()
    local ms, seq = parts(info['last-generated-id'])
    for i = 2, info['last-generated-id'] and 1 or 3 do
        local other_ms, other_seq = parts(info_of(KEYS[i])['last-generated-id'])
        if is_given(other_ms) and (other_ms > ms or (other_ms == ms and other_seq > seq)) then
            ms, seq = other_ms, other_seq
        end
    end
    if now_ms > ms then
        return string.format('%.0f-0', now_ms)
    elseif seq + 1 < seq_bound then
        return string.format('%.0f-%.0f', ms, seq + 1)
    end
    return string.format('%.0f-0', ms + 1)
end

if #ARGV == 2 then
    local dead = redis.call('XRANGE', KEYS[3], ARGV[2], ARGV[2])[1]
    if not dead then
        return {'none'}
    end
    local number = next_number()
    redis.call('XDEL', KEYS[3], ARGV[2])
    redis.call('XADD', KEYS[1], number, 'text', dead[2][2], 'id', dead[2][4])
    return {'ok', shard .. '-' .. number}
end

local keeper = KEYS[12]
local fingerprint, ticket = string.match(keeper and redis.call('GET', keeper) or '', '^(%S*) (%S+)$')
if ticket then
    return fingerprint == ARGV[6] and {'exists', ticket} or {'mismatch'}
end
local depth = 0
for i = 4, 11 do
    depth = depth + redis.call('XLEN', KEYS[i])
end
if depth >= tonumber(ARGV[4]) then
    return {'full'}
elseif info['first-entry'] and now_ms - parts(info['first-entry'][1]) > tonumber(ARGV[5]) then
    return {'old'}
end
local number = next_number()
redis.call('XADD', KEYS[1], number, 'text', ARGV[2], 'id', ARGV[3])
if keeper then
    redis.call('SET', keeper, ARGV[6] .. ' ' .. shard .. '-' .. number, 'PX', ARGV[7])
end
return {'ok', shard .. '-' .. number}
