-- Hours in the life of a host, in SOAK_SECONDS (a minute): tasks of many kinds come in
-- all the time while hosts and workers are killed, stopped and paused at random. At the
-- end a checker looks into the script's own tables for effects that are missing, doubled,
-- left by an attempt that failed or by one that no longer owned its job. In the last
-- quarter the host stays alive, so that its memory can be watched.
--
-- SOAK_RATE is the jobs a second (500; 100 with sanitizers), SOAK_SEED repeats a run's
-- choices.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local SECONDS = tonumber(os.getenv("SOAK_SECONDS") or 60)
local SANITIZED = candy.build:find("asan") ~= nil
local RATE = tonumber(os.getenv("SOAK_RATE") or SANITIZED and 100 or 500)
local SEED = tonumber(os.getenv("SOAK_SEED") or os.time())

local BATCH = 50 -- jobs a request, on average
local CHILDREN = 3 -- of a parent
local CALM = 0.75 -- from this part of the time on the host is left alive
local WARM_S = 5 -- a new host's memory is looked at after so long
local LOG_KEPT = 16384 -- bytes of a host's log, for what fails
local RSS_MAX_KB = 128 * 1024
local GROWTH_MAX_KB = 16 * 1024

local SCRIPT = [[
local candy = require("candy")

candy.schema("soak", {
  "create table begun (n integer, lease integer)",
  "create table effects (n integer, lease integer)",
  "create table children (n integer, part integer)",
})

local function begin(job)
  assert(candy.db.exec("insert into begun values (?, ?)", job.payload.n, job.lease))
end

local function effect(job)
  job:write("insert into effects values (?, ?)", job.payload.n, job.lease)
end

local function task(name, opts, fn)
  opts.payload = { n = "integer", part = "integer?" }
  opts.max_retries = 20
  candy.task(name, opts, fn)
end

task("child", {}, function(job)
  job:write("insert into children values (?, ?)", job.payload.n, job.payload.part)
end)

task("quick", {}, effect)

task("plain", {}, function(job)
  begin(job)
  effect(job)
end)

task("slow", {}, function(job)
  begin(job)
  candy.sleep((job.payload.n % 300) .. "ms")
  effect(job)
end)

task("busy", {}, function(job)
  begin(job)
  local till = candy.time.now() + 10
  while candy.time.now() < till do end
  effect(job)
end)

task("flaky", {}, function(job)
  effect(job)
  if job.attempt == 1 then
    error("the first attempt fails")
  end
  begin(job)
end)

task("parent", {}, function(job)
  begin(job)
  effect(job)
  for part = 1, ]] .. CHILDREN .. [[ do
    job:enqueue("child", { n = job.payload.n, part = part })
  end
end)

task("doomed", {}, function(job)
  effect(job)
  job:enqueue("child", { n = job.payload.n, part = 0 })
  return nil, candy.permanent("on purpose")
end)

task("once", { rerun = false }, function(job)
  begin(job)
  candy.sleep((job.payload.n % 50) .. "ms")
  effect(job)
end)
]]

-- What is sent, as often as it is named here.
local KINDS = { "quick", "quick", "quick", "quick", "plain", "plain", "plain", "slow",
  "busy", "flaky", "parent", "doomed", "once" }

-- Each query gives what must not be. sent(n, kind, batch, acked, id) is what this spec
-- did; finished(id, lease) is what the store says of jobs that are completed; the other
-- tables are the script's.
local FAULTS = {
  lost = [[
    select n, kind from sent where acked and kind not in ('doomed', 'once')
      and n not in (select n from effects)]],
  doubled = "select n, count(*) times from effects group by n having times > 1",
  stale = [[
    select n, e.lease, max(b.lease) newest from effects e join begun b using (n)
      group by n having e.lease <> newest]],
  of_another_lease = [[
    select n, e.lease, f.lease finished from effects e join sent s using (n)
      join finished f on f.id = s.id where e.lease <> f.lease]],
  unfinished = [[
    select n, id from sent where acked and kind not in ('doomed', 'once')
      and id not in (select id from finished)]],
  of_a_failed_attempt = [[
    select n, kind from effects join sent using (n) where kind = 'doomed']],
  of_nobody = "select n from effects where n not in (select n from sent)",
  rerun = [[
    select n, count(*) times from begun join sent using (n)
      where kind = 'once' group by n having times > 1]],
  children = [[
    select n, kind, count(part) have, count(distinct part) parts from sent
      left join children using (n) group by n
      having have <> parts or have <>
        ]] .. CHILDREN .. [[ * (kind = 'parent' and n in (select n from effects))]],
  torn_batches = [[
    select batch, count(*) size, sum(n in (select n from effects)) done from sent
      where not acked and kind not in ('doomed', 'once')
      group by batch having done not in (0, size)]],
}

-- What the checker must notice, by the name of the fault.
local TAMPERING = {
  lost = [[delete from effects where n =
    (select n from sent where acked and kind = 'quick' limit 1)]],
  doubled = "insert into effects select * from effects limit 1",
  stale = [[insert into begun select n, lease + 1 from effects
    where n in (select n from begun) limit 1]],
  of_another_lease = [[update finished set lease = lease + 1
    where id = (select id from sent where acked and kind = 'slow' limit 1)]],
  unfinished = [[delete from finished where id =
    (select id from sent where acked and kind = 'busy' limit 1)]],
  of_a_failed_attempt = [[insert into effects select n, 1 from sent
    where kind = 'doomed' limit 1]],
  of_nobody = "insert into effects values (-1, 1)",
  rerun = [[insert into begun select * from begun
    where n in (select n from sent where kind = 'once') limit 1]],
  children = "insert into children select * from children limit 1",
  torn_batches = [[
    create table largest as select batch from sent group by batch
      order by count(*) desc limit 1;
    update sent set acked = 0 where batch in (select batch from largest);
    delete from effects where n = (select n from sent
      where batch in (select batch from largest) and kind = 'quick' limit 1)]],
}

local function now_s()
  return uv.hrtime() / 1e9
end

-- ---- what is sent ----

local Load = {}
Load.__index = Load

local function new_load()
  return setmetatable({ sent = {}, batches = 0, refused = 0, once = {} }, Load)
end

function Load:batch()
  self.batches = self.batches + 1
  local batch = {}
  for i = 1, math.random(2 * BATCH - 1) do
    local n = #self.sent + 1
    local item = { n = n, kind = KINDS[math.random(#KINDS)], batch = self.batches }
    self.sent[n], batch[i] = item, item
  end
  return batch
end

-- Sends a batch; without an answer it may or may not have been taken in.
function Load:send(host)
  local batch, tasks = self:batch(), {}
  for i, item in ipairs(batch) do
    tasks[i] = { type = item.kind, payload = { n = item.n } }
  end
  local ok, answer = pcall(host.request, host, "POST", "/tasks", tasks)
  if not ok or answer.status ~= 202 then
    self.refused = self.refused + 1
    return
  end
  assert.are.equal(#batch, #answer.json.ids)
  for i, item in ipairs(batch) do
    item.acked, item.id = true, answer.json.ids[i]
    if item.kind == "once" then
      self.once[item.n] = answer.json.ids[i]
    end
  end
end

function Load:write(path)
  local file = assert(io.open(path, "w"))
  for _, item in ipairs(self.sent) do
    file:write(("%d,%s,%d,%d,%s\n"):format(item.n, item.kind, item.batch,
      item.acked and 1 or 0, item.id or 0))
  end
  file:close()
end

-- ---- what goes wrong ----

local Trouble = {}
Trouble.__index = Trouble

-- Strikes at random times while the uv loop turns, so also in the middle of a request.
local function new_trouble(run)
  local self = setmetatable({ run = run, timer = uv.new_timer(), counts = {} }, Trouble)
  self:arm()
  return self
end

function Trouble:arm()
  self.timer:start(math.random(300, 4000), 0, function()
    local host = self.run.host
    local strikes = self.run:is_calm() and { "kill_worker", "pause_worker" }
      or { "kill_host", "kill_host", "stop_host", "kill_worker", "kill_worker",
        "kill_worker", "pause_worker" }
    local strike = strikes[math.random(#strikes)]
    if host and host:is_running() then
      self.counts[strike] = (self.counts[strike] or 0) + 1
      self[strike](self, host)
    end
    self:arm()
  end)
end

function Trouble.kill_host(_, host)
  uv.kill(host.pid, "sigkill")
end

function Trouble.stop_host(_, host)
  host.asked_to_stop = true
  uv.kill(host.pid, "sigterm")
end

local function any_worker(host)
  local pids = host:workers()
  return pids[1] and pids[math.random(#pids)]
end

function Trouble.kill_worker(_, host)
  local pid = any_worker(host)
  if pid then
    uv.kill(pid, "sigkill")
  end
end

-- For less or more time than the stall limit, which is 1 s here.
function Trouble.pause_worker(_, host)
  local pid = any_worker(host)
  local timer = uv.new_timer()
  if pid then
    uv.kill(pid, "sigstop")
  end
  timer:start(math.random(100, 3000), 0, function()
    timer:close()
    if pid then
      uv.kill(pid, "sigcont")
    end
  end)
end

function Trouble:stop()
  self.timer:close()
end

function Trouble:total()
  local total = 0
  for _, count in pairs(self.counts) do
    total = total + count
  end
  return total
end

-- ---- the host's memory ----

local Memory = {}
Memory.__index = Memory

local function status_kb(pid, field)
  local ok, text = pcall(candy.read, "/proc/" .. pid .. "/status")
  return ok and tonumber(text:match(field .. ":%s*(%d+)")) or 0
end

local function new_memory()
  return setmetatable({ rss_max = 0, next_s = 0 }, Memory)
end

-- `first` is that of the host that lives last, warmed up; `last` what it came to.
function Memory:look(host, up_s)
  if now_s() < self.next_s or not host:is_running() then
    return
  end
  self.next_s = now_s() + 1
  local anonymous = status_kb(host.pid, "RssAnon")
  self.rss_max = math.max(self.rss_max, status_kb(host.pid, "VmRSS"))
  if self.pid ~= host.pid and up_s >= WARM_S then
    self.pid, self.first = host.pid, anonymous
  end
  self.last = anonymous
end

-- ---- the run ----

local Run = {}
Run.__index = Run

local HOST = {
  scripts = { ["soak.lua"] = SCRIPT },
  env = { CANDY_WORKER_STALL = "1s", CANDY_LOG_LEVEL = "warn", CANDY_STOP_GRACE = "5s" },
}

local function new_run()
  local run = setmetatable({ began = now_s(), restarts = 0 }, Run)
  run.load, run.memory = new_load(), new_memory()
  run.host = candy.start(HOST)
  run.host_began = now_s()
  run.trouble = new_trouble(run)
  return run
end

function Run:is_calm()
  return now_s() - self.began > CALM * SECONDS
end

function Run:revive()
  local host = self.host
  if host:is_running() then
    return
  end
  local code, signal = host:stop()
  if host.asked_to_stop and signal ~= 9 then
    assert.are.equal(0, code, host:log():sub(-2000))
  else
    assert.are.equal(9, signal, "the host died by itself: " .. host:log():sub(-2000))
  end
  self.host = host:again(HOST)
  self.host_began = now_s()
  self.restarts = self.restarts + 1
end

function Run:forget_log()
  local log = self.host.process.err
  if #log.text > 4 * LOG_KEPT then
    log.text = log.text:sub(-LOG_KEPT)
  end
end

-- Batches as often as the rate wants them, for as long as the time lasts.
function Run:feed()
  local due = now_s()
  while now_s() - self.began < SECONDS do
    self:revive()
    self.load:send(self.host)
    self.memory:look(self.host, now_s() - self.host_began)
    self:forget_log()
    due = math.max(due + BATCH / RATE, now_s() - 1)
    poll.wait_for(function()
      return now_s() >= due or not self.host:is_running()
    end, 60, "the next batch")
  end
end

function Run:calls(path)
  local ok, answer = pcall(self.host.request, self.host, "GET", path)
  return ok and answer.status == 200 and answer.json or nil
end

function Run:drain()
  self.trouble:stop()
  self:revive()
  local states, list = "scheduled,available,running,retryable", nil
  local done = pcall(poll.wait_for, function()
    list = self:calls("/tasks?limit=5&state=" .. states)
    return list and not list.items[1]
  end, 120, "every job to finish")
  assert(done, ("left over: %s; %s; the log ends %s"):format(cjson.encode(list),
    self:told(), self.host:log():sub(-2000)))
end

-- All dead jobs of the types, page by page.
function Run:dead(types)
  local dead, cursor = {}, ""
  repeat
    local list = self:calls("/tasks?limit=200&state=dead&type=" .. types .. cursor)
    for _, job in ipairs(list.items) do
      dead[#dead + 1] = job
    end
    cursor = "&cursor=" .. tostring(list.next_cursor)
  until list.next_cursor == cjson.null
  return dead
end

-- Runs SQL over sent and the script's tables; returns the rows.
function Run:query(sql)
  local list = assert(io.popen(("sqlite3 -json '%s/check.db' \"%s\" 2>&1"):format(
    self.host.folder, sql)))
  local text = list:read("*a")
  list:close()
  return text == "" and {} or cjson.decode(text)
end

function Run:load_tables()
  local folder = self.host.folder
  self.load:write(folder .. "/sent.csv")
  self:query(([[
    create table sent (n integer primary key, kind text, batch integer, acked integer,
      id integer);
    attach '%s/data/candy.db' as store;
    create table effects as select * from store.effects;
    create table begun as select * from store.begun;
    create table children as select * from store.children;
    create table finished as select id, lease from store.candy_done where state = 5;
    create unique index finished_id on finished (id);
    create index effects_n on effects (n);
    create index begun_n on begun (n);
    create index children_n on children (n);]]):format(folder))
  os.execute(("sqlite3 '%s/check.db' '.mode csv' '.import %s/sent.csv sent'"):format(
    folder, folder))
end

function Run:told()
  local counts = {}
  for strike, count in pairs(self.trouble.counts) do
    counts[#counts + 1] = strike .. " " .. count
  end
  table.sort(counts)
  return ("seed %d: %d jobs, %d requests unanswered, %s; memory %d kB at most, grown by "
    .. "%d kB"):format(SEED, #self.load.sent, self.load.refused,
    table.concat(counts, ", "), self.memory.rss_max,
    (self.memory.last or 0) - (self.memory.first or 0))
end

describe("under load and kills", function()
  local run

  setup(function()
    math.randomseed(SEED)
    run = new_run()
    run:feed()
    run:drain()
    print(run:told())
    run.unknown = {}
    for _, job in ipairs(run:dead("once")) do
      run.unknown[job.id] = true
    end
  end)

  teardown(function()
    if run then
      run.host:stop()
      candy.remove(run.host.folder)
    end
  end)

  it("hosts and workers died", function()
    assert.is_true(run.trouble:total() >= SECONDS / 10, run:told())
    assert.is_true(run.restarts > 0 or SECONDS < 20)
  end)

  it("only what was to die is dead", function()
    assert.are.same({}, run:dead("quick,plain,slow,busy,flaky,parent,child"))
  end)

  it("the host's memory keeps to its bounds", function()
    if SANITIZED then
      return
    end
    assert.is_true(run.memory.rss_max < RSS_MAX_KB, run:told())
    assert.is_true(run.memory.last - run.memory.first < GROWTH_MAX_KB, run:told())
  end)

  it("every effect is there exactly once", function()
    assert.are.equal(0, (run.host:stop()))
    run:load_tables()
    assert.are.equal(#run.load.sent, run:query("select count(*) n from sent")[1].n)
    for name, sql in pairs(FAULTS) do
      local rows = run:query(sql .. " limit 5")
      assert.are.same({}, rows, name .. "; " .. run:told())
    end
  end)

  it("what must not run twice has its effect, or is known to be unknown", function()
    local has_effect = {}
    for _, row in ipairs(run:query("select n from effects")) do
      has_effect[row.n] = true
    end
    for n, id in pairs(run.load.once) do
      assert.are.equal(has_effect[n] == nil, run.unknown[id] == true, "job " .. id)
    end
  end)

  it("none of this went unnoticed because nobody looked", function()
    for name, sql in pairs(FAULTS) do
      run:query(TAMPERING[name])
      assert.is_true(#run:query(sql .. " limit 1") == 1, name)
    end
  end)
end)
