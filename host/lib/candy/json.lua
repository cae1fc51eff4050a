-- candy.json: JSON, exactly. A member that is null is absent; in an array null is
-- candy.json.null. Empty arrays stay arrays; integers beyond 2^53 keep every digit.
local core = require("candy.core")
local errors = require("candy.error")
local frozen = require("candy.frozen")
local options = require("candy.options")

local json = {
  --- Writes a null where a table cannot hold nil: in an array, or as a member.
  ---@type userdata
  null = core.null,
}

--- A value as JSON text. {} is an object unless candy.json.array made it.
---@param value any
---@return string? text, candy.Error? err  err.message names the place that does not fit
function json.encode(value)
  local text, problem = core.encode(value)
  if not text then
    return nil, errors.new({ code = "not_json", message = problem })
  end
  return text
end

--- JSON text as a value.
---@param text string
---@return any value, candy.Error? err  err.message names line and column
function json.decode(text)
  if type(text) ~= "string" then
    core.misuse("candy.json.decode: the argument must be a text, not "
      .. options.show(text))
  end
  local ok, value = core.decode(text)
  if not ok then
    return nil, errors.new({ code = "bad_json", message = value })
  end
  return value
end

local function mark(what, how)
  return function(list)
    if list ~= nil and type(list) ~= "table" then
      core.misuse(("%s: the argument must be a table, not %s")
        :format(what, options.show(list)))
    end
    return how(list or {})
  end
end

--- Marks a table as an array, so that it is one when empty.
---@param list table?  a new one by default
---@return table list
json.array = mark("candy.json.array", core.array)

--- Marks a table as an object: numbers among its keys become names.
---@param list table?  a new one by default
---@return table object
json.object = mark("candy.json.object", core.object)

--- An integer of any length: a number up to 2^53, beyond that a value that keeps its
--- digits, can be compared with its like and turned into text.
---@param digits string
---@return any integer
function json.integer(digits)
  local sign, magnitude = tostring(digits):match("^(%-?)0*(%d+)$")
  if not magnitude then
    core.misuse("candy.json.integer: the argument must be digits, not "
      .. options.show(digits))
  end
  return core.integer(magnitude == "0" and "0" or sign .. magnitude)
end

return frozen.freeze(json, "candy.json")
