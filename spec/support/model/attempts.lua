-- What becomes of attempts, for the model of the queue: their ends, with effects, and
-- their progress. Operations like those of operations.lua.
local graph = require("spec.support.model.graph")
local jobs = require("spec.support.model.jobs")
local limits = require("spec.support.model.limits")
local words = require("spec.support.model.words")

local one_of, expect = words.one_of, words.expect

local attempts = {}

local function come_again(queue, job, state, delay)
  queue:schedule(job, state, delay, limits.in_line(queue, job))
end

local function note_effect(queue, job, request)
  if #request.writes > 0 then
    queue.effects[#queue.effects + 1] = { id = job.id, lease = job.lease }
  end
end

local ENDS = {
  ok = function(queue, job, request, answer)
    queue:finish(job, "completed")
    note_effect(queue, job, request)
    return jobs.add(queue, request.children, answer.children, answer.duplicates)
  end,
  retry = function(queue, job, request)
    job.retry_count = job.retry_count + 1
    come_again(queue, job, "retryable", request.delay)
  end,
  fail = function(queue, job)
    queue:finish(job, "dead")
  end,
  snooze = function(queue, job, request)
    come_again(queue, job, "scheduled", request.delay)
  end,
  release = function(queue, job)
    queue:put_back(job)
  end,
  rescue = function(queue, job)
    queue:put_back(job)
    job.rescues = job.rescues + 1
  end,
  fan_out = function(queue, job, request, answer)
    local batch = graph.fan_out(queue, job, request.fan)
    note_effect(queue, job, request)
    return jobs.add(queue, request.fan.jobs, answer.fan, nil, batch)
      or jobs.add(queue, request.children, answer.children, answer.duplicates)
  end,
}

-- What was done is done; all else ends a job that was told to. (One that fans out may be
-- ended by what it enqueues besides.)
local function end_attempt(queue, job, request, answer)
  if request.outcome == "release" then
    limits.undo_start(queue, job)
  end
  if job.asked and request.outcome ~= "ok" then
    local state = job.asked
    queue:finish(job, state)
    return expect("became", answer.became, state)
  end
  job.asked = nil
  return ENDS[request.outcome](queue, job, request, answer)
    or expect("became", answer.became,
      request.fan and job.state ~= "cancelled" and "pending" or job.state)
end

local OUTCOMES = { "ok", "ok", "ok", "retry", "retry", "fail", "snooze", "release",
  "rescue" }

-- One that runs (or any, when none does), with its lease or one beside it.
local function pick_claim(queue, args)
  local function runs(job)
    return job.state == "running"
  end
  local job = not args.wrong_job and queue:pick(args.pick, runs) or queue:pick(args.pick)
  return job and { id = job.id, lease = job.lease + args.lease_off }, job
end

local WRITES = {
  good = "insert into effects values (%d, %d)",
  bad = "insert into effects values (%d, null)",
}

local function draw_claim(r)
  return { pick = r(1000), wrong_job = r(12) == 1,
    lease_off = one_of(r, { 0, 0, 0, 0, 0, 0, -1, 1 }) }
end

local function draw_fan(r, world)
  local list = r(10) == 1 and {} or jobs.draw(r, world, 3)
  for _, job in ipairs(list) do
    job.joins, job.unique = nil, nil
  end
  return { jobs = list, at_most = one_of(r, { 0, 0, 1, 2 }), fail_on_death = r(2) == 1 }
end

local function draw_effects(r, world, args)
  if world.graph and r(5) == 1 then
    args.outcome, args.fan = "fan_out", draw_fan(r, world)
  end
  if args.outcome == "ok" or args.fan then
    args.write = one_of(r, { "none", "none", "good", "bad" })
    args.children = r(4) == 1 and jobs.draw(r, world, 2) or {}
  end
end

local function ask_fan(queue, fan)
  return fan and { jobs = jobs.ask(queue, fan.jobs), at_most = fan.at_most,
    fail_on_death = fan.fail_on_death }
end

-- The code of an effect that fails, so that nothing of the finish happens. Of one that
-- was told to end only a completion has effects.
local function refusal(queue, job, request)
  if job.asked and request.outcome ~= "ok" then
    return nil
  end
  return request.fan and jobs.refused(queue, request.fan.jobs, true)
    or request.bad_write and "sql_error" or jobs.refused(queue, request.children)
end

attempts.finish = {
  weight = 34,
  phase = function(request)
    return #request.writes > 0 and "scripts" or "finishes"
  end,
  draw = function(r, world)
    local args = draw_claim(r)
    args.outcome = one_of(r, OUTCOMES)
    args.delay = one_of(r, { 0, 0, 100, 3000 })
    draw_effects(r, world, args)
    return args
  end,
  send = function(queue, args)
    local request, job = pick_claim(queue, args)
    if not request then
      return nil
    end
    request.outcome, request.delay = args.outcome, args.delay
    request.children, request.writes = jobs.ask(queue, args.children or {}, job), {}
    request.fan = ask_fan(queue, args.fan)
    local write = WRITES[args.write]
    request.writes[1] = write and write:format(request.id, request.lease)
    request.bad_write = args.write == "bad"
    return request
  end,
  check = function(queue, request, answer)
    local job = queue:held(request.id, request.lease)
    if not job then
      return expect("the verdict", answer.verdict, "stale")
    end
    local code = refusal(queue, job, request)
    if code then
      return expect("the verdict", answer.verdict, "refused")
        or expect("the error", answer.error, code)
    end
    return expect("the verdict", answer.verdict, "done")
      or end_attempt(queue, job, request, answer)
  end,
}

attempts.progress = {
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

return attempts
