-- SPDX-License-Identifier: MIT
-- May this client go on? The generic cell rate algorithm (ITU-T I.371) needs one number per client instead of a counter
-- per window: the time at which the client will have its full burst again.
--
-- KEYS    limit of one client
-- ARGV    interval_us between requests at the even rate, burst: requests that may come at once
-- answer  {1 admitted or 0, requests that may come now, ms until the burst is full, ms until the next is admitted or 0}
-- promise over any time t at most burst + t / interval requests are admitted; a refused request costs nothing; what is
--         no number counts as nothing known
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local interval_us = tonumber(ARGV[1])
local burst_us = interval_us * tonumber(ARGV[2])
local known = redis.pcall('GET', KEYS[1])
local full_at_us = math.max(type(known) == 'string' and tonumber(known) or now_us, now_us)
local after_us = full_at_us + interval_us
if after_us - now_us > burst_us then
    return {0, 0, math.ceil((full_at_us - now_us) / 1000), math.ceil((after_us - burst_us - now_us) / 1000)}
end
redis.call('SET', KEYS[1], string.format('%.0f', after_us), 'PX', math.ceil((after_us - now_us) / 1000))
return {1, math.floor((burst_us - (after_us - now_us)) / interval_us), math.ceil((after_us - now_us) / 1000), 0}
