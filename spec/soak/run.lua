-- A run: a host that is fed, struck, brought back and drained, and what there is to check
-- it by.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local script = require("spec.soak.script")
local Client = require("spec.soak.client")
local Ledger = require("spec.soak.ledger")
local Load = require("spec.soak.load")
local Memory = require("spec.soak.memory")
local Trouble = require("spec.soak.trouble")

local LIST = 50 -- jobs a request
local CALM = 0.75 -- from this part of the time on the host is left alive
local LOG_KEPT = 16384 -- bytes of a host's log, for what fails
local DRAIN_S = 150 -- without a step of any job
local OPEN = "scheduled,available,running,retryable,pending"

local Run = {}
Run.__index = Run

local function now_s()
  return uv.hrtime() / 1e9
end

local function host_options(subjects)
  local scripts = { ["every.lua"] = script.PRELUDE .. script.SCHEMA }
  for _, subject in ipairs(subjects) do
    if subject.script then
      scripts[subject.name .. ".lua"] = script.PRELUDE .. subject.script
    end
  end
  return { scripts = scripts, env = {
    CANDY_WORKER_STALL = "1s", CANDY_LOG_LEVEL = "warn", CANDY_STOP_GRACE = "5s",
  } }
end

-- Tables and triggers beside the store's own, for what a subject wants to see.
local function watch_store(host, subjects)
  local sql = { ".bail on", ".timeout 30000" }
  for _, subject in ipairs(subjects) do
    sql[#sql + 1] = subject.watch
  end
  candy.write(host.folder .. "/watch.sql", table.concat(sql, "\n"))
  local list = io.popen(("sqlite3 '%s/candy.db' < '%s/watch.sql' 2>&1"):format(
    host.data, host.folder))
  local text = list:read("*a")
  list:close()
  assert(text == "", text)
end

local function tables_of(subjects)
  local tables = {}
  for _, subject in ipairs(subjects) do
    for name, columns in pairs(subject.tables or {}) do
      tables[name] = columns
    end
  end
  return tables
end

-- subjects: a list; options: seconds, rate (jobs a second), seed.
function Run.new(subjects, options)
  local run = setmetatable({ subjects = subjects, options = options, restarts = 0 }, Run)
  math.randomseed(options.seed)
  run.host_options = host_options(subjects)
  run.host = candy.start(run.host_options)
  watch_store(run.host, subjects)
  run.began, run.host_began = now_s(), now_s()
  run.ledger = Ledger.new(run.host.folder, tables_of(subjects))
  run.load, run.memory = Load.new(run.ledger, subjects), Memory.new()
  run.trouble = Trouble.new(run)
  run.client = Client.new(run.host)
  run.call = function(method, path, body)
    return run.client:request(method, path, body)
  end
  return run
end

function Run:is_calm()
  return now_s() - self.began > CALM * self.options.seconds
end

function Run:revive()
  local host = self.host
  if host:is_running() then
    return
  end
  local code, signal = host:stop()
  if host.times_asked and signal ~= 9 then
    assert(code == 0 or code == 1 and host.times_asked > 1,
      ("code %d, signal %d: %s"):format(code, signal, host:log():sub(-2000)))
  else
    assert(signal == 9, "the host died by itself: " .. host:log():sub(-2000))
  end
  self.host = host:again(self.host_options)
  self.client:close()
  self.client = Client.new(self.host)
  self.host_began = now_s()
  self.restarts = self.restarts + 1
end

function Run:forget_log()
  local log = self.host.process.err
  if #log.text > 4 * LOG_KEPT then
    log.text = log.text:sub(-LOG_KEPT)
  end
end

-- Lists as often as the rate wants them, for as long as the time lasts.
function Run:feed()
  local due = now_s()
  while now_s() - self.began < self.options.seconds do
    self:revive()
    self.load:send_list(self.call, LIST)
    for _ = 1, math.random(0, 3) do
      self.load:do_something(self.call)
    end
    self.memory:look(self.host, now_s() - self.host_began)
    self:forget_log()
    due = math.max(due + LIST / self.options.rate, now_s() - 1)
    poll.wait_for(function()
      return now_s() >= due or not self.host:is_running()
    end, 60, "the next list")
  end
end

-- However much a slow machine has left over: as long as jobs take steps, it gets on.
function Run:wait_for_all()
  local list, done, step, before
  repeat
    before = step
    done = pcall(poll.wait_for, function()
      list = self.call("GET", "/tasks?limit=5&state=" .. OPEN)
      return list and list.status == 200 and not list.json.items[1]
    end, DRAIN_S, "every job to end")
    step = self.load:last_step()
  until done or step == before
  assert(done, ("left over: %s; %s; the log ends %s"):format(
    list and cjson.encode(list.json), self:told(), self.host:log():sub(-2000)))
end

-- One that was asked to stop may still be at it.
function Run:wait_for_end()
  if self.host.times_asked then
    poll.wait_for(function()
      return not self.host:is_running()
    end, DRAIN_S, "the host to stop")
  end
end

function Run:drain()
  self.trouble:stop()
  self:wait_for_end()
  self:revive()
  for _, subject in ipairs(self.subjects) do
    if subject.settle then
      subject.settle(self.load, self.call, self.host.scripts)
    end
  end
  self:wait_for_all()
  self:probe()
end

-- When all is quiet there is room again for as many as may run, at each key: a slot that
-- was not given back keeps some of these waiting.
function Run:probe()
  local load = self.load
  assert(load:send(self.call, load:one_of_each(), true))
  for _, subject in ipairs(self.subjects) do
    for _, meeting in ipairs(subject.meetings and subject.meetings(load) or {}) do
      assert(load:send(self.call, meeting, true))
    end
  end
  self:wait_for_all()
end

-- The limits of the subjects, as a table.
local function limited(subjects)
  local sql = { "create table limited (name, type, by_key, at_most, strict);" }
  for _, subject in ipairs(subjects) do
    for _, limit in ipairs(subject.limits or {}) do
      for _, type in ipairs(limit.types) do
        sql[#sql + 1] = ("insert into limited values ('%s', '%s', %d, %d, %d);"):format(
          limit.name, type, limit.by_key and 1 or 0, limit.at_most,
          limit.strict and 1 or 0)
      end
    end
  end
  return table.concat(sql, "\n")
end

-- To be called when the host has stopped.
function Run:load_tables()
  local sql = { limited(self.subjects) }
  for _, subject in ipairs(self.subjects) do
    sql[#sql + 1] = subject.sql
  end
  self.ledger:load(self.host.data .. "/candy.db", sql)
end

function Run:told()
  return ("seed %d: %d jobs, %d requests of %d unanswered, %s; memory %d kB at most, "
    .. "grown by %d kB"):format(self.options.seed, self.load.items, self.load.unanswered,
    self.load.requests, self.trouble:told(), self.memory.rss_max, self.memory:grown())
end

return Run
