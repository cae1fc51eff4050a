-- The options of limits, which tasks and queues have in common.
local core = require("candy.core")
local options = require("candy.options")

local MOST = 1000000
local LONGEST = 31 * 86400 * 1000

local limits = {}

--- { n, ms } of "100/1m".
local function rate(value)
  local n, window = tostring(value):match("^(%d+)/(%w+)$")
  local ms = type(value) == "string" and window and core.duration(window)
  n = tonumber(n)
  if ms and ms > 0 and ms <= LONGEST and n > 0 and n <= MOST then
    return { n, ms }
  end
  return nil, ('a number and a time, such as "100/1m": from 1 to %d within up to 31d')
    :format(MOST)
end

limits.options = {
  concurrency = options.integer(1, MOST),
  rate = rate,
  key_concurrency = options.integer(1, MOST),
  key_rate = rate,
}

--- A table of options with those of limits.
---@param others table<string, function>
function limits.with(others)
  for name, reader in pairs(limits.options) do
    others[name] = reader
  end
  return others
end

--- Puts the limits of a declaration into its part of the manifest.
function limits.put(told, declaration)
  for _, of in ipairs({ "", "key_" }) do
    told[of .. "concurrency"] = declaration[of .. "concurrency"] or core.null
    local allowed = declaration[of .. "rate"]
    told[of .. "rate"] = allowed and allowed[1] or core.null
    told[of .. "rate_ms"] = allowed and allowed[2] or core.null
  end
  return told
end

return limits
