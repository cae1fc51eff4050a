-- A calm host, 100 jobs a second: from before a job is posted to when its Lua runs. The
-- job tells the time as scripts see it, in whole milliseconds: half of one is added, so
-- that the figures are right to half a millisecond either way.
local uv = require("luv")
local cjson = require("cjson")
local hosts = require("bench.hosts")
local http = require("bench.http")
local statistics = require("bench.statistics")

local EVERY_MS = 10
local CONNECTIONS = 8

local function wall_ms()
  local seconds, microseconds = uv.gettimeofday()
  return seconds * 1000 + microseconds / 1000
end

local function free_one(connections)
  for _, connection in ipairs(connections) do
    if connection:is_free() then
      return connection
    end
  end
  return nil
end

-- Posts jobs in a steady beat; returns when each was sent, by its id.
local function beat(host, jobs)
  local connections, sent, posted, answered = {}, {}, 0, 0
  for i = 1, CONNECTIONS do
    connections[i] = http.connect(host.url, host.key)
  end
  local timer = uv.new_timer()
  timer:start(EVERY_MS, EVERY_MS, function()
    local connection = free_one(connections)
    if not connection or posted == jobs then
      return
    end
    posted = posted + 1
    local at = wall_ms()
    connection:send("POST", "/tasks", '{"type":"now"}', function(_, body)
      answered = answered + 1
      sent[cjson.decode(body).id] = at
    end)
  end)
  http.wait(function()
    return answered == jobs
  end, "all jobs to be taken in")
  timer:close()
  for _, connection in ipairs(connections) do
    connection:close()
  end
  return sent
end

return function(report, scale)
  local host = hosts.start({ workers = 1 })
  local sent, delays = beat(host, scale.beats), {}
  hosts.wait_empty(host)
  host:stop()
  for _, row in ipairs(hosts.rows(host,
    "select id, json_extract(result, '$.at') from candy_done")) do
    delays[#delays + 1] = tonumber(row[2]) + 0.5 - sent[row[1]]
  end
  assert(#delays == scale.beats)
  report("post to handler at 100 jobs/s, p50", statistics.median(delays), "ms")
  report("post to handler at 100 jobs/s, p99", statistics.quantile(delays, 0.99), "ms")
  hosts.drop(host)
end
