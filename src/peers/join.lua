-- SPDX-License-Identifier: MIT
-- A machine becomes a holder, under a new incarnation and with an empty box. It clears its table when this has
-- answered, not before: what was kept in between would be told to nobody.
--
-- KEYS    holders of an epoch
-- ARGV    machine, incarnation, the channel of its agent
-- answer  1
redis.call('DEL', KEYS[1] .. ':' .. ARGV[1])
redis.call('SET', KEYS[1] .. ':' .. ARGV[1], '', 'PX', 86400000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' 0 0 ' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], 86400000)
return 1
