-- The options of an outgoing request, read into what candy.core sends: see http.lua for
-- what each means to a script.
local body = require("candy.http_body")
local core = require("candy.core")
local options = require("candy.options")

local GUARDS = { [true] = 1, [false] = 2 } -- as net/client/client.h numbers them
local REDIRECTS = 10
local BODIES = { "body", "json", "form", "multipart" }
local NO_RETRIES = { max = 0 }
local MAX_BYTES, MOST_BYTES = 10 * 2 ^ 20, 2 ^ 50
-- Milliseconds, by whether the body is a stream; 0: none.
local TIMES = {
  [true] = { timeout = 0, connect_timeout = 10000, first_byte_timeout = 30000,
    idle_timeout = 60000 },
  [false] = { timeout = 30000, connect_timeout = 10000, first_byte_timeout = 0,
    idle_timeout = 0 },
}

local request = { MAX_BYTES = MAX_BYTES }

-- Readers --

local function method(value)
  if type(value) == "string" and value:match("^%a+$") then
    return value:upper()
  end
  return nil, 'a method such as "GET"'
end

local function redirects(value)
  if value == false then
    return -1
  elseif value == true then
    return REDIRECTS
  end
  local count = options.integer(0, 50)(value)
  return count, "a number of redirects from 0 to 50, or false"
end

local function is_header_value(value)
  return type(value) == "string" or type(value) == "number"
end

local function add_header(flat, name, value)
  for _, item in ipairs(is_header_value(value) and { value } or value) do
    if not is_header_value(item) then
      return false
    end
    flat[#flat + 1], flat[#flat + 2] = name, tostring(item)
  end
  return true
end

local function headers(value)
  local expected = "a table of texts by header name, or of lists of texts"
  local flat = {}
  if type(value) ~= "table" then
    return nil, expected
  end
  for name, item in pairs(value) do
    if type(name) ~= "string" or not (is_header_value(item) or type(item) == "table")
      or not add_header(flat, name, item) then
      return nil, expected
    end
  end
  return flat
end

local AUTH = { bearer = options.text, user = options.text, password = function(value)
  if type(value) == "string" then
    return value
  end
  return nil, "a text"
end }

local function auth(value)
  local expected = "{ bearer = token }, or { user = name, password = word }"
  if type(value) ~= "table" then
    return nil, expected
  end
  local read = options.read("auth", value, AUTH)
  if (read.bearer == nil) ~= (read.user == nil) then
    return read
  end
  return nil, expected
end

local RETRY = {
  max = options.integer(0, 100),
  max_wait = options.duration,
  any_method = options.boolean,
  on = function(list)
    local set = {}
    if type(list) ~= "table" or #list == 0 then
      return nil, 'a list of statuses and codes such as { 429, 503, "connect_failed" }'
    end
    for _, item in ipairs(list) do
      set[item] = true
    end
    return set
  end,
}

local function retries(value)
  if type(value) == "table" then
    return options.read("retries", value, RETRY)
  end
  local max = options.integer(0, 100)(value)
  return max and { max = max }, "a number from 0 to 100, or a table of options"
end

local function yes_or_no(value)
  if type(value) == "boolean" then
    return { value }
  end
  return nil, "true or false"
end

local OPTIONS = {
  method = method,
  url = options.text,
  query = body.urlencoded,
  headers = headers,
  body = body.any,
  json = function(value) return value end,
  form = body.urlencoded,
  multipart = body.parts,
  timeout = options.duration,
  connect_timeout = options.duration,
  first_byte_timeout = options.duration,
  idle_timeout = options.duration,
  redirects = redirects,
  downgrade = yes_or_no,
  max_bytes = options.size(MOST_BYTES),
  retries = retries,
  guard = yes_or_no,
  stream = yes_or_no,
  auth = auth,
  proxy = yes_or_no,
  expect = function(value)
    if value == "ok" then
      return value
    end
    return nil, '"ok"'
  end,
}

-- The whole --

local function check_one_body(what, read)
  local given
  for _, name in ipairs(BODIES) do
    if read[name] ~= nil and given then
      core.misuse(("%s: a request has one body, but the options %s and %s are given")
        :format(what, given, name))
    end
    given = given or read[name] ~= nil and name
  end
end

local function has_header(flat, wanted)
  for i = 1, #flat, 2 do
    if flat[i]:lower() == wanted then
      return true
    end
  end
  return false
end

local function is(flag)
  return flag ~= nil and flag[1]
end

local function add_times(fields, read)
  for name, ms in pairs(TIMES[fields.stream]) do
    fields[name] = read[name] or ms
  end
end

local function limits(read, streamed)
  return read.redirects or REDIRECTS, read.max_bytes or (not streamed and MAX_BYTES or 0),
    read.guard and GUARDS[read.guard[1]] or 0
end

local function fields_of(what, read)
  local text, source, media_type = body.of(what, read)
  local fields = {
    method = read.method or "GET",
    url = body.with_query(read.url, read.query or ""),
    headers = read.headers or {},
    body = text,
    upload = source ~= nil,
    stream = is(read.stream),
    downgrade = is(read.downgrade),
    direct = read.proxy ~= nil and not is(read.proxy),
  }
  fields.redirects, fields.max_bytes, fields.guard = limits(read, fields.stream)
  add_times(fields, read)
  if media_type and not has_header(fields.headers, "content-type") then
    add_header(fields.headers, "Content-Type", media_type)
  end
  return fields, source
end

--- Reads options.
---@param what string  the public function, for errors
---@param given table
---@return table  fields (of core.http_start), source, retries, expect, max_bytes
function request.read(what, given)
  local read = options.read(what, given, OPTIONS)
  if not read.url then
    core.misuse(("%s: the URL is missing: it must be a text, not %s")
      :format(what, options.show(given.url)))
  end
  check_one_body(what, read)
  local fields, source = fields_of(what, read)
  for name, value in pairs(read.auth or {}) do
    fields[name] = value
  end
  return {
    fields = fields, source = source, retries = read.retries or NO_RETRIES,
    expect = read.expect, max_bytes = read.max_bytes or MAX_BYTES,
  }
end

--- "10/s", "100/m", "5/10s": how many in how many milliseconds.
function request.rate(value)
  local expected = 'a rate such as "10/s", "100/m" or "5/10s"'
  if type(value) ~= "string" then
    return nil, expected
  end
  local count, number, unit = value:match("^(%d+)/(%d*)(%a+)$")
  count = tonumber(count)
  local per_ms = unit and core.duration((number == "" and "1" or number) .. unit)
  if not per_ms or per_ms == 0 or count < 1 or count > 1e6 then
    return nil, expected
  end
  return { count = count, per_ms = per_ms }
end

return request
