-- What goes wrong: it strikes at random times while the uv loop turns, so also in the
-- middle of a request.
local uv = require("luv")

local CALM = { "kill_worker", "pause_worker" }
local ALL = { "kill_host", "kill_host", "stop_host", "kill_worker", "kill_worker",
  "kill_worker", "pause_worker", "reload" }

local Trouble = {}
Trouble.__index = Trouble

-- run: has `host`, `subjects`, and is_calm() when the host is to live.
function Trouble.new(run)
  local self = setmetatable({ run = run, timer = uv.new_timer(), counts = {} }, Trouble)
  self:arm()
  return self
end

function Trouble:arm()
  self.timer:start(math.random(300, 4000), 0, function()
    local host = self.run.host
    local strikes = self.run:is_calm() and CALM or ALL
    local strike = strikes[math.random(#strikes)]
    if host and host:is_running() then
      self.counts[strike] = (self.counts[strike] or 0) + 1
      self[strike](self, host)
    end
    self:arm()
  end)
end

function Trouble.kill_host(_, host)
  uv.kill(host.pid, "sigkill")
end

-- One that is asked twice ends at once.
function Trouble.stop_host(_, host)
  host.times_asked = (host.times_asked or 0) + 1
  uv.kill(host.pid, "sigterm")
end

local function any_worker(host)
  local pids = host:workers()
  return pids[1] and pids[math.random(#pids)]
end

function Trouble.kill_worker(_, host)
  local pid = any_worker(host)
  if pid then
    uv.kill(pid, "sigkill")
  end
end

-- For less or more time than the stall limit, which is 1 s here.
function Trouble.pause_worker(_, host)
  local pid = any_worker(host)
  local timer = uv.new_timer()
  if pid then
    uv.kill(pid, "sigstop")
  end
  timer:start(math.random(100, 3000), 0, function()
    timer:close()
    if pid then
      uv.kill(pid, "sigcont")
    end
  end)
end

-- A changed script makes a new generation of workers.
function Trouble:reload(host)
  for _, subject in ipairs(self.run.subjects) do
    if subject.reload then
      subject.reload(host.scripts)
    end
  end
end

function Trouble:stop()
  self.timer:close()
end

function Trouble:total()
  local total = 0
  for _, count in pairs(self.counts) do
    total = total + count
  end
  return total
end

function Trouble:told()
  local counts = {}
  for strike, count in pairs(self.counts) do
    counts[#counts + 1] = strike .. " " .. count
  end
  table.sort(counts)
  return table.concat(counts, ", ")
end

return Trouble
