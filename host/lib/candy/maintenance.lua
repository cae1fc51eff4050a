-- candy.maintenance: the upkeep of the store, on demand. The host does each part in small
-- steps, between which the queue goes on, and keeps up the most needful by itself anyway.
local frozen = require("candy.frozen")
local wait = require("candy.wait")

local function part(verb)
  local what = "candy.maintenance." .. verb
  return function()
    return wait.request(what, verb, {})
  end
end

local maintenance = {}

--- Forgets finished jobs and lines of the log past their time (the settings keep.*), and
--- values whose time is over. The host does so every minute by itself.
---@return table? figures, candy.Error? err  { jobs, log_lines = how many were forgotten }
maintenance.retention = part("retention")

--- Looks whether the store's file is whole, a table at a time. It takes seconds on a
--- large one; tables that take longer than 5 s each are left out and named. Error:
--- `maintenance_busy` (one is under way).
---@return table? report, candy.Error? err  { ok = boolean, tables = how many were looked
---  at, problems = texts, skipped = names of tables }
maintenance.integrity = part("integrity")

--- Gives free pages of the store's file back to the file system.
---@return table? figures, candy.Error? err  { freed_pages, free_pages = how many are left
---  }
maintenance.vacuum = part("vacuum")

--- Brings what stands in the log in front of the store's file (the WAL) into it.
---@return table? figures, candy.Error? err  { pages = in the log, moved_pages = of them,
---  in their place by now, busy = one is under way already }
maintenance.checkpoint = part("checkpoint")

--- Begins a new log file now; the old one is kept as the settings say.
---@return table? figures, candy.Error? err  {}
maintenance.rotate_logs = part("rotate_logs")

--- Figures of the queue and the store.
---@return table? stats, candy.Error? err  { jobs = { available = n, ... by state,
---  set_aside }, up to 10000 each, oldest_available_ms, store = { bytes, free_bytes,
---  log_bytes } }
maintenance.stats = part("stats")

return frozen.freeze(maintenance, "candy.maintenance")
