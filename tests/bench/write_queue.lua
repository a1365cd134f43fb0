-- SPDX-License-Identifier: MIT
-- What wrk asks for write_queue.py: write_queue.lua METHOD IDS PAUSE_MS [PREFER]. Todos 1 to IDS by chance; each PUT brings another name. PAUSE_MS
-- is how long a connection waits before its next request.
local method, ids, fields, number = nil, 0, {}, 0

function init(args)
    method, ids = args[1], tonumber(args[2])
    if method ~= "GET" then
        fields["Content-Type"] = "application/json"
        fields["Prefer"] = args[4]
    end
    local pause_ms = tonumber(args[3])
    if pause_ms > 0 then
        function delay()
            return pause_ms
        end
    end
    math.randomseed(os.time())
end

function request()
    number = number + 1
    local body = method ~= "GET" and string.format('{"name":"n%d","description":"%d"}', number, math.random(1000000)) or nil
    return wrk.format(method, "/todos/" .. math.random(ids), fields, body)
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
    io.write(string.format("figures %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(99), failed))
end
