-- The queue as it should be, in plain Lua: what a store is held against. It knows nothing
-- of tables, turns of a thread or files, only jobs in their places.
--
-- Operations change it and say what their answer must be (operations.lua). Whatever the
-- promises of host/store/store.h leave open is left open here: in which turn queues come,
-- and the state that is told of a job whose time has come and that no claim has met yet.
local Queue = {}
Queue.__index = Queue

local FINISHED = { completed = true, dead = true, cancelled = true }

function Queue.new(now)
  return setmetatable({ now = now, jobs = {}, count = 0, places = 0, effects = {},
    locks = {} }, Queue)
end

-- ---- jobs ----

--- A number behind all others: places in the queue are given in this order.
function Queue:place()
  self.places = self.places + 1
  return self.places
end

function Queue:add(id, new)
  assert(not self.jobs[id], "an id is given once")
  self.count = self.count + 1
  local delay = new.delay or 0
  local job = { id = id, nth = self.count, type = new.type, queue = new.queue,
    priority = new.priority, lease = 0, retry_count = 0, rescues = 0,
    place = self:place(), created_at = self.now }
  job.state = delay > 0 and "scheduled" or "available"
  job.run_at = delay > 0 and self.now + delay or nil
  self.jobs[id] = job
  return job
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

--- The job when this claim holds it.
function Queue:held(id, lease)
  local job = self.jobs[id]
  return job and job.state == "running" and job.lease == lease and job or nil
end

function Queue:schedule(job, state, delay)
  job.state, job.run_at = state, self.now + delay
end

function Queue:bury(job)
  job.state, job.finished_at = "dead", self.now
end

function Queue.is_finished(_, job)
  return FINISHED[job.state] == true
end

-- ---- claims ----

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
    job.state, job.place, job.run_at = "available", self:place(), nil
  end
end

local function comes_first(a, b)
  if a.priority ~= b.priority then
    return a.priority < b.priority
  end
  return a.place < b.place
end

--- What a claim may take now: by queue, in the order in which it must go.
function Queue:claimable()
  local queues, total = {}, 0
  for _, job in ipairs(self:in_state("available")) do
    if self.types and self.types[job.type] then
      local list = queues[job.queue] or {}
      queues[job.queue] = list
      list[#list + 1] = job
      total = total + 1
    end
  end
  for _, list in pairs(queues) do
    table.sort(list, comes_first)
  end
  return queues, total
end

function Queue:start(job)
  job.state, job.lease = "running", job.lease + 1
  job.once = self.types[job.type] == "once"
end

-- ---- the story of a host ----

--- What ran goes back to its place; what must not run twice is dead.
function Queue:recover()
  local released, lost = 0, 0
  self.locks = {}
  for _, job in ipairs(self:in_state("running")) do
    if job.once then
      self:bury(job)
      lost = lost + 1
    else
      job.state = "available"
      released = released + 1
    end
  end
  return released, lost
end

--- A host that starts has named no types yet.
function Queue:restart()
  self.types = nil
end

-- ---- what the store shows ----

local COLUMNS = { "state", "type", "queue", "priority", "retry_count", "rescues" }

local function differs(self, job, item)
  local shown = { state = item.state, type = item.type, queue = item.queue,
    priority = item.priority, retry_count = item.retry_count, rescues = item.rescues }
  if is_due(job, self.now) and item.state == "available" then
    shown.state = job.state
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

--- Compares all jobs with a list of the store's; returns what is wrong.
function Queue:compare(items)
  local seen = {}
  for _, item in ipairs(items) do
    local id = tonumber(item.id)
    local job = self.jobs[id]
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

return Queue
