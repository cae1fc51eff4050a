-- What the features of the queue cost a job: drains like those of drain.lua with one of
-- them in use, as parts of a plain one in the same run.
local uv = require("luv")
local hosts = require("bench.hosts")
local statistics = require("bench.statistics")

local CONNECTIONS = 4

local function key_of(keys)
  return function(i)
    return (',"key":"account_%d"'):format(i % keys)
  end
end

-- name, the options of the task and of its queue as Lua, and what the i-th job is
-- enqueued with as JSON.
local VARIANTS = {
  { name = "mixed priorities",
    enqueue = function(i) return (',"priority":%d'):format(i * 7 % 10) end },
  { name = "a key each of 1000",
    enqueue = key_of(1000) },
  { name = "8 at a time of each of 100 keys",
    task = 'key = "{issue}", key_concurrency = 8', enqueue = key_of(100) },
  { name = "strict order of each of 1000 keys",
    task = 'key = "{issue}", order = "strict"', enqueue = key_of(1000) },
  { name = "a rate", task = 'rate = "1000000/1s"' },
  { name = "100 keys in turn", queue = "fair = true", enqueue = key_of(100) },
  { name = "ageing", queue = 'ageing = "1m"' },
  { name = "uniqueness", task = "unique = true",
    enqueue = function(i) return (',"key":"thing_%d"'):format(i) end },
}

local function script(variant)
  return ([[
local candy = require("candy")
candy.queue.declare("default", { %s })
candy.task("featured", { %s }, function()
  return { ok = true }
end)
]]):format(variant.queue or "", variant.task or "")
end

-- Jobs a second, and how many were enqueued a second.
local function run_once(jobs, variant)
  local held = hosts.start_held({ ["featured.lua"] = script(variant) })
  local seconds = hosts.enqueue(held, jobs, { connections = CONNECTIONS,
    type = "featured", more = variant.enqueue })
  local host = hosts.release(held, { workers = uv.available_parallelism(),
    more_scripts = { ["featured.lua"] = script(variant) } })
  hosts.wait_empty(host)
  host:stop()
  local rate = hosts.drained(host, "featured", jobs)
  hosts.drop(host)
  return rate, jobs / seconds
end

local function report_one(report, variant, found, plain)
  local what = "drain with " .. variant.name
  local drain = statistics.median(found.drain)
  report(what, drain, "/s")
  report(what .. ", as a part of plain", drain / statistics.median(plain.drain), "",
    { target = ">= 0.65" })
  report("enqueue with " .. variant.name, statistics.median(found.enqueue), "/s")
end

return function(report, scale)
  local plain = { name = "nothing" }
  local found = {}
  for i = 1, scale.runs do -- in turn, so that what else the machine does meets all alike
    for _, variant in ipairs({ plain, unpack(VARIANTS) }) do
      found[variant] = found[variant] or { drain = {}, enqueue = {} }
      local one = found[variant]
      one.drain[i], one.enqueue[i] = run_once(scale.jobs, variant)
    end
  end
  report("drain with no feature in use", statistics.median(found[plain].drain), "/s")
  for _, variant in ipairs(VARIANTS) do
    report_one(report, variant, found[variant], found[plain])
  end
end
