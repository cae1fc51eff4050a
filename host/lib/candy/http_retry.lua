-- When a request is made again, and after how long.
local core = require("candy.core")

local FIRST_MS, MOST_MS = 500, 30000 -- waits between attempts double up to MOST_MS
local MAX_WAIT_MS = 60000            -- a server that asks for more is not waited for
local LATEST_S = 24 * 60 * 60         -- a server cannot put a job off for longer
local IDEMPOTENT = { GET = true, HEAD = true, OPTIONS = true, PUT = true, DELETE = true }

-- The server has not begun to work on it: any method may be sent again.
local UNTOUCHED = {
  dns_failed = true, connect_failed = true, connect_timeout = true, proxy_failed = true,
  [429] = true,
}
local TRANSIENT = {
  timeout = true, closed_early = true, closed_mid_body = true,
  [502] = true, [503] = true, [504] = true,
}
local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8,
  Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

local retry = {}

-- Days since 1970 of a date of the Gregorian calendar (Hinnant, days_from_civil).
local function days(year, month, day)
  year = month <= 2 and year - 1 or year
  local era = math.floor(year / 400)
  local of_era = year - era * 400
  local of_year = math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return era * 146097 + of_era * 365 + math.floor(of_era / 4) - math.floor(of_era / 100)
    + of_year - 719468
end

-- Milliseconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7).
local function http_date(text)
  local day, month, year, hour, minute, second =
    text:match("^%a+, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$")
  if not day or not MONTHS[month] then
    return nil
  end
  local date = days(tonumber(year), MONTHS[month], tonumber(day))
  return (((date * 24 + hour) * 60 + minute) * 60 + second) * 1000
end

--- Seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3), or nil.
function retry.after(value)
  if not value then
    return nil
  end
  local seconds = value:match("^%d+$") and tonumber(value)
  local date = not seconds and http_date(value)
  if date then
    seconds = math.max(0, math.ceil((date - core.now()) / 1000))
  end
  return seconds and math.min(seconds, LATEST_S)
end

local function wants(config, method, outcome)
  if config.on then
    return config.on[outcome]
  end
  return UNTOUCHED[outcome]
    or TRANSIENT[outcome] and (IDEMPOTENT[method] or config.any_method)
end

local function backoff(attempt)
  local ms = math.min(MOST_MS, FIRST_MS * 2 ^ (attempt - 1))
  return ms / 2 + math.random() * ms / 2
end

--- How long to wait before the next attempt, or nil when there is none.
---@param request table  as http_request.lua makes it
---@param attempt number  how many there were
---@param outcome number|string  a status, or an error's code
---@param after number?  seconds that the server asked for
---@return number? ms
function retry.wait(request, attempt, outcome, after)
  local config = request.retries
  if attempt > (config.max or 3) or request.source
    or not wants(config, request.fields.method, outcome) then
    return nil
  end
  local ms = after and after * 1000 + math.random() * 100 or backoff(attempt)
  local most = math.min(config.max_wait or MAX_WAIT_MS, core.http_time_left())
  return ms <= most and ms or nil
end

return retry
