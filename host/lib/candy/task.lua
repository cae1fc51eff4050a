-- candy.task: named code that jobs run.
local core = require("candy.core")
local frozen = require("candy.frozen")
local key = require("candy.key")
local limits = require("candy.limits")
local options = require("candy.options")
local shapes = require("candy.payload")
local queue = require("candy.queue")
local script = require("candy.script")
local unique = require("candy.unique")

--- Code with a name, which jobs run.
---
--- ## What becomes of a job
---
--- What the function returns decides it:
---
--- | returned | the job |
--- |---|---|
--- | a value, or nothing | completed, with that `result` (or null) |
--- | `nil, err`, or an error raised | failed: retried, after `err.retry_after` if given |
--- | `nil, candy.permanent("why")` | dead at once |
--- | `job:snooze("5m")` | comes back later; nothing is counted |
---
--- ## The shape of a payload
---
--- It names a type a field: `string integer number boolean table any`, with `?` behind it
--- when the field may be absent, `[]` for a list; nested tables are objects. Or a JSON
--- Schema (2020-12) by `{ schema = { ... } }`. A payload is checked when it comes in and
--- again before the task runs. A JSON null reads as `nil`.
---
--- ```lua
--- -- scripts/shapes.lua
--- local candy = require("candy")
---
--- candy.task("publish_later", {
---   payload = {
---     text = "string",
---     channels = "string[]",
---     media = { url = "string", width = "integer?" },
---     at = "any?",
---   },
---   max_retries = 5, timeout = "2m", queue = "social",
--- }, function(job)
---   if #job.payload.channels == 0 then
---     return nil, candy.permanent("no channel was chosen")
---   end
---   return { channels = #job.payload.channels }
--- end)
--- ```
---
--- ## Jobs that are the same
---
--- `unique`, `debounce`, `throttle` and `singleton` say what becomes of one more job. A
--- task has one of them; what does not fit together is refused when the file is loaded.
--- Jobs are the same when their task, workspace, `key` and the fields that count are.
--- With `unique` all fields count, or those that it names; with `debounce` and `throttle`
--- those that `fields` names, and else none; with `singleton` none.
---
--- | `singleton` | a new job while there is another |
--- |---|---|
--- | `"skip"` | is not enqueued: the other one is the answer |
--- | `"queue"` | waits: one runs at a time |
--- | `"cancel_previous"` | cancels all before it, also the one that runs |
--- | `"cancel_queued"` | cancels those that wait, and waits for the one that runs |
---
--- [How to avoid duplicates](../../how-to/avoid-duplicates.md) shows each of them.

local function shape(value)
  if type(value) == "table" then
    return value
  end
  return nil, 'a table such as { repo = "string", since = "string?" }'
end

---@class candy.TaskOptions
---@field payload table?  its shape, as above; any object by default
---@field additional boolean?  true: fields that are not declared are allowed
---@field max_retries integer?  how often it is tried again after a failure; 3 by default
---@field backoff candy.Duration|candy.Duration[]|nil  how long a retry waits: always so
---  long, or the n-th one as the n-th of a list says, and all behind its end as its last
---  one does. By default n^4 seconds, an hour at most, half of that fixed and half random
---@field timeout candy.Duration?  how long an attempt may take; "5m" by default, and
---  without end with a heartbeat
---@field heartbeat candy.Duration?  the longest silence: job:heartbeat, job:progress and
---  job:save break it, and a job that is silent for longer fails with `heartbeat_lost`
---@field cancel_grace candy.Duration?  how long a cancelled job may go on; "10s" by
---  default
---@field deadline candy.Duration?  from enqueue to its end: a job that waits longer never
---  starts and is dead with the code `deadline`; one that runs is cancelled, and dead
---@field queue string?  where its jobs wait; "default" by default
---@field priority integer?  smaller runs first; 0 by default
---@field rerun boolean?  false: never again by itself once it began and was lost; true by
---  default
---@field unique boolean|string[]|candy.Unique|nil  jobs with the same payload, or the
---  same fields of it, are enqueued once
---@field debounce candy.Duration|candy.Debounce|nil  jobs run so long after the last call
---@field throttle candy.Duration|candy.Throttle|nil  one job in so long a time
---@field singleton string?  `skip`, `queue`, `cancel_previous` or `cancel_queued`
---@field description string?  a text for people
---@field key string?  what a job is about, made of its payload: "{account}", "{site.id}",
---  "{workspace}:{account}"; a `key` that is given with the job wins
---@field concurrency integer?  at most so many of its jobs run at a time
---@field rate string?  at most so many begin within a time: "100/1m"
---@field key_concurrency integer?  the same for the jobs of each key
---@field key_rate string?
---@field order "strict"?  the jobs of one key run one after the other in the order in
---  which they came, retries included; `priority` counts for nothing then. Needs `key`

---@class candy.Unique
---@field fields string[]?  of the payload; all of it by default
---@field states string[]?  in which a job counts; all unfinished ones by default
---@field window candy.Duration?  it counts for so long after it was created

---@class candy.Debounce
---@field wait candy.Duration  from the last call on
---@field max_wait candy.Duration?  but no longer than so from the first one on
---@field fields string[]?  only calls with the same values in these are put together

---@class candy.Throttle
---@field window candy.Duration  from the creation of the one job on
---@field fields string[]?  one job for each of the values in these

local NO_LIMIT = 365 * 86400 * 1000

local OPTIONS = limits.with({
  payload = shape,
  additional = options.boolean,
  max_retries = options.retries,
  backoff = options.durations,
  timeout = options.time_limit,
  heartbeat = options.time_limit,
  cancel_grace = options.duration,
  deadline = options.time_limit,
  queue = options.queue_name,
  priority = options.priority,
  rerun = options.boolean,
  unique = unique.of_task,
  debounce = unique.debounce,
  throttle = unique.throttle,
  singleton = unique.singleton,
  description = options.text,
  key = key.pattern,
  order = options.one_of("strict"),
})

local function check_name(name)
  if type(name) ~= "string" or #name > 200 or not name:match("^[%w_%.:-]+$") then
    core.misuse(("candy.task: a name is made of letters, digits and _ . : - and has at "
      .. "most 200 characters; got %s"):format(options.show(name)))
  end
end

local function compile_payload(where, declaration)
  local additional = declaration.additional == true
  local schema, problem = shapes.compile(declaration.payload, additional)
  local text
  if schema then
    text, problem = core.encode(schema)
  end
  if text then
    declaration.compiled, problem = core.schema(text)
  end
  if not declaration.compiled then
    core.misuse(("the payload of %s: %s"):format(where, problem))
  end
  declaration.schema = schema
end

--- A declared task. Where a task's name is asked for, this serves as well.
---@class candy.Task
---@field name string
local methods = {}

--- Enqueues a job of it, as candy.queue.push.
---@param payload table?  {} by default
---@param opts candy.EnqueueOptions?
---@return string? id, candy.Error? err, boolean? duplicate
function methods.enqueue(task, payload, opts)
  return queue.push(task, payload, opts)
end

local function handle(name)
  return frozen.freeze({ name = name, enqueue = methods.enqueue },
    ('task "%s"'):format(name))
end

--- Declares a task: code with a name, which jobs run. Only at a file's top level.
---
--- Any option that is not known is an error that names the file and line.
---@param name string  letters, digits and _ . : -
---@param opts candy.TaskOptions  may be left out
---@param fn fun(job: candy.Job): any, any
---@return candy.Task task  a handle
---@overload fun(name: string, fn: fun(job: candy.Job): any, any): candy.Task
return function(name, opts, fn, ...)
  script.check_declares("candy.task")
  check_name(name)
  if fn == nil and type(opts) == "function" then
    opts, fn = nil, opts
  end
  local where = ('task "%s"'):format(name)
  if select("#", ...) > 0 then
    core.misuse(("candy.task takes a name, options and a function: more was given for %s")
      :format(where))
  end
  local declaration = options.read(where, opts, OPTIONS)
  if type(fn) ~= "function" then
    core.misuse(("the last argument of candy.task for %s must be a function, not %s")
      :format(where, options.show(fn)))
  end
  if declaration.heartbeat and not declaration.timeout then
    declaration.timeout = NO_LIMIT
  end
  if declaration.payload then
    compile_payload(where, declaration)
  end
  key.check(where, declaration)
  unique.settle(where, declaration)
  declaration.fn = fn
  script.declare("task", name, declaration)
  return handle(name)
end
