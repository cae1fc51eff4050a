-- A log and its API, without the rest of a host: the probe `logs` on a folder of its own,
-- with lines written through it.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local log_host = {}

local Tail = {}
Tail.__index = Tail

function Tail:wait(text)
  poll.wait_for(function()
    return self.out.text:find(text, 1, true)
  end, 20, ("%q in the events"):format(text))
end

function Tail:stop()
  if not self.run.code then uv.kill(self.run.pid, "sigterm") end
  candy.join(self.run)
end

local Host = {}
Host.__index = Host

--- Starts it on a new folder, or again on that of an earlier one.
function log_host.start(folder)
  local self = setmetatable({ data = folder or candy.folder(), key = "none" }, Host)
  self.stdin, self.stdout, self.output = uv.new_pipe(false), uv.new_pipe(false), ""
  self.process, self.pid = uv.spawn(candy.build .. "/probe/logs", {
    args = { self.data }, stdio = { self.stdin, self.stdout, 2 },
  }, function(code, signal) self.code, self.signal = code, signal end)
  assert(self.process, self.pid)
  self.stdout:read_start(function(_, chunk)
    self.output = self.output .. (chunk or "")
  end)
  poll.wait_for(function()
    return self.output:find("\n")
  end, 20, "the probe's first line")
  self.port = tonumber(self.output:match("^ready (%d+)"))
  self.url = self.port and "http://127.0.0.1:" .. self.port
  return self
end

function Host:request(method, path, body, options)
  return candy.request(self, method, path, body, options)
end

--- Writes lines: each a message, or {message = ..., level = 0..3, job = ..., ...}.
function Host:write(...)
  local lines = {}
  for i, line in ipairs({ ... }) do
    lines[i] = type(line) == "string" and { message = line } or line
  end
  local answer = self:request("POST", "/write", cjson.encode(lines))
  assert(answer.status == 204, answer.body)
end

--- GET, which must succeed: the decoded answer.
function Host:get(path)
  local answer = self:request("GET", path)
  assert(answer.status == 200, answer.body)
  return answer.json
end

--- Follows: tail.out.text grows with what comes; tail:wait(text), tail:stop().
function Host:tail(query, headers)
  local args = { "-sSN", "--max-time", "45" }
  for _, header in ipairs(headers or {}) do
    args[#args + 1] = "-H"
    args[#args + 1] = header
  end
  args[#args + 1] = self.url .. "/logs?" .. (query or "tail=1")
  local run = candy.spawn("curl", args)
  return setmetatable({ run = run, out = run.out }, Tail)
end

function Host:terminate()
  if not self.told then uv.kill(self.pid, "sigterm") end
  self.told = true
end

--- Ends it by SIGTERM; it must end well.
function Host:stop()
  self:terminate()
  poll.wait_for(function() return self.code end, 20, "the probe's end")
  for _, handle in ipairs({ self.stdin, self.stdout, self.process }) do
    if not handle:is_closing() then handle:close() end
  end
  uv.run("nowait")
  assert(self.code == 0 and self.signal == 0,
    ("the probe ended with %d, signal %d"):format(self.code, self.signal))
end

return log_host
