-- Processes of the machine by their commands. Programs that specs start and watch carry
-- numbers of their own, such as `sleep 7001`.
local poll = require("spec.support.poll")
local uv = require("luv")

local processes = {}

local function command_of(pid)
  local file = io.open("/proc/" .. pid .. "/cmdline", "rb")
  local text = file and file:read("*a")
  if file then
    file:close()
  end
  return ((text or ""):gsub("%z", " "))
end

--- How many run whose command begins so.
function processes.count(command)
  local n = 0
  for name in uv.fs_scandir_next, (uv.fs_scandir("/proc")) do
    if name:match("^%d+$") and command_of(name):sub(1, #command) == command then
      n = n + 1
    end
  end
  return n
end

--- Waits until so many do.
function processes.wait(command, count)
  local last
  local ok = pcall(poll.wait_for, function()
    last = processes.count(command)
    return last == count
  end, 30, "")
  assert(ok, ("%d processes run that begin with '%s', not %d")
    :format(last, command, count))
end

return processes
