-- candy.task: named code that jobs run.
local core = require("candy.core")
local frozen = require("candy.frozen")
local options = require("candy.options")
local payload = require("candy.payload")
local queue = require("candy.queue")
local script = require("candy.script")

local function shape(value)
  if type(value) == "table" then
    return value
  end
  return nil, 'a table such as { repo = "string", since = "string?" }'
end

local OPTIONS = {
  payload = shape,
  additional = options.boolean,
  max_retries = options.retries,
  timeout = options.time_limit,
  queue = options.queue_name,
  priority = options.priority,
  rerun = options.boolean,
  description = options.text,
}

local function check_name(name)
  if type(name) ~= "string" or #name > 200 or not name:match("^[%w_%.:-]+$") then
    core.misuse(("candy.task: a name is made of letters, digits and _ . : - and has at "
      .. "most 200 characters; got %s"):format(options.show(name)))
  end
end

local function compile_payload(where, declaration)
  local additional = declaration.additional == true
  local schema, problem = payload.compile(declaration.payload, additional)
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

local function handle(name)
  return frozen.freeze({
    name = name,
    enqueue = function(_, value, opts)
      return queue.push(name, value, opts)
    end,
  }, ('task "%s"'):format(name))
end

--- Declares a task.
---@param name string  letters, digits and _ . : -
---@param opts table|function  payload, additional, max_retries, timeout, queue, priority,
---  rerun, description; may be left out
---@param fn fun(job: table): any, any
---@return table handle  with `name` and `enqueue(payload, opts)`
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
  if declaration.payload then
    compile_payload(where, declaration)
  end
  declaration.fn = fn
  script.declare("task", name, declaration)
  return handle(name)
end
