-- SPDX-License-Identifier: MIT
-- Before the store's write: all pages become unreachable, and none may be filled until list_unfence.
--
-- KEYS    generation, writers of the list
-- ARGV    token of the write, window_ms
-- answer  1
-- promise it runs when Redis is full: DEL comes before all else
--
-- The next reader that may fill makes a generation (list_acquire.lua): most writes are followed by another write.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('DEL', KEYS[1])
redis.call('ZADD', KEYS[2], string.format('%.0f', now_ms + ARGV[2]), ARGV[1])
redis.call('PEXPIRE', KEYS[2], '86400000')
return 1
