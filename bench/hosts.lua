-- Hosts to measure: the real program, each on a folder of its own that goes with it.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local http = require("bench.http")
local machine = require("bench.machine")

local ASK_EVERY_MS = 100
local hosts = {}
local started = {}

-- 93 bytes, about what the store's own measurement (spec/probe/store_bench.c) takes.
hosts.PAYLOAD = '{"repo":"acme/shop","issue":1234567,'
  .. '"title":"A title of an usual length for this","n":123456}'

hosts.SCRIPT = [[
local candy = require("candy")

candy.task("noop", function()
  return { ok = true }
end)

candy.task("now", function()
  return { at = candy.time.now() }
end)

-- Logs payload.rate lines a second for payload.ms.
candy.task("chat", { timeout = "10m" }, function(job)
  local from, lines, gone = candy.time.now(), 0, 0
  while gone < job.payload.ms do
    while lines < job.payload.rate * gone / 1000 do
      lines = lines + 1
      candy.log.info("fetched page " .. lines .. " of the feed", { bytes = 48213 })
    end
    candy.sleep("2ms")
    gone = candy.time.now() - from
  end
  return { lines = lines }
end)

-- Enqueues one by one from so many coroutines for payload.ms.
candy.task("flood", { timeout = "10m" }, function(job)
  local from, jobs, strands = candy.time.now(), 0, {}
  local payload = { repo = "acme/shop", issue = 1234567,
    title = "A title of an usual length for this", n = 123456 }
  local function loop()
    while candy.time.now() - from < job.payload.ms do
      assert(candy.queue.push("noop", payload))
      jobs = jobs + 1
    end
  end
  for i = 1, job.payload.coroutines do
    strands[i] = candy.spawn(loop)
  end
  for _, strand in ipairs(strands) do
    strand:wait()
  end
  return { jobs = jobs, ms = candy.time.now() - from }
end)

candy.task("hold", { timeout = "1h" }, function(job)
  if job.attempt == 1 and not candy.kv.get("go") then
    candy.kv.set("go", true)
    candy.sleep("1h")
  end
end)
]]

local function options_of(options)
  options.scripts = options.more_scripts or {}
  options.scripts["bench.lua"] = hosts.SCRIPT
  return options
end

--- Starts a host. options: those of candy.start, and more_scripts {name = text}.
function hosts.start(options)
  local host = candy.start(options_of(options))
  started[#started + 1] = host
  return host
end

--- Starts a host again where one has been.
function hosts.again(host, options)
  local new = host:again(options_of(options))
  started[#started + 1] = new
  return new
end

--- Starts a host whose only slot is taken, so that what is enqueued stays in the queue.
---@param more_scripts table<string, string>?
function hosts.start_held(more_scripts)
  local host = hosts.start({
    workers = 1,
    more_scripts = more_scripts,
    env = { CANDY_WORKER_SLOTS = "1", CANDY_STOP_GRACE = "100ms" },
  })
  host:wait(host:push("hold", nil, { priority = -1 }), "running")
  return host
end

--- Starts a host with all its slots on what a held one was filled with.
---@param options { workers: integer, more_scripts: table<string, string>? }
function hosts.release(held, options)
  held:stop()
  machine.sync(held.folder)
  return hosts.again(held, options)
end

--- Enqueues no-op jobs in requests of 1000; returns the seconds that it took.
---@param options { connections: integer, type: string?, more: function? }
---  more(i) gives more members of the i-th job as JSON, such as ',"priority":1'
function hosts.enqueue(host, jobs, options)
  local n = 0
  local function body()
    local list = {}
    for i = 1, 1000 do
      list[i] = ('{"type":"%s","payload":%s%s}'):format(options.type or "noop",
        hosts.PAYLOAD, options.more and options.more(n + i) or "")
    end
    return "[" .. table.concat(list, ",") .. "]"
  end
  local same = not options.more and body()
  return (http.flood({
    url = host.url, key = host.key, path = "/tasks", connections = options.connections,
    next_body = function()
      local text = n < jobs and (same or body()) or nil
      n = n + 1000
      return text
    end,
  }))
end

--- Waits until nothing is left to run now; asks seldom and for counts alone, since that
--- takes from what is measured.
function hosts.wait_empty(host)
  local connection = http.connect(host.url, host.key)
  http.wait(function()
    uv.sleep(ASK_EVERY_MS)
    local _, body = connection:ask("GET", "/health")
    local queue = cjson.decode(body).queue
    return queue.available + queue.running + queue.retryable == 0
  end, "all jobs to have run")
  connection:close()
end

--- Rows of the store of a host that has ended, as lists of strings.
function hosts.rows(host, sql)
  local list = assert(io.popen(("sqlite3 -separator ' ' '%s/candy.db' \"%s\""):format(
    host.data, sql)))
  local rows = {}
  for line in list:lines() do
    local row = {}
    for field in line:gmatch("%S+") do
      row[#row + 1] = field
    end
    rows[#rows + 1] = row
  end
  list:close()
  return rows
end

--- How many jobs a second a host that has ended has drained, all of `jobs`.
function hosts.drained(host, task, jobs)
  local row = hosts.rows(host, ([[
    select count(*), max(finished_at) - min(began_at)
      from candy_done join candy_job using (id)
      where type = (select id from candy_name where name = '%s')]]):format(task))[1]
  assert(tonumber(row[1]) == jobs, ("%s of %d jobs completed"):format(row[1], jobs))
  return jobs / (tonumber(row[2]) / 1000)
end

--- Ends a host and removes what it left.
function hosts.drop(host)
  host:stop()
  candy.remove(host.folder)
end

--- Ends all that still runs.
function hosts.drop_all()
  for _, host in ipairs(started) do
    pcall(hosts.drop, host)
  end
end

return hosts
