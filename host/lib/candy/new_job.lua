-- A job that is wanted: checked and put as the host reads it. Serves candy.queue, handles
-- of tasks, job:enqueue, candy.batch and job:fan_out.
local core = require("candy.core")
local options = require("candy.options")
local unique = require("candy.unique")

local function dependencies(value)
  local list = type(value) == "table" and value or { value }
  local ids = options.list(list, 1000, options.label)
  return ids, not ids and "the id of a job, or a list of at most 1000 of them" or nil
end

local function failure(value)
  if value == "run" or value == "cancel" then
    return value
  end
  return nil, '"cancel" or "run"'
end

local OPTIONS = {
  after = dependencies,
  after_failure = failure,
  batch = options.label,
  ref = options.label,
  delay = options.duration,
  run_at = options.time,
  priority = options.priority,
  queue = options.queue_name,
  tags = options.tags,
  key = options.label,
  max_retries = options.retries,
  deadline = options.deadline,
  unique = unique.of_job,
}

local function type_of(what, task)
  local name = type(task) == "table" and task.name or task
  if type(name) ~= "string" or name == "" then
    core.misuse(("%s: the first argument must be a task's name or handle, not %s")
      :format(what, options.show(task)))
  end
  return name
end

local function check_payload(what, value)
  if value ~= nil and type(value) ~= "table" then
    core.misuse(("%s: the payload must be a table, not %s")
      :format(what, options.show(value)))
  end
end

local function refuse_payload(what, problem)
  core.misuse(("%s: the payload cannot be kept as JSON: %s"):format(what, problem))
end

local function read(what, name, opts)
  local spec = options.read(("%s of %s"):format(what, name), opts, OPTIONS)
  spec.delay_ms, spec.delay = spec.delay, nil
  return spec
end

local new_job = {}

--- What the host is asked for to enqueue one job among other things: a table.
---@param what string  the public function, for errors
---@param task string|table  a task's name or handle
---@param value table?  the payload
---@param opts table?
function new_job.spec(what, task, value, opts)
  local name = type_of(what, task)
  local spec = read(what, name, opts)
  check_payload(what, value)
  local text, problem = core.encode(value == nil and core.object({}) or value)
  if not text then
    refuse_payload(what, problem)
  end
  spec.type, spec.payload = name, text
  return spec
end

--- The same as candy/wait.lua sends it to enqueue nothing but jobs: a string.
function new_job.message(what, task, value, opts)
  local name = type_of(what, task)
  local spec = opts ~= nil and read(what, name, opts) or nil
  check_payload(what, value)
  local more = spec and next(spec) and assert(core.encode(spec)) or nil
  local message, problem = core.new_job(name, value, more)
  if not message then
    refuse_payload(what, problem)
  end
  return message
end

return new_job
