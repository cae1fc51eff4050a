-- The real store as the model of the queue sees it: <build>/probe/model, asked a line and
-- answering one.
--
--   local store = Store.start(folder)
--   store:ask({ ["do"] = "open" })
--   store:stop()
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")

local PATIENCE_S = 60 -- for one answer

local Store = {}
Store.__index = Store

-- In memory where that is possible: each of many walks begins with an empty store.
local function folder()
  return uv.fs_mkdtemp("/dev/shm/candy-spec-XXXXXX") or candy.folder()
end

--- Starts it with a folder of its own. `plant` ({query, from, to}) makes it wrong on
--- purpose; `url` is another backend's.
function Store.start(plant, url)
  local self = setmetatable({ folder = folder(), text = "" }, Store)
  local args = { url or "sqlite:", self.folder }
  for i = 1, plant and 3 or 0 do
    args[#args + 1] = plant[i]
  end
  self.input, self.output = uv.new_pipe(false), uv.new_pipe(false)
  self.process, self.pid = uv.spawn(candy.build .. "/probe/model", {
    args = args,
    stdio = { self.input, self.output, 2 },
  }, function(code, signal)
    self.code, self.signal = code, signal
  end)
  assert(self.process, self.pid)
  self.output:read_start(function(_, data)
    self.text, self.ended = self.text .. (data or ""), data == nil
  end)
  self.timer = uv.new_timer()
  return self
end

-- A line, or nil when it has ended or been silent for too long.
function Store:line()
  local late = false
  self.timer:start(PATIENCE_S * 1000, 0, function()
    late = true
  end)
  while not self.text:find("\n", 1, true) and not self.ended and not late do
    uv.run("once")
  end
  self.timer:stop()
  local line, rest = self.text:match("^([^\n]*)\n(.*)$")
  self.text = rest or self.text
  return line
end

--- Returns the answer; one that is an error raises.
function Store:ask(request)
  self.input:write(cjson.encode(request) .. "\n")
  local line = self:line()
  if not line or line:sub(1, 1) == "#" then
    error("the store ended: " .. tostring(line) .. " " .. self.text, 0)
  end
  local answer = cjson.decode(line)
  if answer.error then
    error(answer.error.code .. ": " .. answer.error.message, 0)
  end
  return answer
end

--- Ends it and removes its folder.
function Store:stop()
  self.input:shutdown()
  while not self.code do
    uv.run("once")
  end
  for _, handle in ipairs({ self.process, self.input, self.output, self.timer }) do
    handle:close()
  end
  uv.run("nowait")
  candy.remove(self.folder)
end

return Store
