-- The real program for specs: hosts on folders of their own, and calls to their API.
--
--   local candy = require("spec.support.candy")
--   local host = candy.start({ scripts = { ["hello.lua"] = "..." } })
--   local id = host:push("hello", { name = "Ada" })
--   local job = host:wait(id)          -- until it is finished
--   host:stop()                        -- SIGTERM; returns the exit code
local uv = require("luv")
local cjson = require("cjson")
local poll = require("spec.support.poll")

local candy = {}
candy.build = os.getenv("CANDY_BUILD") or "build"
candy.program = uv.fs_realpath(candy.build) .. "/candy"

local SANITIZED = candy.build:find("asan") ~= nil
local PATIENCE = SANITIZED and 90 or 45 -- seconds; only a failure ever takes so long
local FINISHED = { completed = true, dead = true, cancelled = true }

--- A new folder under the system's temporary one.
function candy.folder()
  return assert(uv.fs_mkdtemp((os.getenv("TMPDIR") or "/tmp") .. "/candy-spec-XXXXXX"))
end

function candy.write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

function candy.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function candy.remove(folder)
  assert(folder:find("candy%-spec%-"), "only folders of specs are removed")
  os.execute("rm -rf '" .. folder .. "'")
end

-- ---- processes ----

-- A child that has ended before it read its input must not end the spec by SIGPIPE.
local ignore_sigpipe = uv.new_signal()
ignore_sigpipe:start("sigpipe")
ignore_sigpipe:unref()

local function collect(pipe, into, unread)
  pipe:read_start(function(err, data)
    into.text = unread and "" or into.text .. (data or "")
    into.ended = into.ended or err ~= nil or data == nil
  end)
end

local function environment(extra)
  local env = {}
  for name, value in pairs(uv.os_environ()) do
    if not name:find("^CANDY_") and name ~= "PORT" and not (extra and extra[name]) then
      env[#env + 1] = name .. "=" .. value
    end
  end
  for name, value in pairs(extra or {}) do
    env[#env + 1] = name .. "=" .. value
  end
  return env
end

--- Starts a program. The result has pid, out.text, err.text, and code and signal once it
--- has ended. options: cwd, env (added), input (for standard input),
--- forget_err (what is said on standard error is read and forgotten).
function candy.spawn(file, args, options)
  options = options or {}
  local run = { out = { text = "" }, err = { text = "" } }
  local input, out, err = uv.new_pipe(false), uv.new_pipe(false), uv.new_pipe(false)
  local handle, pid = uv.spawn(file, {
    args = args,
    cwd = options.cwd,
    env = environment(options.env),
    stdio = { input, out, err },
  }, function(code, signal)
    run.code, run.signal = code, signal
  end)
  assert(handle, pid)
  run.handle, run.pid = handle, pid
  if options.input then
    input:write(options.input)
  end
  input:shutdown(function()
    input:close()
  end)
  collect(out, run.out)
  collect(err, run.err, options.forget_err)
  return run
end

--- Waits for the end of it, at most `patience` seconds; returns the exit code, or nil and
--- the signal.
function candy.join(run, patience)
  poll.wait_for(function()
    return run.code and run.out.ended and run.err.ended
  end, patience or PATIENCE,
    "the end of process " .. run.pid .. "; it said: " .. run.err.text)
  return run.signal == 0 and run.code or nil, run.signal
end

--- The pinned Node of spec/package.json. It is called by its path, since not every npm
--- makes a link to a binary that is called node.
function candy.node()
  for _, machine in ipairs({ "x64", "arm64" }) do
    local path = ("spec/node_modules/node-linux-%s/bin/node"):format(machine)
    if uv.fs_stat(path) then
      return path
    end
  end
  error("there is no Node in spec/node_modules: make test installs it")
end

--- Runs the program to its end: code, standard output, standard error.
function candy.run(args, options)
  local run = candy.spawn(candy.program, args, options)
  local code = candy.join(run)
  return code, run.out.text, run.err.text
end

-- ---- HTTP, by curl ----

local function curl_args(host, method, path, body, options)
  local args = { "-sS", "-i", "--max-time", tostring(PATIENCE), "-X", method }
  if options.key ~= false then
    args[#args + 1] = "-H"
    args[#args + 1] = "Authorization: Bearer " .. (options.key or host.key)
  end
  for _, header in ipairs(options.headers or {}) do
    args[#args + 1] = "-H"
    args[#args + 1] = header
  end
  if body then
    args[#args + 1] = "--data-binary"
    args[#args + 1] = "@-"
    args[#args + 1] = "-H"
    args[#args + 1] = "Expect:"
    args[#args + 1] = "-H"
    args[#args + 1] = "Content-Type: application/json"
  end
  args[#args + 1] = host.url .. path
  return args
end

--- One request: {status, headers (text), body (text), json}. A table as body is encoded.
function candy.request(host, method, path, body, options)
  if type(body) == "table" then
    body = cjson.encode(body)
  end
  local args = curl_args(host, method, path, body, options or {})
  local run = candy.spawn("curl", args, { input = body })
  local code = candy.join(run)
  assert(code == 0, "curl: " .. run.err.text)
  local text = run.out.text
  local head, content = text:match("^(HTTP/1.1 .-\r\n\r\n)(.*)$")
  while content:find("^HTTP/1.1 ") do
    head, content = content:match("^(HTTP/1.1 .-\r\n\r\n)(.*)$")
  end
  local ok, json = pcall(cjson.decode, content)
  return {
    status = tonumber(head:match("^HTTP/1.1 (%d+)")),
    headers = head,
    body = content,
    json = ok and json or nil,
  }
end

-- ---- hosts ----

--- A script whose task "eval" runs the Lua text that it gets: see Host:eval.
candy.EVAL = [[
local candy = require("candy")
candy.task("eval", { max_retries = 0, additional = true }, function(job)
  return assert(load("local candy, job = ... " .. job.payload.code))(candy, job)
end)
]]

local Host = {}
Host.__index = Host

function Host:request(method, path, body, options)
  return candy.request(self, method, path, body, options)
end

--- Enqueues one job and returns its id.
function Host:push(type, payload, options)
  local request = { type = type, payload = payload }
  for name, value in pairs(options or {}) do
    request[name] = value
  end
  local answer = self:request("POST", "/tasks", request)
  assert(answer.status == 202, answer.body)
  return answer.json.id
end

function Host:job(id)
  local answer = self:request("GET", "/tasks/" .. id)
  assert(answer.status == 200, answer.body)
  return answer.json, answer.body
end

--- Waits until the job is in the state (or, without one, finished), and as `fits` wants
--- it; returns it. A job that has finished otherwise is an error.
function Host:wait(id, state, fits)
  local job, body
  poll.wait_for(function()
    job, body = self:job(id)
    local finished = FINISHED[job.state]
    assert(not state or job.state == state or not finished, body)
    return (job.state == state or not state and finished) and (not fits or fits(job))
  end, PATIENCE, ("job %s to be %s; the host said: %s"):format(
    id, state or "finished", self:log():sub(-2000)))
  return job, body
end

--- Runs Lua text as a job of the task in candy.EVAL, with `candy` and `job`.
---@return any result, string id  or its error
function Host:eval(code)
  local job = self:wait(self:push("eval", { code = code }))
  if job.state == "completed" then
    return job.result, job.id
  end
  return job.error, job.id
end

--- Waits until the log (standard error) holds the plain text.
function Host:wait_log(text)
  poll.wait_for(function()
    return self.process.err.text:find(text, 1, true)
  end, PATIENCE, "'" .. text .. "' in the log: " .. self.process.err.text:sub(-2000))
end

function Host:log()
  return self.process.err.text
end

--- The pids of its workers.
function Host:workers()
  local pids = {}
  local list = io.popen("cat /proc/" .. self.pid .. "/task/*/children 2>/dev/null")
  for pid in list:read("*a"):gmatch("%d+") do
    pids[#pids + 1] = tonumber(pid)
  end
  list:close()
  return pids
end

--- Ends it by a signal (SIGTERM by default): the exit code, or nil and the signal.
function Host:stop(signal)
  if not self.process.code then
    uv.kill(self.pid, signal or "sigterm")
  end
  return candy.join(self.process)
end

function Host:is_running()
  return self.process.code == nil
end

--- Runs a command of the program against this host: code, output, errors.
function Host:command(args, options)
  local all = { args[1], "--data", self.data }
  for i = 2, #args do
    all[#all + 1] = args[i]
  end
  return candy.run(all, options)
end

--- Starts a host again on the same folders.
function Host:again(options)
  options = options or {}
  options.folder = self.folder
  options.key = self.key
  return candy.start(options)
end

local function write_scripts(folder, scripts)
  uv.fs_mkdir(folder, 448)
  for name, text in pairs(scripts or {}) do
    local sub = name:match("^(.*)/[^/]+$")
    if sub then
      os.execute("mkdir -p '" .. folder .. "/" .. sub .. "'")
    end
    candy.write(folder .. "/" .. name, text)
  end
end

--- Starts `candy run` without waiting for it to be ready. options: folder (a new one by
--- default), scripts {name = text}, args, env, forget_err, under (a command that runs
--- it).
function candy.launch(options)
  options = options or {}
  local folder = options.folder or candy.folder()
  write_scripts(folder .. "/scripts", options.scripts)
  local args = { "run", "--port", "0", "--data", folder .. "/data",
    "--scripts", folder .. "/scripts", "--workers", tostring(options.workers or 2) }
  for _, arg in ipairs(options.args or {}) do
    args[#args + 1] = arg
  end
  local env = { CANDY_LOG_FOLDER = folder .. "/logs" }
  for name, value in pairs(options.env or {}) do
    env[name] = value
  end
  local command = { candy.program }
  if options.under then
    command = options.under
    table.insert(args, 1, candy.program)
  end
  for i = #command, 2, -1 do
    table.insert(args, 1, command[i])
  end
  local process = candy.spawn(command[1], args, { cwd = folder, env = env,
    forget_err = options.forget_err })
  return setmetatable({ process = process, pid = process.pid, folder = folder,
    data = folder .. "/data", scripts = folder .. "/scripts", logs = env.CANDY_LOG_FOLDER,
    key = options.key }, Host)
end

--- Starts a host and waits until it is ready.
function candy.start(options)
  local host = candy.launch(options)
  poll.wait_for(function()
    return host.process.out.text:find("\n") or host.process.code
  end, PATIENCE, "the host to be ready")
  local line = host.process.out.text:match("^([^\n]*)\n")
  assert(line, "the host ended: " .. host.process.err.text)
  host.ready = cjson.decode(line)
  host.url = host.ready.url
  host.key = host.ready.admin_key or host.key or options and options.env
    and options.env.CANDY_ADMIN_KEY
  return host
end

return candy
