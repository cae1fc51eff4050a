-- Jobs in a steady beat, and how long each waits: from before it is posted to when its
-- Lua runs. The job tells the time as scripts see it, in whole milliseconds: half of one
-- is added, so that the figures are right to half a millisecond either way.
local uv = require("luv")
local cjson = require("cjson")
local hosts = require("bench.hosts")
local http = require("bench.http")

local EVERY_MS = 10
local CONNECTIONS = 8

local beat = {}

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

local function body_of(each)
  local job = '{"type":"now"}'
  return each == 1 and job or "[" .. job .. ("," .. job):rep(each - 1) .. "]"
end

local function ids_of(body)
  local answer = cjson.decode(body)
  return answer.ids or { answer.id }
end

--- Posts `each` jobs every 10 ms, `jobs` of them; returns when each was sent, by its id.
function beat.post(host, jobs, each)
  local connections, sent, posted, answered = {}, {}, 0, 0
  local request = body_of(each)
  for i = 1, CONNECTIONS do
    connections[i] = http.connect(host.url, host.key)
  end
  local timer = uv.new_timer()
  timer:start(EVERY_MS, EVERY_MS, function()
    local connection = free_one(connections)
    if not connection or posted >= jobs then
      return
    end
    posted = posted + each
    local at = wall_ms()
    connection:send("POST", "/tasks", request, function(_, body)
      answered = answered + each
      for _, id in ipairs(ids_of(body)) do
        sent[id] = at
      end
    end)
  end)
  http.wait(function()
    return answered >= jobs
  end, "all jobs to be taken in")
  timer:close()
  for _, connection in ipairs(connections) do
    connection:close()
  end
  return sent
end

--- How long each of them waited, in milliseconds; the host has ended.
function beat.delays(host, sent)
  local delays = {}
  for _, row in ipairs(hosts.rows(host, [[
    select id, json_extract(result, '$.at') from candy_done join candy_job using (id)
      where type = (select id from candy_name where name = 'now')]])) do
    delays[#delays + 1] = tonumber(row[2]) + 0.5 - sent[row[1]]
  end
  return delays
end

return beat
