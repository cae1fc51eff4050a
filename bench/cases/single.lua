-- Durable enqueues one by one over HTTP, each answered after its commit is on disk, into
-- a queue that nobody takes from: how many, and how long an answer takes.
local uv = require("luv")
local hosts = require("bench.hosts")
local http = require("bench.http")
local statistics = require("bench.statistics")

local BODY = '{"type":"noop","payload":' .. hosts.PAYLOAD .. "}"

local function measure(report, scale, host, connections)
  local till = uv.hrtime() + scale.single_s * 1e9
  local seconds, took = http.flood({
    url = host.url, key = host.key, path = "/tasks", connections = connections,
    next_body = function()
      return uv.hrtime() < till and BODY or nil
    end,
  })
  local what = ("enqueue one by one, connections %d"):format(connections)
  report(what, #took / seconds, "/s")
  report(what .. ", answer p50", statistics.median(took) / 1e6, "ms")
  report(what .. ", answer p99", statistics.quantile(took, 0.99) / 1e6, "ms")
end

return function(report, scale)
  local host = hosts.start_held()
  measure(report, scale, host, 1)
  measure(report, scale, host, 64)
  hosts.drop(host)
end
