-- What a child leaves behind is adopted and ended; what is nobody's of ours is let alone.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local processes = require("spec.support.processes")
local program = require("spec.support.program")
local uv = require("luv")

local function start(mode, script)
  local input = uv.new_pipe(false)
  local probe = { out = "", input = input }
  local out = uv.new_pipe(false)
  probe.handle = assert(uv.spawn(program.build() .. "/probe/orphans",
    { args = { mode, script }, stdio = { input, out, 2 } },
    function(code) probe.code = code end))
  out:read_start(function(_, text) probe.out = probe.out .. (text or "") end)
  poll.wait_for(function() return probe.out:find("ended 0") end, 20, "the script's end")
  return probe
end

local function stop(probe)
  probe.input:close()
  poll.wait_for(function() return probe.code end, 20, "the probe's end")
end

local function children_of(pid)
  local text = candy.read(("/proc/%d/task/%d/children"):format(pid, pid))
  return select(2, text:gsub("%d+", ""))
end

describe("orphans", function()
  it("are ended with all below them, and reaped", function()
    local probe = start("all", [[
      setsid sh -c 'sleep 7101; true' &
      setsid sh -c 'setsid sleep 7101 & sleep 7101; true' &
      sh -c 'exit 0' &
    ]])
    processes.wait("sleep 7101", 0)
    local pid = uv.process_get_pid(probe.handle)
    poll.wait_for(function() return children_of(pid) == 0 end, 20, "no child")
    stop(probe)
  end)

  it("without the mark are reaped, and not ended", function()
    local probe = start("marked",
      "MARK=1 setsid sleep 7102 & MARK=2 setsid sleep 7103 & setsid sleep 0.1 &")
    processes.wait("sleep 7102", 0)
    local pid = uv.process_get_pid(probe.handle)
    poll.wait_for(function() return children_of(pid) == 2 end, 20, "two children")
    assert.equal(1, processes.count("sleep 7103"))
    assert.equal(1, processes.count("sleep 7100"))
    for child in candy.read(("/proc/%d/task/%d/children"):format(pid, pid))
      :gmatch("%d+") do
      uv.kill(tonumber(child), "sigkill")
    end
    poll.wait_for(function() return children_of(pid) == 0 end, 20, "no child")
    stop(probe)
  end)
end)
