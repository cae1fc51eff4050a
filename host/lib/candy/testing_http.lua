-- The stubs of a test: which request each answers, and what the answer is on the way to
-- the job (host/lib/candy/http_stubs.lua). Plain Lua of any version.
local json = require("candy.testing_json")

local Stubs = {}
Stubs.__index = Stubs

-- ---- bytes ----

local LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local VALUES = {}
for i = 1, #LETTERS do
  VALUES[LETTERS:sub(i, i)] = i - 1
end

local function letter(value)
  value = math.floor(value % 64) + 1
  return LETTERS:sub(value, value)
end

local function to_base64(bytes)
  return (bytes:gsub("..?.?", function(group)
    local a, b, c = group:byte(1, 3)
    local value = a * 65536 + (b or 0) * 256 + (c or 0)
    return letter(value / 262144) .. letter(value / 4096)
      .. (b and letter(value / 64) or "=") .. (c and letter(value) or "=")
  end))
end

local function from_base64(text)
  return (text:gsub("=", ""):gsub("..?.?.?", function(group)
    local value = 0
    for i = 1, 4 do
      value = value * 64 + (VALUES[group:sub(i, i)] or 0)
    end
    local bytes = string.char(math.floor(value / 65536), math.floor(value / 256) % 256,
      value % 256)
    return bytes:sub(1, #group - 1)
  end))
end

-- ---- requests ----

local function decoded(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

local function query_of(url)
  local query = {}
  for name, value in (url:match("%?([^#]*)") or ""):gmatch("([^&=]+)=?([^&]*)") do
    query[decoded(name)] = decoded(value)
  end
  return query
end

local function headers_of(flat)
  local headers = {}
  for i = 1, #flat, 2 do
    headers[flat[i]:lower()] = flat[i + 1]
  end
  return headers
end

local function request_of(asked)
  local body = from_base64(asked.body)
  return {
    method = asked.method, url = asked.url, query = query_of(asked.url),
    headers = headers_of(asked.headers), body = body,
    json = json.decode(body),
  }
end

-- ---- patterns ----

-- "GET https://host/*": the method may be left out, a star is any text, and a pattern
-- without a question mark is about what stands before it.
local function matcher(pattern)
  local method, url = pattern:match("^(%u+) (.+)$")
  url = url or pattern
  local lua = "^" .. url:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*") .. "$"
  local whole = url:find("?", 1, true) ~= nil
  return function(request)
    return (not method or method == request.method)
      and (request.url:find(lua) ~= nil
        or not whole and request.url:gsub("[?#].*", ""):find(lua) ~= nil)
  end
end

-- ---- answers ----

local function flat_headers(answer)
  local flat, has_type = {}, false
  for name, value in pairs(answer.headers or {}) do
    has_type = has_type or name:lower() == "content-type"
    for _, item in ipairs(type(value) == "table" and value or { value }) do
      flat[#flat + 1], flat[#flat + 2] = name, tostring(item)
    end
  end
  if answer.json ~= nil and not has_type then
    flat[#flat + 1], flat[#flat + 2] = "Content-Type", "application/json"
  end
  return flat
end

local FIELDS = { status = true, headers = true, body = true, json = true, error = true,
  message = true }

local function check(answer)
  if type(answer) ~= "table" then
    error("a stub must answer with a table such as { status = 200, json = {} }, not "
      .. tostring(answer), 0)
  end
  for name in pairs(answer) do
    if not FIELDS[name] then
      error(("a stub's answer has no field %s: it has status, headers, body or json; or "
        .. "error and message"):format(tostring(name)), 0)
    end
  end
  return answer
end

local function answer_of(answer)
  if answer.error then
    local message = answer.message or answer.error .. " (stub)"
    error({ code = answer.error, message = message }, 0)
  end
  local body = answer.body or ""
  if answer.json ~= nil then
    body = json.encode(answer.json)
  end
  return {
    status = answer.status or 200, headers = flat_headers(answer), body = to_base64(body),
  }
end

-- What a stub says this time: a list says one after the other, and then its last again.
local function next_answer(stub, request)
  stub.count = stub.count + 1
  local answer = stub.answer
  if type(answer) == "function" then
    answer = answer(request)
  elseif #answer > 0 then
    answer = answer[math.min(stub.count, #answer)]
  end
  return check(answer)
end

-- ---- all of them ----

local stubs = {}

---@param allow boolean?  what has no stub goes out
function stubs.new(allow)
  return setmetatable({ list = {}, seen = {}, allow = allow }, Stubs)
end

function Stubs:add(pattern, answer)
  local list = type(answer) == "table" and #answer > 0 and answer or { answer }
  for _, item in ipairs(list) do
    if type(item) ~= "function" then
      check(item)
    end
  end
  table.insert(self.list, 1, {
    pattern = pattern, matches = matcher(pattern), answer = answer, count = 0,
  })
end

local function refusal(request)
  local bare = request.url:gsub("[?#].*", "")
  return {
    code = "http_not_stubbed",
    message = ('%s %s has no stub in this test: app:stub_http("%s %s", { status = 200, '
      .. "json = {} }) answers it, and testing.new({ allow_http = true }) lets it out")
      :format(request.method, bare, request.method, bare),
  }
end

--- Answers a request, or raises {code, message}.
function Stubs:answer(asked)
  local request = request_of(asked)
  table.insert(self.seen, request)
  for _, stub in ipairs(self.list) do
    if stub.matches(request) then
      return answer_of(next_answer(stub, request))
    end
  end
  if self.allow then
    return { pass = true }
  end
  error(refusal(request), 0)
end

--- The requests that there were, in order.
function Stubs:requests(pattern)
  local list, matches = {}, pattern and matcher(pattern)
  for _, request in ipairs(self.seen) do
    if not matches or matches(request) then
      list[#list + 1] = request
    end
  end
  return list
end

return stubs
