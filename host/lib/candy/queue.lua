-- candy.queue: new jobs, and what is done to others.
local core = require("candy.core")
local errors = require("candy.error")
local frozen = require("candy.frozen")
local limits = require("candy.limits")
local new_job = require("candy.new_job")
local new_jobs = require("candy.new_jobs")
local options = require("candy.options")
local script = require("candy.script")
local wait = require("candy.wait")

---@class candy.EnqueueOptions
---@field delay candy.Duration?  how long the job waits at least
---@field run_at integer|string?  when it may run: milliseconds since 1970, or RFC 3339
---@field priority integer?  smaller runs first; the task's by default
---@field queue string?  where it waits; the task's by default
---@field tags string[]?  at most 20
---@field key string?  what the job is about, for limits, order and fairness; made by the
---  task's own `key` by default
---@field max_retries integer?  how often it is tried again; the task's by default
---@field deadline string|integer?  by when it is to have ended: so long from now ("30m"),
---  or a time (RFC 3339, or milliseconds since 1970); the task's by default
---@field unique boolean|string[]|candy.Unique|nil  which jobs are the same, as candy.task
---  takes it, in place of all that the task says of that; false: none
---@field after string|string[]|nil  ids of jobs that must complete first; or "#" and the
---  `ref` of one in front of it in the same list
---@field after_failure string?  what becomes of it when one of them does not complete:
---  "cancel" (by default) or "run"
---@field ref string?  a name for it, for those behind it in the same list
---@field batch string?  the id of the batch that it joins

---@class candy.NewJob: candy.EnqueueOptions
---@field type string|candy.Task  a task's name or handle
---@field payload table?  {} by default

local queue = {}

local PAUSE = { task = options.boolean, reason = options.text }

local function check_reason(what, reason)
  local fits = type(reason) == "string" and #reason <= 500 and reason:find("^%Z*$")
  if reason ~= nil and not fits then
    core.misuse(("%s: the reason must be a text of at most 500 bytes, without a NUL, "
      .. "not %s"):format(what, options.show(reason)))
  end
end

--- Enqueues a job.
---@param task string|candy.Task  a task's name or handle
---@param payload table?  {} by default
---@param opts candy.EnqueueOptions?
---@return string? id, candy.Error? err, boolean? duplicate  the id once the job is on
---  disk; duplicate: it is that of a job that was there, and is the same as this one
function queue.push(task, payload, opts)
  local what = "candy.queue.push"
  local ids, err, duplicates = wait.enqueue(what,
    new_job.message(what, task, payload, opts))
  if not ids then
    return nil, err
  end
  return ids[1], nil, duplicates ~= nil
end

--- Enqueues many jobs, all of them or none.
---
--- With `ref` and `after` a whole graph of jobs goes in at once:
---
--- ```lua
--- candy.queue.push_many({
---   { type = "fetch", ref = "a" },
---   { type = "fetch", ref = "b" },
---   { type = "join", after = { "#a", "#b" } },
--- })
--- ```
---@param jobs candy.NewJob[]
---@return string[]? ids, candy.Error? err, table<integer, boolean>? duplicates  an id
---  for each, in their order; duplicates[i]: the i-th is that of a job that was there, or
---  stands before it in the list
function queue.push_many(jobs)
  local what = "candy.queue.push_many"
  local messages = new_jobs.list(what, jobs, new_job.message)
  if #messages == 0 then
    return core.array({}), nil, {}
  end
  local ids, err, duplicates = wait.enqueue(what, table.concat(messages))
  if not ids then
    return nil, err
  end
  return ids, nil, duplicates or {}
end

-- Policies --

local WEIGHT_MOST = 1000

local function weights(value)
  local expected = ("a table such as { acme = 5 }, of weights from 1 to %d by key")
    :format(WEIGHT_MOST)
  local fits = options.integer(1, WEIGHT_MOST)
  if type(value) ~= "table" then
    return nil, expected
  end
  for key, weight in pairs(value) do
    if not options.label(key) or not fits(weight) then
      return nil, expected
    end
  end
  return value
end

local function ageing(value)
  local ms, expected = options.time_limit(value)
  if ms and ms <= 365 * 86400 * 1000 then
    return ms
  end
  return nil, expected or "at most 365d"
end

---@class candy.QueueOptions
---@field concurrency integer?  at most so many of its jobs run at a time
---@field rate string?  at most so many begin within a time: "1000/1h"
---@field key_concurrency integer?  the same for the jobs of each key
---@field key_rate string?
---@field order "strict"|"strict_by_key"|nil  all of its jobs, or those of each key, run
---  one after the other in the order in which they came, retries included; priorities
---  count for nothing then
---@field fair boolean?  true: its keys take turns; not with ageing, nor order = "strict"
---@field weights table<string, integer>?  how often each key's turn comes, with `fair`; 1
---  by default
---@field ageing candy.Duration?  so long a wait is worth one step of priority

local QUEUE = limits.with({
  order = options.one_of("strict", "strict_by_key"),
  fair = options.boolean,
  weights = weights,
  ageing = ageing,
})

local function check_together(where, declaration)
  local function refuse(text)
    core.misuse(("%s: %s"):format(where, text))
  end
  if declaration.weights and not declaration.fair then
    refuse("weights need fair = true")
  elseif declaration.fair and declaration.ageing then
    refuse("fair and ageing are two orders: choose one")
  elseif declaration.order == "strict" and declaration.fair then
    refuse('keys take no turns in strict order; order = "strict_by_key" goes with fair')
  elseif declaration.order and declaration.ageing then
    refuse("priorities count for nothing in strict order, so there is nothing to age")
  end
end

--- Says how many jobs of a queue may run, and in which order. Only at a file's top level,
--- once for each queue. A queue needs no declaration to be used.
---
--- ```lua
--- -- scripts/social.lua
--- local candy = require("candy")
---
--- candy.queue.declare("social", {
---   concurrency = 10, key_rate = "30/1m",
---   fair = true, weights = { acme = 5 },
--- })
---
--- candy.task("share", { queue = "social", key = "{account}" }, function(job)
---   return job.key
--- end)
--- ```
---
--- ```console
--- $ candy enqueue share '{"account":"acme"}' --wait
--- "acme"
--- ```
---@param name string
---@param opts candy.QueueOptions
function queue.declare(name, opts)
  script.check_declares("candy.queue.declare")
  if not options.queue_name(name) then
    core.misuse("candy.queue.declare: the first argument must be a queue's name, not "
      .. options.show(name))
  end
  local where = ('queue "%s"'):format(name)
  local declaration = options.read(where, opts, QUEUE)
  check_together(where, declaration)
  script.declare("queue", name, declaration)
end

--- Ends a job that waits or runs.
---
--- A waiting one is cancelled at once. One that runs is told: see job:cancelled.
---@param id string  of the job
---@param reason string?  for people, at most 500 bytes
---@return string? done, candy.Error? err  "cancelled", or "told" when it runs; code
---  `not_found` when no such job waits or runs
function queue.cancel(id, reason)
  if type(id) ~= "string" or not id:match("^%d+$") or #id > 18 then
    core.misuse("candy.queue.cancel: the first argument must be a job's id, not "
      .. options.show(id))
  end
  check_reason("candy.queue.cancel", reason)
  local answer, err = wait.request("candy.queue.cancel", "cancel", {
    id = id, reason = reason,
  })
  if not answer then
    return nil, err
  elseif not answer.found then
    return nil, errors.new({
      code = "not_found",
      message = ("job %s neither waits nor runs: it has ended, or never was"):format(id),
    })
  end
  return answer.running and "told" or "cancelled"
end

local function set_pause(what, resume, name, opts)
  if not options.queue_name(name) then
    core.misuse(("%s: the first argument must be a name, not %s")
      :format(what, options.show(name)))
  end
  local read = options.read(what, opts, PAUSE)
  check_reason(what, read.reason)
  return wait.request(what, "pause", {
    name = name, task = read.task == true, resume = resume, reason = read.reason,
  })
end

---@class candy.PauseOptions
---@field task boolean?  true: the name is a task's, not a queue's
---@field reason string?  for people, at most 500 bytes

--- Lets a queue, or a task, rest: its jobs wait until it goes on. What runs is left
--- alone. Error: `unknown_task`, where no script declares the task.
---@param name string
---@param opts candy.PauseOptions?
---@return boolean? ok, candy.Error? err
function queue.pause(name, opts)
  return set_pause("candy.queue.pause", false, name, opts)
end

--- Lets a queue or a task that rests go on.
---@param name string
---@param opts candy.PauseOptions?
---@return boolean? ok, candy.Error? err
function queue.resume(name, opts)
  return set_pause("candy.queue.resume", true, name, opts)
end

return frozen.freeze(queue, "candy.queue")
