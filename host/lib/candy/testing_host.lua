-- The host of a test, a child of this process (host/cli/testing.c): how it is started,
-- what is asked of it, how it ends. Plain Lua of any version, with what busted brings.
local json = require("candy.testing_json")

local Host = {}
Host.__index = Host

local host = {}

-- ---- the process ----

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function program()
  return os.getenv("CANDY") or "candy"
end

local function start(verbose)
  local name = program()
  local out = assert(io.popen(("exec %s testing-host%s"):format(quote(name),
    verbose and " log" or ""), "r"))
  local pipe = out:read("*l")
  if not pipe or pipe:sub(1, 1) ~= "/" then
    out:close()
    error(("candy.testing cannot start %s: it must be on the PATH, or be named by the "
      .. "variable CANDY (candy test sees to that)"):format(name), 0)
  end
  local control = assert(io.open(pipe, "w"))
  control:setvbuf("full")
  return setmetatable({ out = out, control = control }, Host)
end

--- Starts a host; returns it and its first answer, or nil and an error.
---@param setup table  of read_setup in host/cli/testing.c
---@param verbose boolean?  its log is written to standard error
function host.start(setup, verbose)
  local self = start(verbose)
  self:send(setup)
  local answer, err = self:receive()
  if not answer then
    self:close()
  end
  return answer and self, answer or err
end

--- Ends it; nothing of it is left when this returns.
function Host:close()
  if self.out then
    self.control:close()
    self.out:close()
    self.out, self.control = nil, nil
  end
end

-- ---- what is said ----

function Host:send(message)
  self.control:write(json.encode(message), "\n")
  self.control:flush()
end

-- What a job asks of the outside is answered by self.on_http(request).
function Host:reply(line)
  local ok, value = pcall(self.on_http, line.http)
  local message = { reply = line.ask, value = ok and value or nil }
  if not ok then
    message.error = type(value) == "table" and value.code and value
      or { code = "stub_failed", message = tostring(value) }
  end
  self:send(message)
end

--- Reads until the answer; nil and an error {code, message} when it is one.
function Host:receive()
  while true do
    local text = self.out:read("*l")
    local line = text and json.decode(text)
    if not line then
      self:close()
      error("candy.testing: the host of this test has ended by itself", 0)
    elseif line.ask then
      self:reply(line)
    elseif line.error then
      return nil, line.error
    else
      return line.answer
    end
  end
end

--- Asks for something: see the table of verbs in host/cli/testing_verbs.c.
function Host:ask(verb, fields)
  if not self.out then
    error("candy.testing: this app is closed", 0)
  end
  if self.asked then
    error("the app cannot be used inside of a stub's function: a job waits for what that "
      .. "returns", 0)
  end
  local message = { verb = verb }
  for name, value in pairs(fields or {}) do
    message[name] = value
  end
  self.asked = true
  self:send(message)
  local answer, err = self:receive()
  self.asked = false
  return answer, err
end

return host
