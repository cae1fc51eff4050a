-- What logging takes from jobs: 1000 jobs a second beside other jobs that log 50,000
-- lines a second, and the same jobs beside the same others that log nothing. Lines are
-- counted in the files, after the host has ended: they are all of them, or it says so.
local uv = require("luv")
local beat = require("bench.beat")
local hosts = require("bench.hosts")
local statistics = require("bench.statistics")

local RATE = 50000 -- lines a second
local CHATS = 2    -- jobs that log them
local EACH = 10    -- jobs every 10 ms

local function count(host, what, pattern)
  local list = io.popen(("cat '%s'/orchestrator.log* | grep -c '%s'"):format(host.logs,
    pattern))
  local n = list:read("*n")
  list:close()
  return assert(n, what)
end

-- Jobs a second, from the first that began to the last that was done.
local function throughput(host)
  local row = hosts.rows(host, [[
    select count(*), max(finished_at) - min(began_at)
      from candy_done join candy_job using (id)
      where type = (select id from candy_name where name = 'now')]])[1]
  return tonumber(row[1]) / (tonumber(row[2]) / 1000)
end

local function in_table(host)
  return tonumber(hosts.rows(host, [[
    select count(*) from orchestrator_logs
      where type = 'chat' and message like 'fetched%']])[1][1])
end

local function run(seconds, rate)
  local host = hosts.start({ workers = uv.available_parallelism(), forget_err = true })
  local chats = {}
  for i = 1, CHATS do
    chats[i] = host:push("chat", { ms = (seconds + 1) * 1000, rate = rate / CHATS })
  end
  local sent = beat.post(host, seconds * 100 * EACH, EACH)
  local lines = 0
  for _, id in ipairs(chats) do
    lines = lines + host:wait(id).result.lines
  end
  hosts.wait_empty(host)
  host:stop()
  local delays = beat.delays(host, sent)
  local result = {
    jobs = throughput(host),
    p50 = statistics.median(delays),
    p99 = statistics.quantile(delays, 0.99),
    logged = lines / (seconds + 1),
    in_file = count(host, "lines", '"message":"fetched') / (seconds + 1),
    in_table = in_table(host) / (seconds + 1),
  }
  hosts.drop(host)
  return result
end

local function medians(runs)
  local median = {}
  for name in pairs(runs[1]) do
    local values = {}
    for i, one in ipairs(runs) do
      values[i] = one[name]
    end
    median[name] = statistics.median(values)
  end
  return median
end

return function(report, scale)
  local quiet, loud = {}, {}
  for i = 1, scale.runs do
    quiet[i] = run(scale.log_s, 0)
    loud[i] = run(scale.log_s, RATE)
  end
  quiet, loud = medians(quiet), medians(loud)
  report("lines logged", loud.logged, "/s")
  report("lines accepted, in orchestrator.log", loud.in_file, "/s")
  report("lines in the log table", loud.in_table, "/s")
  report("jobs beside them", loud.jobs, "/s")
  report("jobs beside them, as a part of those without", loud.jobs / quiet.jobs, "")
  report("post to handler without lines, p50", quiet.p50, "ms")
  report("post to handler beside them, p50", loud.p50, "ms")
  report("post to handler without lines, p99", quiet.p99, "ms")
  report("post to handler beside them, p99", loud.p99, "ms")
end
