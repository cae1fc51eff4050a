-- Wall clocks that are set while jobs are scheduled, retried and held: nothing is lost or
-- doubled, and nothing waits for hours because a clock went back. The clock that measures
-- durations goes on, as it does on a machine whose time is set.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local preload = require("spec.support.preload")

local SCRIPT = [[
local candy = require("candy")

candy.schema("faults", {
  "create table effects (place integer primary key, n integer, lease integer)" })

local function effect(job)
  job:write("insert into effects (n, lease) values (?, ?)", job.payload.n, job.lease)
end

candy.task("effect", { payload = { n = "integer" } }, effect)

candy.task("flaky", { payload = { n = "integer" } }, function(job)
  effect(job)
  if job.attempt == 1 then
    error("the first attempt fails")
  end
end)

candy.task("busy", { payload = { n = "integer" } }, function(job)
  candy.sleep("1s")
  effect(job)
end)

candy.task("effects", {}, function()
  return candy.db.query("select n from effects order by place")
end)
]]

describe("a wall clock that is set", function()
  local folder, host

  local function start()
    return { folder = folder, scripts = { ["faults.lua"] = SCRIPT }, workers = 1,
      env = preload.clock_env(folder) }
  end

  before_each(function()
    folder = candy.folder()
    preload.clock(folder, 0)
    host = candy.start(start())
  end)

  after_each(function()
    assert.are.equal(0, (host:stop()))
    candy.remove(folder)
  end)

  -- What the host itself takes the time for.
  local function set(hours)
    preload.clock(folder, hours)
    local want = os.time() + hours * 3600
    poll.wait_for(function()
      local date = host:request("GET", "/livez").headers:match("Date: %a+, ([^\r]*)")
      local h, m = date:match(" (%d+):(%d+):")
      local wanted = os.date("!*t", want)
      local apart = (h * 60 + m - wanted.hour * 60 - wanted.min) % 1440
      return apart <= 1 or apart >= 1439
    end, 20, "the host to see its clock set")
  end

  local function effects()
    local order = {}
    for i, row in ipairs(host:wait(host:push("effects")).result) do
      order[i] = row.n
    end
    return order
  end

  it("forwards brings what is due by then, and disturbs nothing that runs", function()
    local busy = host:push("busy", { n = 1 })
    local soon = host:push("effect", { n = 2 }, { delay = "1h" })
    local late = host:push("effect", { n = 3 }, { delay = "9h" })
    host:wait(busy, "running")
    set(3)
    assert.are.equal("completed", host:wait(soon).state)
    local job = host:wait(busy)
    assert.are.same({ "completed", 0, 0 }, { job.state, job.retry_count, job.rescues })
    assert.are.equal("scheduled", host:job(late).state)
    assert.are.equal(2, #effects())
  end)

  it("back by hours holds up neither delays nor retries", function()
    local before = host:push("effect", { n = 1 }, { delay = "2s" })
    local busy = host:push("busy", { n = 2 })
    local flaky = host:push("flaky", { n = 3 })
    host:wait(busy, "running")
    set(-5)
    local after = host:push("effect", { n = 4 }, { delay = "1s" })
    for _, id in ipairs({ before, busy, flaky, after }) do
      assert.are.equal("completed", host:wait(id).state)
    end
    local order = effects()
    table.sort(order)
    assert.are.same({ 1, 2, 3, 4 }, order)
  end)

  it("forwards and back again leaves delays as long as they are", function()
    set(6)
    local first = host:push("effect", { n = 1 }, { delay = "1s" })
    set(0)
    local second = host:push("flaky", { n = 2 })
    local third = host:push("effect", { n = 3 }, { delay = "500ms" })
    for _, id in ipairs({ first, second, third }) do
      assert.are.equal("completed", host:wait(id).state)
    end
    assert.are.equal(3, #effects())
  end)

  it("changes no order: numbers that only grow do that", function()
    local n = 0
    for _, hours in ipairs({ 0, 4, -4, 7, 0 }) do
      set(hours)
      local jobs = {}
      for i = 1, 20 do
        n = n + 1
        jobs[i] = { type = "effect", payload = { n = n } }
      end
      local answer = host:request("POST", "/tasks", jobs)
      assert.are.equal(202, answer.status)
      host:wait(answer.json.ids[20])
    end
    local last = 0
    poll.wait_for(function()
      return #effects() == n
    end, 30, "all effects")
    for _, of in ipairs(effects()) do
      assert.is_true(math.floor((of - 1) / 20) >= math.floor((last - 1) / 20))
      last = of
    end
  end)

  it("forwards lets a host that starts anew find all as it was", function()
    for n = 1, 10 do
      host:push(n % 2 == 0 and "flaky" or "busy", { n = n })
    end
    set(8)
    host:stop("sigkill")
    host = host:again(start())
    local order
    poll.wait_for(function()
      order = effects()
      return #order >= 10
    end, 60, "ten effects")
    table.sort(order)
    assert.are.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, order)
  end)
end)
