-- A stand-in for the host behind <data>/control.sock: it answers each request as the spec
-- says and remembers what it was asked.
local uv = require("luv")

local control_host = {}
control_host.__index = control_host

local function read_head(text)
  local head, body = text:match("^(.-\r\n)\r\n(.*)$")
  if not head then
    return nil
  end
  local method, target = head:match("^(%u+) (%S+) HTTP/1%.1\r\n")
  local length = tonumber(head:match("\r\nContent%-Length: (%d+)\r\n") or 0)
  if #body < length then
    return nil
  end
  return { method = method, target = target, body = body, head = head }
end

local function to_http(answer)
  return ("HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"):format(
    answer.status or 200,
    answer.type or "application/json",
    #answer.body,
    answer.body)
end

function control_host:serve()
  local client = uv.new_pipe()
  local text = ""
  self.server:accept(client)
  client:read_start(function(_, chunk)
    text = text .. (chunk or "")
    local request = chunk and read_head(text)
    if not request then
      return
    end
    self.requests[#self.requests + 1] = request
    local answer = self.answer(request, #self.requests)
    client:write(answer.raw or to_http(answer), function()
      client:close()
    end)
  end)
end

--- Listens in the folder `data`. `answer` gets a request (method, target, body, head) and
--- its number, and returns { status, body } or { raw }.
function control_host.start(data, answer)
  local self = setmetatable({ requests = {}, answer = answer }, control_host)
  local here = uv.cwd()
  self.server = uv.new_pipe()
  assert(uv.chdir(data)) -- the socket's whole path may be too long for bind
  assert(self.server:bind("control.sock"))
  assert(uv.chdir(here))
  assert(self.server:listen(16, function()
    self:serve()
  end))
  return self
end

function control_host:stop()
  self.server:close()
end

return control_host
