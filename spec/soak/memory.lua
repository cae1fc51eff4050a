-- The host's memory, looked at once a second.
local uv = require("luv")
local candy = require("spec.support.candy")

local WARM_S = 5 -- a new host's memory is looked at after so long

local Memory = {}
Memory.__index = Memory

local function status_kb(pid, field)
  local ok, text = pcall(candy.read, "/proc/" .. pid .. "/status")
  return ok and tonumber(text:match(field .. ":%s*(%d+)")) or 0
end

-- rss_max: of all hosts; `first` is what the host that lives last had once it was warm,
-- `last` what it came to.
function Memory.new()
  return setmetatable({ rss_max = 0, next_s = 0 }, Memory)
end

function Memory:look(host, up_s)
  local now_s = uv.hrtime() / 1e9
  if now_s < self.next_s or not host:is_running() then
    return
  end
  self.next_s = now_s + 1
  local anonymous = status_kb(host.pid, "RssAnon")
  self.rss_max = math.max(self.rss_max, status_kb(host.pid, "VmRSS"))
  if self.pid ~= host.pid and up_s >= WARM_S then
    self.pid, self.first = host.pid, anonymous
  end
  self.last = anonymous
end

function Memory:grown()
  return (self.last or 0) - (self.first or 0)
end

return Memory
