-- Durable enqueues one by one, each answered after its commit is on disk, into a queue
-- that nobody takes from: how many over HTTP, and how long an answer takes; and how many
-- from coroutines of one script.
local uv = require("luv")
local hosts = require("bench.hosts")
local http = require("bench.http")
local statistics = require("bench.statistics")

local COROUTINES = 64
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
  report(what, #took / seconds, "/s", { compare = "single_" .. connections })
  report(what .. ", answer p50", statistics.median(took) / 1e6, "ms")
  report(what .. ", answer p99", statistics.quantile(took, 0.99) / 1e6, "ms")
end

-- The job that enqueues has the only slot.
local function measure_script(report, scale)
  local host = hosts.start({ workers = 1, env = { CANDY_WORKER_SLOTS = "1" } })
  local result = host:wait(host:push("flood", { coroutines = COROUTINES,
    ms = scale.single_s * 1000 })).result
  report(("enqueue one by one, coroutines %d"):format(COROUTINES),
    result.jobs / (result.ms / 1000), "/s", { target = ">= 50000" })
  hosts.drop(host)
end

return function(report, scale)
  local host = hosts.start_held()
  measure(report, scale, host, 1)
  measure(report, scale, host, 64)
  hosts.drop(host)
  measure_script(report, scale)
end
