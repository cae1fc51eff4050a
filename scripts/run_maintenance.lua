-- RUN_MAINTENANCE: the upkeep of the store and the log, at a time of your choosing.
--
--   candy enqueue RUN_MAINTENANCE --wait
--   candy enqueue RUN_MAINTENANCE '{"steps":["integrity"]}' --wait
--
-- Candy does what is most needful by itself. This does all of it now, one step after the
-- other while other jobs go on, and reports what each did.
local candy = require("candy")

local STEPS = {
  "retention", -- forgets finished jobs and values whose time is over
  "integrity", -- looks whether the store's file is whole
  "checkpoint", -- brings the store's log into its file
  "vacuum", -- gives free space back to the file system
  "rotate_logs", -- begins a new log file
}

local KNOWN = {}
for _, step in ipairs(STEPS) do
  KNOWN[step] = true
end

local function unknown_step(steps)
  for _, step in ipairs(steps) do
    if not KNOWN[step] then
      return ("RUN_MAINTENANCE: there is no step %q; steps are %s"):format(step,
        table.concat(STEPS, ", "))
    end
  end
end

-- A store that is damaged is for people to look at: no other attempt makes it whole, and
-- the steps that follow would only write to it.
local function damage(integrity)
  local problems = table.concat(integrity.problems or {}, "; ")
  candy.emit("maintenance.damaged", { problems = integrity.problems })
  return candy.permanent({
    code = "store_damaged",
    message = "the store's file is damaged, restore a backup of it: " .. problems,
  })
end

candy.task("RUN_MAINTENANCE", {
  description = "Retention, integrity, checkpoint, vacuum and log rotation.",
  payload = { steps = "string[]?" },
  timeout = "30m",
}, function(job)
  local steps = job.payload.steps or STEPS
  local problem = unknown_step(steps)
  if problem then
    return nil, candy.permanent(problem)
  end
  local report = { before = candy.maintenance.stats() }
  for i, step in ipairs(steps) do
    job:progress(100 * (i - 1) / #steps, step)
    local done, err = candy.maintenance[step]()
    if not done then
      return nil, err
    elseif step == "integrity" and not done.ok then
      return nil, damage(done)
    end
    report[step] = done
  end
  report.after = candy.maintenance.stats()
  return report
end)
