-- SPDX-License-Identifier: MIT
-- Gives a lease back without a fill, because the store had no answer.
--
-- KEYS    lease of one id
-- ARGV    token
-- answer  1: it was yours; 0: it was not
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
return redis.call('DEL', KEYS[1])
