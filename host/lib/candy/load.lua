-- The start of a worker: runs the files, registers their tasks, and returns what the
-- host is told about them (the manifest, as JSON).
local core = require("candy.core")
local cron = require("candy.cron")
local limits = require("candy.limits")
local script = require("candy.script")

local function or_null(value)
  if value == nil then
    return core.null
  end
  return value
end

local function task_of_manifest(task)
  return limits.put({
    name = task.name, file = task.path, line = task.line,
    queue = or_null(task.queue),
    priority = task.priority or 0,
    max_retries = or_null(task.max_retries),
    backoff_ms = task.backoff,
    timeout_ms = or_null(task.timeout),
    heartbeat_ms = task.heartbeat,
    cancel_grace_ms = task.cancel_grace,
    deadline_ms = task.deadline,
    rerun = task.rerun ~= false,
    unique = or_null(task.rule),
    description = or_null(task.description),
    schema = or_null(task.schema),
    key = or_null(task.key), order = or_null(task.order),
    keyless = task.keyless,
  }, task)
end

local function queue_of_manifest(queue)
  return limits.put({
    name = queue.name, file = queue.path, line = queue.line,
    order = or_null(queue.order), fair = queue.fair == true,
    weights = or_null(queue.weights), ageing_ms = or_null(queue.ageing),
  }, queue)
end

local function schema_of_manifest(schema)
  return {
    name = schema.name, file = schema.path, line = schema.line,
    steps = core.array(schema.steps),
  }
end

local function handler_of_manifest(handler)
  return {
    event = handler.event, task = handler.name, file = handler.path, line = handler.line,
  }
end

local function cron_of_manifest(declared)
  return {
    name = declared.name, file = declared.path, line = declared.line,
    expression = declared.expression, tz = declared.tz or "UTC", task = declared.task,
    payload = declared.payload,
  }
end

local function map(list, fn)
  local mapped = core.array({})
  for i, value in ipairs(list) do
    mapped[i] = fn(value)
  end
  return mapped
end

local function run_all()
  for _, file in ipairs(script.files) do
    if file.load and not file.excluded and not file.state then
      script.run(file)
    end
  end
  cron.check()
  script.started()
end

local function files_of_manifest()
  local told = core.array({})
  for _, file in ipairs(script.files) do
    if file.load and not file.excluded then
      told[#told + 1] = { path = file.path, error = or_null(file.failure) }
    end
  end
  return told
end

return function()
  run_all()
  local tasks = script.declarations("task")
  for _, task in ipairs(tasks) do
    core.task(task.name, task.fn, task.timeout, task.compiled, task.heartbeat)
  end
  return assert(core.encode({
    tasks = map(tasks, task_of_manifest),
    schemas = map(script.declarations("schema"), schema_of_manifest),
    handlers = map(script.declarations("handler"), handler_of_manifest),
    queues = map(script.declarations("queue"), queue_of_manifest),
    crons = map(script.declarations("cron"), cron_of_manifest),
    files = files_of_manifest(),
  }))
end
