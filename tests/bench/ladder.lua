-- SPDX-License-Identifier: MIT
-- What wrk asks: ladder.lua FILE METHOD [FIELD VALUE [BODY]]. FILE has a line for each request: a path, and behind a blank perhaps
-- the ETag that the client has. All requests have this header field and this body. Each thread takes every second line, in order from
-- anywhere on, and all requests are made beforehand, so that wrk itself costs little.
local requests, next_one, threads = {}, 0, 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    local body = args[5] or args[2] == "POST" and '{"name":"Prepare the quarterly report","description":"Collect the figures from sales"}' or nil
    local line_number = 0
    for line in io.lines(args[1]) do
        local path, tag = line:match("^(%S+) ?(.*)$")
        if line_number % 2 == number % 2 then
            local fields = {}
            if tag ~= "" then
                fields["If-None-Match"] = tag
            end
            if args[3] then
                fields[args[3]] = args[4]
            elseif body then
                fields["Content-Type"] = "application/json"
            end
            requests[#requests + 1] = wrk.format(args[2], path, fields, body)
        end
        line_number = line_number + 1
    end
    math.randomseed(os.time() + number)
    next_one = math.random(#requests)
end

function request()
    next_one = next_one % #requests + 1
    return requests[next_one]
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
    io.write(string.format("figures %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed))
end
