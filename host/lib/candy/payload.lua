-- The payload shorthand as JSON Schema 2020-12.
--
--   { repo = "string", since = "string?", labels = "string[]?", at = { x = "number" } }
--
-- "?" makes a field optional (absent or null), "[]" a list. { schema = {...} } is a JSON
-- Schema as it stands. Fields that are not declared are refused, unless told otherwise.
local core = require("candy.core")

local TYPES = {
  string = { type = "string" },
  integer = { type = "integer" },
  number = { type = "number" },
  boolean = { type = "boolean" },
  table = { type = core.array({ "object", "array" }) },
  any = {},
}

local KNOWN = "string integer number boolean table any"
local payload = {}

local function wrong(place, text)
  error({ place = place, text = text }, 0)
end

-- The type word of one field: base, how often "[]", whether "?".
local function read_word(place, word)
  local base, lists, optional = word:match("^(%a+)([%[%]]*)(%??)$")
  if not base or not TYPES[base] or lists:gsub("%[%]", "") ~= "" then
    wrong(place, ('"%s" is no type; types are %s, then [] for a list, then ? for '
      .. "optional"):format(word, KNOWN))
  end
  return base, #lists / 2, optional == "?"
end

-- The schema of a value that may also be null.
local function or_null(schema)
  local types = core.array({ "null" })
  local given = type(schema.type) == "table" and schema.type or { schema.type }
  for _, name in ipairs(given) do
    table.insert(types, #types, name)
  end
  return { type = types, items = schema.items }
end

local function compile_word(place, word)
  local base, lists, optional = read_word(place, word)
  local schema = TYPES[base]
  for _ = 1, lists do
    schema = { type = "array", items = schema }
  end
  if optional and base ~= "any" then
    schema = or_null(schema)
  end
  return schema, optional
end

local function is_raw(shape)
  return type(shape.schema) == "table" and next(shape, next(shape)) == nil
end

local compile_shape

local function compile_field(place, shape, additional)
  if type(shape) == "string" then
    return compile_word(place, shape)
  elseif type(shape) == "table" then
    return compile_shape(place, shape, additional), false
  end
  wrong(place, ("must be a type such as \"string\", or a table, not a %s")
    :format(type(shape)))
end

function compile_shape(place, shape, additional)
  if is_raw(shape) then
    return shape.schema
  end
  local schema = {
    type = "object",
    properties = core.object({}),
    required = core.array({}),
    additionalProperties = additional,
  }
  for name, field in pairs(shape) do
    if type(name) ~= "string" then
      wrong(place, "fields have names; a list is written \"string[]\"")
    end
    local compiled, optional = compile_field(place .. "." .. name, field, additional)
    schema.properties[name] = compiled
    if not optional then
      schema.required[#schema.required + 1] = name
    end
  end
  table.sort(schema.required)
  return schema
end

--- Compiles a shorthand.
---@param shape table
---@param additional boolean  whether fields that are not declared are let through
---@return table? schema, string? problem  names the field
function payload.compile(shape, additional)
  if type(shape) ~= "table" then
    return nil, "payload must be a table of fields, not a " .. type(shape)
  end
  local ok, result = pcall(compile_shape, "payload", shape, additional)
  if ok then
    return result
  elseif type(result) ~= "table" then
    return nil, tostring(result)
  end
  return nil, ('field "%s": %s'):format(result.place, result.text)
end

return payload
