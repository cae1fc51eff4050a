-- candy.batch: jobs that are looked at as one.
--- Jobs that are looked at as one: how far they are, and what follows when they end.
---
--- ```lua
--- -- scripts/newsletter.lua
--- local candy = require("candy")
---
--- candy.task("send", { payload = { to = "string" } }, function(job)
---   return { sent = job.payload.to }
--- end)
---
--- candy.task("sent", function(job)
---   local batch = candy.batch.get(job.batch)
---   return { sent = batch.completed, of = batch.total }
--- end)
---
--- candy.task("newsletter", { payload = { to = "string[]" } }, function(job)
---   local jobs = {}
---   for i, to in ipairs(job.payload.to) do
---     jobs[i] = { type = "send", payload = { to = to } }
---   end
---   return candy.batch({ jobs = jobs, on_complete = { type = "sent" } })
--- end)
--- ```

local core = require("candy.core")
local frozen = require("candy.frozen")
local new_jobs = require("candy.new_jobs")
local options = require("candy.options")
local wait = require("candy.wait")

---@class candy.BatchOptions
---@field jobs candy.NewJob[]  at most 50,000; none is a batch that has ended
---@field name string?  for people
---@field at_most integer?  so many of them are let go at a time; the others are pending
---@field on_success candy.NewJob?  enqueued when all have completed
---@field on_complete candy.NewJob?  enqueued when all have ended in whatever way
---@field on_death candy.NewJob?  enqueued with the first that is dead

---@class candy.Batch
---@field id string
---@field name string?
---@field state string  running, completed, failed, cancelling or cancelled
---@field total integer  how many jobs it has
---@field completed integer
---@field dead integer
---@field cancelled integer
---@field percent number  how many have ended
---@field created_at integer  in milliseconds since 1970
---@field finished_at integer?
---@field followers table  on_success, on_complete, on_death: type, and id once enqueued

local batch = {}

local function follower(value)
  if type(value) == "table" then
    return new_jobs.one("candy.batch", value)
  end
  return nil, "a job such as { type = ..., payload = {...} }"
end

local OPTIONS = {
  name = options.label,
  at_most = options.integer(1, 50000),
  on_success = follower,
  on_complete = follower,
  on_death = follower,
  jobs = function(value)
    if type(value) == "table" then
      return new_jobs.list("candy.batch", value)
    end
    return nil, "a list of jobs"
  end,
}

local function check_id(what, id)
  if type(id) ~= "string" or not id:match("^%d+$") then
    core.misuse(("%s: the argument must be the id of a batch, not %s")
      :format(what, options.show(id)))
  end
end

--- Enqueues jobs as a batch, all of them or none. `candy.batch(order)` is the same.
---
--- Each job that follows is enqueued once. It knows the batch as `job.batch`, and is no
--- part of it. A running job of the batch adds to it by
--- `job:enqueue(type, payload, { batch = job.batch })`: the batch cannot end in between.
---@param order candy.BatchOptions
---@return string? id, candy.Error? err, table<integer, boolean>? duplicates
---  duplicates[i]: the i-th is a job that was there, or stands before it in the list
function batch.new(order)
  local spec = options.read("candy.batch", order, OPTIONS)
  if not spec.jobs then
    core.misuse("candy.batch: jobs are missing: { jobs = { { type = ... }, ... } }")
  end
  local answer, err = wait.request("candy.batch", "batch", spec)
  if not answer then
    return nil, err
  end
  local duplicates = {}
  for _, place in ipairs(answer.duplicates) do
    duplicates[place] = true
  end
  return answer.id, nil, duplicates
end

--- Tells how far a batch is. Finished ones are kept as long as completed jobs are, those
--- with dead jobs as long as these.
---@param id string
---@return candy.Batch? batch, candy.Error? err  code `no_such_batch`
function batch.get(id)
  check_id("candy.batch.get", id)
  return wait.request("candy.batch.get", "batch_get", { id = id })
end

--- Cancels those of its jobs that wait, and tells those that run: see job:cancelled.
---@param id string
---@return boolean? running, candy.Error? err  false: it had ended already; or code
---  `no_such_batch`
function batch.cancel(id)
  check_id("candy.batch.cancel", id)
  local answer, err = wait.request("candy.batch.cancel", "batch_cancel", { id = id })
  if not answer then
    return nil, err
  end
  return answer.running
end

return frozen.freeze(batch, "candy.batch", batch.new)
