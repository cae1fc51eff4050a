-- Limits and order as they should be, for the model of the queue.
--
-- Which of several jobs gets a slot is left open by the store's promises, so this does
-- not say what a claim must give, but what it must not: one more than a limit allows, one
-- that comes before its turn in strict order. And once claims have come to an end it says
-- why each job that is left has to wait (limits.find_idle): there must be a reason.
--
-- A job passes gates 1 to 6, as in host/store/sqlite_gate.h, and holds the slots of
-- those behind it; the limit of its queue as a whole comes last here.
local limits = { ROOM = 7 } -- the queue as a whole

local ROOM = limits.ROOM
local GRAIN = 256 -- a start is noted to within such a part of the window

local function has_rule(limit)
  return limit and ((limit.concurrency or 0) > 0 or (limit.rate or 0) > 0)
end

local function is_strict(rule)
  return rule ~= nil and rule.strict
end

-- ---- rules ----

local function make_rule(limit, strict)
  if not strict and not has_rule(limit) then
    return nil
  end
  local rule = { concurrency = 0, rate = 0, window = 0, strict = strict }
  for name, value in pairs(limit or {}) do
    rule[name] = value
  end
  rule.concurrency = strict and 1 or rule.concurrency
  rule.keyless = rule.keyless and not strict
  return rule
end

local function read_rules(request)
  local rules = {}
  for _, type in ipairs(request.types) do
    rules["task:" .. type.name] = make_rule(type.limit, false)
    rules["task_key:" .. type.name] = make_rule(type.key_limit, type.order == "by_key")
  end
  for _, policy in ipairs(request.queues or {}) do
    rules["queue:" .. policy.name] = make_rule(policy.limit, policy.order == "strict")
    rules["queue_key:" .. policy.name] = make_rule(policy.key_limit,
      policy.order == "by_key")
  end
  return rules
end

local function is_lower(rule, before)
  if not before or rule.strict and not before.strict then
    return true
  end
  return rule.concurrency > 0
    and (before.concurrency == 0 or rule.concurrency < before.concurrency)
end

-- What a rule has to leave out of account: jobs that had come before it was there or as
-- low, and starts from before it counted them.
local function go_on_from(queue, rule, before)
  rule.epoch, rule.since = before and before.epoch, before and before.since or 0
  if is_lower(rule, before) then
    rule.epoch = queue.epoch
  end
  if not before or before.window ~= rule.window then
    rule.since = #queue.starts
  end
end

local function differ(rules, before)
  local function one_way(a, b)
    for name, rule in pairs(a) do
      local other = b[name]
      for _, part in ipairs({ "concurrency", "rate", "window", "strict", "keyless" }) do
        if not other or rule[part] ~= other[part] then
          return true
        end
      end
    end
  end
  return one_way(rules, before) or one_way(before, rules)
end

--- What STORE_TYPES says, in place of what it said before.
function limits.set(queue, request)
  local rules, first = read_rules(request), queue.types_said == nil
  if differ(rules, queue.rules) then
    queue.epoch = queue.epoch + 1
  end
  for name, rule in pairs(rules) do
    go_on_from(queue, rule, queue.rules[name])
    if first and queue.count == 0 then
      rule.epoch = nil
    end
  end
  queue.rules, queue.types_said, queue.policies = rules, request, {}
  for _, policy in ipairs(request.queues or {}) do
    queue.policies[policy.name] = policy
  end
end

function limits.ageing(queue, job)
  local policy = queue.policies[job.queue]
  local ageing = policy and not policy.fair and policy.ageing
  return ageing and ageing > 0 and ageing or nil
end

function limits.is_fair(queue, name)
  local policy = queue.policies[name]
  return policy ~= nil and policy.fair == true
end

--- Whether it is in strict order with others.
function limits.in_line(queue, job)
  return is_strict(queue.rules["queue:" .. job.queue])
    or job.key ~= nil and (is_strict(queue.rules["queue_key:" .. job.queue])
      or is_strict(queue.rules["task_key:" .. job.type]))
end

-- ---- gates ----

-- `level` when it is in strict order, else two more.
local function key_gate(queue, level, kind, scope, key)
  local rule = queue.rules[kind .. ":" .. scope]
  if rule and (key or rule.keyless) then
    level = rule.strict and level or level + 2
    local gate = { level = level, rule = rule, key = key or false }
    gate[kind == "task_key" and "type" or "queue"] = scope
    return gate
  end
end

local function task_gate(queue, job)
  local rule = queue.rules["task:" .. job.type]
  return rule and { level = 6, rule = rule, type = job.type }
end

--- The gates of a job, in order, and the room in its queue.
function limits.gates(queue, job)
  local own, gates = queue.rules["queue:" .. job.queue], {}
  local function add(gate)
    gates[#gates + 1] = gate
  end
  add(is_strict(own) and { level = 1, rule = own, queue = job.queue } or nil)
  add(key_gate(queue, 2, "queue_key", job.queue, job.key))
  add(key_gate(queue, 3, "task_key", job.type, job.key))
  add(task_gate(queue, job))
  add(own and { level = ROOM, rule = own, queue = job.queue })
  table.sort(gates, function(a, b)
    return a.level < b.level
  end)
  return gates
end

local function is_at(gate, job)
  return (not gate.queue or gate.queue == job.queue)
    and (not gate.type or gate.type == job.type)
    and (gate.key == nil or gate.key == (job.key or false))
end

local function count(queue, gate, fits)
  return #queue:select(function(job)
    return is_at(gate, job) and fits(job)
  end)
end

local function runs(job)
  return job.state == "running"
end

-- ---- what a claim must not do ----

-- Slots of jobs that ran before the limit was there, or lower: they are not stopped.
local function count_elders(queue, gate)
  local epoch = gate.level < ROOM and gate.rule.epoch
  return epoch and count(queue, gate, function(job)
    return job.epoch < epoch and (runs(job) or job.kept ~= nil)
  end) or 0
end

local function starts_behind(queue, gate, time, since)
  local n = 0
  for i = #queue.starts, since + 1, -1 do
    local start = queue.starts[i]
    if not start.undone and start.at > time and is_at(gate, start) then
      n = n + 1
    end
  end
  return n
end

-- One that went back to its place has its slot still, and no other may take it. What
-- rests, has an unknown type or waits for a rate gives it up when a claim meets it.
local function has_turn(queue, job)
  return job.state == "available" and job.kept == queue.epoch and queue:is_claimable(job)
end

--- Where more slots are held than the limits by now give, some have been given up.
function limits.doubt_turns(queue)
  for _, job in ipairs(queue:in_state("available")) do
    for _, gate in ipairs(job.kept and limits.gates(queue, job) or {}) do
      local held = count(queue, gate, function(other)
        return runs(other) or other.kept ~= nil
      end)
      if gate.rule.concurrency > 0 and held > gate.rule.concurrency then
        job.kept = -1
      end
    end
  end
end

local function count_slots(queue, gate, job)
  return count(queue, gate, function(other)
    return runs(other)
      or gate.level < ROOM and not job.kept and has_turn(queue, other)
  end)
end

local function beyond_gate(queue, gate, job)
  local rule = gate.rule
  if rule.concurrency > 0 and not (gate.level == ROOM and rule.strict) then
    local running = count_slots(queue, gate, job)
    if running >= rule.concurrency and running >= count_elders(queue, gate) then
      return ("beyond the limit %d of gate %d"):format(rule.concurrency, gate.level)
    end
  end
  local is_rated = rule.rate > 0
  if is_rated and starts_behind(queue, gate, queue.now - rule.window, rule.since)
      >= rule.rate then
    return ("beyond the rate %d of gate %d"):format(rule.rate, gate.level)
  end
end

-- In strict order the first is the one that came first; one that has begun and waits for
-- its retry keeps the others waiting. When jobs of other types may pass one whose type
-- was set aside is left open, also for a moment once that is over.
local function holds_line(job)
  return runs(job)
    or job.keeps_place and (job.state == "scheduled" or job.state == "retryable")
end

local function waits_before(queue, gate, other, job)
  return queue:is_claimable(other) and queue.comes_first(other, job)
    and other.entered < job.entered and not (job.keeps_place or job.kept)
    and not (gate.level < 3 and other.was_aside)
end

local function comes_too_early(queue, gate, job)
  local epoch = gate.rule.epoch or 0
  local before = queue:select(function(other)
    return other ~= job and is_at(gate, other)
      and (holds_line(other) or waits_before(queue, gate, other, job))
      and other.epoch >= epoch and job.epoch >= epoch
  end)[1]
  return before and ("before job %d in strict order"):format(before.nth)
end

--- Why this job must not be begun now, or nil.
function limits.refuses(queue, job)
  for _, gate in ipairs(limits.gates(queue, job)) do
    local wrong = beyond_gate(queue, gate, job)
    if not wrong and gate.rule.strict and gate.level < ROOM then
      wrong = comes_too_early(queue, gate, job)
    end
    if wrong then
      return ("job %d begins %s"):format(job.nth, wrong)
    end
  end
end

function limits.note_start(queue, job)
  queue.starts[#queue.starts + 1] = { at = queue.now, id = job.id, queue = job.queue,
    type = job.type, key = job.key, epoch = queue.epoch }
end

--- One that never began counts for no rate.
function limits.undo_start(queue, job)
  for i = #queue.starts, 1, -1 do
    if queue.starts[i].id == job.id then
      queue.starts[i].undone = true
      return
    end
  end
end

-- ---- what claims must not leave ----

local waits_for

-- How many starts may count. It is left open whether one counts more than once when its
-- window becomes another: then the store is stricter than it says, for a window.
local function count_starts(queue, gate, time)
  local n = 0
  for _, start in ipairs(queue.starts) do
    if not start.undone and start.at > time and is_at(gate, start) then
      n = n + 1 + queue.epoch - start.epoch
    end
  end
  return n
end

local function is_rate_shut(queue, gate, holders)
  local rule = gate.rule
  local slack = math.ceil(rule.window / GRAIN) + 1
  local first = queue.now - rule.window - slack
  return rule.rate > 0 and count_starts(queue, gate, first) + holders >= rule.rate
end

--- Whether a rate lets it wait.
function limits.is_late(queue, job)
  for _, gate in ipairs(limits.gates(queue, job)) do
    if is_rate_shut(queue, gate, 0) then
      return true
    end
  end
  return false
end

-- The last gate in strict order: a job that comes again keeps its slots up to there.
local function last_strict(queue, job)
  local last = 0
  for _, gate in ipairs(limits.gates(queue, job)) do
    last = gate.rule.strict and gate.level < ROOM and gate.level or last
  end
  return last
end

local function holds_slot(queue, gate, job, seen)
  if job.state == "available" then
    return waits_for(queue, job, gate.level + 1, seen)
      or limits.is_late(queue, job)
  end
  local comes_again = job.state == "scheduled" or job.state == "retryable"
  return comes_again and job.keeps_place and last_strict(queue, job) >= gate.level
end

local function is_shut(queue, gate, job, seen)
  local rule, holders = gate.rule, 0
  if gate.level < ROOM then
    holders = count(queue, gate, function(other)
      return other ~= job and holds_slot(queue, gate, other, seen)
    end)
  end
  local room_of_line = gate.level == ROOM and rule.strict
  if rule.concurrency > 0 and not room_of_line
    and count(queue, gate, runs) + holders >= rule.concurrency then
    return true
  end
  return is_rate_shut(queue, gate, holders)
end

-- Whether there is a reason for it to wait at this gate or one behind it.
function waits_for(queue, job, level, seen)
  local name = job.nth .. "/" .. level
  if seen[name] == nil then
    seen[name] = false
    for _, gate in ipairs(limits.gates(queue, job)) do
      if gate.level >= level and is_shut(queue, gate, job, seen) then
        seen[name] = true
        break
      end
    end
  end
  return seen[name]
end

--- A job that could run, when no claim takes it any more; as text, or nil.
function limits.find_idle(queue)
  local seen = {}
  for _, job in ipairs(queue:in_state("available")) do
    if queue:is_claimable(job) and not waits_for(queue, job, 1, seen) then
      return ("job %d could run, but no claim takes it"):format(job.nth)
    end
  end
end

return limits
