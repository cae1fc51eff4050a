-- Whether what a job costs grows with what waits: the same jobs drained from a short
-- backlog, from one that is longer by a million, and beside a million that are not due.
-- Each time the same stretch of jobs is looked at, by when they finished, so that the
-- host is as warm and has as many finished jobs in its store.
local uv = require("luv")
local hosts = require("bench.hosts")
local statistics = require("bench.statistics")

local CONNECTIONS = 4

-- Jobs a second between the `from`-th that finished and the `to`-th.
local function rate_between(host, from, to)
  local row = hosts.rows(host, ([[
    select max(finished_at) - min(finished_at) from (
      select finished_at from candy_done join candy_job using (id)
        where type = (select id from candy_name where name = 'noop')
        order by finished_at limit %d offset %d)]]):format(to - from, from))[1]
  return (to - from) / (tonumber(row[1]) / 1000)
end

-- Of a backlog of 1.2 times `part`, the second half up to where a tenth is left.
local function measure(part, backlog, scheduled)
  local held = hosts.start_held()
  hosts.enqueue(held, backlog, { connections = CONNECTIONS })
  if scheduled > 0 then
    hosts.enqueue(held, scheduled, { connections = CONNECTIONS,
      more = function() return ',"delay":"1d"' end })
  end
  local host = hosts.release(held, { workers = uv.available_parallelism() })
  hosts.wait_empty(host)
  host:stop()
  local rate = rate_between(host, part * 0.6, part * 1.1)
  hosts.drop(host)
  return rate
end

return function(report, scale)
  local part, short, long, beside = scale.jobs, {}, {}, {}
  for i = 1, scale.runs do
    short[i] = measure(part, part * 1.2, 0)
    long[i] = measure(part, scale.backlog + part * 1.2, 0)
    beside[i] = measure(part, part * 1.2, scale.backlog)
  end
  short, long = statistics.median(short), statistics.median(long)
  beside = statistics.median(beside)
  report(("drain with %d to %d waiting"):format(part * 0.1, part * 0.6), short, "/s")
  report(("drain with %d more waiting"):format(scale.backlog), long, "/s")
  report(("drain with %d scheduled beside"):format(scale.backlog), beside, "/s")
  report("drain with a long backlog, as a part of a short one's", long / short, "",
    { target = ">= 0.85" })
  report("drain beside scheduled jobs, as a part of that alone", beside / short, "",
    { target = ">= 0.85" })
end
