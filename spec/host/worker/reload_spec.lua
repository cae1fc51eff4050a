-- Reload by generations: what is saved is live, what fails changes nothing, no job is
-- lost on the way.
local uv = require("luv")
local candy = require("spec.support.candy")
local scripts = require("spec.support.scripts")
local cjson = require("cjson")
local poll = require("spec.support.poll")

local answering = scripts.answering

local function finish(host)
  assert.are.equal(0, (host:stop()))
  candy.remove(host.folder)
end

it("is told to handlers of events", function()
  local host = candy.start({ scripts = { ["watch.lua"] = [[
    local candy = require("candy")
    candy.on("scripts.*", function(job)
      candy.kv.set(job.payload.event, job.payload.data)
    end)
    candy.task("told", function() return candy.kv.list("scripts.") end)
  ]] } })
  scripts.save(host, "scripts/bad.lua", "local candy = ")
  scripts.wait_dropped(host, 2)
  scripts.save(host, "scripts/bad.lua", answering("good", 1))
  scripts.wait_live(host, 3)
  local failed, loaded
  poll.wait_for(function()
    local told = {}
    for _, item in ipairs(scripts.ask(host, "told")) do
      told[item.key] = item.value
    end
    failed, loaded = told["scripts.failed"], told["scripts.loaded"]
    return failed and loaded and loaded.generation == 3
  end, 45, "both events")
  local bad = host.folder .. "/scripts/bad.lua"
  assert.same({ bad, 1 }, { failed.file, failed.line })
  assert.same({ bad }, loaded.added)
  assert.matches("is live: 1 file, 2 tasks, %d+ ms", scripts.wait_live(host, 1))
  finish(host)
end)

describe("a save", function()
  local host

  before_each(function()
    host = candy.start({ scripts = {
      ["hello.lua"] = answering("hello", 1),
      ["greeter.lua"] = [[
        local candy = require("candy")
        local text = require("lib.text")
        candy.task("greet", function() return text.greeting end)
      ]],
      ["lib/text.lua"] = 'return { greeting = "hi" }',
    } })
  end)

  after_each(function()
    finish(host)
  end)

  it("is live, whichever way the file is written", function()
    assert.are.equal(1, scripts.ask(host, "hello"))
    scripts.save(host, "scripts/hello.lua", answering("hello", 2))
    local line = cjson.decode(scripts.wait_live(host, 2))
    assert.are.equal(2, scripts.ask(host, "hello"))
    assert.matches("changed .*scripts/hello.lua$", line.message)
    assert.are.same({ 2, 3, 2 },
      { line.fields.generation, line.fields.files, line.fields.tasks })
    scripts.overwrite(host, "scripts/hello.lua", answering("hello", 3))
    scripts.wait_live(host, 3)
    assert.are.equal(3, scripts.ask(host, "hello"))
    local health = scripts.health(host)
    assert.are.equal(3, health.generation)
    assert.are.equal(cjson.null, health.problem)
    assert.are.equal(2, host:request("GET", "/health").json.workers.alive)
  end)

  it("of a module is seen by the files that require it", function()
    assert.are.equal("hi", scripts.ask(host, "greet"))
    scripts.save(host, "scripts/lib/text.lua", 'return { greeting = "hello" }')
    scripts.wait_live(host, 2)
    assert.are.equal("hello", scripts.ask(host, "greet"))
  end)

  it("that changes nothing starts nothing", function()
    scripts.overwrite(host, "scripts/hello.lua", answering("hello", 1))
    scripts.save(host, "scripts/greeter.lua", candy.read(host.scripts .. "/greeter.lua"))
    for _, name in ipairs({ ".hello.lua.swp", "hello.lua~", "#hello.lua#", "4913",
      ".#hello.lua", "hello.lua.tmp", "hello.lua.bak", ".hidden.lua" }) do
      candy.write(host.scripts .. "/" .. name, "this is no Lua")
    end
    uv.fs_symlink("nobody@nowhere.1", host.scripts .. "/.#locked.lua")
    scripts.save(host, "scripts/hello.lua", answering("hello", 2))
    scripts.wait_live(host, 2)
    assert.are.equal(2, scripts.ask(host, "hello"))
    assert.is_nil(host:log():find("is not taken", 1, true))
  end)

  it("that empties a file before it writes it shows only what it wrote", function()
    local file = assert(io.open(host.scripts .. "/hello.lua", "wb"))
    local written = uv.new_timer()
    written:start(120, 0, function()
      file:write(answering("hello", 2))
      file:close()
      written:close()
    end)
    local line = scripts.wait_live(host, 2)
    assert.are.equal(2, cjson.decode(line).fields.tasks)
    assert.are.equal(2, scripts.ask(host, "hello"))
  end)

  it("is what a worker runs that takes the place of a dead one", function()
    scripts.save(host, "scripts/hello.lua", answering("hello", 2))
    scripts.wait_live(host, 2)
    poll.wait_for(function()
      return #host:workers() == 2
    end, 20, "the old workers to leave")
    for _, pid in ipairs(host:workers()) do
      uv.kill(pid, "sigkill")
    end
    for _ = 1, 20 do
      assert.are.equal(2, scripts.ask(host, "hello"))
    end
  end)

  it("ends idle old workers that stand still", function()
    local stopped = host:workers()
    for _, pid in ipairs(stopped) do
      uv.kill(pid, "sigstop")
    end
    scripts.save(host, "scripts/hello.lua", answering("hello", 2))
    scripts.wait_live(host, 2)
    assert.are.equal(2, scripts.ask(host, "hello"))
    poll.wait_for(function()
      return #host:workers() == 2
    end, 30, "the stopped workers to be killed")
  end)
end)

describe("the removal of a file", function()
  it("takes its tasks away; their jobs wait, flagged, until it is back", function()
    local host = candy.start({ scripts = {
      ["stays.lua"] = answering("stays", 1),
      ["goes.lua"] = answering("goes", 1),
    } })
    scripts.remove(host, "scripts/goes.lua")
    local later = host:push("goes", nil, { delay = "600ms" })
    scripts.wait_live(host, 2)
    local refused = host:request("POST", "/tasks", { type = "goes" })
    assert.are.equal("unknown_task", refused.json.code)
    poll.wait_for(function()
      return host:request("GET", "/health").json.queue.set_aside == 1
    end, 20, "the job to be flagged")
    assert.are.equal(1, scripts.ask(host, "stays"))
    scripts.save(host, "scripts/goes.lua", answering("goes", 2))
    assert.are.equal(2, host:wait(later).result)
    finish(host)
  end)
end)

describe("sources that fail", function()
  local host

  setup(function()
    host = candy.start({
      env = { CANDY_WORKER_STALL = "500ms" },
      scripts = {
        ["hello.lua"] = answering("hello", 1),
        ["z_bad.lua"] = answering("other", 1),
        ["table.lua"] = 'require("candy").schema("t", "create table t (n integer)")',
        ["left_out.lua"] = "error('from the start')",
      },
    })
  end)

  teardown(function()
    finish(host)
  end)

  local generation = 1
  local cases = {
    { "a syntax error", "local x = = 1", "syntax_error", 1, "unexpected symbol" },
    { "an error at the top level", "\n\nerror('on purpose')", "error", 3, "on purpose" },
    { "a name that is taken", answering("hello", 3), nil, 2, "hello.lua:2" },
    { "a top level that never ends", "while true do end", "load_failed", nil,
      "stood still for 500ms" },
    { "a table that the store refuses",
      'require("candy").schema("bad", "create tabel t (n)")', "sql_error", 1, "tabel" },
    { "a schema that was changed",
      'require("candy").schema("t", "create table t (m integer)")', nil, 1, "t" },
    { "a file that is too large", ("-"):rep(5 * 1024 * 1024), "script_too_large", nil,
      "4 MiB" },
  }

  for _, case in ipairs(cases) do
    local what, text, code, line, message = unpack(case, 1, 5)
    it("are dropped whole for " .. what, function()
      if what:find("changed") then
        scripts.save(host, "scripts/table.lua", "")
        generation = generation + 1
        scripts.wait_live(host, generation)
      end
      scripts.save(host, "scripts/hello.lua", answering("hello", generation + 100))
      generation = generation + 1
      scripts.wait_live(host, generation)
      local value = scripts.ask(host, "hello")

      scripts.save(host, "scripts/z_bad.lua", text)
      generation = generation + 1
      local problem = scripts.wait_dropped(host, generation)
      assert.are.equal(generation, problem.generation)
      assert.matches("scripts/z_bad.lua$", problem.file)
      assert.matches(message, problem.message, 1, true)
      assert.are.equal(code or problem.code, problem.code)
      assert.are.equal(line or cjson.null, problem.line)
      assert.are.equal(value, scripts.ask(host, "hello"))
      local _, _, told = host:command({ "tasks" })
      assert.matches("the newest scripts do not run", told, 1, true)

      scripts.save(host, "scripts/z_bad.lua", answering("other", generation))
      generation = generation + 1
      scripts.wait_live(host, generation)
      assert.are.equal(generation - 1, scripts.ask(host, "other"))
      assert.are.equal(cjson.null, scripts.health(host).problem)
    end)
  end

  it("are dropped when each worker would declare something else", function()
    local before = candy.read(host.scripts .. "/z_bad.lua")
    scripts.save(host, "scripts/z_bad.lua",
      'require("candy").task("t" .. (os.clock() .. tostring({})):gsub("%W", ""), print)')
    generation = generation + 1
    local problem = scripts.wait_dropped(host, generation)
    assert.matches("declare other tasks", problem.message, 1, true)
    assert.are.equal(cjson.null, problem.file)
    scripts.save(host, "scripts/z_bad.lua", before)
    host:wait_log("the scripts are again those of generation " .. generation - 1)
  end)

  it("are dropped when they are more files than there may be", function()
    local aside, many = host.folder .. "/many", host.folder .. "/scripts/many"
    assert(uv.fs_mkdir(aside, 448))
    for i = 1, 10001 do
      candy.write(("%s/f%d.lua"):format(aside, i), "return 1")
    end
    assert(uv.fs_rename(aside, many))
    generation = generation + 1
    local problem = scripts.wait_dropped(host, generation)
    assert.same({ "too_many_files", many }, { problem.code, problem.file })
    assert(uv.fs_rename(many, aside))
    poll.wait_for(function()
      return scripts.health(host).problem == cjson.null
    end, 45, "the end of the problem")
  end)

  it("are no problem once they are again what runs", function()
    local before = candy.read(host.scripts .. "/z_bad.lua")
    scripts.save(host, "scripts/z_bad.lua", "local")
    generation = generation + 1
    scripts.wait_dropped(host, generation)
    scripts.save(host, "scripts/z_bad.lua", before)
    poll.wait_for(function()
      return scripts.health(host).problem == cjson.null
    end, 20, "the problem to be gone")
    assert.are.equal(cjson.null, scripts.health(host).problem)
  end)

  it("may lack the file that was left out at the start", function()
    assert.are.equal(1, scripts.health(host).failed)
    scripts.save(host, "scripts/left_out.lua", answering("at_last", 1))
    generation = generation + 1
    scripts.wait_live(host, generation)
    assert.are.equal(1, scripts.ask(host, "at_last"))
    assert.are.equal(0, scripts.health(host).failed)
  end)
end)

describe("a worker that dies while a generation is loaded", function()
  local SLOW = "local t = os.clock() while os.clock() - t < 0.8 do end\n"

  -- Starting takes a worker less than 30 ms: one that has used more runs the file.
  local function is_in_file(pid)
    local file = io.open("/proc/" .. pid .. "/stat")
    local ticks = file and file:read("*a"):match("%) %S" .. (" %S+"):rep(10) .. " (%d+)")
    if file then
      file:close()
    end
    return tonumber(ticks or 0) >= 10
  end

  local function kill_loading(host, old)
    local pid = poll.wait_for(function()
      for _, found in ipairs(host:workers()) do
        if not old[found] and is_in_file(found) then
          return found
        end
      end
    end, 20, "a loading worker")
    old[pid] = true
    uv.kill(pid, "sigkill")
  end

  local function start_slow()
    local host = candy.start({ scripts = { ["a.lua"] = answering("a", 1) } })
    local old = {}
    for _, pid in ipairs(host:workers()) do
      old[pid] = true
    end
    scripts.save(host, "scripts/a.lua", SLOW .. answering("a", 2))
    kill_loading(host, old)
    return host, old
  end

  it("once is an accident", function()
    local host = start_slow()
    scripts.wait_live(host, 2)
    assert.are.equal(2, scripts.ask(host, "a"))
    finish(host)
  end)

  it("twice in one file drops it", function()
    local host, old = start_slow()
    kill_loading(host, old)
    local problem = scripts.wait_dropped(host, 2)
    assert.are.equal("load_failed", problem.code)
    assert.matches("crashed: SIGKILL", problem.message, 1, true)
    assert.are.equal(1, scripts.ask(host, "a"))
    finish(host)
  end)
end)

describe("while jobs run", function()
  local JOBS = 10000

  local function working(version)
    return ([[
      local candy = require("candy")
      candy.schema("runs", "create table runs (job integer, version integer)")
      candy.task("work", function(job)
        candy.sleep("20ms")
        job:write("insert into runs (job, version) values (?, ?)", job.payload.n, %d)
        return %d
      end)
      candy.task("count", function()
        return candy.db.query("select count(*) as n, count(distinct job) as jobs, "
          .. "max(version) as newest, min(version) as oldest from runs")[1]
      end)
    ]]):format(version, version)
  end

  local function push_all(host)
    local at = 0
    while at < JOBS do
      local batch = {}
      for i = 1, 1000 do
        batch[i] = { type = "work", payload = { n = at + i } }
      end
      assert.are.equal(202, host:request("POST", "/tasks", batch).status)
      at = at + 1000
    end
  end

  it("a save loses none and runs none twice", function()
    local host = candy.start({ scripts = { ["work.lua"] = working(1) } })
    push_all(host)
    scripts.save(host, "scripts/work.lua", working(2))
    scripts.wait_live(host, 2)
    local after = host:wait(host:push("work", { n = JOBS + 1 }, { priority = -1 }))
    assert.are.equal(2, after.result)
    local told
    poll.wait_for(function()
      told = scripts.ask(host, "count")
      return told.n >= JOBS + 1
    end, 60, "all jobs")
    assert.are.same({ n = JOBS + 1, jobs = JOBS + 1, newest = 2, oldest = 1 }, told)
    local health = host:request("GET", "/health").json.queue
    assert.are.same({ 0, 0, 0 }, { health.available, health.retryable, health.dead })
    assert.are.equal(0, (host:stop()))
    candy.remove(host.folder)
  end)
end)

describe("saves in a row", function()
  local SAVES = os.getenv("SOAK") and 1000 or 200

  it("leave nothing behind and lose no job", function()
    local host = candy.start({ scripts = { ["hello.lua"] = answering("hello", 0) } })
    scripts.save(host, "scripts/hello.lua", answering("hello", 1))
    scripts.wait_live(host, 2)
    scripts.ask(host, "hello")
    poll.wait_for(function()
      return #host:workers() == 2
    end, 20, "the old workers to leave")
    local before = scripts.holdings(host)
    local ids = {}
    for i = 1, SAVES do
      scripts.save(host, "scripts/hello.lua", answering("hello", i + 1))
      scripts.save(host, "scripts/sub" .. i % 7 .. "/init.lua", "return " .. i)
      ids[#ids + 1] = i % 4 == 0 and host:push("hello") or nil
    end
    for _, id in ipairs(ids) do
      assert.are.equal("completed", host:wait(id).state)
    end
    poll.wait_for(function()
      return scripts.ask(host, "hello") == SAVES + 1
    end, 20, "the last save to be live")
    before.watches = before.watches + 7
    assert.are.same(true, scripts.wait_holdings(host, before))
    assert.is_nil(host:log():find('"level":"error"', 1, true))
    finish(host)
  end)
end)

describe("two old generations", function()
  local function long(version)
    return ([[
      local candy = require("candy")
      candy.task("long", { timeout = "5m" }, function(job)
        if job.checkpoint then
          return { version = %d, from = job.checkpoint.version }
        end
        job:save({ version = %d })
        job:progress(50, "saved")
        candy.sleep("5m")
      end)
      candy.task("once", { rerun = false }, function() candy.sleep("5m") end)
      candy.task("version", function() return %d end)
    ]]):format(version, version, version)
  end

  it("finish; a third gives its jobs back with their checkpoints", function()
    local host = candy.start({ scripts = { ["long.lua"] = long(1) } })
    local job, once = host:push("long"), host:push("once")
    poll.wait_for(function()
      local progress = host:job(job).progress
      return host:job(once).state == "running" and progress ~= cjson.null and progress
    end, 20, "both jobs to run")
    for version = 2, 3 do
      scripts.save(host, "scripts/long.lua", long(version))
      scripts.wait_live(host, version)
      host:wait(host:push("once"), "running")
      assert.are.equal(version, scripts.ask(host, "version"))
      assert.are.equal("running", host:job(job).state)
    end
    scripts.save(host, "scripts/long.lua", long(4))
    local ended = host:wait(job)
    assert.are.same({ version = 4, from = 1 }, ended.result)
    assert.are.same({ 0, 0 }, { ended.retry_count, ended.rescues })
    local lost = host:wait(once)
    assert.are.equal("dead", lost.state)
    assert.are.equal("outcome_unknown", lost.attempts[1].error.code)
    host:stop("sigkill")
    candy.remove(host.folder)
  end)
end)
