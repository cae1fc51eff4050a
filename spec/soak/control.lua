-- Jobs that are cancelled, retried and changed while they wait and run, jobs with a
-- deadline, and a queue and a task that rest now and then.
local control = { tables = {
  asked = "id integer, state text", -- to be cancelled; the state is what the answer says
  retried = "id integer",
  edits = "id integer, v integer, status integer",
  rests = "rest integer, name text, from_seq integer, to_seq integer",
  runners = "rest integer, id integer", -- those that ran when the rest began
} }

-- Some do not care that they are cancelled, and some are stopped where they wait. What is
-- edited, late or rests is under limits as well, and often meets that at a gate.
control.script = [[
task("victim", { cancel_grace = "200ms" }, function(job)
  begin(job)
  for _ = 1, job.payload.n % 5 do
    local ok, err = pcall(candy.sleep, "30ms")
    if not ok and job.payload.n % 3 > 0 then
      return nil, err
    end
  end
  effect(job)
end)

candy.queue.declare("elsewhere", { key_concurrency = 1 })

task("edited", { key = "{k}", key_concurrency = 1 }, function(job)
  begin(job)
  rest(job, 50)
  effect(job, job.payload.v or 0)
end)

plain("late", { deadline = "500ms", key = "{k}", key_concurrency = 1 }, 700)

plain("in_time", { deadline = "1h" }, 20)

candy.queue.declare("rest", { concurrency = 3, key_concurrency = 1 })

plain("resting_queue", { queue = "rest", key = "{k}" }, 100)

plain("resting_task", { key = "{k}", order = "strict" }, 100)
]]

control.kinds = {
  victim = { weight = 5 },
  edited = { weight = 1, keys = 4, options = function()
    return { delay = math.random(4000) }
  end },
  late = { weight = 1, keys = 2, probe = { deadline = "1h" }, options = function()
    return { delay = math.random(0, 1) * 600 }
  end },
  in_time = { weight = 1 },
  resting_queue = { weight = 1, keys = 4 },
  resting_task = { weight = 1, keys = 4 },
}

control.limits = {
  { name = "edited", types = { "edited" }, by_key = true, at_most = 1 },
  { name = "late", types = { "late" }, by_key = true, at_most = 1 },
  { name = "rest", types = { "resting_queue" }, at_most = 3 },
  { name = "rest_key", types = { "resting_queue" }, by_key = true, at_most = 1 },
  { name = "resting_task", types = { "resting_task" }, by_key = true, at_most = 1,
    strict = true },
}

-- ---- cancel and retry ----

local function cancel(load, call)
  local job = load:recent()
  local answer = job and call("POST", ("/tasks/%s/cancel"):format(job.id))
  if job then
    local done = answer and answer.status == 200
    load:note("asked", job.id, done and answer.json.state or "")
  end
end

local function cancel_many(load, call)
  local ids = {}
  for _ = 1, 5 do
    local job = load:recent()
    ids[#ids + 1] = job and job.id
  end
  for _, id in ipairs(ids) do
    load:note("asked", id, "")
  end
  if #ids > 0 then
    call("POST", "/tasks/cancel", { ids = ids })
  end
end

-- Whoever is the first: so none of this kind needs another excuse.
local function cancel_victims(_, call)
  call("POST", "/tasks/cancel", { type = "victim", max = 3 })
end

local function retry(load, call)
  local job = load:recent(math.random(2) == 1 and "doomed" or "victim")
  if job then
    load:note("retried", job.id)
    call("POST", ("/tasks/%s/retry"):format(job.id))
  end
end

-- ---- edit ----

local CHANGES = {
  {}, { priority = -1 }, { delay = 0 }, { queue = "elsewhere" }, { delay = "1s" },
}

local edits = 0

local function edit(load, call)
  local job = load:recent("edited")
  if not job then
    return
  end
  edits = edits + 1
  local change = { payload = { n = job.n, k = job.k, v = edits } }
  for name, value in pairs(CHANGES[math.random(#CHANGES)]) do
    change[name] = value
  end
  local answer = call("PATCH", "/tasks/" .. job.id, change)
  load:note("edits", job.id, edits, answer and answer.status or 0)
end

-- ---- rests ----

local RESTS = {
  rest = { path = "/queues/rest", filter = "queue=rest" },
  resting_task = { path = "/definitions/resting_task", filter = "type=resting_task" },
}

local resting, rests = {}, 0 -- name -> what is known of its rest

-- Nothing of it begins from the answer on: what ran by then, and no other, may take
-- further steps.
local function pause(load, call, name)
  local rest = { name = name }
  resting[name] = rest
  local answer = call("POST", RESTS[name].path .. "/pause")
  local running = answer and answer.status == 200
    and call("GET", "/tasks?limit=200&state=running&" .. RESTS[name].filter)
  if running and running.status == 200 then
    assert(#running.json.items < 200, "too many to look at")
    rest.runners, rest.from = running.json.items, load:last_step()
  end
end

local function note_rest(load, rest)
  local to = load:last_step()
  if not rest.from or not to then
    return
  end
  rests = rests + 1
  load:note("rests", rests, rest.name, rest.from, to)
  for _, job in ipairs(rest.runners) do
    load:note("runners", rests, job.id)
  end
end

local function resume(load, call, name)
  if resting[name] and not resting[name].ended then
    resting[name].ended = true
    note_rest(load, resting[name])
  end
  local answer = call("POST", RESTS[name].path .. "/resume")
  if answer and answer.status == 200 then
    resting[name] = nil
  end
end

local function pause_or_resume(load, call)
  local name = math.random(2) == 1 and "rest" or "resting_task"
  if resting[name] then
    resume(load, call, name)
  else
    pause(load, call, name)
  end
end

-- Whatever rests goes on, for the end of the run.
function control.settle(load, call)
  for name in pairs(RESTS) do
    resume(load, call, name)
    assert(not resting[name], name .. " does not go on")
  end
end

control.deeds = { cancel, cancel, cancel_many, cancel_victims, retry, edit, edit,
  pause_or_resume }

-- ---- the check ----

control.sql = [[
  create index asked_id on asked (id);
  create index retried_id on retried (id);
  create index edits_id on edits (id);
  insert into excuses select id from jobs
    where code = 'cancelled' and (type = 'victim' or id in (select id from asked));
  insert into mortal values ('late', 'deadline');
  create table woken as
    select rest, name, seq, j.id from rests r
      join store.steps s on s.seq > from_seq and s.seq <= to_seq
      join jobs j on j.id = s.id and name in (type, queue);
  create table edited as
    select j.id, e.value,
        (select max(v) from edits x where x.id = j.id and status = 200) v
      from jobs j join effects e on e.id = j.id where type = 'edited';
]]

control.faults = {
  uncancelled = [[
    select a.id, type, j.state from asked a join jobs j on j.id = a.id
      where a.state = 'cancelled' and j.state <> 'cancelled'
        and a.id not in (select id from retried)]],
  cancel_forgotten = [[
    select a.id, type, j.state from asked a join jobs j on j.id = a.id
      where a.state = 'running' and j.state not in ('cancelled', 'completed')
        and type = 'victim' and a.id not in (select id from worn)]],
  edit_lost = "select id, value, v from edited where value < v",
  edit_of_nobody = [[
    select id, value from edited where value > 0
      and (id, value) not in (select id, v from edits where status in (0, 200))]],
  woke = [[
    select rest, name, id from woken
      where (rest, id) not in (select rest, id from runners)]],
}

control.tampering = {
  uncancelled = "insert into asked select max(id), 'cancelled' from jobs "
    .. "where type = 'plain' and state = 'completed'",
  cancel_forgotten = "insert into asked select id, 'running' from jobs "
    .. "where type = 'victim'; update jobs set state = 'dead' where type = 'victim'",
  edit_lost = "update edited set value = -1, v = 0",
  edit_of_nobody = "update edited set value = 1e9 where id = "
    .. "(select max(id) from edited)",
  woke = "delete from runners; insert into woken select 0, type, 0, id from jobs "
    .. "where type = 'resting_task'",
}

return control
