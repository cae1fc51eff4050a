-- Raw bytes to and from an HTTP server: the probe as a child process, connections over
-- TCP or a Unix socket, and answers read strictly. Everything looks synchronous: each
-- call turns the loop until its condition holds or the deadline (10 s) has passed.
local uv = require("luv")
local cjson = require("cjson")

local raw = {}

local DEADLINE_MS = 10000

-- A write to a server that has cut the connection fails; it must not end this process.
local broken_pipe = uv.new_signal()
broken_pipe:start("sigpipe")
broken_pipe:unref()

local function build_dir()
  return os.getenv("CANDY_BUILD") or "build"
end

-- Turns the loop until condition() gives something; returns that.
function raw.wait(what, condition)
  local late = false
  local timer = uv.new_timer()
  timer:start(DEADLINE_MS, 0, function() late = true end)
  local value = condition()
  while not value and not late do
    uv.run("once")
    value = condition()
  end
  timer:close()
  uv.run("nowait")
  return value or error("waited in vain for " .. what, 2)
end

---- the server ----

local Server = {}
Server.__index = Server

-- raw.start{ "tcp", "127.0.0.1", "0", "head_ms=200" }. Gives the server, or nil and what
-- it printed when it refused to start.
function raw.start(args)
  local self = setmetatable({ output = "" }, Server)
  self.stdin, self.stdout = uv.new_pipe(false), uv.new_pipe(false)
  local program = args.program or (build_dir() .. "/probe/http")
  self.process, self.pid = uv.spawn(program, {
    args = args, stdio = { self.stdin, self.stdout, 2 },
  }, function(code, signal) self.code, self.killed_by = code, signal end)
  assert(self.process, self.pid)
  self.stdout:read_start(function(_, chunk)
    self.output = self.output .. (chunk or "")
  end)
  raw.wait("the server's first line", function() return self.output:find("\n") end)
  self.port = tonumber(self.output:match("^ready (%d+)\n"))
  if self.port then return self end
  self:wait()
  self:stop()
  return nil, self.output
end

function Server:terminate()
  self.process:kill("sigterm")
end

function Server:kill()
  self.may_die_by = 9
  self.process:kill("sigkill")
  self:wait()
end

-- Waits for its end; returns the exit code, all that it printed, and the signal or 0.
function Server:wait()
  raw.wait("the server's end", function() return self.code end)
  return self.code, self.output, self.killed_by
end

function Server:stop()
  if not self.code then self.process:kill("sigterm") end
  self:wait()
  for _, handle in ipairs({ self.stdin, self.stdout, self.process }) do
    if not handle:is_closing() then handle:close() end
  end
  uv.run("nowait")
  local sound = self.code == (self.port and 0 or 1)
    and self.killed_by == (self.may_die_by or 0)
  assert(sound, ("the server ended with %d, signal %d"):format(self.code, self.killed_by))
end

---- answers ----

local function parse_headers(text)
  local headers = {}
  for line in text:gmatch("([^\r\n]+)\r\n") do
    local name, value = line:match("^([^:]+): (.*)$")
    if name then headers[name:lower()] = value end
  end
  return headers
end

local function body_length(status, headers, is_head)
  if is_head or status < 200 or status == 204 or status == 304 then return 0 end
  return assert(tonumber(headers["content-length"]), "an answer without Content-Length")
end

-- Cuts whole answers from the front of text; returns them and the rest.
function raw.parse(text, is_head)
  local answers, at = {}, 1
  while true do
    local head_end = select(2, text:find("\r\n\r\n", at, true))
    if not head_end then break end
    local head = text:sub(at, head_end)
    local status = tonumber(head:match("^HTTP/1%.1 (%d%d%d) [%w ]+\r\n"))
    assert(status, "not an answer: " .. head)
    local headers = parse_headers(head)
    local length = body_length(status, headers, is_head)
    if #text < head_end + length then break end
    answers[#answers + 1] = {
      status = status, headers = headers, head = head,
      body = text:sub(head_end + 1, head_end + length),
    }
    at = head_end + length + 1
  end
  return answers, text:sub(at)
end

---- a connection ----

local Conn = {}
Conn.__index = Conn

local function open(handle, dial)
  local self = setmetatable({ handle = handle, rest = "", answers = {} }, Conn)
  local connected, failure
  dial(function(err) connected, failure = true, err end)
  raw.wait("a connection", function() return connected end)
  if failure then
    handle:close()
    return nil, failure
  end
  handle:read_start(function(err, chunk) self:take(err, chunk) end)
  return self
end

function raw.connect(server, address)
  local handle = uv.new_tcp()
  return open(handle, function(done)
    handle:connect(address or "127.0.0.1", server.port, done)
  end)
end

function raw.connect_unix(path)
  local handle = uv.new_pipe(false)
  return open(handle, function(done) handle:connect(path, done) end)
end

function Conn:take(err, chunk)
  if not chunk then
    self.ended, self.reset = true, err
    return
  end
  local answers
  self.received = true
  answers, self.rest = raw.parse(self.rest .. chunk, self.is_head)
  for _, answer in ipairs(answers) do self.answers[#self.answers + 1] = answer end
end

function Conn:send(bytes)
  self.handle:write(bytes)
  uv.run("nowait")
  return self
end

-- Sends and waits until the kernel has it all, or the connection failed.
function Conn:send_all(bytes)
  local done
  self.handle:write(bytes, function() done = true end)
  raw.wait("a write", function() return done end)
  return self
end

-- The next answer.
function Conn:receive()
  raw.wait("an answer", function() return #self.answers > 0 or self.ended end)
  return table.remove(self.answers, 1) or error("closed without an answer", 2)
end

function Conn:receive_count(count)
  raw.wait(count .. " answers", function()
    return #self.answers >= count or self.ended
  end)
  return self.answers
end

-- No more will be sent; what is answered can still be read.
function Conn:shutdown()
  self.handle:shutdown()
  uv.run("nowait")
  return self
end

function Conn:wait_end()
  raw.wait("the connection's end", function() return self.ended end)
  self:close()
  return self
end

function Conn:close()
  if not self.handle:is_closing() then self.handle:close() end
  uv.run("nowait")
end

-- Ends with RST rather than FIN.
function Conn:abort()
  self.handle:close_reset()
  uv.run("nowait")
end

---- whole exchanges ----

-- Sends bytes on a new connection, returns the first answer; the server must then close.
function raw.refused(server, bytes)
  local conn = assert(raw.connect(server))
  conn:send(bytes)
  local answer = conn:receive()
  conn:wait_end()
  assert(#conn.answers == 0, "more than one answer")
  answer.problem = cjson.decode(answer.body)
  return answer
end

-- Sends one request on a new connection and closes it.
function raw.exchange(server, bytes)
  local conn = assert(raw.connect(server))
  conn.is_head = bytes:sub(1, 5) == "HEAD "
  conn:send(bytes)
  local answer = conn:receive()
  conn:close()
  local kind = answer.headers["content-type"] or ""
  if kind:find("json", 1, true) and not conn.is_head then
    answer.json = cjson.decode(answer.body)
  end
  return answer
end

-- "GET /path" with a Host field, and more lines and a body when given.
function raw.request(line, lines, body)
  local text = line .. " HTTP/1.1\r\nHost: localhost\r\n" .. (lines or "")
  if body then text = text .. "Content-Length: " .. #body .. "\r\n" end
  return text .. "\r\n" .. (body or "")
end

return raw
