-- A worker process in the hands of a spec: spec/probe/worker.c runs it, we talk to that.
local cjson = require("cjson.safe").new()
local poll = require("spec.support.poll")
local uv = require("luv")

local BUILD = os.getenv("CANDY_BUILD") or "build"
local DEADLINE_S = 60

cjson.decode_max_depth(3000)

local Worker = {}
Worker.__index = Worker

local function default_init(init)
  local whole = {
    worker = "w1", generation = 1, slots = 64, memory_max = 256 * 1024 * 1024,
    result_max = 1024 * 1024, timeout_ms = 300000, env = "development",
    log_level = "info",
  }
  for name, value in pairs(init or {}) do
    whole[name] = value
  end
  return whole
end

local function read_lines(self, pipe)
  local rest = {}
  pipe:read_start(function(_, chunk)
    local from = 1
    while chunk do
      local at = chunk:find("\n", from, true)
      rest[#rest + 1] = chunk:sub(from, at and at - 1)
      if not at then
        break
      end
      self.lines[#self.lines + 1] = assert(cjson.decode(table.concat(rest)))
      rest, from = {}, at + 1
    end
  end)
end

local function files_of(sources)
  local files = {}
  for i, source in ipairs(sources) do
    files[i] = source
  end
  for path, source in pairs(sources) do
    if type(path) == "string" then
      files[#files + 1] = { path = path, source = source, load = not path:find("lib/") }
    end
  end
  table.sort(files, function(a, b) return a.path < b.path end)
  for _, file in ipairs(files) do
    file.name = file.name or file.path:gsub("^scripts/", ""):gsub("%.lua$", "")
      :gsub("/", ".")
    if file.path:find("[\128-\255]") then
      file.path_hex = file.path:gsub(".", function(byte)
        return ("%02x"):format(byte:byte())
      end)
      file.path = nil
    end
  end
  return files
end

--- Starts a worker with these sources: { ["scripts/a.lua"] = "...", ... }; those below a
--- folder lib/ are modules. `under` (or nil) is a probe that runs the whole.
local function start(sources, init, under)
  local self = setmetatable({ lines = {}, ids = 0 }, Worker)
  local stdin, stdout = uv.new_pipe(false), uv.new_pipe(false)
  self.stdin, self.stdout = stdin, stdout
  local command = { BUILD .. "/probe/worker", BUILD .. "/candy-worker" }
  if under then
    table.insert(command, 1, BUILD .. "/probe/" .. under)
  end
  self.process = assert(uv.spawn(command[1], {
    args = { unpack(command, 2) },
    stdio = { stdin, stdout, 2 },
  }, function() self.exited = true end))
  read_lines(self, stdout)
  self:send({ start = { init = default_init(init), files = files_of(sources) } })
  return self
end

function Worker:send(command)
  self.stdin:write(cjson.encode(command) .. "\n")
end

--- Waits for a line that fits, takes it out and returns it.
function Worker:wait(fits, what)
  return poll.wait_for(function()
    for i, line in ipairs(self.lines) do
      if fits(line) then
        return table.remove(self.lines, i)
      end
    end
  end, DEADLINE_S, what)
end

function Worker:wait_message(kind)
  return self:wait(function(line) return line.message == kind end, "a message " .. kind)
end

function Worker:wait_key(key)
  return self:wait(function(line) return line[key] ~= nil end, "a line with " .. key)
end

--- The parsed manifest.
function Worker:manifest()
  self.told = self.told or assert(cjson.decode(self:wait_message("manifest").body))
  return self.told
end

--- Offers a job and returns its id.
function Worker:offer(type, payload, more)
  self.ids = self.ids + 1
  local job = { id = self.ids, type = type, payload = payload }
  for name, value in pairs(more or {}) do
    job[name] = value
  end
  self:send({ job = job })
  return job.id
end

--- Waits for the end of a job; `error` is its parsed error, where it has one.
function Worker:done(id)
  local line = self:wait(function(found)
    return found.message == "done" and found.id == id
  end, "the end of job " .. tostring(id))
  if line.outcome == "failed" or line.outcome == "permanent" then
    line.error = assert(cjson.decode(line.body))
  end
  return line
end

--- Runs a job to its end.
function Worker:run(type, payload, more)
  return self:done(self:offer(type, payload, more))
end

-- The jobs of the verb "enqueue", each in one table with its options.
local function with_options(jobs)
  for _, job in ipairs(jobs) do
    local more = job.options ~= cjson.null and assert(cjson.decode(job.options)) or {}
    job.options = nil
    for name, value in pairs(more) do
      assert(job[name] == nil, name)
      job[name] = value
    end
  end
  return jobs
end

--- Waits for the next request and answers it: with JSON text, or with a list of
--- { id, whether it is a duplicate } to "enqueue". Returns verb and parsed body; of
--- "enqueue" a list of jobs.
function Worker:answer(body, ok)
  local request = self:wait_message("request")
  local pushed = type(body) == "table" and body or nil
  self:send({ answer = { number = request.number, ok = ok ~= false,
    body = not pushed and body or nil, pushed = pushed } })
  local said = assert(cjson.decode(request.body))
  return request.verb, request.verb == "enqueue" and with_options(said) or said
end

function Worker:page()
  self:send({ page = true })
  return self:wait_key("page").page
end

--- Waits until the worker has ended: { code, signal }.
function Worker:exit()
  return self:wait_key("exit")
end

function Worker:close()
  if not self.stdin:is_closing() then
    self.stdin:close()
  end
  poll.wait_for(function() return self.exited end, DEADLINE_S, "the probe's end")
  self.process:close()
  self.stdout:close()
end

--- A worker of one file.
local function start_one(source, init, under)
  return start({ ["scripts/a.lua"] = 'local candy = require("candy")\n' .. source }, init,
    under)
end

--- Runs one task's body in a fresh worker and returns the end of its job.
local function run_body(body, payload, init)
  local worker = start_one('candy.task("t", function(job)\n' .. body .. "\nend)", init)
  local done = worker:run("t", payload)
  worker:close()
  return done
end

return {
  start = start,
  start_one = start_one,
  run_body = run_body,
  decode = cjson.decode,
  BUILD = BUILD,
}
