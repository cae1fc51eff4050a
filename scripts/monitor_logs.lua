-- MONITOR_LOGS: looks through the log and raises the event logs.alert for what should not
-- be there: texts that are watched for, and too many errors of one task.
--
--   candy enqueue MONITOR_LOGS '{"minutes":10,"patterns":["disk full"]}' --wait
--
--   candy.on("logs.alert", function(job)
--     local alert = job.payload.data -- kind, key, count, example, since
--   end)
--
-- An alert that was raised is not raised again for an hour (quiet), however often the
-- task runs, so that it can run every minute.
local candy = require("candy")

local PAGE, PAGES = 1000, 20 -- lines at a time, and how often they are asked for
local MINUTE = 60 * 1000

-- Counts lines by the key that key_of gives them, PAGE * PAGES lines at most; they come
-- newest first, so that the example of each key is its newest line.
local function count(filter, key_of)
  local groups = {}
  filter.limit = PAGE
  for _ = 1, PAGES do
    local lines, following = candy.log.search(filter)
    if not lines then
      return nil, following
    end
    for _, line in ipairs(lines) do
      local key = key_of(line)
      groups[key] = groups[key] or { key = key, count = 0, example = line.message }
      groups[key].count = groups[key].count + 1
    end
    filter.before = following
    if not following then
      break
    end
  end
  return groups
end

-- Adds to `alerts` the groups of one kind that have more than so many lines.
local function add(alerts, kind, more_than, groups)
  for _, group in pairs(groups) do
    if group.count > more_than then
      group.kind = kind
      alerts[#alerts + 1] = group
    end
  end
end

local function find_alerts(wanted)
  local alerts = candy.json.array({})
  for _, pattern in ipairs(wanted.patterns) do
    local groups, err = count({ q = pattern, since = wanted.since },
      function() return pattern end)
    if not groups then
      return nil, err
    end
    add(alerts, "pattern", 0, groups)
  end
  local groups, err = count({ level = "error", since = wanted.since },
    function(line) return line.type or "host" end)
  if not groups then
    return nil, err
  end
  add(alerts, "errors", wanted.max_errors, groups)
  return alerts
end

-- Raises an alert unless it was raised within `quiet`. Of many jobs one alone can set the
-- mark; it is taken back when the event could not be emitted.
local function raise(alert, wanted)
  local mark = ("monitor_logs/%s/%s"):format(alert.kind, alert.key:sub(1, 400))
  local version, err = candy.kv.set(mark, candy.time.now(), {
    expires = wanted.quiet, if_version = 0,
  })
  if not version then
    return err.code == "version_conflict", err
  end
  alert.since, alert.raised = wanted.since, true
  local told, problem = candy.emit("logs.alert", alert)
  if not told then
    candy.kv.delete(mark)
  end
  return told ~= nil, problem
end

candy.task("MONITOR_LOGS", {
  description = "Raises logs.alert for texts and rates of errors in the log.",
  payload = {
    minutes = "number?", -- how far it looks back; 5 without it
    patterns = "string[]?", -- as candy logs --search takes them
    max_errors = "integer?", -- of one task in that time; 20 without it
    quiet = "string?", -- how long an alert is not repeated; "1h" without it
  },
}, function(job)
  local p = job.payload
  local wanted = {
    since = candy.time.now() - (p.minutes or 5) * MINUTE,
    patterns = p.patterns or {},
    max_errors = p.max_errors or 20,
    quiet = p.quiet or "1h",
  }
  local alerts, err = find_alerts(wanted)
  if not alerts then
    return nil, err
  end
  for _, alert in ipairs(alerts) do
    local ok, problem = raise(alert, wanted)
    if not ok then
      return nil, problem
    end
  end
  return { alerts = alerts }
end)
