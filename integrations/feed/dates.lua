-- The dates of feeds as milliseconds since 1970: RFC 822 ("Mon, 2 Jan 2023 15:04 EST"),
-- RFC 3339, and what is often written in their place.
local candy = require("candy")

local MONTHS = {}
for month in ("jan feb mar apr may jun jul aug sep oct nov dec"):gmatch("%a+") do
  MONTHS[#MONTHS + 1] = month
  MONTHS[month] = #MONTHS
end

-- Those of RFC 822, and some that are met.
local ZONES = {
  gmt = "Z", utc = "Z", ut = "Z", z = "Z", est = "-05:00", edt = "-04:00",
  cst = "-06:00", cdt = "-05:00", mst = "-07:00", mdt = "-06:00", pst = "-08:00",
  pdt = "-07:00", bst = "+01:00", cet = "+01:00", cest = "+02:00", eet = "+02:00",
  eest = "+03:00", jst = "+09:00",
}

-- "+0100", "+01:00", "CET" or nothing, which is taken for UTC.
local function zone_of(text)
  local sign, hours, minutes = text:match("^%s*([+-])(%d%d):?(%d%d)")
  if sign then
    return sign .. hours .. ":" .. minutes
  end
  return ZONES[(text:match("^%s*(%a+)") or "z"):lower()] or "Z"
end

-- Two digits are of this century up to 68, as POSIX has it.
local function year_of(digits)
  local year = tonumber(digits)
  if #digits > 2 then
    return year
  end
  return year + (year < 69 and 2000 or 1900)
end

local function compose(year, month, day, clock)
  local hour, minute, rest = clock:match("^[Tt%s]*(%d%d?):(%d%d)(.*)$")
  local second, zone = (rest or ""):match("^:(%d%d)[.,]?%d*(.*)$")
  return (candy.time.parse(("%04d-%02d-%02dT%02d:%02d:%02d%s"):format(
    year, month, day, hour or 0, minute or 0, second or 0, zone_of(zone or rest or ""))))
end

local dates = {}

--- Reads a date.
---@param text string?
---@return integer? ms  nil when it is none
function dates.parse(text)
  text = (text or ""):match("^%s*(.-)%s*$")
  local year, month, day, clock = text:match("^(%d%d%d%d)-(%d%d?)-(%d%d?)(.*)$")
  if year then
    return compose(tonumber(year), tonumber(month), tonumber(day), clock)
  end
  day, month, year, clock = text:match("(%d%d?)[%s-]+(%a%a%a)%a*[%s.-]+(%d%d%d?%d?)(.*)$")
  if not day or not MONTHS[month:lower()] then
    return nil
  end
  return compose(year_of(year), MONTHS[month:lower()], tonumber(day), clock)
end

return dates
