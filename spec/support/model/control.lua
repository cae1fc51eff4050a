-- What people do to jobs, queues and tasks: cancel, deadlines, rest, changes. Operations
-- like those of operations.lua.
local bulk = require("spec.support.model.bulk")
local limits = require("spec.support.model.limits")
local words = require("spec.support.model.words")

local one_of, expect = words.one_of, words.expect

local control = {}

-- ---- cancel ----

local LIVING = { scheduled = true, available = true, retryable = true, pending = true,
  running = true }

control.cancel = bulk.operation({
  of = "control",
  weight = 6,
  states = { {}, { "running" }, { "available", "scheduled" }, { "pending" } },
  allowed = function()
    return LIVING
  end,
  act = function(queue, list, answer)
    local told, again = 0, 0
    for _, job in ipairs(list) do
      local runs = job.state == "running"
      told = told + (runs and not job.asked and 1 or 0)
      again = again + (runs and job.asked and 1 or 0)
      queue:ask_end(job, "cancelled")
    end
    return expect("told", answer.told, told) or expect("again", answer.again, again)
  end,
})

control.deadlines = {
  of = "control",
  weight = 3,
  draw = function()
    return {}
  end,
  send = function()
    return {}
  end,
  check = function(queue)
    queue:pass_deadlines()
  end,
}

-- ---- rest ----

control.pause = {
  of = "control",
  weight = 6,
  draw = function(r, world)
    local task = r(2) == 1
    return { task = task, resume = r(2) == 1,
      name = one_of(r, task and world.types or world.queues) }
  end,
  send = function(_, args)
    return { task = args.task, resume = args.resume, name = args.name }
  end,
  check = function(queue, request)
    local list = queue.paused[request.task and "type" or "queue"]
    if request.task and request.resume and list[request.name] then
      queue:bring_back(request.name)
    end
    list[request.name] = not request.resume or nil
  end,
}

-- ---- changes ----

-- Jobs of a line stay in it: what is in strict order may be so in its own queue only.
local function draw_edit(r, world)
  local what = r(5)
  return { pick = r(1000), payload = what == 1 and tostring(r(1000)) or nil,
    priority = what == 2 and one_of(r, world.priorities) or nil,
    delay = what == 3 and one_of(r, { 0, 50, 2000 }) or nil,
    queue = what == 4 and one_of(r, world.queues) or nil }
end

local function behind(queue, job)
  job.state, job.run_at = "available", nil
  queue:give_up(job)
  queue:place(job)
  queue:let_in(job)
end

local function put_back_pending(queue, job, request, moves)
  job.delay = request.delay or job.delay
  if moves or request.delay then
    queue:place(job)
  end
end

local function time_of(queue, job, request)
  if request.delay then
    return request.delay > 0 and queue.now + request.delay or queue.now
  end
  return job.run_at or queue.now
end

-- Behind those that are there, when it goes to another place than before.
local function put_back(queue, job, request, moves)
  local run_at = time_of(queue, job, request)
  local is_due = run_at <= queue.now
  if is_due and job.state == "available" and not moves then
    return
  elseif is_due then
    behind(queue, job)
  elseif job.state == "available" then
    queue:schedule(job, "scheduled", run_at - queue.now)
  else
    local keeps = job.keeps_place and not moves and not request.delay
    queue:schedule(job, job.state, run_at - queue.now, keeps)
  end
end

local function change(queue, job, request)
  local moves = (request.queue or request.priority) ~= nil
  job.payload = request.payload or job.payload
  job.queue = request.queue or job.queue
  job.priority = request.priority or job.priority
  if job.state == "pending" then
    put_back_pending(queue, job, request, moves)
  else
    put_back(queue, job, request, moves)
  end
end

control.edit = {
  of = "control",
  weight = 5,
  draw = draw_edit,
  send = function(queue, args)
    local lines = queue.types_said and queue.types_said.lines or {}
    local job = queue:pick(args.pick, function(j)
      return not limits.in_line(queue, j) and not lines[j.type]
    end)
    local is_line = args.queue and queue.rules["queue:" .. args.queue]
    if job and not (is_line and is_line.strict) then
      return { id = job.id, payload = args.payload, priority = args.priority,
        delay = args.delay, queue = args.queue }
    end
  end,
  check = function(queue, request, answer)
    local job = queue.jobs[request.id]
    local waits = job ~= nil and queue:waits(job)
    if waits then
      change(queue, job, request)
    end
    return expect("done", answer.done, waits)
  end,
}

return control
