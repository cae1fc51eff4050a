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
  batch = require("candy.batch"),
  cron = cron.declare,
  crypto = require("candy.crypto"),
  db = require("candy.db"),
  emit = event.emit,
  file = require("candy.file"),
  http = require("candy.http"),
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
  xml = require("candy.xml"),
}

--- What stands in `candy` itself; the rest has pages of its own.

--- A text of a number and ms, s, m, h or d, such as "250ms", "30s", "5m", "2h", "7d"; or
--- a number of seconds.
---@alias candy.Duration string|number

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

--- Declares tables: SQL, or a list of steps. Each step runs once, in its order. To change
--- a table later, add a step at the end; a step that was applied must not change.
---
--- ```lua
--- -- scripts/tables.lua
--- local candy = require("candy")
---
--- candy.schema("clicks", {
---   "create table clicks (url text, at integer)",
---   "create index clicks_by_url on clicks (url)",
--- })
---
--- candy.task("click", { payload = { url = "string" } }, function(job)
---   job:write("insert into clicks values (?, ?)", job.payload.url, candy.time.now())
--- end)
---
--- candy.task("clicks_of", { payload = { url = "string" } }, function(job)
---   local row = candy.db.one("select count(*) as n from clicks where url = ?",
---     job.payload.url)
---   return { clicks = row.n }
--- end)
--- ```
---
--- ```console
--- $ candy enqueue click '{"url":"https://example.org"}' --wait
--- null
--- $ candy enqueue clicks_of '{"url":"https://example.org"}' --wait
--- {"clicks":1}
--- ```
---@param name string  letters, digits and _ . : - /
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
---@param duration candy.Duration
function candy.sleep(duration)
  local ms, expected = options.duration(duration)
  if not ms then
    core.misuse(("candy.sleep: the argument must be %s, not %s")
      :format(expected, options.show(duration)))
  end
  wait.sleep(ms)
end

return frozen.freeze(candy, "candy")
