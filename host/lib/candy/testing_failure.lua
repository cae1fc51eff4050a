-- What a test says when it fails: errors of jobs with their place and the lines that the
-- job logged, values as people write them. Plain Lua of any version.
local failure = {}

local DEPTH, WIDTH = 4, 300

-- ---- values ----

local function sorted(value)
  local keys = {}
  for key in pairs(value) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    if type(a) == "number" and type(b) == "number" then
      return a < b
    end
    return tostring(a) < tostring(b)
  end)
  return keys
end

local show

local function show_table(value, depth)
  local parts = {}
  for _, key in ipairs(sorted(value)) do
    local item = show(value[key], depth - 1)
    parts[#parts + 1] = type(key) == "number" and item
      or ("%s = %s"):format(tostring(key), item)
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

function show(value, depth)
  if type(value) == "string" then
    return ("%q"):format(value)
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  return depth == 0 and "{...}" or show_table(value, depth)
end

--- A value on one line, cut where it is long.
function failure.show(value)
  local text = show(value, DEPTH)
  return #text > WIDTH and text:sub(1, WIDTH) .. "..." or text
end

--- Whether all that `part` has is in `whole`.
function failure.contains(whole, part)
  if type(part) ~= "table" or type(whole) ~= "table" then
    return whole == part
  end
  for key, value in pairs(part) do
    if not failure.contains(whole[key], value) then
      return false
    end
  end
  return true
end

-- ---- errors of jobs ----

local function indent(text)
  return (text:gsub("\n%s*$", ""):gsub("\n", "\n    "))
end

local function line_of_log(line)
  return ("%-5s %s"):format(line.level or "", indent(line.message or ""))
end

local function describe(err)
  local lines = { ("%s (%s)"):format(err.message, err.code or "error") }
  if err.attempt then
    lines[1] = ("%s failed at attempt %d: %s"):format(err.type, err.attempt, lines[1])
  end
  if err.traceback then
    lines[#lines + 1] = "  " .. indent(err.traceback)
  end
  if #err.logs > 0 then
    lines[#lines + 1] = "  it logged:"
  end
  for _, line in ipairs(err.logs) do
    lines[#lines + 1] = "    " .. line_of_log(line)
  end
  return table.concat(lines, "\n")
end

local meta = { __tostring = describe }

--- An error that tells all of it as text: of an attempt, or of what never ran.
---@param err table  code, message, perhaps traceback; changed
---@param attempt table?  type, attempt
---@param logs table[]?  what its job logged
function failure.of(err, attempt, logs)
  err.type, err.attempt = attempt and attempt.type, attempt and attempt.attempt
  err.logs = logs or {}
  err.message = err.message or "it failed"
  return setmetatable(err, meta)
end

-- ---- the end of a test ----

--- Fails the test, at the line that called the function that calls this.
function failure.fail(text)
  local ok, busted = pcall(require, "busted")
  if ok and type(busted) == "table" and busted.fail then
    busted.fail(text, 3)
  end
  error(text, 3)
end

return failure
