-- The job object that a task's function gets: this is its metatable. The object is a
-- table that core knows by its address; fields are read when they are asked for and kept
-- in it, so that what a task does not use costs nothing.
local core = require("candy.core")
local errors = require("candy.error")
local event = require("candy.event")
local log = require("candy.log")
local new_job = require("candy.new_job")
local options = require("candy.options")
local wait = require("candy.wait")

local methods = {}

-- Notes progress or a checkpoint; tells whether this attempt still owns the job.
local function report(job, what, fields)
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
---@param message string?
---@return boolean? ok, table? err
function methods.progress(job, percent, message)
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
---@return boolean? ok, table? err
function methods.save(job, checkpoint)
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
---@param task string|table  a task's name or handle
---@param payload table?
---@param opts table?  as candy.queue.push takes them
function methods.enqueue(job, task, payload, opts)
  local spec = new_job("job:enqueue", task, payload, opts)
  core.job_child(job, assert(core.encode(spec)))
end

--- Adds an event that is emitted when this one completes, in the same transaction.
---@param name string
---@param data any?  what JSON can hold
function methods.emit(job, name, data)
  core.job_child(job, assert(core.encode(event.spec("job:emit", name, data))))
end

--- `return job:snooze("5m")`: run the job again later, without counting an attempt.
---@param duration string|number
function methods.snooze(job, duration)
  local ms, expected = options.duration(duration)
  if not ms then
    core.misuse(("job:snooze: the argument must be %s, not %s")
      :format(expected, options.show(duration)))
  end
  return core.job_snooze(job, ms)
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
