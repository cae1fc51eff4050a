-- What waits for the end of jobs, for the model of the queue: dependencies, batches with
-- what follows them, children. These are methods of Queue.
--
-- The end of a job is noted; what follows from it is done at the end of the turn, before
-- its claims (Queue:settle), as store.h has it of jobs that join a batch in the turn in
-- which its last one ends.
local Queue = require("spec.support.model.queue")

local graph = {}

local EVENTS = { "death", "success", "complete" } -- in the order in which they are told

-- ---- noting ----

local function tally(queue, batch, change)
  if batch then
    queue.tallies[#queue.tallies + 1] = { batch = batch, change = change }
  end
end

--- A job has ended.
function Queue:over(job)
  self.todo[#self.todo + 1] = { job = job, state = job.state }
  tally(self, job.batch, { job = job, [job.state] = 1 })
end

--- One that had ended is brought back. Once all jobs of a cancelled batch were asked to
--- end, one that is run again makes it go on. Returns whether it must wait for its turn.
function Queue:back(job)
  local batch = job.batch
  graph.cancel_children(self, job)
  tally(self, batch, { job = job, [job.state] = -1 })
  if not batch or batch.is_forgotten
    or batch.cancelling == "asks" and not batch.finished_at then
    return false
  end
  batch.cancelling = nil
  return batch.at_most > 0 and job.nth > batch.let_go
end

local function is_awaited(queue, batch)
  local parent = batch.parent
  return parent ~= nil and queue.jobs[parent.id] == parent
    and not queue:is_finished(parent)
end

--- A child stays until all children have ended and the job that waits for them has, and
--- for as long as they all ended `since` then.
function graph.is_kept(queue, job, since)
  local batch = job.batch
  if not batch or not batch.parent or batch.is_forgotten then
    return false
  end
  return not batch.finished_at or is_awaited(queue, batch)
    or since ~= nil and batch.finished_at >= since
end

local function is_old(queue, batch, request)
  local age = batch.dead > 0 and math.max(request.completed, request.dead)
    or request.completed
  return batch.finished_at ~= nil and batch.finished_at < queue.now - age
    and not is_awaited(queue, batch)
end

--- Batches that have ended and are past their time, with their followers' names.
function graph.forget_batches(queue, request)
  for id, batch in pairs(queue.batches) do
    if is_old(queue, batch, request) then
      queue.batches[id], batch.is_forgotten = nil, true
    end
  end
  for i = #queue.fans, 1, -1 do
    if is_old(queue, queue.fans[i], request) then
      table.remove(queue.fans, i).is_forgotten = true
    end
  end
end

-- ---- joining ----

function graph.new_batch(queue, kind)
  queue.n_batches = (queue.n_batches or 0) + 1
  local batch = { nth = queue.n_batches, parent = kind.parent, at_most = kind.at_most,
    followers = kind.followers or {}, fail_on_death = kind.fail_on_death,
    total = 0, completed = 0, dead = 0, cancelled = 0, active = 0, let_go = 0, jobs = {},
    told = {} }
  tally(queue, batch, {})
  return batch
end

function Queue.hold(_, job)
  job.state, job.run_at, job.unmet = "pending", nil, job.unmet + 1
end

local function wait_for(queue, job, new)
  for _, id in ipairs(new.after or {}) do
    local dep = queue.jobs[id]
    if not queue:is_finished(dep) then
      if not job.after[dep.nth] then
        queue:hold(job)
      end
      job.after[dep.nth] = true
    elseif dep.state ~= "completed" and not new.after_any then
      queue:end_waiting(job, "cancelled")
      return
    end
  end
end

--- A new job, tied to others: to its batch, and to those that it waits for.
function graph.add(queue, id, new)
  local job = queue:add(id, new)
  local batch = new.batch
  job.after_any = new.after_any
  if batch then
    batch.jobs[#batch.jobs + 1] = job
    tally(queue, batch, { job = job, total = 1 })
    if batch.cancelling then
      queue:end_waiting(job, "cancelled")
      return
    end
    if batch.at_most > 0 then
      queue:hold(job)
    end
  end
  wait_for(queue, job, new)
  if job.state == "pending" then
    job.delay = new.delay or 0 -- it counts from then on
  end
end

-- ---- one less to wait for ----

-- Returns whether it was waiting at all.
local function met(queue, job)
  if job.state ~= "pending" then
    return false
  end
  job.unmet = job.unmet - 1
  if job.unmet == 0 then
    if job.delay > 0 then
      queue:let_in(job)
    else
      local rank, epoch = job.rank, job.epoch
      queue:let_in(job)
      job.rank, job.epoch = rank, epoch
    end
  end
  return true
end

-- The children that a job waits for.
local function batch_of_parent(queue, parent)
  local newest
  for _, batch in ipairs(queue.fans) do
    local is_settled = batch.left_alone or batch.told.complete or batch.finished_at
    if batch.parent == parent and not is_settled then
      newest = batch
    end
  end
  return newest
end

local function begin_cancel(queue, batch)
  if not batch.finished_at then
    batch.cancelling = "asks"
    queue.todo[#queue.todo + 1] = { batch = batch }
  end
end

--- Of a job that has ended, or is brought back: nobody waits for them any more.
function graph.cancel_children(queue, parent)
  local batch = batch_of_parent(queue, parent)
  if batch then
    batch.left_alone = true
    begin_cancel(queue, batch)
  end
end

-- One that was brought back meanwhile has not ended: others go on waiting for it.
local function tell_waiters(queue, over)
  local is_back = queue.jobs[over.job.id] and not queue:is_finished(over.job)
  if is_back and over.state ~= "completed" then
    return
  end
  for _, job in ipairs(queue:in_state("pending")) do
    if job.after[over.job.nth] then
      job.after[over.job.nth] = nil
      if over.state == "completed" or job.after_any then
        met(queue, job)
      else
        queue:end_waiting(job, "cancelled")
      end
    end
  end
  if over.state ~= "completed" then
    graph.cancel_children(queue, over.job)
  end
end

local function cancel_jobs(queue, batch)
  for _, job in ipairs(batch.jobs) do
    if queue.jobs[job.id] == job then
      queue:ask_end(job, "cancelled")
    end
  end
  batch.cancelling = "asked"
end

-- ---- batches ----

local function count(batch, change)
  local ended = 0
  for _, state in ipairs({ "completed", "dead", "cancelled" }) do
    batch[state] = batch[state] + (change[state] or 0)
    ended = ended + (change[state] or 0)
  end
  batch.total = batch.total + (change.total or 0)
  if batch.at_most > 0 and change.job and change.job.nth <= batch.let_go then
    batch.active = batch.active - ended
  end
  return (change.dead or 0) > 0
end

local function tell(queue, batch, event)
  if batch.told[event] then
    return
  end
  batch.told[event] = true
  local follower = batch.followers[event]
  if batch.parent then
    if event == "complete" and not batch.left_alone then
      met(queue, batch.parent)
    end
  elseif follower then
    local job = queue:add(nil, follower)
    job.follows = batch.id
    batch.following = batch.following or {}
    batch.following[event] = job
  end
end

local function let_go(queue, batch)
  for _, job in ipairs(batch.jobs) do
    if batch.active >= batch.at_most then
      return
    end
    if job.nth > batch.let_go then
      batch.let_go = job.nth
      if met(queue, job) then
        batch.active = batch.active + 1
      end
    end
  end
end

local function tell_all(queue, batch, all)
  local events = { death = batch.dead > 0, complete = all,
    success = all and batch.completed == batch.total }
  for _, event in ipairs(EVENTS) do
    if events[event] then
      tell(queue, batch, event)
    end
  end
end

-- One that was forgotten is not counted any more.
local function settle_batch(queue, batch, has_died)
  if batch.is_forgotten then
    return
  end
  local all = batch.completed + batch.dead + batch.cancelled == batch.total
  batch.finished_at = all and (batch.finished_at or queue.now) or nil
  if has_died and batch.fail_on_death and not batch.cancelling then
    batch.cancelling = "asks"
    queue.todo[#queue.todo + 1] = { batch = batch }
  end
  tell_all(queue, batch, all)
  if not batch.cancelling and batch.at_most > 0 then
    let_go(queue, batch)
  end
end

local function settle_batches(queue)
  local tallies, touched, died = queue.tallies, {}, {}
  queue.tallies = {}
  for _, t in ipairs(tallies) do
    local is_death = count(t.batch, t.change)
    if died[t.batch] == nil then
      touched[#touched + 1] = t.batch
    end
    died[t.batch] = died[t.batch] or is_death
  end
  table.sort(touched, function(a, b)
    return a.nth < b.nth
  end)
  for _, batch in ipairs(touched) do
    settle_batch(queue, batch, died[batch])
  end
end

--- What follows from all that has ended.
function Queue:settle()
  while self.todo[1] or self.tallies[1] do
    while self.todo[1] do
      local todo = table.remove(self.todo, 1)
      if todo.job then
        tell_waiters(self, todo)
      else
        cancel_jobs(self, todo.batch)
      end
    end
    settle_batches(self)
  end
end

--- Returns whether it had not ended.
function graph.cancel_batch(queue, batch)
  local running = not batch.finished_at
  begin_cancel(queue, batch)
  return running
end

--- The job waits for its children; it comes back in its place.
function graph.fan_out(queue, job, fan)
  job.state, job.unmet, job.delay = "pending", 1, 0
  local batch = graph.new_batch(queue, { parent = job, at_most = fan.at_most,
    fail_on_death = fan.fail_on_death })
  queue.fans[#queue.fans + 1] = batch
  return batch
end

-- ---- what the store shows ----

local function state_of(batch)
  if not batch.finished_at then
    return batch.cancelling and "cancelling" or "running"
  elseif batch.completed == batch.total then
    return "completed"
  end
  return batch.cancelling and "cancelled" or "failed"
end

local COUNTS = { "total", "completed", "dead", "cancelled" }

local function follower_of(item, event)
  local shown = item.followers["on_" .. event]
  return type(shown) == "table" and tonumber(shown.id)
end

local function differs(batch, item)
  if item.state ~= state_of(batch) then
    return ("is %s, not %s"):format(item.state, state_of(batch))
  end
  for _, name in ipairs(COUNTS) do
    if item[name] ~= batch[name] then
      return ("%s is %s, not %s"):format(name, tostring(item[name]), batch[name])
    end
  end
  for _, event in ipairs(EVENTS) do
    local job = (batch.following or {})[event]
    local id = follower_of(item, event)
    if (job and job.id) ~= (id or nil) then
      return ("what follows its %s is %s"):format(event, tostring(id))
    end
  end
end

--- Compares all batches with a list of the store's; returns what is wrong.
function graph.compare(queue, items)
  for _, item in ipairs(items) do
    local batch = queue.batches[tonumber(item.id)]
    local wrong = batch and differs(batch, item) or not batch and "should not be"
    if wrong then
      return ("batch %s %s"):format(batch and batch.nth or item.id, wrong)
    end
  end
end

return graph
