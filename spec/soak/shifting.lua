-- A task whose limits and order are others with each reload, and which sometimes nobody
-- declares for a while. None of its jobs may be forgotten behind a gate that is no more.
local uv = require("luv")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local script = require("spec.soak.script")

local FILE = "shifting.lua"

local TASKS = {
  "", "concurrency = 1", "key_concurrency = 1", 'order = "strict"', 'rate = "60/1s"',
  "concurrency = 2, key_concurrency = 1", 'key_rate = "20/1s"',
}
local QUEUES = {
  "", "concurrency = 1", "key_concurrency = 1", 'order = "strict"',
  'order = "strict_by_key"', "fair = true", 'ageing = "1s"', 'rate = "60/1s"',
}

local function declared(queue, task)
  return ([[
candy.queue.declare("shifting", { %s })
plain("shifting", { queue = "shifting", key = "{k}", %s }, 5)
]]):format(queue, task)
end

local KNOWN = declared("concurrency = 3", "key_concurrency = 2")

local shifting = { script = KNOWN, faults = {}, tampering = {} }

shifting.kinds = { shifting = { weight = 0, keys = 4 } }

-- It may be refused, since its task may not be there.
local function send(load, call)
  local items = {}
  for i = 1, math.random(20) do
    items[i] = load:item("shifting")
  end
  return load:send(call, items, false, true)
end

shifting.deeds = { send }

function shifting.reload(folder)
  local text = declared(QUEUES[math.random(#QUEUES)], TASKS[math.random(#TASKS)])
  candy.write(folder .. "/" .. FILE,
    math.random(6) > 1 and script.PRELUDE .. text or "-- nothing")
end

-- The new generation is there when it answers for a task that no other one had.
function shifting.settle(load, call, folder)
  local name = "settled_" .. uv.hrtime()
  candy.write(folder .. "/" .. FILE,
    script.PRELUDE .. KNOWN .. ('plain("%s", {}, 1)'):format(name))
  poll.wait_for(function()
    local answer = call("GET", "/definitions")
    return answer and answer.status == 200 and answer.body:find(name, 1, true)
  end, 60, "the scripts to be those of the start")
  assert(send(load, call))
end

function shifting.meetings(load)
  return { load:meeting("shifting", 2, 1), load:meeting("shifting", 3) }
end

return shifting
