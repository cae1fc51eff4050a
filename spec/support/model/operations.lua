-- What a random walk does to the store, an entry an operation:
--
--   weight    how often it is drawn
--   of        the feature that a world must have for it; nil: any world
--   draw(r, world)   its arguments, out of random numbers alone: which job is meant is
--             a number (pick), so that it still means one when operations before it are
--             left out
--   send(queue, args)   the request, made for the state of the model; nil: nothing
--   refused(queue, request)   the code of the error that it must fail with, or nil
--   check(queue, request, answer)   does the same to the model; returns what is wrong
--             with the answer
--   phase     in which order it has its turn (see store.h); `others` when not told
--
-- A new operation of the store is a new entry here, and what it changes in the rules of a
-- claim goes to claims.lua and limits.lua.
local attempts = require("spec.support.model.attempts")
local bulk = require("spec.support.model.bulk")
local control = require("spec.support.model.control")
local graph = require("spec.support.model.graph")
local jobs = require("spec.support.model.jobs")
local limits = require("spec.support.model.limits")
local worlds = require("spec.support.model.worlds")
local words = require("spec.support.model.words")

local one_of, expect = words.one_of, words.expect

local operations = {
  lock = require("spec.support.model.locks").lock,
  claim = require("spec.support.model.claims").claim,
  cancel = control.cancel, deadlines = control.deadlines,
  pause = control.pause, edit = control.edit,
  finish = attempts.finish, progress = attempts.progress,
}

-- ---- in ----

operations.enqueue = {
  weight = 20,
  draw = function(r, world)
    return { jobs = jobs.draw(r, world, 4) }
  end,
  send = function(queue, args)
    return { jobs = jobs.ask(queue, args.jobs) }
  end,
  refused = function(queue, request)
    return jobs.refused(queue, request.jobs)
  end,
  check = function(queue, request, answer)
    return jobs.add(queue, request.jobs, answer.ids, answer.duplicates)
  end,
}

-- Each event has a type of its own, by which what follows is told from others.
local function draw_followers(r)
  local followers = {}
  for _, event in ipairs({ "success", "complete", "death" }) do
    if r(2) == 1 then
      followers[event] = { type = event, delay = one_of(r, { 0, 0, 50 }) }
    end
  end
  return followers
end

operations.batch = {
  of = "graph",
  weight = 8,
  draw = function(r, world)
    local list = r(10) == 1 and {} or jobs.draw(r, world, 4)
    for _, job in ipairs(list) do
      job.joins, job.unique = nil, nil
    end
    return { jobs = list, followers = draw_followers(r),
      at_most = one_of(r, { 0, 0, 1, 2 }) }
  end,
  send = function(queue, args)
    return { jobs = jobs.ask(queue, args.jobs), followers = args.followers,
      at_most = args.at_most }
  end,
  refused = function(queue, request)
    return jobs.refused(queue, request.jobs)
  end,
  check = function(queue, request, answer)
    local batch = graph.new_batch(queue, request)
    batch.id = answer.id
    queue.batches[answer.id] = batch
    return jobs.add(queue, request.jobs, answer.ids, nil, batch)
  end,
}

operations.batch_cancel = {
  of = "graph",
  weight = 3,
  draw = function(r)
    return { pick = r(1000) }
  end,
  send = function(queue, args)
    return { id = jobs.pick_batch(queue, args.pick) or 1 }
  end,
  check = function(queue, request, answer)
    local batch = queue.batches[request.id]
    return expect("found", answer.found, batch ~= nil)
      or batch and expect("running", answer.running, graph.cancel_batch(queue, batch))
      or nil
  end,
}

-- Takes the whole transaction with it, so that all else in the turn is played again.
operations.exec = {
  weight = 4,
  phase = "scripts",
  draw = function()
    return {}
  end,
  send = function()
    return { sql = "insert or rollback into effects values (0, null)" }
  end,
  refused = function()
    return "sql_error"
  end,
}

-- ---- many at once ----

operations.types = {
  weight = 6,
  draw = worlds.draw_types,
  send = function(_, args)
    return { types = args.types, queues = args.queues, lines = args.lines or {} }
  end,
  check = function(queue, request)
    local before = queue.types or queue.types_before or {}
    queue.types = {}
    for _, type in ipairs(request.types) do
      if not before[type.name] then
        queue:bring_back(type.name)
      end
      queue.types[type.name] = type.once and "once" or "again"
    end
    limits.set(queue, request)
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
    local n = queue:recover()
    limits.doubt_turns(queue)
    return expect("released", answer.released, n.released)
      or expect("lost", answer.lost, n.lost)
      or expect("cancelled", answer.cancelled, n.cancelled)
  end,
}

operations.requeue = bulk.operation({
  weight = 3,
  states = { {}, { "dead" }, { "completed" }, { "cancelled" } },
  allowed = function(request)
    return { dead = true, cancelled = (request.ids or request.states[1]) ~= nil }
  end,
  act = function(queue, list)
    for _, job in ipairs(list) do
      queue:requeue(job)
    end
  end,
})

operations.purge = bulk.operation({
  weight = 3,
  states = { {}, { "dead" }, { "completed" }, { "running", "completed" } },
  allowed = function()
    return { dead = true, completed = true, cancelled = true }
  end,
  is_kept = graph.is_kept,
  act = function(queue, list)
    for _, job in ipairs(list) do
      queue:forget(job)
    end
  end,
})

operations.expire = {
  weight = 3,
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
      if job.finished_at < queue.now - age
        and not graph.is_kept(queue, job, queue.now - request.completed) then
        queue:forget(job)
        count = count + 1
      end
    end
    graph.forget_batches(queue, request)
    return expect("count", answer.count, count)
  end,
}

return operations
