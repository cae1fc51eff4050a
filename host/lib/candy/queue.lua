-- candy.queue: new jobs, and what is done to others.
local core = require("candy.core")
local errors = require("candy.error")
local frozen = require("candy.frozen")
local new_job = require("candy.new_job")
local new_jobs = require("candy.new_jobs")
local options = require("candy.options")
local wait = require("candy.wait")

---@class candy.EnqueueOptions
---@field delay candy.Duration?  how long the job waits at least
---@field run_at integer|string?  when it may run: milliseconds since 1970, or RFC 3339
---@field priority integer?  smaller runs first; the task's by default
---@field queue string?  where it waits; the task's by default
---@field tags string[]?  at most 20
---@field key string?  what the job is about
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
  if reason ~= nil and (type(reason) ~= "string" or #reason > 500) then
    core.misuse(("%s: the reason must be a text of at most 500 bytes, not %s")
      :format(what, options.show(reason)))
  end
end

local function enqueue(what, specs)
  local answer, err = wait.request(what, "enqueue", { jobs = core.array(specs) })
  if not answer then
    return nil, err
  end
  local duplicates = {}
  for _, i in ipairs(answer.duplicates) do
    duplicates[i] = true
  end
  return answer.ids, nil, duplicates
end

--- Enqueues a job.
---@param task string|candy.Task  a task's name or handle
---@param payload table?  {} by default
---@param opts candy.EnqueueOptions?
---@return string? id, candy.Error? err, boolean? duplicate  the id once the job is on
---  disk; duplicate: it is that of a job that was there, and is the same as this one
function queue.push(task, payload, opts)
  local ids, err, duplicates = enqueue("candy.queue.push", {
    new_job("candy.queue.push", task, payload, opts),
  })
  if not ids then
    return nil, err
  end
  return ids[1], nil, duplicates[1] == true
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
  local specs = new_jobs.list(what, jobs)
  if #specs == 0 then
    return core.array({}), nil, {}
  end
  return enqueue(what, specs)
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
--- alone.
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
