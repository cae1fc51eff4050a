-- What the coroutine of each slot runs: one job after the other, until there is none that
-- may begin now. An error ends the coroutine; the worker tells what became of the job.
local core = require("candy.core")
local fiber = require("candy.fiber")
local job_meta = require("candy.job")

local take, finish, settle = core.take, core.finish, fiber.settle
local yield = coroutine.yield

return function()
  while true do
    local run, job = take(job_meta)
    if run then
      finish(settle(run(job)))
    else
      yield()
    end
  end
end
