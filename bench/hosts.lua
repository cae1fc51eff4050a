-- Hosts to measure: the real program, each on a folder of its own that goes with it.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local http = require("bench.http")

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
function hosts.start_held()
  local host = hosts.start({
    workers = 1,
    env = { CANDY_WORKER_SLOTS = "1", CANDY_STOP_GRACE = "100ms" },
  })
  host:wait(host:push("hold", nil, { priority = -1 }), "running")
  return host
end

--- Enqueues no-op jobs in requests of 1000; returns the seconds that it took.
function hosts.enqueue(host, jobs, connections)
  local one = '{"type":"noop","payload":' .. hosts.PAYLOAD .. "}"
  local body = "[" .. one .. ("," .. one):rep(999) .. "]"
  local left = jobs / 1000
  return (http.flood({
    url = host.url, key = host.key, path = "/tasks", connections = connections,
    next_body = function()
      left = left - 1
      return left >= 0 and body or nil
    end,
  }))
end

--- Waits until the queue is empty; asks seldom and for counts alone, since looking takes
--- from what is measured.
function hosts.wait_empty(host)
  local connection = http.connect(host.url, host.key)
  http.wait(function()
    uv.sleep(ASK_EVERY_MS)
    local _, body = connection:ask("GET", "/health")
    local queue = cjson.decode(body).queue
    return queue.scheduled + queue.available + queue.running + queue.retryable == 0
  end, "the queue to be empty")
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
