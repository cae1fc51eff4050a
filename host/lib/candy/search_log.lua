-- candy.log.search: looking into the log table.
local core = require("candy.core")
local options = require("candy.options")
local wait = require("candy.wait")

local LEVELS = { "debug", "info", "warn", "error" }
local CURSOR = options.integer(0, 2 ^ 53)
local QUERY_MAX = 200

-- Bits of a level and of what is worse.
local function levels(value)
  local bits, found = 0, false
  for i, name in ipairs(LEVELS) do
    found = found or name == value
    bits = bits + (found and 2 ^ (i - 1) or 0)
  end
  if found then
    return bits
  end
  return nil, '"debug", "info", "warn" or "error"'
end

local function types(value)
  if options.label(value) then
    return core.array({ value })
  end
  local list = core.array({})
  for i, name in ipairs(type(value) == "table" and value or {}) do
    list[i] = options.label(name)
  end
  if #list > 0 and #list == #value then
    return list
  end
  return nil, "a task's name, or a list of them"
end

local function job(value)
  local id = type(value) == "string" and value:match("^%d+$") and tonumber(value)
  if id and id > 0 and id <= 2 ^ 53 then
    return id
  end
  return nil, "a job's id"
end

local function query(value)
  if options.text(value) and #value <= QUERY_MAX then
    return value
  end
  return nil, ("a text of at most %d bytes"):format(QUERY_MAX)
end

---@class candy.LogSearch
---@field level "debug"|"info"|"warn"|"error"|nil  it and what is worse
---@field type string|string[]|nil  of a task, or of several
---@field job string?  a job's id
---@field trace string?  a job with its children
---@field since integer|string?  a time
---@field until integer|string?  a time
---@field q string?  words that the line must have, in its message or fields; "two words"
---  in a row; begin* of one
---@field limit integer?  1 to 1000; 100 by default
---@field after integer?  what the last call returned beside the lines: go on with later
---  ones
---@field before integer?  the same: go on with earlier ones

---@class candy.LogLine
---@field id integer
---@field time integer  milliseconds since 1970
---@field level "debug"|"info"|"warn"|"error"
---@field message string
---@field job_id string?
---@field attempt integer?
---@field type string?  the task's name
---@field trace_id string?
---@field worker string?
---@field workspace string
---@field fields table?

local OPTIONS = {
  level = levels, type = types, job = job, trace = options.label,
  since = options.time, ["until"] = options.time, q = query,
  limit = options.integer(1, 1000), after = CURSOR, before = CURSOR,
}

--- Looks into the log table: newest lines first, or with `after` the oldest first behind
--- a line that was seen before.
---
--- A page may be short, or even empty, while there is more: a search looks at so many
--- lines at a time. Errors: `log_search` (the search has no word in it).
---
---     local seen = candy.kv.get("seen") or 0
---     local lines, seen_now = candy.log.search({ level = "warn", after = seen })
---@param opts candy.LogSearch?
---@return candy.LogLine[]? lines, integer|candy.Error|nil following  then what to give as
---  `after` (where it was given) or as `before` (nil at the end) to go on; nil, err when
---  they cannot be read
return function(opts)
  local what = "candy.log.search"
  local read = options.read(what, opts, OPTIONS)
  if read.after and read.before then
    core.misuse(what .. ": after goes without before: give one of the two")
  end
  local answer, err = wait.request(what, "logs", {
    levels = read.level, types = read.type, job = read.job, trace = read.trace,
    since = read.since, ["until"] = read["until"], q = read.q, limit = read.limit,
    after = read.after, before = read.before,
  })
  if not answer then
    return nil, err
  end
  local following = answer.next
  return answer.items, (read.after or following ~= 0) and following or nil
end
