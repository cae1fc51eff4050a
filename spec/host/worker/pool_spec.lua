-- Scripts that misbehave: the culprit fails with a clear text, its neighbours finish.
local uv = require("luv")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local NEIGHBOUR = [[
local candy = require("candy")
candy.task("neighbour", {}, function(job)
  candy.sleep("400ms")
  return { fine = true }
end)
]]

local LOOPS = [[
local candy = require("candy")
local opts = { max_retries = 0 }
candy.task("plain", opts, function() while true do end end)
candy.task("in_pcall", opts, function()
  while true do pcall(function() while true do end end) end
end)
candy.task("in_handler", opts, function()
  xpcall(error, function() while true do end end)
end)
candy.task("in_coroutine", opts, function()
  coroutine.wrap(function() while true do end end)()
end)
candy.task("in_pattern", opts, function()
  return (("a"):rep(200000)):find((".-"):rep(40) .. "b")
end)
candy.task("too_slow", { max_retries = 0, timeout = "300ms" }, function()
  while true do end
end)
candy.task("too_long_a_wait", { max_retries = 0, timeout = "300ms" }, function()
  candy.sleep("1h")
end)
]]

describe("a job that never lets go", function()
  local host

  setup(function()
    host = candy.start({
      scripts = { ["neighbour.lua"] = NEIGHBOUR, ["loops.lua"] = LOOPS },
      env = { CANDY_WORKER_STALL = "500ms" },
    })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function fails(type, message, code)
    local neighbours = {}
    for i = 1, 8 do
      neighbours[i] = host:push("neighbour")
    end
    local job = host:wait(host:push(type))
    assert.are.equal("dead", job.state)
    assert.is_truthy(job.attempts[1].error.message:find(message, 1, true))
    assert.are.equal(code, job.attempts[1].error.code)
    for _, id in ipairs(neighbours) do
      local neighbour = host:wait(id)
      assert.are.equal("completed", neighbour.state)
      assert.are.equal(0, neighbour.retry_count)
    end
  end

  for _, name in ipairs({ "plain", "in_pcall", "in_handler", "in_coroutine",
    "in_pattern" }) do
    it("is killed: " .. name, function()
      fails(name, "killed: stood still for 500ms", "killed")
    end)
  end

  it("is killed at its own time limit when that is shorter", function()
    fails("too_slow", "killed: timed out after 300ms", "timeout")
  end)

  it("is ended without a kill when it waits", function()
    local before = host:workers()
    fails("too_long_a_wait", "timed out after 300ms", "timeout")
    assert.are.same(before, host:workers())
  end)
end)

describe("a worker that dies", function()
  local host

  setup(function()
    host = candy.start({
      workers = 1,
      env = { CANDY_WORKER_MEMORY = "32mb" },
      scripts = { ["neighbour.lua"] = NEIGHBOUR, ["bad.lua"] = [[
        local candy = require("candy")
        candy.task("eats_memory", { max_retries = 0 }, function()
          local t = {}
          for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end
        end)
        candy.task("eats_memory_for_ever", { max_retries = 0 }, function()
          local t = {}
          while true do
            pcall(function() for i = 1, 1e9 do t[#t + 1] = ("x"):rep(1000) .. i end end)
          end
        end)
        candy.task("waits", { max_retries = 0 }, function(job)
          candy.sleep(job.attempt == 1 and job.lease == 1 and "1h" or "1ms")
          return job.lease
        end)
        candy.task("once", { max_retries = 5, rerun = false }, function(job)
          candy.sleep("1h")
        end)
      ]] },
    })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  it("for want of memory fails the job that wanted it", function()
    local neighbour = host:push("neighbour")
    local job = host:wait(host:push("eats_memory"))
    assert.are.equal("dead", job.state)
    assert.are.equal("out_of_memory", job.attempts[1].error.code)
    assert.is_truthy(job.attempts[1].error.message:find("memory"))
    assert.are.equal("completed", host:wait(neighbour).state)
  end)

  it("ends even a job that catches every error", function()
    local neighbour = host:push("neighbour")
    local job = host:wait(host:push("eats_memory_for_ever"))
    assert.are.equal("dead", job.state)
    assert.are.equal("completed", host:wait(neighbour).state)
  end)

  it("by a signal is not the fault of jobs that wait", function()
    local id = host:push("waits")
    host:wait(id, "running")
    poll.wait_for(function()
      return host:workers()[1]
    end, 10, "a worker")
    uv.kill(host:workers()[1], "sigkill")
    local job = host:wait(id)
    assert.are.equal("completed", job.state)
    assert.are.equal(0, job.retry_count)
    assert.are.equal(1, job.rescues)
    assert.are.equal("rescued", job.attempts[1].state)
  end)

  it("does not run a job again that must not run twice", function()
    local id = host:push("once")
    host:wait(id, "running")
    uv.kill(host:workers()[1], "sigkill")
    local job = host:wait(id)
    assert.are.equal("dead", job.state)
    assert.are.equal("outcome_unknown", job.attempts[1].error.code)
  end)

  it("nor when its host dies with it, and the log tells", function()
    local id = host:push("once")
    host:wait(id, "running")
    host:stop("sigkill")
    host = host:again({ workers = 1 })
    local job = host:wait(id)
    assert.are.equal("dead", job.state)
    assert.are.equal("outcome_unknown", job.attempts[1].error.code)
    host:wait_log('leave it","job_id":"' .. id .. '"')
  end)
end)

describe("a worker that stands still", function()
  local host

  before_each(function()
    host = candy.start({
      workers = 2,
      env = { CANDY_WORKER_STALL = "2s" },
      scripts = { ["tasks.lua"] = [[
        local candy = require("candy")
        candy.task("quick", {}, function() return 1 end)
        candy.task("waits", {}, function() candy.sleep("1s") return 1 end)
        candy.task("spins", { payload = { ms = "integer" }, max_retries = 0,
          timeout = "5m" }, function(job)
          local till = candy.time.now() + job.payload.ms
          while candy.time.now() < till do end
        end)
      ]] },
    })
  end)

  after_each(function()
    host:stop()
    candy.remove(host.folder)
  end)

  it("is noticed although it runs no Lua, and its jobs go on elsewhere", function()
    local waits = host:push("waits")
    host:wait(waits, "running")
    for _, pid in ipairs(host:workers()) do
      uv.kill(pid, "sigstop")
    end
    local quick = { host:push("quick"), host:push("quick") }
    assert.are.equal("completed", host:wait(quick[1]).state)
    assert.are.equal("completed", host:wait(quick[2]).state)
    local job = host:wait(waits)
    assert.are.equal("completed", job.state)
    assert.are.equal(0, job.retry_count)
    assert.is_truthy(host:log():find("stood still for 2s", 1, true))
  end)

  it("gets no jobs while another worker moves", function()
    local spins = host:push("spins", { ms = 1500 })
    host:wait(spins, "running")
    while host:job(spins).state == "running" do
      host:wait(host:push("quick"))
    end
    assert.are.equal("completed", host:wait(spins).state)
  end)

  it("is not judged by a time in which the host was stopped too", function()
    local spins = host:push("spins", { ms = 2800 })
    host:wait(spins, "running")
    local pids = host:workers()
    pids[#pids + 1] = host.pid
    for _, pid in ipairs(pids) do
      uv.kill(pid, "sigstop")
    end
    local woken = uv.new_timer()
    woken:start(2500, 0, function()
      for _, pid in ipairs(pids) do
        uv.kill(pid, "sigcont")
      end
      woken:close()
    end)
    local job = host:wait(spins)
    assert.are.equal("completed", job.state)
    assert.are.equal(0, job.rescues)
  end)
end)

describe("a worker that is replaced for want of memory", function()
  it("leaves its seat to a new one while its long jobs go on", function()
    local host = candy.start({
      workers = 1,
      env = { CANDY_WORKER_MEMORY = "32mb" },
      scripts = { ["eval.lua"] = candy.EVAL, ["tasks.lua"] = [[
        local candy = require("candy")
        candy.task("quick", {}, function() return 1 end)
        candy.task("long", {}, function()
          while not candy.kv.get("let_go") do candy.sleep("20ms") end
          return 1
        end)
        candy.task("eats", { max_retries = 0 }, function()
          local t = {}
          for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end
        end)
      ]] },
    })
    local long = host:push("long")
    host:wait(long, "running")
    assert.are.equal("dead", host:wait(host:push("eats")).state)
    assert.are.equal("completed", host:wait(host:push("quick")).state)
    assert.are.equal("running", host:job(long).state)
    assert.is_truthy(host:eval('return candy.kv.set("let_go", true)'))
    local job = host:wait(long)
    assert.are.equal("completed", job.state)
    assert.are.equal(1, job.attempt)
    assert.are.equal(0, job.rescues)
    assert.are.equal(0, (host:stop()))
    candy.remove(host.folder)
  end)
end)

describe("a worker that is killed while it loads", function()
  it("takes no file down with it once the host runs", function()
    local host = candy.start({
      workers = 2,
      scripts = { ["slow.lua"] = [[
        local candy = require("candy")
        local t = os.clock() while os.clock() - t < 0.3 do end
        candy.task("quick", { max_retries = 0 }, function() return 1 end)
      ]] },
    })
    local function kill_newest()
      local pids = host:workers()
      table.sort(pids)
      uv.kill(pids[#pids], "sigkill")
      return pids[#pids]
    end
    local first = kill_newest()
    poll.wait_for(function()
      local pids = host:workers()
      table.sort(pids)
      return #pids == 2 and pids[2] > first
    end, 20, "a new worker")
    kill_newest()
    local ids = {}
    for i = 1, 40 do
      ids[i] = host:push("quick")
    end
    for _, id in ipairs(ids) do
      assert.are.equal("completed", host:wait(id).state)
    end
    assert.are.equal(0, host:request("GET", "/health").json.scripts.failed)
    assert.are.equal(0, (host:stop()))
    candy.remove(host.folder)
  end)
end)

describe("files that do not load", function()
  local host

  local function problem(name)
    local files = host:request("GET", "/definitions").json.files
    for _, file in ipairs(files) do
      if file.path:sub(-#name) == name then
        return file.error ~= require("cjson").null and file.error.message or nil
      end
    end
    error("no such file: " .. name)
  end

  -- The stall limit leaves a slow machine the time to run out of memory.
  setup(function()
    host = candy.start({
      env = { CANDY_WORKER_STALL = "5s", CANDY_WORKER_MEMORY = "64mb" },
      scripts = {
        ["a_neighbour.lua"] = NEIGHBOUR,
        ["endless.lua"] = "while true do end",
        ["option.lua"] = 'local c = require("candy")\n'
          .. 'c.task("x", { retires = 3 }, print)',
        ["caf\233.lua"] = "-- a name that is no UTF-8",
        ["hungry.lua"] = "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e5) .. i end",
        ["large.lua"] = ("-"):rep(5 * 1024 * 1024),
        ["raises.lua"] = "\n\nerror('on purpose')",
        ["syntax.lua"] = "local x = = 1",
        ["twice.lua"] = 'require("candy").task("neighbour", {}, function() end)',
        ["table_bad.lua"] = [[
          local candy = require("candy")
          candy.schema("bad", "create tabel t (x)")
          candy.task("of_a_bad_file", {}, function() end)
        ]],
      },
    })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  it("are left out, each with file, line and reason", function()
    assert.is_truthy(problem("syntax.lua"):find("syntax.lua:1:", 1, true))
    assert.is_truthy(problem("raises.lua"):find("raises.lua:3:", 1, true))
    assert.is_truthy(problem("option.lua"):find("option.lua:2:", 1, true))
    assert.is_truthy(problem("option.lua"):find("retires", 1, true))
    assert.is_truthy(problem("twice.lua"):find("a_neighbour.lua:2", 1, true))
    assert.is_truthy(problem("endless.lua"):find("stood still for 5s", 1, true))
    assert.is_truthy(problem("table_bad.lua"):find("tabel", 1, true))
    assert.is_truthy(problem("large.lua"):find("4 MiB", 1, true))
    assert.is_truthy(problem("caf?.lua"):find("UTF-8", 1, true))
    assert.is_nil(problem("a_neighbour.lua"))
    assert.is_truthy(problem("hungry.lua"):find("memory", 1, true))
    assert.are.equal(9, host:request("GET", "/health").json.scripts.failed)
  end)

  it("leave their neighbours running", function()
    for _ = 1, 10 do
      assert.are.equal("completed", host:wait(host:push("neighbour")).state)
    end
    poll.wait_for(function()
      return host:request("GET", "/health").json.workers.alive == 2
    end, 30, "two workers")
    assert.is_nil(host:log():match("[^\n]*is gone: ended with[^\n]*"))
  end)

  it("declare nothing", function()
    local answer = host:request("POST", "/tasks", { type = "of_a_bad_file" })
    assert.are.equal(422, answer.status)
    assert.are.equal("unknown_task", answer.json.code)
  end)
end)
