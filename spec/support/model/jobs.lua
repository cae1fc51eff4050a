-- New jobs, for the model of the queue: how they are drawn, what a request says of them,
-- and what must become of them.
local graph = require("spec.support.model.graph")
local words = require("spec.support.model.words")

local one_of = words.one_of

local jobs = {}

-- ---- drawing ----

local WAITING = { "scheduled", "available", "pending", "retryable" }
local STATES = {
  WAITING,
  { "scheduled", "available", "pending", "retryable", "running" },
  { "scheduled", "available", "pending", "retryable", "running", "completed" },
  { "scheduled", "available", "pending", "running", "completed", "dead" },
  { "running" },
}

local function draw_unique(r)
  local wait = one_of(r, { 50, 1000 })
  return { hash = r(3), same = one_of(r, { "keep", "keep", "debounce", "debounce",
    "supersede", "supersede_queued" }), states = one_of(r, STATES),
    window = one_of(r, { 0, 0, 100, 3000 }), wait = wait,
    max_wait = one_of(r, { 0, wait, 3 * wait }) }
end

-- Which ones it waits for: -k is the k-th in front of it, else any by its number.
local function draw_after(r, nth)
  local after = {}
  for i = 1, r(2) do
    after[i] = nth > 1 and r(2) == 1 and -r(nth - 1) or r(1000)
  end
  return after
end

local function tie(r, job, nth)
  job.after, job.after_any = r(2) == 1 and draw_after(r, nth) or nil, r(4) == 1 or nil
  job.joins = r(5) == 1 and r(1000) or nil
end

-- Nothing says of one that is debounced when it is to run.
local function draw_ties(r, world, job, nth)
  local is_unique = world.unique and r(3) > 1
  if is_unique then
    job.unique = draw_unique(r)
    job.delay = job.unique.same == "debounce" and 0 or job.delay
  elseif world.graph then
    tie(r, job, nth)
  end
  if world.control and r(4) == 1 then
    job.deadline = one_of(r, { 1, 500, 5000 })
  end
end

--- Up to `max` jobs of the world's types, queues and keys.
function jobs.draw(r, world, max)
  local list = {}
  for i = 1, r(max) + (world.crowd or 0) do
    local type = one_of(r, world.types)
    local job = { type = type, queue = world.queue_of[type] or one_of(r, world.queues),
      key = world.keys and world.keys[r(#world.keys + 1)] or nil,
      priority = one_of(r, world.priorities), delay = one_of(r, { 0, 0, 0, 50, 2000 }),
      payload = world.payloads and tostring(r(1000)) or nil }
    draw_ties(r, world, job, i)
    list[i] = job
  end
  return list
end

-- ---- asking ----

local function resolve(queue, after, nth)
  local ids = {}
  for _, pick in ipairs(after) do
    local job = pick > 0 and queue:pick(pick)
    if pick < 0 and -pick < nth then
      ids[#ids + 1] = pick
    elseif job then
      ids[#ids + 1] = job.id
    end
  end
  return ids[1] and ids or nil
end

local function pick_batch(queue, pick)
  local ids = {}
  for id in pairs(queue.batches) do
    ids[#ids + 1] = id
  end
  table.sort(ids)
  return ids[pick % math.max(#ids, 1) + 1]
end

jobs.pick_batch = pick_batch

--- As the store is asked for them. Children of a job in a batch join that one.
function jobs.ask(queue, list, parent)
  local asked = {}
  for i, job in ipairs(list) do
    local new = {}
    for name, value in pairs(job) do
      new[name] = value
    end
    new.joins = nil
    new.after = job.after and resolve(queue, job.after, i)
    if job.joins then
      local own = parent and parent.batch and parent.batch.id
      new.batch = own or pick_batch(queue, job.joins)
    end
    asked[i] = new
  end
  return asked
end

-- ---- what must become of them ----

-- The id that -k stands for is known by the answer.
local function name_siblings(new, nth, ids)
  local after = {}
  for i, id in ipairs(new.after or {}) do
    after[i] = id < 0 and ids[nth + id] or id
  end
  return after
end

local function batch_fails(queue, new)
  local batch = queue.batches[new.batch]
  if new.batch and not batch then
    return "no_such_batch"
  end
  return batch and batch.finished_at and "batch_ended" or nil
end

local function dep_fails(queue, id, are_children)
  local dep = queue.jobs[id]
  if not dep then
    return "no_such_job"
  end
  return are_children and not queue:is_finished(dep) and "circular_wait" or nil
end

local function has_failed(dep, new)
  return dep and (dep.state == "dead" or dep.state == "cancelled") and not new.after_any
end

-- What a dependency makes of a job, as ties_fail tells it. `id` is a job or, when
-- negative, one before it in the list; `gone`: which of those were cancelled at once.
local function dep_decides(queue, new, id, gone, are_children)
  if has_failed(queue.jobs[id], new) or gone[#gone + 1 + id] and not new.after_any then
    return nil, true
  end
  return id > 0 and dep_fails(queue, id, are_children) or nil, false
end

-- The code with which a job is refused, or nil; and whether it is cancelled at once: then
-- what else it waits for is not looked at.
local function ties_fail(queue, new, gone, are_children)
  local code, batch = batch_fails(queue, new), queue.batches[new.batch]
  local over = not code and batch ~= nil and batch.cancelling
  for _, id in ipairs(new.after or {}) do
    if code or over then
      break
    end
    code, over = dep_decides(queue, new, id, gone, are_children)
  end
  return code, over or false
end

--- The code with which they are refused, or nil. Children are those that are waited for.
function jobs.refused(queue, list, are_children)
  local gone = {}
  for i, new in ipairs(list) do
    local code
    code, gone[i] = ties_fail(queue, new, gone, are_children)
    if code then
      return code
    end
  end
end

-- ---- those that are the same ----

local function end_one(queue, id, unique)
  local job = id and queue.jobs[id]
  if not job or queue:is_finished(job) then
    return false
  end
  local runs = job.state == "running"
  if not (runs and unique.same == "supersede_queued") then
    queue:ask_end(job, "cancelled")
  end
  return runs
end

local function supersede(queue, same, unique)
  local newest = end_one(queue, same.id, unique)
  local former = end_one(queue, same.former, unique)
  same.former = newest and same.id or former and same.former or nil
end

local function counts(queue, known, unique)
  local fits = false
  for _, state in ipairs(unique.states) do
    fits = fits or state == known.state
  end
  return fits and (unique.window == 0 or known.created_at > queue.now - unique.window)
end

local function wait_anew(queue, known, new)
  local unique = new.unique
  local run_at = queue.now + unique.wait
  if unique.max_wait > 0 then
    run_at = math.min(run_at, known.created_at + unique.max_wait)
  end
  known.payload = new.payload or "{}"
  if known.state == "scheduled" or run_at > queue.now then
    queue:schedule(known, "scheduled", run_at - queue.now)
  end
end

-- The job that is the answer, or nil when there is to be one more.
local function answer_of(queue, same, new)
  local known, unique = queue.jobs[same.id], new.unique
  if unique.same == "keep" then
    return counts(queue, known, unique) and known or nil
  elseif unique.same ~= "debounce" then
    return supersede(queue, same, unique)
  end
  local began = known.state ~= "scheduled" and known.state ~= "available"
    or known.lease > 0
  if not began then
    wait_anew(queue, known, new)
    return known
  end
end

local function add_unique(queue, new, id)
  local same, unique = queue.uniques[new.unique.hash], new.unique
  local answer = same and answer_of(queue, same, new)
  if answer then
    return answer
  end
  queue.uniques[unique.hash] = { id = id, former = same and same.former }
  new.delay = unique.same == "debounce" and unique.wait or new.delay
end

local function add_one(queue, new, id, duplicate)
  local answer = new.unique and add_unique(queue, new, id)
  if (answer ~= nil) ~= duplicate then
    return ("duplicate is %s"):format(tostring(duplicate))
  elseif answer then
    return answer.id ~= id and "the answer is another job" or nil
  elseif queue.jobs[id] then
    return "an id is given twice"
  end
  graph.add(queue, id, new)
end

--- All of them, with the ids that the store gave.
function jobs.add(queue, list, ids, duplicates, batch)
  if #ids ~= #list then
    return ("%d ids for %d jobs"):format(#ids, #list)
  end
  for i, asked in ipairs(list) do
    local new = {}
    for name, value in pairs(asked) do
      new[name] = value
    end
    new.after = name_siblings(asked, i, ids)
    new.batch = batch or asked.batch and queue.batches[asked.batch]
    local wrong = add_one(queue, new, ids[i], duplicates and duplicates[i] or false)
    if wrong then
      return ("job %d of %d: %s"):format(i, #list, wrong)
    end
  end
end

return jobs
