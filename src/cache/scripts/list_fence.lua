-- SPDX-License-Identifier: MIT
-- Before the store's write: all pages become unreachable, and none may be filled until list_unfence.
--
-- KEYS    generation, writers of the list
-- ARGV    token of the write, window_ms, token of the new generation, generation_ms
-- answer  1
-- promise it runs when Redis is full: DEL comes before all else
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[2], now_ms + tonumber(ARGV[2]), ARGV[1])
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[2], string.format('%.0f', last[2] + 86400000))
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
