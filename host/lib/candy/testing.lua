--- # candy.testing
--- Specs for scripts. They are run by busted (`candy test`), and the tasks in them by a
--- real host that [testing.new](#candytestingnewopts) starts: it has its own empty store
--- and a clock that stands still, it reaches nothing outside, and jobs run only when the
--- spec says so.
---
--- This library is for specs: scripts do not have it.
--- [Testing scripts](../../how-to/test-scripts.md) shows it at work.

-- Plain Lua of any version. testing_host.lua talks to the host, testing_http.lua has the
-- stubs, testing_failure.lua says what went wrong.
local failure = require("candy.testing_failure")
local host = require("candy.testing_host")
local json = require("candy.testing_json")
local stubs = require("candy.testing_http")

local WAITING = { "scheduled", "available", "retryable", "pending" }
local UNITS = { ms = 1, s = 1000, m = 60000, h = 3600000, d = 86400000 }

local testing = {}

-- ---- what is given ----

local function milliseconds(duration)
  local count, unit = tostring(duration):match("^(%d+)(%a+)$")
  if type(duration) == "number" then
    return math.floor(duration * 1000)
  elseif not UNITS[unit] then
    error(('a duration is a text such as "30s", "5m", "2h" or a number of seconds, not '
      .. "%s"):format(failure.show(duration)), 3)
  end
  return math.floor(tonumber(count) * UNITS[unit])
end

-- Days since 1970 of a date of the Gregorian calendar.
local function days(year, month, day)
  local shifted = month <= 2 and year - 1 or year
  local of_year = math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return shifted * 365 + math.floor(shifted / 4) - math.floor(shifted / 100)
    + math.floor(shifted / 400) + of_year - 719468
end

local function time_of(time)
  if type(time) ~= "string" then
    return time
  end
  local year, month, day, hour, minute, second =
    time:match("^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)Z$")
  if not year then
    error(('a time is a text such as "2026-11-22T08:00:00Z" or milliseconds since 1970, '
      .. "not %s"):format(failure.show(time)), 3)
  end
  local date = days(tonumber(year), tonumber(month), tonumber(day))
  local seconds = ((date * 24 + tonumber(hour)) * 60 + tonumber(minute)) * 60
    + tonumber(second)
  return math.floor(seconds * 1000)
end

local OPTIONS = {
  scripts = true, now = true, secrets = true, settings = true, allow_http = true,
  log = true,
}

local function setup_of(opts)
  for name in pairs(opts) do
    if not OPTIONS[name] then
      error(("testing.new has no option %s: it has scripts, now, secrets, settings, "
        .. "allow_http and log"):format(tostring(name)), 3)
    end
  end
  local scripts = opts.scripts or "scripts"
  local settings = {}
  for name, value in pairs(opts.settings or {}) do
    settings[name] = tostring(value)
  end
  return {
    scripts = type(scripts) == "table" and scripts or { scripts },
    now = time_of(opts.now),
    secrets = opts.secrets or {},
    settings = settings,
  }
end

-- What is wrong with the scripts, or nil.
local function problem_of(files)
  local lines = {}
  for _, file in ipairs(files) do
    local why = file.error and file.error.message
    if why then
      local names_it = why:find(file.path, 1, true)
      lines[#lines + 1] = "\n  " .. (names_it and why or file.path .. ": " .. why)
    end
  end
  return #lines > 0 and "scripts cannot be loaded:" .. table.concat(lines) or nil
end

-- ---- the app ----

--- Scripts at work for one test.
---@class candy.testing.App
local App = {}
App.__index = App

--- What a test may choose.
---@class candy.testing.Options
---@field scripts string|string[]|nil  folders ("scripts")
---@field now string|integer|nil  what the clock says at first: "2026-11-22T08:00:00Z", or
---  milliseconds since 1970 (the time at which the test begins)
---@field secrets table?  what candy.secret finds, by name; nothing else is there
---@field settings table?  by their names, as { ["task.timeout"] = "2s" }
---@field allow_http boolean?  true: requests without a stub go out
---@field log boolean?  true: the log is written to standard error as well

--- What became of one attempt of a job.
---@class candy.testing.Attempt
---@field id string  of the job
---@field type string  its task
---@field attempt integer  1 is the first
---@field outcome string  "completed", "retryable", "dead", "cancelled", "snoozed", or
---  "pending": it fanned out, and runs again when its children have ended
---@field result any  of one that completed
---@field error candy.testing.Failure?

--- Why an attempt failed. As text (`tostring(err)`) it tells all of it, with the place in
--- the script and what the job logged.
---@class candy.testing.Failure
---@field code string
---@field message string
---@field traceback string?
---@field logs table[]  the lines that the job logged

--- Starts a host with the scripts. A file that cannot be loaded is an error that names it
--- and the line. Each has a store of its own; app:close() ends it, and so does the end of
--- the spec, however it comes.
---
--- conf/candy.lua counts, and conf/test.lua when it is there; .env files and the
--- environment do not.
---@param opts candy.testing.Options?
---@return candy.testing.App app
function testing.new(opts)
  opts = opts or {}
  local setup = setup_of(opts)
  local child, answer = host.start(setup, opts.log)
  if not child then
    error("candy.testing: " .. answer.message, 2)
  end
  local problem = problem_of(answer.files)
  if problem then
    child:close()
    error("candy.testing: " .. problem, 2)
  end
  local self = setmetatable({ host = child, time = answer.now }, App)
  self.stubs = stubs.new(opts.allow_http)
  child.on_http = function(asked)
    return self.stubs:answer(asked)
  end
  return self
end

--- Ends the host and removes all that it wrote. A second time does nothing.
function App:close()
  self.host:close()
end

-- What the test itself got wrong ends it; what the host refuses is returned.
local function must(value, err)
  if err then
    error("candy.testing: " .. err.message, 3)
  end
  return value
end

-- ---- jobs in ----

--- Enqueues a job, through the same checks as any other. It runs by app:drain().
---@param type string  the task's name
---@param payload table?
---@param opts table?  as candy.queue.push has them: delay, run_at, priority ...
---@return string? id, candy.testing.Failure? err, boolean? duplicate
---  duplicate: the id is that of a job that was there, and is the same as this one
function App:enqueue(type, payload, opts)
  local spec = { type = type, payload = json.encode(payload or {}) }
  for name, value in pairs(opts or {}) do
    spec[name] = value
  end
  local pushed, err = self.host:ask("enqueue", { jobs = { spec } })
  if not pushed then
    return nil, failure.of(err)
  end
  return pushed[1].id, nil, pushed[1].duplicate or nil
end

--- Emits an event, as candy.emit does: each handler gets a job.
---@param event string
---@param data table?
---@return string[] ids  of the handlers' jobs
function App:emit(event, data)
  local ids = {}
  for i, handler in ipairs(must(self.host:ask("emit", {
    event = event, data = json.encode(data or {}),
  }))) do
    ids[i] = handler.id
  end
  return ids
end

-- ---- runs ----

local function attempt_of(app, ended)
  if ended.outcome == "snoozed" then
    ended.error = failure.of({ code = "snoozed", message = ("it asked to be run again in "
      .. "%d ms"):format(ended.delay_ms) }, ended)
  elseif ended.outcome == "pending" then
    ended.error = failure.of({ code = "pending", message = "it waits for its children: "
      .. "app:drain() runs them, and then this one again" }, ended)
  elseif ended.outcome ~= "completed" then
    ended.error = failure.of(ended.error or {}, ended, app:logs({ job = ended.id }))
  else
    ended.error = nil
  end
  return ended
end

local function same_as(job)
  return { code = "duplicate", message = ("no new job was enqueued: job %s is the same, "
    .. "and it is %s; with { unique = false } it does not count"):format(job.id,
    job.state) }
end

--- Runs a task now: one attempt of a new job, whatever else waits. It ends as any attempt
--- does: what it wrote is kept, jobs that it enqueued wait, and if it failed it waits for
--- its retry. So `local result, err = app:run("digest", { repo = "acme/shop" })`.
---@param type string  the task's name
---@param payload table?
---@param opts table?  as candy.queue.push has them
---@return any result, candy.testing.Failure? err, candy.testing.Attempt? attempt
---  nil, err when it failed, and when the payload is refused; err.code is `snoozed` when
---  it asked to be run again later, `pending` when it waits for its children, and
---  `duplicate` when a job that cannot run now is the same, so that there is no new one
function App:run(type, payload, opts)
  local id, err, duplicate = self:enqueue(type, payload, opts)
  if not id then
    return nil, err
  end
  local answer, refused = self.host:ask("run", { id = id })
  if not answer then
    return nil, failure.of(duplicate and same_as(self:job(id)) or refused)
  end
  self.time = answer.now
  local ended = attempt_of(self, answer.ended[1])
  return ended.result, ended.error, ended
end

local function add(list, app, answer)
  for _, ended in ipairs(answer.ended) do
    list[#list + 1] = attempt_of(app, ended)
  end
end

local function check_end(answer, max)
  if answer.more then
    error(("app:drain() ended after %d attempts, and there are more jobs: do they "
      .. "enqueue each other for ever? { max = N } lets it go on for longer")
      :format(max), 3)
  end
end

--- Runs all jobs that are due, one after the other, and those that they enqueue. Retries
--- and delays are due when the clock says so: after app:advance, or, with `within`, in
--- this call, which moves the clock from one to the next for so long.
---@param opts table?  within: a duration; max: how many attempts at most (1000)
---@return candy.testing.Attempt[] attempts  in their order
function App:drain(opts)
  opts = opts or {}
  local max, ran = opts.max or 1000, {}
  local limit = opts.within and self.time + milliseconds(opts.within)
  while true do
    local answer = must(self.host:ask("drain", { max = max - #ran }))
    self.time = answer.now
    add(ran, self, answer)
    check_end(answer, max)
    if not limit or answer.next_due == 0 or answer.next_due > limit then
      break
    end
    self.time = must(self.host:ask("clock", { to = answer.next_due }))
  end
  if limit and limit > self.time then
    self.time = must(self.host:ask("clock", { to = limit }))
  end
  return ran
end

-- ---- time ----

--- What the clock says. It stands still but for app:advance, app:drain with `within`, and
--- what jobs sleep: candy.sleep takes no time and moves the clock on.
---@return integer ms  since 1970
function App:now()
  return self.time
end

--- Moves the clock on. Nothing runs by that: what has come due runs by app:drain().
---@param duration candy.Duration
---@return integer ms  what it says now
function App:advance(duration)
  self.time = must(self.host:ask("clock", { to = self.time + milliseconds(duration) }))
  return self.time
end

-- ---- jobs out ----

--- A job in full: type, payload, state, result, errors and so on, as `candy job --json`
--- shows it.
---@param id string
---@return table? job
function App:job(id)
  return must(self.host:ask("job", { id = tostring(id) }))
end

--- Jobs in full, oldest first.
---@param states string[]?  "completed", "dead" ...; all of them by default
---@return table[] jobs
function App:jobs(states)
  local newest, jobs = {}, {}
  repeat
    local last = newest[#newest]
    local page = must(self.host:ask("jobs", {
      states = states, before = last and last.id,
    }))
    for _, job in ipairs(page) do
      newest[#newest + 1] = job
    end
  until #page == 0
  for i = #newest, 1, -1 do
    jobs[#jobs + 1] = self:job(newest[i].id)
  end
  return jobs
end

--- Jobs that wait, oldest first: those that are due, and those whose time is to come.
---@param type string?  of this task alone
---@return table[] jobs  in full
function App:enqueued(type)
  local found = {}
  for _, job in ipairs(self:jobs(WAITING)) do
    if not type or job.type == type then
      found[#found + 1] = job
    end
  end
  return found
end

local function wanted(type, payload)
  return payload and type .. " with " .. failure.show(payload) or type
end

local function list_of(jobs)
  local lines = {}
  for i, job in ipairs(jobs) do
    lines[i] = ("\n  %s %s (%s)"):format(job.type, failure.show(job.payload), job.state)
  end
  return #jobs == 0 and "nothing" or table.concat(lines)
end

local function matching(app, type, payload)
  local waiting = app:enqueued()
  for _, job in ipairs(waiting) do
    if job.type == type and failure.contains(job.payload, payload or {}) then
      return job, waiting
    end
  end
  return nil, waiting
end

--- Fails unless such a job waits, and tells what waits instead.
---@param type string
---@param payload table?  what its payload must have; it may have more
---@return table job  the oldest such
function App:assert_enqueued(type, payload)
  local job, waiting = matching(self, type, payload)
  if not job then
    failure.fail(("no job waits that is %s; enqueued is %s"):format(
      wanted(type, payload), list_of(waiting)))
  end
  return job
end

--- Fails when such a job waits.
---@param type string
---@param payload table?
function App:assert_not_enqueued(type, payload)
  local job = matching(self, type, payload)
  if job then
    failure.fail(("a job waits that is %s: %s"):format(wanted(type, payload),
      list_of({ job })))
  end
end

-- ---- the outside ----

--- Answers requests that jobs make with candy.http. Of several that fit a request the
--- newest counts. Redirects are not followed: stub what answers in the end.
---
---     app:stub_http("GET https://api.example.com/*", { json = { ok = true } })
---     app:stub_http("POST https://api.example.com/mails", function(request)
---       return { status = request.json.to and 201 or 422 }
---     end)
---     app:stub_http("https://flaky.example.com/", { { status = 503 }, { json = {} } })
---     app:stub_http("https://down.example.com/*", { error = "connect_failed" })
---@param pattern string  "METHOD URL" or a URL; `*` is any text. The query counts only
---  where the pattern has a question mark
---@param answer table|function  status (200), headers, and body or json; or error, a code
---  of candy.http, and message; or a list of such, one a request, the last for all that
---  follow; or a function that gets the request (as app:requests has it) and returns one
function App:stub_http(pattern, answer)
  if type(pattern) ~= "string" or type(answer) ~= "table" and type(answer) ~= "function"
  then
    error('app:stub_http takes a pattern such as "GET https://api.example.com/*" and an '
      .. "answer such as { status = 200, json = {} }", 2)
  end
  local ok, why = pcall(self.stubs.add, self.stubs, pattern, answer)
  if not ok then
    error("app:stub_http: " .. why, 2)
  end
end

--- The requests that jobs made, oldest first: each has method, url, query, headers (names
--- in lower case), body, and json when the body is JSON.
---@param pattern string?  as app:stub_http has it
---@return table[] requests
function App:requests(pattern)
  return self.stubs:requests(pattern)
end

--- Fails unless such requests were made, and tells which were.
---@param pattern string  as app:stub_http has it
---@param count integer?  how many; at least one when it is not given
---@return table request  the newest such
function App:assert_requested(pattern, count)
  local found = self:requests(pattern)
  if count and #found ~= count or not count and #found == 0 then
    local lines = {}
    for i, request in ipairs(self:requests()) do
      lines[i] = ("\n  %s %s"):format(request.method, request.url)
    end
    failure.fail(("%d requests were %s, not %s; there were %s"):format(#found, pattern,
      count or "one or more", #lines == 0 and "none" or table.concat(lines)))
  end
  return found[#found]
end

-- ---- what jobs leave ----

local function fits(line, which)
  for name, value in pairs(which) do
    if line[name] ~= value then
      return false
    end
  end
  return line.job ~= nil and line.took_ms == nil -- which the ends of attempts have
end

--- What jobs logged, oldest first: each line has time, level, message, fields, job (its
--- id), type and attempt. Secrets are left out of them, as in any log.
---@param which table?  job: an id; type: a task; level: "info" ...
---@return table[] lines
function App:logs(which)
  local lines = {}
  for _, line in ipairs(must(self.host:ask("logs"))) do
    line.job = line.job_id
    if fits(line, which or {}) then
      lines[#lines + 1] = line
    end
  end
  return lines
end

local function sql(app, verb, text, ...)
  local params = {}
  for i = 1, select("#", ...) do
    params[i] = select(i, ...)
    if params[i] == nil then
      params[i] = json.null
    end
  end
  local list = #params > 0 and json.encode(params) or "[]"
  return must(app.host:ask(verb, { sql = text, params = list }))
end

--- Rows of the scripts' own tables, as candy.db.query has them.
---@param text string  SQL
---@param ... any  for its question marks
---@return table[] rows
function App:query(text, ...)
  return sql(self, "query", text, ...)
end

--- Changes the scripts' own tables, as candy.db.exec does: what a test needs to be there.
---@param text string  SQL
---@param ... any  for its question marks
---@return table done  changes, last_id
function App:exec(text, ...)
  return sql(self, "exec", text, ...)
end

--- Reads a value of candy.kv.
---@param key string
---@return any value
function App:kv(key)
  return must(self.host:ask("kv", { key = key }))
end

--- Sets a value of candy.kv.
---@param key string
---@param value any
function App:set_kv(key, value)
  must(self.host:ask("kv", { key = key, value = json.encode(value) }))
end

return testing
