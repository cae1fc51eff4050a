-- Error values of the library: tables with `code`, `message`, and where they apply
-- `retry_after` and `permanent`. As text they are their message.
--- # Errors
---
--- What is expected to fail returns `nil` and an error: a table whose text, by
--- `tostring(err)` or `..`, is its message. Whatever is wrong in the script itself (a
--- wrong type, an unknown option) is raised instead, with the line that did it.

--- What went wrong.
---@class candy.Error
---@field code string  a short name for programs: "version_conflict", "too_large"
---@field message string  for people: what, where and what to do
---@field line integer?  where in a text, when one could not be read
---@field column integer?
---@field retry_after number?  seconds after which another attempt makes sense
---@field permanent boolean?  true: no other attempt makes sense

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
---
--- ```lua
--- candy.task("charge", { payload = { cents = "integer" } }, function(job)
---   if job.payload.cents <= 0 then
---     return nil, candy.permanent("nothing to charge")
---   end
--- end)
--- ```
---@param why string|candy.Error  a text, or an error whose code is kept
---@return candy.Error err
function errors.permanent(why)
  local code, message = core.describe(why, "given to candy.permanent")
  return errors.new({ code = code, message = message, permanent = true })
end

return errors
