-- The answer to an outgoing request, as scripts see it. The body of a stream is read
-- piece by piece from a handle of candy.core; any other was read before that.
local core = require("candy.core")
local errors = require("candy.error")
local events = require("candy.http_events")
local retry = require("candy.http_retry")
local transport = require("candy.http_transport")
local wait = require("candy.wait")

local LINE_MAX = 2 ^ 20
local EXCERPT = 200

local response = {}
local state_of = setmetatable({}, { __mode = "k" })

-- Headers --

local pairs_of = setmetatable({}, { __mode = "k" }) -- name, value, name, value ...
local header_methods = {}

--- All values of a header that came more than once, such as "set-cookie".
---@param name string
---@return string[] values
function header_methods.all(headers, name)
  local values, flat = {}, pairs_of[headers] or {}
  for i = 1, #flat, 2 do
    if flat[i]:lower() == name:lower() then
      values[#values + 1] = flat[i + 1]
    end
  end
  return values
end

local headers_meta = { __metatable = false }

function headers_meta.__index(headers, name)
  if type(name) ~= "string" then
    return nil
  end
  return rawget(headers, name:lower()) or header_methods[name]
end

-- Repeated headers are one, their values joined by commas (RFC 9110, 5.3). One that is
-- called as a method would stand in its way: headers:all() alone has it.
local function headers_of(flat)
  local headers = {}
  for i = 1, #flat, 2 do
    local name, value = flat[i]:lower(), flat[i + 1]
    if not header_methods[name] then
      headers[name] = headers[name] and headers[name] .. ", " .. value or value
    end
  end
  pairs_of[headers] = flat
  return setmetatable(headers, headers_meta)
end

-- Reading --

-- The request, without what is secret in its URL.
local function shown(res)
  local state = state_of[res]
  return state.method .. " " .. core.http_show(state.url)
end

local function fail(res, code, message)
  return nil, errors.new({ code = code, message = shown(res) .. ": " .. message })
end

--- The next piece of a handle: bytes, or nil at the end, or nil and an error.
function response.next_piece(what, handle)
  while true do
    local bytes, code, message = transport.http_read(what, handle)
    if bytes then
      return bytes
    elseif bytes == false then
      return nil, code and errors.new({ code = code, message = message }) or nil
    end
    wait.await()
  end
end

--- The answer to a request.
---@class candy.http.Response
---@field status number  200, 404 ...
---@field ok boolean  whether the status is 200 to 299
---@field headers table  texts by name in any case; res.headers:all("set-cookie")
---@field body string?  unless it is a stream
---@field url string  after redirects
---@field redirects number  how many there were
---@field version string  of HTTP: "1.1", "2"
---@field timings table  milliseconds: connect, first_byte, total, and line: until its
---  turn came
local methods = {}

--- One server-sent event.
---@class candy.http.Event
---@field event string  "message" unless the server says another
---@field data string
---@field id string  the last that the server has sent, or ""
---@field retry number?  milliseconds to wait before connecting again

local function state_for(res, what)
  local state = state_of[res]
  if not state then
    core.misuse(what .. ": call it with a colon on a response")
  end
  return state
end

local function next_piece(res, what)
  local state = state_for(res, what)
  if not state.handle then
    local body = state.left
    state.left = nil
    return body
  end
  local piece, err = response.next_piece(what, state.handle)
  if not piece then
    res.timings = transport.http_timings(state.handle) or res.timings
  end
  return piece, err
end

--- The next piece of a streamed body, as large as it came (256 KB at most).
---@return string? bytes, table? err  nil at the end; nil, err when the rest is lost
function methods.read(res)
  return next_piece(res, "res:read")
end

--- Goes through the pieces of a streamed body: `for bytes in res:chunks() do`. Raises an
--- error value when the rest is lost, so that half a body is never taken for a whole.
---@return fun(): string?
function methods.chunks(res)
  state_for(res, "res:chunks")
  return function()
    local piece, err = next_piece(res, "res:chunks")
    if err then
      error(err, 0)
    end
    return piece
  end
end

local function check_line(res, text)
  if #text > LINE_MAX then
    methods.close(res)
    local _, err = fail(res, "too_large", "a line of the body is longer than 1 MB")
    error(err, 0)
  end
end

--- Goes through the lines of a body, without their ends (LF or CRLF). Raises an error
--- value when the rest is lost, or a line is longer than 1 MB.
---@return fun(): string?
function methods.lines(res)
  local chunks, rest, at, ended = methods.chunks(res), "", 1, false
  return function()
    while true do
      local stop = rest:find("\n", at, true)
      if stop then
        local line = rest:sub(at, stop - 1)
        at = stop + 1
        return (line:gsub("\r$", ""))
      elseif ended then
        local line = rest:sub(at)
        rest, at = "", 1
        return line ~= "" and line or nil
      end
      rest, at = rest:sub(at), 1
      check_line(res, rest)
      local piece = chunks()
      ended = piece == nil
      rest = rest .. (piece or "")
    end
  end
end

--- Goes through the events of a stream of server-sent events: `for event in res:events()
--- do`. Raises an error value when the rest is lost, or an event is larger than 1 MB.
---@param last_id string?  what `id` is until the stream says another
---@return fun(): candy.http.Event?
function methods.events(res, last_id)
  return response.events(res, events.parser(last_id))
end

--- res:events() with a parser of one's own.
function response.events(res, parser)
  local chunks = methods.chunks(res)
  local queue, at = {}, 1
  return function()
    while not queue[at] do
      local piece = chunks()
      if not piece then
        return nil
      end
      local parsed, err = parser:feed(piece)
      if not parsed then
        methods.close(res)
        error(err, 0)
      end
      queue, at = parsed, 1
    end
    at = at + 1
    return queue[at - 1]
  end
end

local function read_all(res, what)
  local state, pieces, size = state_for(res, what), {}, 0
  while true do
    local piece, err = next_piece(res, what)
    if not piece then
      return not err and table.concat(pieces) or nil, err
    end
    size = size + #piece
    if size > state.max_bytes then
      transport.http_close(state.handle)
      return fail(res, "too_large",
        ("the body is larger than the limit of %d bytes: raise max_bytes, or read it "
          .. "piece by piece"):format(state.max_bytes))
    end
    pieces[#pieces + 1] = piece
  end
end

--- The whole body: of a stream, what was not read yet.
---@return string? text, table? err
function methods.text(res)
  if res.body == nil then
    local text, err = read_all(res, "res:text")
    if not text then
      return nil, err
    end
    res.body = text
  end
  return res.body
end

--- The body as JSON.
---@return any value, table? err  code "bad_json" with line and column
function methods.json(res)
  state_for(res, "res:json")
  local text, err = methods.text(res)
  if not text then
    return nil, err
  end
  local ok, value = core.decode(text)
  if not ok then
    return fail(res, "bad_json", ("the answer (%s, %d bytes of %s) is not JSON: %s")
      :format(res.status, #text, res.headers["content-type"] or "no content type", value))
  end
  return value
end

local function excerpt(res)
  local text = res.body
  if not text or text == "" then
    return ""
  end
  return ": " .. text:sub(1, EXCERPT):gsub("[%c\127-\255]+", " ")
end

--- The response itself when its status is 200 to 299, else an error: `return res:check()`
--- lets a job's retries do the rest, after the time that the server asks for.
---@return candy.http.Response? res, table? err  code "http_503", status, and retry_after
---  in seconds when the server says it
function methods.check(res)
  state_for(res, "res:check")
  if res.ok then
    return res
  end
  return nil, errors.new({
    code = "http_" .. res.status,
    message = ("%s: the server answered %d%s"):format(shown(res), res.status,
      excerpt(res)),
    status = res.status,
    retry_after = retry.after(res.headers["retry-after"]),
  })
end

--- Ends a stream before its end.
function methods.close(res)
  local state = state_for(res, "res:close")
  if state.handle then
    transport.http_close(state.handle)
  end
end

-- Making --

local meta = { __metatable = false }

function meta.__index(_, key)
  return methods[key]
end

function meta.__tostring(res)
  return ("response %d of %s"):format(res.status, shown(res))
end

--- Makes the response whose head has come.
---@param request table  as http_request.lua makes it
function response.new(request, handle, status, flat, url, redirects, version)
  local res = {
    status = status,
    ok = status >= 200 and status <= 299,
    headers = headers_of(flat),
    url = url,
    redirects = redirects,
    version = version,
    timings = transport.http_timings(handle),
  }
  state_of[res] = {
    handle = handle,
    method = request.fields.method,
    url = url,
    max_bytes = request.max_bytes,
  }
  return setmetatable(res, meta)
end

--- Reads the body of a response that is no stream.
---@return table? res, table? err
function response.collect(res, what)
  local body, err = read_all(res, what)
  if not body then
    return nil, err
  end
  local state = state_of[res]
  transport.http_close(state.handle)
  state.handle, state.left, res.body = nil, body, body
  return res
end

return response
