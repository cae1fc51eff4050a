-- What a random walk does to the store, an entry an operation:
--
--   weight    how often it is drawn
--   draw(r)   its arguments, out of random numbers alone: which job is meant is a number
--             (pick), so that it still means one when operations before it are left out
--   send(queue, args)   the request, made for the state of the model; nil: nothing
--   check(queue, request, answer)   does the same to the model; returns what is wrong
--             with the answer
--   phase     in which order it has its turn (see store.h); `others` when not told
--
-- A new operation of the store is a new entry here, and what it changes in the rules of a
-- claim goes to queue.lua.
local operations = { lock = require("spec.support.model.locks").lock }

local TYPES = { "a", "b", "once", "rare" } -- "once" must not run twice
local QUEUES = { "default", "other" }

local function one_of(r, list)
  return list[r(#list)]
end

local function draw_jobs(r, max)
  local jobs = {}
  for i = 1, r(max) do
    jobs[i] = { type = one_of(r, TYPES), queue = one_of(r, QUEUES),
      priority = one_of(r, { 0, 0, 0, -1, 1 }), delay = one_of(r, { 0, 0, 0, 50, 2000 }) }
  end
  return jobs
end

local function add_jobs(queue, jobs, ids)
  if #ids ~= #jobs then
    return ("%d ids for %d jobs"):format(#ids, #jobs)
  end
  for i, job in ipairs(jobs) do
    if queue.jobs[ids[i]] then
      return "an id is given twice"
    end
    queue:add(ids[i], job)
  end
end

local function expect(what, have, want)
  if have ~= want then
    return ("%s is %s, not %s"):format(what, tostring(have), tostring(want))
  end
end

-- ---- in ----

operations.enqueue = {
  weight = 20,
  draw = function(r)
    return { jobs = draw_jobs(r, 4) }
  end,
  send = function(_, args)
    return { jobs = args.jobs }
  end,
  check = function(queue, request, answer)
    return add_jobs(queue, request.jobs, answer.ids)
  end,
}

-- ---- claims ----

local function check_taken(queue, job, taken)
  return expect("the lease", taken.lease, job.lease + 1)
    or expect("retry_count", taken.retry_count, job.retry_count)
    or expect("rescues", taken.rescues, job.rescues)
    or expect("priority", taken.priority, job.priority)
    or expect("the type", taken.type, job.type)
    or expect("the queue", taken.queue, job.queue)
    or expect("the checkpoint", type(taken.checkpoint) == "string" and taken.checkpoint
      or nil, job.checkpoint)
    or queue:start(job)
end

-- Of each queue its first ones, in order. `given` counts them.
local function check_order(queue, queues, answer, given)
  for _, taken in ipairs(answer.jobs) do
    local name = taken.queue
    given[name] = (given[name] or 0) + 1
    local job = (queues[name] or {})[given[name]]
    local wrong = not job and "a job that may not be claimed"
      or expect("the next of " .. name, taken.id, job.id)
      or check_taken(queue, job, taken)
    if wrong then
      return wrong
    end
  end
end

-- Each queue gets its share. Those count too whose jobs nobody can run.
local function check_shares(waiting, queues, request, given)
  local n = 0
  for _ in pairs(waiting) do
    n = n + 1
  end
  for name, list in pairs(queues) do
    local share = math.floor(request.max / n)
    if (given[name] or 0) < math.min(share, #list) then
      return ("queue %s gets %d of its share of %d"):format(name, given[name] or 0, share)
    end
  end
end

local function check_more(queue, total, request, answer)
  if total > request.max and not answer.more then
    return "more is false, but jobs were left behind"
  end
  if answer.more and not queue:in_state("available")[1] then
    return "more is true, but none is left"
  end
end

operations.claim = {
  weight = 22,
  phase = "claims",
  draw = function(r)
    return { max = r(5) }
  end,
  send = function(_, args)
    return { max = args.max }
  end,
  check = function(queue, request, answer)
    if not queue.types then
      return expect("jobs claimed without types", #answer.jobs, 0)
    end
    queue:bring_due()
    local waiting, given = {}, {}
    for _, job in ipairs(queue:in_state("available")) do
      waiting[job.queue] = true
    end
    local queues, total = queue:claimable()
    return expect("jobs claimed", #answer.jobs, math.min(total, request.max))
      or check_order(queue, queues, answer, given)
      or check_shares(waiting, queues, request, given)
      or check_more(queue, total, request, answer)
  end,
}

-- ---- the ends of attempts ----

local function broken(queue, job)
  queue:schedule(job, "retryable", 0)
  job.retry_count = job.retry_count + 1
end

local ENDS = {
  ok = function(queue, job, request, answer)
    job.state, job.finished_at = "completed", queue.now
    if #request.writes > 0 then
      queue.effects[#queue.effects + 1] = { id = job.id, lease = job.lease }
    end
    return add_jobs(queue, request.children, answer.children)
  end,
  retry = function(queue, job, request)
    broken(queue, job)
    job.run_at = queue.now + request.delay
  end,
  fail = function(queue, job)
    queue:bury(job)
  end,
  snooze = function(queue, job, request)
    queue:schedule(job, "scheduled", request.delay)
  end,
  release = function(_, job)
    job.state = "available"
  end,
  rescue = function(_, job)
    job.state, job.rescues = "available", job.rescues + 1
  end,
}

local OUTCOMES = { "ok", "ok", "ok", "retry", "retry", "fail", "snooze", "release",
  "rescue" }

-- One that runs (or any, when none does), with its lease or one beside it.
local function pick_claim(queue, args)
  local running = queue:in_state("running")
  local list = (args.wrong_job or not running[1]) and queue:select() or running
  local job = list[args.pick % math.max(#list, 1) + 1]
  return job and { id = job.id, lease = job.lease + args.lease_off }
end

local WRITES = {
  good = "insert into effects values (%d, %d)",
  bad = "insert into effects values (%d, null)",
}

local function draw_claim(r)
  return { pick = r(1000), wrong_job = r(12) == 1,
    lease_off = one_of(r, { 0, 0, 0, 0, 0, 0, -1, 1 }) }
end

local function draw_effects(r, args)
  if args.outcome == "ok" then
    args.write = one_of(r, { "none", "none", "good", "bad" })
    args.children = r(4) == 1 and draw_jobs(r, 2) or {}
  end
end

operations.finish = {
  weight = 34,
  phase = function(request)
    return #request.writes > 0 and "scripts" or "finishes"
  end,
  draw = function(r)
    local args = draw_claim(r)
    args.outcome = one_of(r, OUTCOMES)
    args.delay = one_of(r, { 0, 0, 100, 3000 })
    draw_effects(r, args)
    return args
  end,
  send = function(queue, args)
    local request = pick_claim(queue, args)
    if not request then
      return nil
    end
    request.outcome, request.delay = args.outcome, args.delay
    request.children, request.writes = args.children or {}, {}
    local write = WRITES[args.write]
    request.writes[1] = write and write:format(request.id, request.lease)
    request.refused = args.write == "bad"
    return request
  end,
  check = function(queue, request, answer)
    local job = queue:held(request.id, request.lease)
    local verdict = not job and "stale" or request.refused and "refused" or "done"
    local wrong = expect("the verdict", answer.verdict, verdict)
    if wrong or verdict ~= "done" then
      return wrong
    end
    return ENDS[request.outcome](queue, job, request, answer)
  end,
}

operations.progress = {
  weight = 6,
  phase = "finishes",
  draw = function(r)
    local args = draw_claim(r)
    args.checkpoint = r(2) == 1 and tostring(r(100)) or nil
    return args
  end,
  send = function(queue, args)
    local request = pick_claim(queue, args)
    if request then
      request.percent, request.checkpoint = 50, args.checkpoint
    end
    return request
  end,
  check = function(queue, request, answer)
    local job = queue:held(request.id, request.lease)
    if job then
      job.checkpoint = request.checkpoint or job.checkpoint
    end
    return expect("stale", answer.stale, job == nil)
  end,
}

-- ---- many at once ----

operations.types = {
  weight = 6,
  draw = function(r)
    local types = {}
    for i, name in ipairs(TYPES) do
      if i < 4 and r(10) > 1 or r(3) == 1 then
        types[#types + 1] = { name = name, once = name == "once" }
      end
    end
    return { types = types }
  end,
  send = function(_, args)
    return { types = args.types }
  end,
  check = function(queue, request)
    queue.types = {}
    for _, type in ipairs(request.types) do
      queue.types[type.name] = type.once and "once" or "again"
    end
  end,
}

operations.recover = {
  weight = 2,
  draw = function()
    return {}
  end,
  send = function()
    return {}
  end,
  check = function(queue, _, answer)
    local released, lost = queue:recover()
    return expect("released", answer.released, released)
      or expect("lost", answer.lost, lost)
  end,
}

-- By id, or everything that is in the states.
local function send_bulk(queue, args)
  local request = { max = args.max, states = args.states }
  if args.pick then
    local list = queue:select()
    local job = list[args.pick % math.max(#list, 1) + 1]
    request.ids = { job and job.id or 1 }
  end
  return request
end

local function fits(queue, request, allowed)
  local list, left = {}, request.max
  local states, id = {}, request.ids and request.ids[1]
  for _, state in ipairs(request.states) do
    states[state] = true
  end
  for _, job in ipairs(queue:select()) do
    if left > 0 and allowed[job.state] and (not request.states[1] or states[job.state])
      and (not id or job.id == id) then
      list[#list + 1], left = job, left - 1
    end
  end
  return list
end

local function bulk(states, allowed, act)
  return {
    weight = 3,
    draw = function(r)
      return { max = r(4), pick = r(3) == 1 and r(1000) or nil,
        states = one_of(r, states) }
    end,
    send = send_bulk,
    check = function(queue, request, answer)
      local list = fits(queue, request, allowed)
      for _, job in ipairs(list) do
        act(queue, job)
      end
      return expect("count", answer.count, #list)
    end,
  }
end

operations.requeue = bulk({ {}, { "dead" }, { "completed" } }, { dead = true },
  function(queue, job)
    job.state, job.place = "available", queue:place()
    job.retry_count, job.rescues = 0, 0
  end)

operations.purge = bulk({ {}, { "dead" }, { "completed" }, { "running", "completed" } },
  { dead = true, completed = true, cancelled = true },
  function(queue, job)
    queue.jobs[job.id] = nil
  end)

operations.expire = {
  weight = 2,
  draw = function(r)
    return { completed = one_of(r, { 0, 500, 5000 }),
      dead = one_of(r, { 0, 2000, 60000 }) }
  end,
  send = function(_, args)
    return { completed = args.completed, dead = args.dead }
  end,
  check = function(queue, request, answer)
    local count = 0
    for _, job in ipairs(queue:select(function(j)
      return queue:is_finished(j)
    end)) do
      local age = job.state == "dead" and request.dead or request.completed
      if job.finished_at < queue.now - age then
        queue.jobs[job.id], count = nil, count + 1
      end
    end
    return expect("count", answer.count, count)
  end,
}

return operations
