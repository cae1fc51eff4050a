-- candy.on and candy.emit: what happened, and what is done about it. Each handler is a
-- task, so what it does is retried, listed and looked into like any other job.
--- # Events
---
--- What happened, by a name, and what is done about it: each handler is a task, so what
--- it does is retried, listed and looked into like any other job.
---
--- ```lua
--- -- scripts/orders.lua
--- local candy = require("candy")
---
--- candy.on("order.paid", function(job)
---   job.log.info("paid", { order = job.payload.data.id })
--- end)
---
--- candy.task("pay", { payload = { id = "string" } }, function(job)
---   local handlers, err = candy.emit("order.paid", { id = job.payload.id })
---   return handlers, err
--- end)
--- ```
---
--- ```console
--- $ candy enqueue pay '{"id":"a1"}' --wait
--- 1
--- ```

---@class candy.HandlerOptions
---@field max_retries integer?  as candy.task takes it, as the others
---@field timeout candy.Duration?
---@field queue string?
---@field priority integer?

local core = require("candy.core")
local options = require("candy.options")
local script = require("candy.script")
local wait = require("candy.wait")

local NAME_MAX = 200
local OPTIONS = {
  max_retries = options.retries,
  timeout = options.time_limit,
  queue = options.queue_name,
  priority = options.priority,
}

local counts = {}
local event = {}

local function is_name(name)
  return type(name) == "string" and #name <= NAME_MAX and name:match("^[%w_.:-]+$")
end

--- What the host is asked for by candy.emit and job:emit.
---@param what string  the public function, for errors
---@param name string
---@param data any
---@return table spec  { event, payload as JSON text }
function event.spec(what, name, data)
  if not is_name(name) then
    core.misuse(("%s: an event has a name of letters, digits and _ . : - of at most %d "
      .. "characters; got %s"):format(what, NAME_MAX, options.show(name)))
  end
  local text, problem = "null"
  if data ~= nil then
    text, problem = core.encode(data)
  end
  if not text then
    core.misuse(("%s: the data cannot be kept as JSON: %s"):format(what, problem))
  end
  return { event = name, payload = text }
end

-- The same in each worker: "on:order.paid:mail", with ":2" behind a file's second.
local function task_of(name, file)
  local base = ("on:%s:%s"):format(name, file.name:gsub("[^%w_.-]", "_"))
  counts[base] = (counts[base] or 0) + 1
  return counts[base] == 1 and base or ("%s:%d"):format(base, counts[base])
end

--- Declares a handler: a function that runs as a job whenever the event is emitted.
---
--- The job's payload is { event = its name, data = what it was emitted with, time = when
--- (milliseconds since 1970), source = the id of the job that emitted it, or "host",
--- depth = 1, and one more where another handler emitted it }. Each event is handled at
--- least once by each handler that was declared when it was emitted.
---
--- Candy itself emits `job.dead` ({ id, type, error = { code, message } }), for jobs that
--- are no handlers themselves, also when one dies at its deadline and never began;
--- `scripts.loaded` and `scripts.failed`. These can get lost when the host dies at that
--- moment.
---@param name string  letters, digits and _ . : -; with "*" at its end ("order.*") it
---  stands for all events that begin so
---@param opts candy.HandlerOptions  may be left out
---@param fn fun(job: candy.Job): any, any
---@overload fun(name: string, fn: fun(job: candy.Job): any, any)
function event.on(name, opts, fn, ...)
  script.check_declares("candy.on")
  if fn == nil and type(opts) == "function" then
    opts, fn = nil, opts
  end
  if type(name) ~= "string" or not is_name((name:gsub("%*$", "x"))) then
    core.misuse(("candy.on: an event has a name of letters, digits and _ . : - of at "
      .. 'most %d characters, and perhaps "*" at its end; got %s')
      :format(NAME_MAX, options.show(name)))
  end
  local where = ('the handler of "%s"'):format(name)
  local declaration = options.read(where, opts, OPTIONS)
  if type(fn) ~= "function" or select("#", ...) > 0 then
    core.misuse(("candy.on takes an event, options and a function: the last one for %s "
      .. "is %s"):format(where, options.show(fn)))
  end
  local task = task_of(name, script.current())
  declaration.fn = fn
  declaration.description = "handles " .. name
  script.declare("task", task, declaration)
  script.declare("handler", task, { event = name, fn = fn })
end

--- Tells all handlers of an event that it happened: enqueues a job for each, all
--- or none. Returns once they are on disk. A handler may emit events too, but no more
--- than 8 deep. Errors: `event_too_deep`, `event_too_large` (more than 1 MB of data).
---@param name string  letters, digits and _ . : -
---@param data any?  what JSON can hold
---@return integer? handlers, candy.Error? err  how many there are
function event.emit(name, data)
  local spec = event.spec("candy.emit", name, data)
  local answer, err = wait.request("candy.emit", "emit", {
    event = spec.event, data = spec.payload,
  })
  return answer and answer.handlers, err
end

return event
