-- SPDX-License-Identifier: MIT
-- The least that nginx' own Lua can do with a Redis: one GET of a finished body, and the header fields that the bare responder sends.
-- Connections to Redis are kept.
local redis = require "nginx.redis"

local connection = redis:new()
local is_connected = connection:connect("unix:" .. ngx.config.prefix() .. "redis.sock")
local todo = is_connected and connection:get(ngx.var.uri)
if not todo or todo == ngx.null then
    return ngx.exit(is_connected and 404 or 502)
end
connection:set_keepalive(60000, 64)

local fields = ngx.header
fields["Content-Type"] = "application/json"
fields["ETag"] = '"1-0123456789abcdef"'
fields["Cache-Control"] = "no-cache"
fields["Cache-Status"] = "todo-lua; hit; ttl=287"
fields["Age"] = "13"
fields["Content-Length"] = #todo
ngx.print(todo)
