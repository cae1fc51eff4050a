-- From the start of the program to its line on standard output, by which it is ready for
-- requests and has a worker: on a new folder (the store is made) and on one with a store.
local uv = require("luv")
local hosts = require("bench.hosts")
local statistics = require("bench.statistics")

local function timed(start)
  local began = uv.hrtime()
  local host = start()
  return host, (uv.hrtime() - began) / 1e6
end

return function(report, scale)
  local first, again = {}, {}
  for i = 1, scale.starts do
    local host
    host, first[i] = timed(function()
      return hosts.start({ workers = 1 })
    end)
    host:stop()
    host, again[i] = timed(function()
      return hosts.again(host, { workers = 1 })
    end)
    hosts.drop(host)
  end
  report("start to ready, new folder", statistics.median(first), "ms",
    { target = "< 50", compare = "start" })
  report("start to ready, folder with a store", statistics.median(again), "ms",
    { target = "< 50" })
end
