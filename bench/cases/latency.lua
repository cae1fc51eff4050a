-- A calm host, 100 jobs a second: how long a job waits.
local beat = require("bench.beat")
local hosts = require("bench.hosts")
local statistics = require("bench.statistics")

return function(report, scale)
  local host = hosts.start({ workers = 1 })
  local sent = beat.post(host, scale.beats, 1)
  hosts.wait_empty(host)
  host:stop()
  local delays = beat.delays(host, sent)
  assert(#delays == scale.beats)
  report("post to handler at 100 jobs/s, p50", statistics.median(delays), "ms",
    { target = "< 0.8", compare = "p50" })
  report("post to handler at 100 jobs/s, p99", statistics.quantile(delays, 0.99), "ms",
    { target = "< 2", compare = "p99" })
  hosts.drop(host)
end
