-- JSON for candy.testing, with the rules of candy.json: a table is a list when its keys
-- are 1 to n, else an object, also when it is empty. Plain Lua of any version; reading is
-- left to dkjson, which busted brings.
local json = {}

local encode

local function library()
  return require("dkjson")
end

local function is_list(value)
  local count = 0
  for _ in pairs(value) do
    count = count + 1
  end
  return count > 0 and count == #value
end

local function number(value)
  if value ~= value or value == math.huge or value == -math.huge then
    error(("%s is no number for JSON"):format(tostring(value)), 0)
  elseif value == math.floor(value) and math.abs(value) < 2 ^ 53 then
    return ("%.0f"):format(value)
  end
  return (("%.17g"):format(value):gsub(",", "."))
end

local function list(value)
  local parts = {}
  for i, item in ipairs(value) do
    parts[i] = encode(item)
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function object(value)
  local parts = {}
  for key, item in pairs(value) do
    if type(key) ~= "string" then
      error(("a table with the key %s is neither a list nor an object for JSON")
        :format(tostring(key)), 0)
    end
    parts[#parts + 1] = library().quotestring(key) .. ":" .. encode(item)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local WRITERS = {
  ["nil"] = function() return "null" end,
  boolean = tostring,
  number = number,
  string = function(value) return library().quotestring(value) end,
  table = function(value)
    return (is_list(value) and list or object)(value)
  end,
}

function encode(value)
  local write = WRITERS[type(value)]
  if value == json.null then
    return "null"
  elseif not write then
    error(("a %s is no value for JSON"):format(type(value)), 0)
  end
  return write(value)
end

json.null = setmetatable({}, { __tostring = function() return "null" end })

--- A value as JSON text; raises for what is none.
json.encode = encode

--- The value of JSON text, or nil; null is nil, too.
function json.decode(text)
  return (library().decode(text, 1, nil, nil))
end

return json
