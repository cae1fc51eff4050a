-- Reading options: every one is known and well-typed, or the script is told which is not.
--
-- A reader takes a value and returns what is meant by it, or nil and what it should be.
local core = require("candy.core")

local NAME_MAX = 200
local options = {}

-- Readers --

function options.boolean(value)
  if type(value) == "boolean" then
    return value
  end
  return nil, "true or false"
end

-- What goes to the host is JSON, which has no other texts.
local function is_utf8(value)
  return core.encode(value) ~= nil
end

function options.text(value)
  if type(value) == "string" and value ~= "" and is_utf8(value) then
    return value
  end
  return nil, "a text in UTF-8"
end

function options.integer(low, high)
  return function(value)
    if type(value) == "number" and value % 1 == 0 and value >= low and value <= high then
      return value
    end
    return nil, ("an integer from %d to %d"):format(low, high)
  end
end

--- Milliseconds of "30s", or of a number of seconds.
function options.duration(value)
  local ms
  if type(value) == "string" then
    ms = core.duration(value)
  elseif type(value) == "number" and value >= 0 and value <= 3.1e9 then
    ms = math.floor(value * 1000 + 0.5)
  end
  if ms then
    return ms
  end
  return nil, 'a duration such as "30s", "5m" or "2h", or a number of seconds'
end

--- Milliseconds of a duration that is longer than nothing.
function options.time_limit(value)
  local ms, expected = options.duration(value)
  if ms and ms > 0 then
    return ms
  end
  return nil, expected or "longer than nothing"
end

--- Milliseconds of a duration, or of each of a list of them; a list.
function options.durations(value)
  local list = options.list(type(value) == "table" and value or { value }, 100,
    options.duration)
  if list and #list > 0 then
    return list
  end
  return nil, 'a duration such as "30s", or a list of up to 100 of them'
end

local UNITS = { b = 1, kb = 2 ^ 10, mb = 2 ^ 20, gb = 2 ^ 30, tb = 2 ^ 40 }

local function bytes_of(text)
  local digits, unit = text:match("^(%d+)(%a*)$")
  local factor = digits and UNITS[unit == "" and "b" or unit:lower()]
  return factor and tonumber(digits) * factor
end

--- Bytes of "256mb", or of a number of them, up to `most`.
function options.size(most)
  return function(value)
    local bytes = value
    if type(value) == "string" then
      bytes = bytes_of(value)
    end
    if type(bytes) == "number" and bytes % 1 == 0 and bytes > 0 and bytes <= most then
      return bytes
    end
    return nil, ('a size such as "64kb" or "16mb", up to %.0f bytes'):format(most)
  end
end

--- Milliseconds since 1970 of a number of them, or of RFC 3339.
function options.time(value)
  local ms = value
  if type(value) == "string" then
    ms = core.parse(value)
  end
  if type(ms) == "number" and ms % 1 == 0 and ms > 0 then
    return ms
  end
  return nil, 'a time such as "2026-11-22T08:00:00Z", or milliseconds since 1970'
end

--- A duration from now on as text, or a time in milliseconds since 1970.
function options.deadline(value)
  local ms = type(value) == "string" and core.duration(value)
  if ms and ms > 0 then
    return value
  end
  local time = options.time(value)
  if time then
    return time
  end
  return nil, 'a duration such as "30m", a time such as "2026-11-22T08:00:00Z", or '
    .. "milliseconds since 1970"
end

--- A short text of at most 200 bytes.
function options.label(value)
  local fits = type(value) == "string" and #value <= NAME_MAX and value:find("^%Z+$")
  if fits and is_utf8(value) then
    return value
  end
  return nil, "a text of 1 to 200 bytes in UTF-8, without a NUL"
end

--- Whether a table has elements and nothing else: what a list has by name, or behind a
--- hole, would be passed over without a word.
function options.is_list(value)
  local n = 0
  for _ in pairs(value) do
    n = n + 1
  end
  return n == #value
end

--- A list of up to `most`, each as the reader wants it; nil for what is none.
function options.list(value, most, reader)
  if type(value) ~= "table" or #value > most or not options.is_list(value) then
    return nil
  end
  local list = core.array({})
  for i, element in ipairs(value) do
    local meant = reader(element)
    if meant == nil then
      return nil
    end
    list[i] = meant
  end
  return list
end

function options.queue_name(value)
  if options.label(value) and value:match("^[%w_.:/-]+$") then
    return value
  end
  return nil, "a name of letters, digits and _ . : - / of at most 200 characters"
end

function options.tags(value)
  local tags = options.list(value, 20, options.label)
  return tags, not tags and "a list of at most 20 texts" or nil
end

--- One of some texts.
function options.one_of(...)
  local allowed = { ... }
  return function(value)
    for _, text in ipairs(allowed) do
      if value == text then
        return value
      end
    end
    return nil, '"' .. table.concat(allowed, '" or "') .. '"'
  end
end

options.priority = options.integer(-1000000, 1000000)
options.retries = options.integer(0, 1000)

-- Reading --

local function names_of(known)
  local names = {}
  for name in pairs(known) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, " ")
end

local function show(value)
  local kind = type(value)
  if kind == "string" then
    return ('"%s"'):format(value:sub(1, 60))
  elseif kind == "number" or kind == "boolean" or kind == "nil" then
    return tostring(value)
  end
  return "a " .. kind
end

--- Reads a table of options.
---@param where string  whose they are, for errors: 'task "digest"'
---@param given table|nil
---@param known table<string, function>  readers by name
---@return table  what the readers returned
function options.read(where, given, known)
  local read = {}
  if given ~= nil and type(given) ~= "table" then
    core.misuse(("the options of %s must be a table, not %s"):format(where, show(given)))
  end
  for name, value in pairs(given or {}) do
    local reader = known[name]
    if not reader then
      core.misuse(('unknown option "%s" of %s; known options: %s')
        :format(tostring(name), where, names_of(known)))
    end
    local meant, expected = reader(value)
    if meant == nil then
      core.misuse(('option "%s" of %s must be %s, not %s')
        :format(name, where, expected, type(value) == "table" and "this table"
          or show(value)))
    end
    read[name] = meant
  end
  return read
end

options.show = show

return options
