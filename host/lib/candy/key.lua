-- The `key` of a task: a pattern of fields of the payload. Keys are made of it in C
-- (host/queue/key.c); here it is checked when the file is loaded.
local core = require("candy.core")
local options = require("candy.options")

local FIELD = "{([%w_-]+[%w_.-]*)}"
local NEED_KEY = { "key_concurrency", "key_rate", "order" }

local key = {}

--- Reads the option: literal text and fields in braces.
function key.pattern(value)
  local expected = 'a pattern of fields of the payload, such as "{account}"'
  if not options.label(value) then
    return nil, expected
  end
  local rest, fields = value:gsub(FIELD, "")
  if fields == 0 or rest:find("[{}]") then
    return nil, expected
  end
  return value
end

-- What a schema says of a field of its objects; nil where it says nothing, and false
-- where no object has one.
local function member(schema, name)
  local known = (schema.properties or {})[name]
  local closed = schema.additionalProperties == false and not schema.patternProperties
  if known == nil and closed then
    return false
  end
  return known
end

local function is_part(schema)
  return schema.type ~= "object" and schema.type ~= "array"
end

local function check_field(where, schema, name)
  for part in name:gmatch("[^.]+") do
    schema = member(schema, part)
    if schema == false then
      core.misuse(('key of %s names the field "%s", which its payload does not have')
        :format(where, name))
    elseif type(schema) ~= "table" then
      return
    end
  end
  if not is_part(schema) then
    core.misuse(('key of %s names the field "%s", which is no text, number or boolean')
      :format(where, name))
  end
end

--- Whether it goes with the other options of the task.
---@param where string  for errors
---@param declaration table  with the payload's schema
function key.check(where, declaration)
  for _, name in ipairs(NEED_KEY) do
    if declaration[name] and not declaration.key then
      core.misuse(('option "%s" of %s needs a key, such as key = "{account}"')
        :format(name, where))
    end
  end
  for name in (declaration.schema and declaration.key or ""):gmatch(FIELD) do
    if name ~= "workspace" then
      check_field(where, declaration.schema, name)
    end
  end
end

return key
