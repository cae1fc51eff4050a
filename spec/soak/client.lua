-- Requests to a host over one connection that is kept, since a program each request takes
-- longer than what is asked for.
local uv = require("luv")
local cjson = require("cjson")
local poll = require("spec.support.poll")

local PATIENCE = 90 -- seconds; only a failure ever takes so long

local Client = {}
Client.__index = Client

function Client.new(host)
  return setmetatable({ host = host }, Client)
end

function Client:close()
  if self.socket then
    self.socket:close()
    self.socket = nil
  end
end

function Client:connect()
  local socket = uv.new_tcp()
  local address, port = self.host.url:match("^http://(.+):(%d+)$")
  self.socket, self.text, self.broken = socket, "", false
  if address == "localhost" then
    address = "127.0.0.1"
  end
  socket:connect(address, tonumber(port), function(err)
    self.broken = self.broken or err
    if not err then
      socket:read_start(function(problem, data)
        self.broken = self.broken or problem or not data
        self.text = self.text .. (data or "")
      end)
    end
  end)
end

-- What was read of an answer when that is whole.
function Client:answer()
  local head, body = self.text:match("^(HTTP/1.1 .-\r\n\r\n)(.*)$")
  local size = head and tonumber(head:lower():match("\r\ncontent%-length: *(%d+)"))
  if size and #body >= size then
    self.text = ""
    return { status = tonumber(head:match("^HTTP/1.1 (%d+)")), body = body,
      json = size > 0 and cjson.decode(body) or nil }
  end
end

-- The answer, or nil: then nobody knows whether the request was heard.
function Client:request(method, path, body)
  local text = body and cjson.encode(body) or ""
  if not self.socket then
    self:connect()
  end
  self.socket:write(("%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
    .. "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"):format(
    method, path, self.host.key, #text, text))
  local answer
  poll.wait_for(function()
    answer = self:answer()
    return answer or self.broken
  end, PATIENCE, "an answer to " .. method .. " " .. path)
  if self.broken then
    self:close()
  end
  return answer
end

return Client
