-- An HTTP client for measuring: connections that stay open, one request at a time on
-- each, and as little work a request as will do. It reads answers with a Content-Length
-- and no others.
local uv = require("luv")
local poll = require("spec.support.poll")

local PATIENCE = 60 -- seconds

local http = {}
local failure -- the first error of a callback, for whoever waits

-- An error in a callback would end the process, and leave its hosts behind.
local function guarded(callback)
  return function(...)
    local ok, why = pcall(callback, ...)
    failure = failure or not ok and why
  end
end

--- Turns the loop until the condition holds; an error of a connection is one here.
---@param condition fun(): any
---@param what string
function http.wait(condition, what)
  return poll.wait_for(function()
    if failure then
      error(failure, 0)
    end
    return condition()
  end, PATIENCE, what)
end

local Connection = {}
Connection.__index = Connection

--- Opens a connection to the host of the URL (http://name:port), on the loopback.
---@param url string
---@param key string  the API key
function http.connect(url, key)
  local self = setmetatable({ handle = uv.new_tcp(), text = "" }, Connection)
  local port = tonumber(url:match(":(%d+)/?$"))
  self.head = (" HTTP/1.1\r\nHost: localhost:%d\r\nAuthorization: Bearer %s\r\n"):format(
    port, key)
  local open
  self.handle:connect("127.0.0.1", port, function(err)
    open = err or "open"
  end)
  http.wait(function()
    return open
  end, "a connection")
  assert(open == "open", open)
  self.handle:nodelay(true)
  self.handle:read_start(guarded(function(err, data)
    self:take(err, data)
  end))
  return self
end

-- A connection that has asked for nothing for long is closed by the host.
function Connection:take(err, data)
  if not data then
    self.ended = true
    assert(not self.answered, err or "the host closed a connection")
    return
  end
  self.text = self.text .. data
  local head_end = select(2, self.text:find("\r\n\r\n", 1, true))
  if not head_end then
    return
  end
  self.length = self.length
    or tonumber(self.text:lower():match("\r\ncontent%-length: (%d+)"))
  if #self.text < head_end + self.length then
    return
  end
  local status, body = tonumber(self.text:sub(10, 12)), self.text:sub(head_end + 1)
  local took, answered = uv.hrtime() - self.sent, self.answered
  self.text, self.length, self.answered = "", nil, nil
  answered(status, body, took)
end

--- Sends a request; calls answered(status, body, nanoseconds).
function Connection:send(method, path, body, answered)
  assert(not self.answered, "a request is under way on this connection")
  body = body or ""
  self.answered, self.sent = answered, uv.hrtime()
  self.handle:write(("%s %s%sContent-Length: %d\r\n\r\n%s"):format(
    method, path, self.head, #body, body))
end

function Connection:is_free()
  return not self.answered and not self.ended
end

--- One request to its end: status and body.
function Connection:ask(method, path, body)
  local status, text
  self:send(method, path, body, function(...)
    status, text = ...
  end)
  http.wait(function()
    return status
  end, method .. " " .. path)
  return status, text
end

function Connection:close()
  self.handle:close()
end

--- Posts to a path over many connections, each as fast as it is answered, until
--- next_body gives nil. Every answer must be 202.
---@param options { url: string, key: string, path: string, connections: integer,
---  next_body: fun(): string? }
---@return number seconds, number[] took  nanoseconds of each request
function http.flood(options)
  local connections, took, open = {}, {}, 0
  for i = 1, options.connections do
    connections[i] = http.connect(options.url, options.key)
  end
  local function go_on(connection)
    local body = options.next_body()
    open = open + (body and 1 or 0)
    if not body then
      return
    end
    connection:send("POST", options.path, body, function(status, text, nanoseconds)
      assert(status == 202, text)
      open = open - 1
      took[#took + 1] = nanoseconds
      go_on(connection)
    end)
  end
  local began = uv.hrtime()
  for _, connection in ipairs(connections) do
    go_on(connection)
  end
  http.wait(function()
    return open == 0
  end, "all requests to be answered")
  local seconds = (uv.hrtime() - began) / 1e9
  for _, connection in ipairs(connections) do
    connection:close()
  end
  return seconds, took
end

return http
