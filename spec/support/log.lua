-- What a host has written to the sinks of its log.
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local PATIENCE = 30 -- seconds; only a failure ever takes so long

local log = {}

--- The tasks that specs of the log use.
log.SCRIPT = [[
local candy = require("candy")

candy.task("say", function(job)
  candy.log[job.payload.level or "info"](job.payload.text, job.payload.fields)
end)

candy.task("say_many", function(job)
  for i = 1, job.payload.n do
    candy.log.error("line " .. i .. " of many", { i = i })
  end
end)

candy.task("say_slowly", function(job)
  for i = 1, job.payload.n do
    candy.log.info("slowly " .. i)
    candy.sleep(job.payload.every)
  end
end)

candy.task("say_long", function(job)
  for i = 1, job.payload.n do
    candy.log.info(job.payload.text, { i = i })
  end
end)

candy.task("fail", { max_retries = 0 }, function(job)
  return nil, job.payload.text or "on purpose"
end)

candy.task("succeed", function() end)
]]

function log.start(options)
  options = options or {}
  options.scripts = options.scripts or { ["log.lua"] = log.SCRIPT }
  return candy.start(options)
end

--- The text of a file in the folder of the log, "" when there is none.
function log.text(host, name)
  local file = io.open(host.logs .. "/" .. (name or "orchestrator.log"), "rb")
  local text = file and file:read("*a") or ""
  if file then
    file:close()
  end
  return text
end

--- The lines of orchestrator.log, or of another file in its form, decoded.
function log.lines(host, name)
  local lines = {}
  for line in log.text(host, name):gmatch("([^\n]*)\n") do
    local ok, value = pcall(cjson.decode, line)
    assert(ok, "no JSON: " .. line)
    lines[#lines + 1] = value
  end
  return lines
end

--- Lines whose message holds the plain text.
function log.find(host, text, name)
  local found = {}
  for _, line in ipairs(log.lines(host, name)) do
    if line.message:find(text, 1, true) then
      found[#found + 1] = line
    end
  end
  return found
end

--- Waits until orchestrator.log (or another file) holds the plain text.
function log.wait(host, text, name)
  poll.wait_for(function()
    return log.text(host, name):find(text, 1, true)
  end, PATIENCE, "'" .. text .. "' in " .. (name or "orchestrator.log"))
end

--- One value out of the store of the host.
function log.sql(host, sql)
  local list = assert(io.popen(("sqlite3 '%s/candy.db' \"%s\""):format(host.data, sql)))
  local value = list:read("*a"):gsub("\n$", "")
  list:close()
  return value
end

--- Says a text by a job, and waits until that has ended.
function log.say(host, text, fields, level)
  local id = host:push("say", { text = text, fields = fields, level = level })
  assert(host:wait(id).state == "completed")
  return id
end

return log
