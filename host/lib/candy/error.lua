-- Error values of the library: tables with `code`, `message`, and where they apply
-- `retry_after` and `permanent`. As text they are their message.
local core = require("candy.core")

local meta = core.error_meta()
meta.__metatable = false

function meta.__tostring(err)
  return tostring(err.message)
end

function meta.__concat(a, b)
  return tostring(a) .. tostring(b)
end

local errors = {}

--- Makes an error value of a table that has `code` and `message`.
function errors.new(fields)
  return setmetatable(fields, meta)
end

--- An error after which no other attempt makes sense: the job goes to the dead letters.
---@param why string|table  a text, or an error value whose code is kept
---@return table err
function errors.permanent(why)
  local code, message = core.describe(why, "given to candy.permanent")
  return errors.new({ code = code, message = message, permanent = true })
end

return errors
