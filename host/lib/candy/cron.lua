-- candy.cron: tasks that are due again and again. For now it is declared, checked and
-- listed; nothing runs by it yet.
local core = require("candy.core")
local options = require("candy.options")
local script = require("candy.script")

---@class candy.CronOptions
---@field tz string?  a name such as "Europe/Berlin"; UTC by default
---@field name string?  the task's by default; each cron has its own

local OPTIONS = { tz = options.label, name = options.queue_name }

local function text_of(where, payload)
  if payload ~= nil and type(payload) ~= "table" then
    core.misuse(("the payload of %s must be a table, not %s")
      :format(where, options.show(payload)))
  end
  local text, problem = core.encode(payload or {})
  if not text then
    core.misuse(("the payload of %s cannot be kept as JSON: %s"):format(where, problem))
  elseif text:sub(1, 1) ~= "{" then
    core.misuse(("the payload of %s must have fields with names"):format(where))
  end
  return text
end

--- Declares when a task is due. Not run yet: it is checked, and listed by `candy crons`
--- and GET /crons.
---
--- The expression has five fields: minute (0-59), hour (0-23), day of month (1-31), month
--- (1-12 or jan-dec), day of week (0-7 or sun-sat; 0 and 7 are Sunday). A field is "*", a
--- value, a range "1-5", a list "1,3,5", or any of these with a step "*/15". Where both
--- days are given, either is enough. Or @hourly, @daily, @weekly, @monthly, @yearly.
---
---     candy.cron("0 8 * * 1-5", digest, { repo = "a/b" }, { tz = "Europe/Berlin" })
---@param expression string
---@param task string|candy.Task  a task's name or handle; it may be declared in another
---  file
---@param payload table?  of each of its jobs; {} by default; checked against the task
---@param opts candy.CronOptions?
local function declare(expression, task, payload, opts)
  script.check_declares("candy.cron")
  local name = type(task) == "table" and task.name or task
  if type(name) ~= "string" or name == "" then
    core.misuse("candy.cron: the second argument must be a task's name or handle, not "
      .. options.show(task))
  end
  local where = ('the cron of "%s"'):format(name)
  local declaration = options.read(where, opts, OPTIONS)
  if type(expression) ~= "string" then
    core.misuse(("candy.cron: the first argument must be an expression such as "
      .. '"0 8 * * 1-5", not %s'):format(options.show(expression)))
  end
  local problem = core.check_cron(expression, declaration.tz)
  if problem then
    core.misuse(("%s, \"%s\": %s"):format(where, expression, problem))
  end
  declaration.expression, declaration.task = expression, name
  declaration.payload = text_of(where, payload)
  script.declare("cron", declaration.name or name, declaration)
end

-- Checking them, once all files have been run --

local function fault_of(cron, tasks)
  local task = tasks[cron.task]
  if not task then
    return ('no script declares a task "%s"'):format(cron.task)
  end
  return task.compiled and core.check_schema(task.compiled, cron.payload)
end

--- Lets the files fail whose crons name no task, or have a payload that does not fit it.
--- A file that fails takes its tasks along, so others may fail after it.
local function check()
  local tasks = {}
  for _, task in ipairs(script.declarations("task")) do
    tasks[task.name] = task
  end
  for _, cron in ipairs(script.declarations("cron")) do
    local fault = fault_of(cron, tasks)
    if fault then
      script.fail(cron.file, "bad_cron", ('%s:%d: the cron "%s": %s')
        :format(cron.path, cron.line, cron.name, fault), cron.line)
      return check()
    end
  end
end

return { declare = declare, check = check }
