-- Servers of the outside world that answer with whatever bytes a spec wants, in the
-- spec's own process; and the probe that makes requests to them.
local cjson = require("cjson").new()
local poll = require("spec.support.poll")
local uv = require("luv")

local BUILD = os.getenv("CANDY_BUILD") or "build"
local DEADLINE_S = 60

-- A sanitizer's own memory is larger than what the specs bound.
local outside = { measures = not BUILD:find("asan") }
local open = {}

-- A write to a client that has gone fails; it must not end this process.
local broken_pipe = uv.new_signal()
broken_pipe:start("sigpipe")
broken_pipe:unref()

-- One end of a connection. `on_request` gets each request: its head, and what came of
-- its body.
local Conn = {}
Conn.__index = Conn

function Conn:send(bytes, done)
  if not self.handle:is_closing() then
    self.handle:write(bytes, function(err)
      if done then
        done(err)
      end
    end)
  end
end

function Conn:close()
  if not self.handle:is_closing() then
    self.handle:close()
  end
end

--- Calls step() every ms milliseconds until it returns false or the connection ends.
function Conn:every(ms, step)
  local timer = uv.new_timer()
  self.timers[#self.timers + 1] = timer
  timer:start(0, ms, function()
    if self.handle:is_closing() or step() == false then
      timer:stop()
    end
  end)
end

--- An answer with a body of known length.
function Conn:answer(status, headers, body)
  local lines = { ("HTTP/1.1 %d Word"):format(status) }
  for name, value in pairs(headers or {}) do
    lines[#lines + 1] = name .. ": " .. value
  end
  lines[#lines + 1] = "Content-Length: " .. #(body or "")
  self:send(table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or ""))
end

local function body_length(head)
  return tonumber(head:lower():match("\r\ncontent%-length: *(%d+)")) or 0
end

local function take(conn, on_request)
  while true do
    local stop = select(2, conn.bytes:find("\r\n\r\n", 1, true))
    local length = stop and body_length(conn.bytes:sub(1, stop))
    if not stop or #conn.bytes < stop + length then
      return
    end
    local head, body = conn.bytes:sub(1, stop), conn.bytes:sub(stop + 1, stop + length)
    conn.bytes = conn.bytes:sub(stop + length + 1)
    on_request(conn, head, body)
  end
end

--- Listens on a free port of an address. handlers: on_request(conn, head, body) and, for
--- bodies that are watched as they come, on_bytes(conn, bytes).
---@return table server  port, requests (how many came), connections, heads
function outside.serve(on_request, options)
  options = options or {}
  local server = { heads = {}, connections = 0, conns = {}, handle = uv.new_tcp() }
  assert(server.handle:bind(options.address or "127.0.0.1", options.port or 0))
  server.port = server.handle:getsockname().port
  server.url = ("http://127.0.0.1:%d"):format(server.port)
  server.handle:listen(1024, function()
    local conn = setmetatable({ handle = uv.new_tcp(), bytes = "", timers = {} }, Conn)
    server.handle:accept(conn.handle)
    server.connections = server.connections + 1
    server.conns[#server.conns + 1] = conn
    conn.handle:read_start(function(err, chunk)
      if err or not chunk then
        conn.ended = true
        conn:close()
      elseif options.on_bytes then
        options.on_bytes(conn, chunk)
      else
        conn.bytes = conn.bytes .. chunk
        take(conn, function(_, head, body)
          server.heads[#server.heads + 1] = head
          on_request(conn, head, body)
        end)
      end
    end)
  end)
  open[#open + 1] = server
  return server
end

local function close(server)
  for _, conn in ipairs(server.conns) do
    for _, timer in ipairs(conn.timers) do
      timer:close()
    end
    conn:close()
  end
  server.handle:close()
end

--- Ends all servers; for after_each.
function outside.close_all()
  for _, server in ipairs(open) do
    close(server)
  end
  open = {}
  uv.run("nowait")
end

local function read_all(pipe, sink)
  pipe:read_start(function(_, chunk)
    sink[#sink + 1] = chunk
  end)
end

local function parse(text)
  local results = {}
  for line in text:gmatch("[^\n]+") do
    local result = cjson.decode(line)
    results[#results + 1] = result
    if result.n then
      results["n" .. result.n] = result
    end
  end
  return results
end

--- Runs the probe with an input (spec/probe/http_client.c tells its shape).
---@return table results  in the order they ended; results.n1 is of the first request
function outside.ask(input)
  local out, err, code = {}, {}, nil
  local pipes = { uv.new_pipe(false), uv.new_pipe(false), uv.new_pipe(false) }
  local process = assert(uv.spawn(BUILD .. "/probe/http_client",
    { stdio = pipes }, function(status, signal) code = status + signal end))
  read_all(pipes[2], out)
  read_all(pipes[3], err)
  pipes[1]:write(cjson.encode(input))
  pipes[1]:shutdown()
  poll.wait_for(function() return code end, DEADLINE_S, "the requests to end")
  uv.run("nowait")
  for _, handle in ipairs({ process, unpack(pipes) }) do
    handle:close()
  end
  assert(code == 0, "http_client: " .. table.concat(err))
  return parse(table.concat(out))
end

--- Makes one request.
function outside.request(request, settings)
  return outside.ask({ requests = { request }, settings = settings })[1]
end

return outside
