-- Jobs that go wrong in bulk, and one that takes its worker with it whenever it runs.
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local SCRIPT = [[
local candy = require("candy")

candy.schema("faults", { "create table effects (n integer, lease integer)" })

candy.task("fails", { payload = { n = "integer" }, max_retries = 0 }, function(job)
  job:write("insert into effects values (?, ?)", job.payload.n, job.lease)
  error(("attempt of job %d failed. "):format(job.payload.n):rep(100))
end)

candy.task("kills", { max_retries = 1 }, function()
  while true do end
end)

candy.task("neighbour", { payload = { n = "integer" } }, function(job)
  candy.sleep("1500ms")
  job:write("insert into effects values (?, ?)", job.payload.n, job.lease)
end)

candy.task("fine", {}, function() return "fine" end)

candy.task("effects", {}, function()
  return candy.db.query("select n, count(*) as times from effects group by n order by n")
end)
]]

local ERRORS = 10000
local PATIENCE = 120
local RSS_MAX_KB = 160 * 1024
local SANITIZED = candy.build:find("asan") ~= nil

local function rss_kb(pid)
  return tonumber(candy.read("/proc/" .. pid .. "/status"):match("VmRSS:%s*(%d+)"))
end

describe("a job that kills its worker every time", function()
  it("is dead in the end, and its neighbours are none the worse", function()
    local host = candy.start({ workers = 1, scripts = { ["faults.lua"] = SCRIPT },
      env = { CANDY_WORKER_STALL = "500ms" } })
    local neighbours = {}
    for n = 1, 20 do
      neighbours[n] = host:push("neighbour", { n = n })
    end
    host:wait(neighbours[20], "running")
    local job = host:wait(host:push("kills"))
    assert.are.equal("dead", job.state)
    assert.are.equal(2, #job.attempts)
    for _, attempt in ipairs(job.attempts) do
      assert.is_truthy(attempt.error.message:find("stood still for 500ms", 1, true))
    end
    for _, id in ipairs(neighbours) do
      job = host:wait(id)
      assert.are.same({ "completed", 0 }, { job.state, job.retry_count })
    end
    local effects = host:wait(host:push("effects")).result
    assert.are.equal(20, #effects)
    for _, effect in ipairs(effects) do
      assert.are.equal(1, effect.times)
    end
    assert.are.equal("fine", host:wait(host:push("fine")).result)
    assert.are.equal(0, (host:stop()))
    candy.remove(host.folder)
  end)
end)

describe("ten thousand errors at once", function()
  local host

  setup(function()
    host = candy.start({ scripts = { ["faults.lua"] = SCRIPT }, forget_err = true })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function push_all()
    for first = 1, ERRORS, 1000 do
      local jobs = {}
      for i = 1, 1000 do
        jobs[i] = { type = "fails", payload = { n = first + i - 1 } }
      end
      assert.are.equal(202, host:request("POST", "/tasks", jobs).status)
    end
  end

  -- How many are dead with an error that says something.
  local function count_dead()
    local cursor, count = "", 0
    repeat
      local list = host:request("GET", "/tasks?limit=200&state=dead" .. cursor).json
      for _, job in ipairs(list.items) do
        assert.is_truthy(job.error.message:find("attempt of job %d+ failed"))
        count = count + 1
      end
      cursor = "&cursor=" .. tostring(list.next_cursor)
    until list.next_cursor == cjson.null
    return count
  end

  it("are all told, while the host goes on", function()
    push_all()
    local fine = host:push("fine", nil, { priority = -1 })
    poll.wait_for(function()
      assert.are.equal(200, host:request("GET", "/livez").status)
      return not host:request("GET",
        "/tasks?limit=1&state=available,running,retryable").json.items[1]
    end, PATIENCE, "the end of all jobs")
    assert.are.equal("fine", host:job(fine).result)
    assert.are.equal(ERRORS, count_dead())
    assert.are.same({}, host:wait(host:push("effects")).result)
    if not SANITIZED then -- which keeps what was freed for a while
      assert.is_true(rss_kb(host.pid) < RSS_MAX_KB)
    end
  end)

  it("can be forgotten at once", function()
    local answer = host:request("POST", "/tasks/purge", { state = { "dead" } })
    assert.are.equal(200, answer.status, answer.body)
    poll.wait_for(function()
      return count_dead() == 0
    end, PATIENCE, "no dead job")
    assert.are.equal("fine", host:wait(host:push("fine")).result)
  end)
end)
