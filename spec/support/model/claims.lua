-- Claims, for the model of the queue. Jobs that no limit and no strict order concerns
-- must be given in the order of their queue, and all of them; of the others see
-- limits.lua.
local limits = require("spec.support.model.limits")
local words = require("spec.support.model.words")

local expect = words.expect

local claims = {}

local COLUMNS = { "retry_count", "rescues", "type", "queue", "payload" }

-- Nobody is told the number of a batch of children.
local function batch_of(job)
  if job.batch then
    return job.batch.id
  end
  return job.follows or 0
end

local function check_taken(job, taken)
  local checkpoint = type(taken.checkpoint) == "string" and taken.checkpoint or nil
  for _, column in ipairs(COLUMNS) do
    if taken[column] ~= job[column] then
      return expect(column, taken[column], job[column])
    end
  end
  return expect("the lease", taken.lease, job.lease + 1)
    or expect("the batch", taken.batch, batch_of(job) or taken.batch)
    or expect("the checkpoint", checkpoint, job.checkpoint)
end

-- ---- order ----

local function is_free(queue, job)
  return #limits.gates(queue, job) == 0
end

local function has_room(queue, job)
  local gates = limits.gates(queue, job)
  return #gates == 0 or #gates == 1 and gates[1].level == limits.ROOM
end

local function comes_first(queue, a, b)
  if limits.is_fair(queue, a.queue) then
    return a.rank[1] < b.rank[1]
  end
  return queue.comes_first(a, b)
end

-- Two of the same kind wait at the same gates, where the first that came is called first.
local function are_alike(a, b)
  return a.type == b.type and a.key == b.key and a.priority == b.priority
    and a.entered < b.entered and a.epoch == b.epoch and not a.was_aside
end

-- One that nothing holds back must not be passed over.
local function passes_over(queue, job)
  for _, other in ipairs(queue:in_state("available")) do
    if other ~= job and other.queue == job.queue and queue:is_claimable(other)
      and comes_first(queue, other, job)
      and (has_room(queue, other) or are_alike(other, job)) then
      return ("job %d is claimed before job %d"):format(job.nth, other.nth)
    end
  end
end

-- ---- fairness ----

local function weight_of(queue, job)
  local weights = queue.policies[job.queue].weights or {}
  return weights[job.key or ""] or 1
end

-- The first of each key of a queue, beside those of another priority than the job's.
local function find_firsts(queue, job)
  local firsts = {}
  local beside = queue:select(function(other)
    return other.queue == job.queue and other.rank[1] == job.rank[1]
      and is_free(queue, other)
  end)
  for _, other in ipairs(beside) do
    local first = firsts[other.key or ""]
    if not first or queue.comes_first(other, first) then
      firsts[other.key or ""] = other
    end
  end
  return firsts
end

-- While the first job of one key waits, another key has no more turns than its weight
-- says, and a little. (A restart counts anew to what turn the queue has come, and turns
-- of jobs that have left the line are not given to those behind them.)
local function note_turn(queue, job)
  local key = job.key or ""
  for other, first in pairs(find_firsts(queue, job)) do
    if other ~= key and queue:is_claimable(first)
      and first.entered > queue.restarted_at and not queue.gaps[other] then
      local most = math.ceil(weight_of(queue, job) / weight_of(queue, first)) + 2
      first.turns = first.turns or {}
      first.turns[key] = (first.turns[key] or 0) + 1
      if first.turns[key] > most then
        return ("job %d waits, and another key has its turn over and over"):format(
          first.nth)
      end
    end
  end
end

-- ---- one claim ----

local function may_not_be(queue, job)
  if not job then
    return "an unknown job is claimed"
  elseif job.state ~= "available" then
    return ("job %d is claimed, and is %s"):format(job.nth, job.state)
  elseif not queue:is_claimable(job) then
    return ("job %d may not be claimed: its type is unknown or it rests"):format(job.nth)
  end
end

local function take(queue, taken)
  local job = queue:find(taken.id, taken.batch, taken.type)
  local wrong = may_not_be(queue, job)
  if wrong then
    return wrong
  end
  local turn = limits.is_fair(queue, job.queue) and is_free(queue, job)
    and not (job.kept or job.was_aside)
  wrong = limits.refuses(queue, job) or passes_over(queue, job)
    or turn and note_turn(queue, job) or check_taken(job, taken)
  queue:start(job)
  return wrong
end

-- What nothing holds back, by queue. Each queue gets its share; those count too whose
-- jobs nobody can run.
local function look_around(queue)
  local free, queues, n = {}, {}, 0
  for _, job in ipairs(queue:in_state("available")) do
    if not queues[job.queue] then
      queues[job.queue], n = true, n + 1
    end
    if queue:is_claimable(job) and is_free(queue, job) then
      free[job.queue] = (free[job.queue] or 0) + 1
      free.total = (free.total or 0) + 1
    end
  end
  return free, n
end

local function check_shares(free, n_queues, request, answer)
  local given = {}
  for _, taken in ipairs(answer.jobs) do
    given[taken.queue] = (given[taken.queue] or 0) + 1
  end
  for name, count in pairs(free) do
    local share = math.min(math.floor(request.max / n_queues), count)
    if name ~= "total" and (given[name] or 0) < share then
      return ("queue %s gets %d of its share of %d"):format(name, given[name] or 0, share)
    end
  end
end

local function check_rest(queue, request, answer)
  local left = look_around(queue).total or 0
  if left > 0 and #answer.jobs < request.max then
    return ("%d jobs are claimed, and %d more could be"):format(#answer.jobs, left)
  elseif left > 0 and not answer.more then
    return "more is false, but jobs were left behind"
  elseif answer.more and not queue:in_state("available")[1] then
    return "more is true, but none is left"
  end
end

claims.claim = {
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
    queue:pass_deadlines()
    queue:settle()
    queue:bring_due()
    queue:doubt_turns()
    local free, n_queues = look_around(queue)
    if #answer.jobs > request.max then
      return "more jobs are claimed than were asked for"
    end
    for _, taken in ipairs(answer.jobs) do
      local wrong = take(queue, taken)
      if wrong then
        return wrong
      end
    end
    return check_shares(free, n_queues, request, answer)
      or check_rest(queue, request, answer)
  end,
}

return claims
