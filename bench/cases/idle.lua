-- A host with one worker and nothing to do: memory, and CPU over some seconds.
local uv = require("luv")
local hosts = require("bench.hosts")
local machine = require("bench.machine")

local function report_memory(report, who, pid)
  local memory = machine.memory(pid)
  report("idle " .. who .. ", resident", memory.rss, "kB")
  report("idle " .. who .. ", its share", memory.pss, "kB")
  return memory.rss
end

return function(report, scale)
  local host = hosts.start({ workers = 1 })
  local worker = assert(host:workers()[1])
  uv.sleep(500)
  local before, began = machine.cpu_ns({ host.pid, worker }), uv.hrtime()
  uv.sleep(scale.idle_s * 1000)
  local cpu = machine.cpu_ns({ host.pid, worker }) - before
  report("idle CPU of host and worker", 100 * cpu / (uv.hrtime() - began), "% of a core",
    { target = "< 0.2" })
  local total = report_memory(report, "host", host.pid)
    + report_memory(report, "worker", worker)
  report("idle host and worker, resident", total, "kB",
    { target = "< 15360", compare = "memory" })
  hosts.drop(host)
end
