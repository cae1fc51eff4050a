-- The job object that a task's function gets: this is its metatable. The object is a
-- table that core knows by its address; fields are read when they are asked for and kept
-- in it, so that what a task does not use costs nothing.
--- # The job
---
--- What a task's function gets. The object works in its own task, until that returns, and
--- is no result: return the fields that are wanted.
---
--- What `job:write` and `job:enqueue` collect is done when the job completes, in the same
--- transaction, or not at all: it happens exactly once, however often the job is tried.
--- What a job does to the world outside happens at least once.
---
--- ```lua
--- -- scripts/import.lua
--- local candy = require("candy")
---
--- candy.schema("contacts", "create table contacts (name text)")
---
--- candy.task("import_contacts", { payload = { names = "string[]" } }, function(job)
---   for i, name in ipairs(job.payload.names) do
---     job:write("insert into contacts values (?)", name)
---     job:progress(100 * i / #job.payload.names, name)
---   end
---   job.log.info("contacts read", { count = #job.payload.names, attempt = job.attempt })
--- end)
--- ```

local core = require("candy.core")
local errors = require("candy.error")
local event = require("candy.event")
local log = require("candy.log")
local new_job = require("candy.new_job")
local new_jobs = require("candy.new_jobs")
local options = require("candy.options")
local wait = require("candy.wait")

---@class candy.Job
---@field id string  of this job, as everywhere else
---@field type string  the task's name
---@field payload table  the input, as the task's shape wants it; a JSON null reads as nil
---@field attempt integer  1 at the first attempt
---@field max_retries integer  how often it is tried again after a failure
---@field lease integer  grows at each attempt: a fencing token for what is done outside
---@field queue string  where it waited
---@field key string?  as it was given when the job was enqueued
---@field tags string[]  as they were given
---@field workspace string  "default", until there are others
---@field created_at integer  when it was enqueued, in milliseconds since 1970
---@field batch string?  the batch that it belongs to, or that it follows
---@field trace_id string  shared with the jobs that it enqueues, and found in the log
---@field checkpoint any  what job:save of an earlier attempt kept; nil at first
---@field log candy.log  as candy.log
local methods = {}

-- job.write("...") passes the text where the job belongs.
local function check_self(job, what)
  if type(job) ~= "table" then
    core.misuse(("%s: call it with a colon, as in %s(...)"):format(what, what))
  end
end

-- Notes progress or a checkpoint; tells whether this attempt still owns the job.
local function report(job, what, fields)
  core.job_beat(job)
  fields.id, fields.lease = core.job_field(job, "id"), core.job_field(job, "lease")
  local answer, err = wait.request(what, "progress", fields)
  if not answer then
    return nil, err
  elseif answer.stale then
    return nil, errors.new({
      code = "stale_lease",
      message = "another attempt has taken the job over: what this one reports has no "
        .. "effect any more",
    })
  end
  return true
end

--- Tells how far the job is.
---@param percent number  0 to 100
---@param message string?  for people who watch
---@return boolean? ok, candy.Error? err  code `stale_lease` when another attempt has
---  taken the job over
function methods.progress(job, percent, message)
  check_self(job, "job:progress")
  if type(percent) ~= "number" or not (percent >= 0 and percent <= 100) then
    core.misuse("job:progress: percent must be a number from 0 to 100, not "
      .. options.show(percent))
  end
  return report(job, "job:progress", {
    percent = percent,
    message = message ~= nil and tostring(message) or nil,
  })
end

--- Keeps a checkpoint, which the next attempt finds as job.checkpoint.
---@param checkpoint any  what JSON can hold
---@return boolean? ok, candy.Error? err  code `stale_lease` as with job:progress
function methods.save(job, checkpoint)
  check_self(job, "job:save")
  local text, problem = core.encode(checkpoint)
  if not text then
    core.misuse("job:save: the checkpoint cannot be kept as JSON: " .. problem)
  end
  local ok, err = report(job, "job:save", { checkpoint = text })
  if ok then
    rawset(job, "checkpoint", checkpoint)
  end
  return ok, err
end

--- Adds a write that is done when the job completes, in the same transaction.
---@param sql string
---@param ... string|number|boolean|nil  the parameters
function methods.write(job, sql, ...)
  check_self(job, "job:write")
  if type(sql) ~= "string" then
    core.misuse("job:write: the first argument must be SQL, not " .. options.show(sql))
  end
  local params, problem = core.encode_parameters(...)
  if not params then
    core.misuse("job:write: " .. problem)
  end
  core.job_write(job, sql, params)
end

--- Adds a job that is enqueued when this one completes, in the same transaction.
---@param task string|candy.Task  a task's name or handle
---@param payload table?  {} by default
---@param opts candy.EnqueueOptions?
function methods.enqueue(job, task, payload, opts)
  check_self(job, "job:enqueue")
  local spec = new_job.spec("job:enqueue", task, payload, opts)
  core.job_child(job, assert(core.encode(spec)))
end

--- Adds an event that is emitted when this one completes, in the same transaction.
---@param name string
---@param data any?  what JSON can hold
function methods.emit(job, name, data)
  check_self(job, "job:emit")
  core.job_child(job, assert(core.encode(event.spec("job:emit", name, data))))
end

--- `return job:snooze("5m")`: run the job again later, without counting an attempt.
---@param duration candy.Duration
---@return any  what the task's function has to return
function methods.snooze(job, duration)
  check_self(job, "job:snooze")
  local ms, expected = options.duration(duration)
  if not ms then
    core.misuse(("job:snooze: the argument must be %s, not %s")
      :format(expected, options.show(duration)))
  end
  return core.job_snooze(job, ms)
end

--- Whether the job is to end, because somebody cancelled it or its deadline has passed.
---
--- A wait of such a job raises an error with the code `cancelled` or `deadline`, and so
--- does each further one. The task has `cancel_grace` for its last words, then it is
--- ended from outside. What it does return in time counts: the job is completed. With
--- `nil, err` or an error the job ends as it was asked.
---
--- ```lua
--- candy.task("count_stars", { cancel_grace = "2s" }, function(job)
---   for star = 1, 1000 do
---     local cancelled, why = job:cancelled()
---     if cancelled then
---       return nil, "stopped at star " .. star .. ": " .. why
---     end
---     candy.sleep(0.01)
---   end
--- end)
--- ```
---@return boolean cancelled, string? why
function methods.cancelled(job)
  check_self(job, "job:cancelled")
  return core.job_cancelled(job)
end

--- Says that the job lives, where its task has a `heartbeat`. It costs next to nothing.
function methods.heartbeat(job)
  check_self(job, "job:heartbeat")
  core.job_beat(job)
end

local FAN_OPTIONS = {
  at_most = options.integer(1, 10000),
  fail_on_death = options.boolean,
}

---@class candy.FanOptions
---@field at_most integer?  how many of the children run at a time
---@field fail_on_death boolean?  true: when a child is dead, the others are cancelled,
---  and job:children raises, which is the end of this job too

---@class candy.Child
---@field id string
---@field type string
---@field state string  completed, dead or cancelled
---@field result any  of a completed one
---@field error table?  of another one: code and message

--- `return job:fan_out(jobs)`: enqueue children and wait for them. The job takes up no
--- worker meanwhile and counts no attempt; it runs again when all of them have ended, in
--- whatever way, and finds them in job:children. What job:write and job:enqueue collected
--- is done now, in the same transaction.
---
--- ```lua
--- -- scripts/pages.lua
--- local candy = require("candy")
---
--- candy.task("page", { payload = { n = "integer" } }, function(job)
---   return job.payload.n * 10
--- end)
---
--- candy.task("book", { payload = { pages = "integer" } }, function(job)
---   local children = job:children()
---   if not children then
---     local pages = {}
---     for n = 1, job.payload.pages do
---       pages[n] = { type = "page", payload = { n = n } }
---     end
---     return job:fan_out(pages, { at_most = 8 })
---   end
---   local sum = 0
---   for _, child in ipairs(children) do
---     sum = sum + (child.result or 0)
---   end
---   return sum
--- end)
--- ```
---
--- ```console
--- $ candy enqueue book '{"pages":4}' --wait
--- 100
--- ```
---@param jobs candy.NewJob[]  at most 10,000
---@param opts candy.FanOptions?
---@return any  what the task's function has to return
function methods.fan_out(job, jobs, opts)
  check_self(job, "job:fan_out")
  local fan = options.read("job:fan_out", opts, FAN_OPTIONS)
  fan.jobs = new_jobs.list("job:fan_out", jobs)
  if #fan.jobs > 10000 then
    core.misuse("job:fan_out: a job has at most 10000 children at a time")
  end
  return core.job_fan_out(job, assert(core.encode(fan)))
end

local function check_children(part)
  if part.failed then
    error(errors.new({
      code = "child_failed",
      message = part.first_dead and ("its child %s is dead"):format(part.first_dead)
        or "not all of its children have completed",
      permanent = true,
    }), 0)
  end
end

--- What the children of the last job:fan_out came to, in their order; nil when there was
--- none yet. What keeps it from telling is raised.
---@return candy.Child[]?
function methods.children(job)
  check_self(job, "job:children")
  if job.lease == 1 then
    return nil -- it has never run before
  end
  local list, after = {}, nil
  repeat
    local part, err = wait.request("job:children", "children", { after = after })
    if not part then
      error(err, 0)
    elseif not part.found then
      return nil
    end
    check_children(part)
    for _, child in ipairs(part.items) do
      list[#list + 1] = child
    end
    after = part.next
  until not after
  return list
end

methods.log = log

local meta = core.job_meta()
meta.__metatable = false

function meta.__index(job, key)
  local method = methods[key]
  if method ~= nil then
    return method
  end
  local value = core.job_field(job, key)
  if value ~= nil then
    rawset(job, key, value)
  end
  return value
end

return meta
