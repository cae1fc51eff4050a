-- Waiting for a condition instead of for a time.
local uv = require("luv")

local STEP_MS = 5

local poll = {}

--- Asks `condition` until it answers something true, and returns that; the uv loop turns
--- meanwhile, so that callbacks of the spec itself can bring the condition about.
---@param condition fun(): any
---@param deadline_s number  after so many seconds it is an error
---@param what string  what is waited for, as the error says it
function poll.wait_for(condition, deadline_s, what)
  local deadline = uv.hrtime() + deadline_s * 1e9
  local tick = uv.new_timer()
  tick:start(STEP_MS, STEP_MS, function() end)
  local ok, answer = pcall(condition)
  while ok and not answer and uv.hrtime() < deadline do
    uv.run("once")
    ok, answer = pcall(condition)
  end
  tick:close()
  uv.run("nowait")
  if not ok then
    error(answer, 0)
  end
  if not answer then
    error(("waited %g s for %s"):format(deadline_s, what), 2)
  end
  return answer
end

return poll
