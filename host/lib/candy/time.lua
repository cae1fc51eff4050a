-- candy.time: milliseconds since 1970 UTC, and RFC 3339.
local core = require("candy.core")
local errors = require("candy.error")
local frozen = require("candy.frozen")
local options = require("candy.options")

local time = {
  --- Milliseconds since 1970 UTC.
  ---@return integer ms
  now = core.now,
}

--- Milliseconds as "2026-11-22T08:00:00.000Z".
---@param ms number
---@return string text
function time.format(ms)
  local text = type(ms) == "number" and core.format(ms)
  if not text then
    core.misuse("candy.time.format: the argument must be milliseconds since 1970, not "
      .. options.show(ms))
  end
  return text
end

--- Reads RFC 3339, with any offset.
---@param text string
---@return integer? ms, candy.Error? err  code `bad_time`
function time.parse(text)
  local ms = type(text) == "string" and core.parse(text)
  if not ms then
    return nil, errors.new({
      code = "bad_time",
      message = ("%s is no time such as \"2026-11-22T08:00:00Z\""):format(
        options.show(text)),
    })
  end
  return ms
end

return frozen.freeze(time, "candy.time")
