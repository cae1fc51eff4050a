-- candy: what scripts get by require("candy").
local core = require("candy.core")
local cron = require("candy.cron")
local errors = require("candy.error")
local event = require("candy.event")
local fiber = require("candy.fiber")
local frozen = require("candy.frozen")
local options = require("candy.options")
local script = require("candy.script")
local wait = require("candy.wait")

local candy = {
  all = fiber.all,
  cron = cron.declare,
  crypto = require("candy.crypto"),
  db = require("candy.db"),
  emit = event.emit,
  file = require("candy.file"),
  json = require("candy.json"),
  kv = require("candy.kv"),
  lock = require("candy.lock"),
  log = require("candy.log"),
  maintenance = require("candy.maintenance"),
  on = event.on,
  permanent = errors.permanent,
  process = require("candy.process"),
  queue = require("candy.queue"),
  secret = require("candy.secret"),
  spawn = fiber.spawn,
  task = require("candy.task"),
  time = require("candy.time"),
  timeout = fiber.timeout,
}

local function check_steps(name, steps)
  for i, step in ipairs(steps) do
    if type(step) ~= "string" or step == "" then
      core.misuse(('schema "%s": step %d must be SQL, not %s')
        :format(name, i, options.show(step)))
    end
  end
  if #steps == 0 then
    core.misuse(('schema "%s": there is no SQL in it'):format(name))
  end
end

--- Declares tables. Steps are run once, in their order; later ones are added at the end.
---@param name string
---@param steps string|string[]  SQL
function candy.schema(name, steps, ...)
  script.check_declares("candy.schema")
  if not options.queue_name(name) then
    core.misuse("candy.schema: the first argument must be a name, not "
      .. options.show(name))
  end
  if select("#", ...) > 0 then
    core.misuse(('schema "%s": several steps are given as a list: { "create ...", '
      .. '"create ..." }'):format(name))
  end
  if type(steps) == "string" then
    steps = { steps }
  elseif type(steps) ~= "table" then
    core.misuse(('schema "%s": the second argument must be SQL or a list of it, not %s')
      :format(name, options.show(steps)))
  end
  check_steps(name, steps)
  script.declare("schema", name, { steps = steps })
end

--- Waits while other jobs run.
---@param duration string|number  "100ms", or a number of seconds
function candy.sleep(duration)
  local ms, expected = options.duration(duration)
  if not ms then
    core.misuse(("candy.sleep: the argument must be %s, not %s")
      :format(expected, options.show(duration)))
  end
  core.sleep(ms)
  wait.await()
end

return frozen.freeze(candy, "candy")
