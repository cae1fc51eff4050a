-- What the system knows of a process and of the machine, from /proc.
local uv = require("luv")

local machine = {}

local function read(path)
  local file = io.open(path, "rb")
  if not file then
    return ""
  end
  local text = file:read("*a")
  file:close()
  return text
end

--- Resident memory in kB: all of it, and with what is shared counted by its share.
---@return { rss: integer, pss: integer }
function machine.memory(pid)
  local text = read("/proc/" .. pid .. "/smaps_rollup")
  return {
    rss = tonumber(text:match("\nRss:%s*(%d+)")),
    pss = tonumber(text:match("\nPss:%s*(%d+)")),
  }
end

--- The processes that a process has started, and those that these have.
---@return integer[] pids
function machine.descendants(pid)
  local pids = {}
  local list = io.popen("cat /proc/" .. pid .. "/task/*/children 2>/dev/null")
  for child in list:read("*a"):gmatch("%d+") do
    pids[#pids + 1] = tonumber(child)
  end
  list:close()
  for i = 1, #pids do
    for _, below in ipairs(machine.descendants(pids[i])) do
      pids[#pids + 1] = below
    end
  end
  return pids
end

--- Nanoseconds that the threads of the processes have run.
---@param pids integer[]
function machine.cpu_ns(pids)
  local total = 0
  for _, pid in ipairs(pids) do
    local list = io.popen("cat /proc/" .. pid .. "/task/*/schedstat 2>/dev/null")
    for line in list:lines() do
      total = total + tonumber(line:match("^%d+"))
    end
    list:close()
  end
  return total
end

--- Waits until what has been written is on disk, so that what comes next does not pay for
--- it.
---@param folder string  on the file system that is meant
function machine.sync(folder)
  os.execute(("sync -f '%s'"):format(folder))
end

--- What figures depend on.
function machine.about()
  local uname = uv.os_uname()
  return {
    cores = uv.available_parallelism(),
    cpu = uv.cpu_info()[1].model,
    memory_mb = math.floor(uv.get_total_memory() / 2 ^ 20),
    system = uname.sysname .. " " .. uname.release .. " " .. uname.machine,
  }
end

return machine
