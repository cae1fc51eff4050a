-- The queue as it should be, in plain Lua: what a store is held against. It knows nothing
-- of tables, turns of a thread or files, only jobs in their places.
--
-- Operations change it and say what their answer must be (operations.lua and others).
-- What waits for the end of a job is in graph.lua, limits and order are in limits.lua.
-- Whatever the promises of host/store/store.h leave open is left open here: in which turn
-- queues come, and the state that is told of a job whose time has come and that no claim
-- has met.
local limits = require("spec.support.model.limits")

local Queue = {}
Queue.__index = Queue

local FINISHED = { completed = true, dead = true, cancelled = true }
local WAITING = { scheduled = true, available = true, retryable = true, pending = true }

function Queue.new(now)
  return setmetatable({ now = now, jobs = {}, count = 0, places = 0, epoch = 0,
    entered = 0, restarted_at = 0, gaps = {}, effects = {}, locks = {}, rules = {},
    policies = {}, starts = {}, paused = { queue = {}, type = {} }, uniques = {},
    batches = {}, fans = {}, todo = {}, tallies = {}, told = {}, strangers = 0 }, Queue)
end

-- ---- jobs ----

--- Behind all others that are there: in the order of its priority, of its time where
--- waits count (ageing), and then of its arrival.
function Queue:place(job)
  self.places = self.places + 1
  local ageing = limits.ageing(self, job)
  job.rank = { job.priority, 0, self.places }
  if limits.in_line(self, job) then
    job.rank[1] = 0
  end
  if ageing then
    job.rank = { 0, self.now + job.priority * ageing, self.places }
  end
  job.epoch = self.epoch
end

--- A job that comes into the queue, available. Its id may not be known yet.
function Queue:add(id, new)
  if not id then
    self.strangers = self.strangers + 1
    id = "?" .. self.strangers
  end
  assert(not self.jobs[id], "an id is given once")
  self.count = self.count + 1
  local job = { id = id, nth = self.count, lease = 0, retry_count = 0, rescues = 0,
    created_at = self.now, unmet = 0, after = {}, queue = "default", priority = 0,
    payload = "{}", delay = 0 }
  for name, value in pairs(new) do
    job[name] = name ~= "after" and value or job[name]
  end
  job.deadline = new.deadline and self.now + new.deadline
  self:place(job)
  self.jobs[id] = job
  self:let_in(job)
  return job
end

local function enter(queue, job)
  queue.entered = queue.entered + 1
  job.entered = queue.entered
end

--- Jobs of a type that were set aside come back: others may have passed them.
function Queue:bring_back(type)
  for _, job in ipairs(self:in_state("available")) do
    if job.type == type then
      enter(self, job)
      job.was_aside = true
    end
  end
end

--- To its place, or to wait for its time first.
function Queue:let_in(job)
  job.state = nil
  enter(self, job)
  if job.delay > 0 then
    self:schedule(job, "scheduled", job.delay)
  else
    job.state, job.run_at = "available", nil
  end
  job.delay = 0
end

--- A job that the store made by itself is known by what it follows.
function Queue:adopt(id, batch, type)
  for i = 1, self.strangers do
    local job = self.jobs["?" .. i]
    if job and job.follows == batch and job.type == type then
      self.jobs[job.id], self.jobs[id] = nil, job
      job.id = id
      return job
    end
  end
end

--- Whether there are such that are not known yet.
function Queue:has_strangers()
  for i = 1, self.strangers do
    if self.jobs["?" .. i] then
      return true
    end
  end
  return false
end

--- All jobs that `fits` (or all), oldest first.
function Queue:select(fits)
  local list = {}
  for _, job in pairs(self.jobs) do
    if not fits or fits(job) then
      list[#list + 1] = job
    end
  end
  table.sort(list, function(a, b)
    return a.nth < b.nth
  end)
  return list
end

function Queue:in_state(state)
  return self:select(function(job)
    return job.state == state
  end)
end

--- One of all jobs, or nil.
function Queue:pick(pick, fits)
  local list = self:select(function(job)
    return type(job.id) == "number" and (not fits or fits(job))
  end)
  return list[pick % math.max(#list, 1) + 1]
end

--- The job when this claim holds it.
function Queue:held(id, lease)
  local job = self.jobs[id]
  return job and job.state == "running" and job.lease == lease and job or nil
end

--- One that waits goes elsewhere.
function Queue:leave_line(job)
  if job.state == "available" then
    self.gaps[job.key or ""] = true
  end
end

--- To come again at that time, behind those that are there then. In strict order it keeps
--- its place, and others wait for it.
function Queue:schedule(job, state, delay, keeps_place)
  self:leave_line(job)
  job.state, job.run_at, job.kept = state, self.now + delay, nil
  job.keeps_place = keeps_place
end

function Queue:finish(job, state)
  job.state, job.finished_at, job.run_at = state, self.now, nil
  job.asked, job.kept, job.keeps_place = nil, nil, nil
  self:over(job)
end

--- Ends one that waits. No claim of before can end it a second time.
function Queue:end_waiting(job, state)
  self:leave_line(job)
  job.lease, job.after, job.unmet = job.lease + 1, {}, 0
  self:finish(job, state)
end

--- Is to end: at once when it waits; one that runs is told, once.
function Queue:ask_end(job, state)
  if WAITING[job.state] then
    self:end_waiting(job, state)
  elseif job.state == "running" and not job.asked then
    job.asked = state
    self.told[#self.told + 1] = { id = job.id, lease = job.lease }
  end
end

--- Comes back by hand.
function Queue:requeue(job)
  local is_held = self:back(job)
  job.state, job.finished_at, job.deadline = "available", nil, nil
  job.retry_count, job.rescues, job.delay = 0, 0, 0
  self:place(job)
  self:let_in(job)
  if is_held then
    self:hold(job)
  end
end

function Queue:forget(job)
  self.jobs[job.id] = nil
  for hash, same in pairs(self.uniques) do
    if same.id == job.id then
      self.uniques[hash] = nil
    end
  end
end

function Queue.is_finished(_, job)
  return FINISHED[job.state] == true
end

function Queue.waits(_, job)
  return WAITING[job.state] == true
end

-- ---- times ----

local function is_due(job, now)
  return (job.state == "scheduled" or job.state == "retryable") and job.run_at <= now
end

--- What is due joins the queue, in the order of its times.
function Queue:bring_due()
  local due = self:select(function(job)
    return is_due(job, self.now)
  end)
  table.sort(due, function(a, b)
    if a.run_at ~= b.run_at then
      return a.run_at < b.run_at
    end
    return a.nth < b.nth
  end)
  for _, job in ipairs(due) do
    if not job.keeps_place then
      self:place(job)
    end
    self:let_in(job)
  end
end

--- Deadlines that have passed.
function Queue:pass_deadlines()
  for _, job in ipairs(self:select(function(j)
    return j.deadline and j.deadline <= self.now
  end)) do
    job.deadline = nil
    self:ask_end(job, "dead")
  end
end

-- ---- claims ----

--- Whether it may be claimed, for all that has to do with no other job.
function Queue:is_claimable(job)
  return job.state == "available" and self.types and self.types[job.type] ~= nil
    and not self.paused.queue[job.queue] and not self.paused.type[job.type]
end

function Queue.comes_first(a, b)
  for i, part in ipairs(a.rank) do
    if part ~= b.rank[i] then
      return part < b.rank[i]
    end
  end
  return false
end

function Queue:start(job)
  job.state, job.lease, job.was_aside = "running", job.lease + 1, nil
  job.kept, job.keeps_place = nil, nil
  job.once = self.types[job.type] == "once"
  limits.note_start(self, job)
end

--- It has no turn for slots any more.
function Queue:give_up(job)
  self:leave_line(job)
  job.kept, job.keeps_place = nil, nil
end

--- Back to its place, with its turn for the slots that it had.
function Queue:put_back(job)
  job.state, job.kept = "available", self.epoch
end

--- A claim comes: those that it may meet and may not take have given up their turn.
function Queue:doubt_turns()
  for _, job in ipairs(self:in_state("available")) do
    if job.kept and (not self:is_claimable(job) or limits.is_late(self, job)) then
      job.kept = -1
    end
  end
end

-- ---- the story of a host ----

--- What ran goes back to its place; what must not run twice is dead, and what was told to
--- end has ended.
function Queue:recover()
  local n = { released = 0, lost = 0, cancelled = 0 }
  self.locks = {}
  for _, job in ipairs(self:in_state("running")) do
    if job.asked then
      self:finish(job, job.asked)
      n.cancelled = n.cancelled + 1
    elseif job.once then
      self:finish(job, "dead")
      n.lost = n.lost + 1
    else
      self:put_back(job)
      n.released = n.released + 1
    end
  end
  return n
end

--- A host that starts has named no types yet.
function Queue:restart()
  self.types_before, self.types = self.types or self.types_before, nil
  self.restarted_at = self.entered
end

-- ---- what the store shows ----

local COLUMNS = { "state", "type", "queue", "priority", "retry_count", "rescues" }

local function differs(self, job, item)
  local shown = { state = item.state, type = item.type, queue = item.queue,
    priority = item.priority, retry_count = item.retry_count, rescues = item.rescues }
  if is_due(job, self.now) and item.state == "available" then
    shown.state = job.state
  end
  if limits.in_line(self, job) or job.was_in_line then
    job.was_in_line = true -- priorities count for nothing there
    shown.priority = job.priority
  end
  for _, column in ipairs(COLUMNS) do
    if shown[column] ~= job[column] then
      return ("job %d: %s is %s, not %s"):format(job.nth, column,
        tostring(shown[column]), tostring(job[column]))
    end
  end
  if job.run_at and item.run_at ~= job.run_at then
    return ("job %d: run_at is off by %s ms"):format(job.nth,
      tostring(tonumber(item.run_at) and item.run_at - job.run_at))
  end
end

--- The job that an answer tells of, by now known by its id.
function Queue:find(id, batch, type)
  return self.jobs[id] or batch and self:adopt(id, batch, type)
end

--- Compares all jobs with a list of the store's; returns what is wrong.
function Queue:compare(items)
  local seen = {}
  for _, item in ipairs(items) do
    local id = tonumber(item.id)
    local job = self:find(id, tonumber(item.batch_id), item.type)
    if not job then
      return "there is a job that should not be: " .. item.id
    end
    local wrong = seen[id] and "is listed twice" or differs(self, job, item)
    if wrong then
      return wrong
    end
    seen[id] = true
  end
  for _, job in ipairs(self:select()) do
    if not seen[job.id] then
      return ("job %d is lost: it should be %s"):format(job.nth, job.state)
    end
  end
end

local function is_late(told, time)
  return time ~= nil and (told == 0 or told > time)
end

--- When the store says that there is something to do: not too late for any job.
function Queue:check_due(due, deadline)
  for _, job in ipairs(self:select()) do
    if WAITING[job.state] and is_late(due, job.run_at) then
      return ("job %d: next_due passes it over"):format(job.nth)
    end
    if not FINISHED[job.state] and is_late(deadline, job.deadline) then
      return ("job %d: next_deadline passes it over"):format(job.nth)
    end
  end
end

return Queue
