-- In a test: requests go to the spec, which answers them by its stubs (testing.lua) or
-- lets them pass. A handle is a table here, and the functions wait by themselves.
local core = require("candy.core")
local wait = require("candy.wait")

local PIECE = 64 * 1024 -- bytes of a body that are read at a time

local stubs = {}

-- A handle of the client, once the spec has let the request pass.
local function real(name)
  return function(what, handle, ...)
    return core[name](what, handle.real, ...)
  end
end

local real_head, real_read = real("http_head"), real("http_read")

local function to_text(bytes)
  return core.bytes_encode(bytes, "base64")
end

local function add(headers, name, value)
  headers[#headers + 1], headers[#headers + 2] = name, value
end

-- What the client would send, so far as scripts decide it.
local function headers_of(fields)
  local headers = {}
  for i = 1, #fields.headers do
    headers[i] = fields.headers[i]
  end
  if fields.bearer then
    add(headers, "Authorization", "Bearer " .. fields.bearer)
  elseif fields.user then
    local words = fields.user .. ":" .. (fields.password or "")
    add(headers, "Authorization", "Basic " .. to_text(words))
  end
  return headers
end

local function body_of(handle)
  return handle.fields.upload and table.concat(handle.pieces) or handle.fields.body or ""
end

-- The same request, its body whole.
local function pass(what, handle)
  local fields = {}
  for name, value in pairs(handle.fields) do
    fields[name] = value
  end
  fields.upload, fields.body = false, body_of(handle)
  local started, code, message = core.http_start(what, fields)
  if not started then
    return false, code, message
  end
  handle.real = started
  return real_head(what, handle)
end

function stubs.http_start(_, fields)
  return { fields = fields, pieces = {}, at = 1 }
end

function stubs.http_write(_, handle, bytes, from)
  table.insert(handle.pieces, bytes:sub(from))
  return #bytes - from + 1
end

function stubs.http_write_end()
end

function stubs.http_head(what, handle)
  if handle.real then
    return real_head(what, handle)
  end
  local fields = handle.fields
  local answer, err = wait.request(what, "http", {
    method = fields.method, url = fields.url, headers = headers_of(fields),
    body = to_text(body_of(handle)),
  })
  if not answer then
    return false, err.code, err.message
  elseif answer.pass then
    return pass(what, handle)
  end
  handle.body = core.bytes_decode(answer.body, "base64")
  return answer.status, answer.headers, fields.url, 0, "1.1"
end

function stubs.http_read(what, handle)
  if handle.real then
    return real_read(what, handle)
  elseif not handle.body then
    return false, "closed", "the response was closed"
  end
  local piece = handle.body:sub(handle.at, handle.at + PIECE - 1)
  handle.at = handle.at + #piece
  return piece ~= "" and piece
end

function stubs.http_timings(handle)
  if handle.real then
    return core.http_timings(handle.real)
  end
  return { line = 0, connect = 0, first_byte = 0, total = 0 }
end

function stubs.http_close(handle)
  if handle.real then
    core.http_close(handle.real)
  end
  handle.body = nil
end

return stubs
