-- A busted helper (named in .busted) that ends the process once the suite has ended, and
-- before that leaves "passed failed skipped" in the file named by its argument, if any:
-- spec/run counts by it, whatever a spec prints.
local busted = require("busted")

local path = arg[1]
local tally = { success = 0, failure = 0, pending = 0 }

busted.subscribe({ "test", "end" }, function(_, _, status)
  local key = status == "error" and "failure" or status
  tally[key] = tally[key] + 1
  return nil, true
end)

-- What fails outside of a test: a file that does not load, a setup or a teardown.
local function outside(element)
  if element.descriptor ~= "it" then
    tally.failure = tally.failure + 1
  end
  return nil, true
end
busted.subscribe({ "error" }, outside)
busted.subscribe({ "failure" }, outside)

local function write_tally()
  local file = assert(io.open(path, "w"))
  file:write(("%d %d %d\n"):format(tally.success, tally.failure, tally.pending))
  file:close()
end

-- The Lua state is not closed: luv 1.44 crashes there when a spec left handles closing.
busted.subscribe({ "exit" }, function()
  if path then
    write_tally()
  end
  io.stdout:flush()
  os.exit(tally.failure == 0 and 0 or 1, false)
end)
