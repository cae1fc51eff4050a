-- Order in the real program: strict order, fairness, ageing.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local runs = require("spec.support.runs")

local SCRIPT = [[
local candy = require("candy")
local runs = require("runs")

candy.queue.declare("line", { order = "strict" })
candy.queue.declare("shared", { fair = true, weights = { heavy = 3 }, concurrency = 1 })
candy.queue.declare("aged", { ageing = "100ms", concurrency = 1 })

local function stumbles(job)
  return runs.attempt(job, function()
    if candy.kv.add("tries:" .. job.id, 1) <= job.payload.failures then
      if job.payload.snoozes then return job:snooze("5ms") end
      return nil, { message = "again", retry_after = 0.005 }
    end
    return true
  end)
end

candy.task("by_key", { key = "{account}", order = "strict", max_retries = 9 }, stumbles)
candy.task("in_line", { queue = "line", max_retries = 9 }, stumbles)
candy.task("shares", { queue = "shared", key = "{account}" }, function(job)
  return runs.attempt(job)
end)
candy.task("ages", { queue = "aged" }, function(job)
  return runs.attempt(job, function()
    while job.payload.holds and not candy.kv.get("let_go") do
      candy.sleep("10ms")
    end
    return true
  end)
end)
]]

describe("order", function()
  local host

  before_each(function()
    host = candy.start({ scripts = { ["runs.lua"] = runs.SCRIPT, ["tasks.lua"] = SCRIPT,
      ["eval.lua"] = candy.EVAL } })
  end)

  after_each(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function push(list)
    local answer = host:request("POST", "/tasks", list)
    assert.are.equal(202, answer.status, answer.body)
    return answer.json.ids
  end

  local function wait_for_all(ids)
    for _, id in ipairs(ids) do
      assert.are.equal("completed", host:wait(id).state)
    end
  end

  -- Nothing of a later job comes before the last row of an earlier one.
  local function assert_in_line(rows, key)
    local at = 0
    for _, row in ipairs(rows) do
      if key == nil or row.key == key then
        assert.is_true(tonumber(row.job) >= at, ("job %s after %d"):format(row.job, at))
        at = tonumber(row.job)
      end
    end
    assert.is_true(at > 0)
  end

  local function stumbling(type, n)
    local list = {}
    for i = 1, n do
      list[i] = { type = type, priority = -i, payload = { account = "a" .. i % 3,
        failures = i % 4 == 0 and 2 or 0, snoozes = i % 8 == 0, ms = i % 3 } }
    end
    return list
  end

  it("by key is strict, retries and snoozes included", function()
    local ids = push(stumbling("by_key", 30))
    wait_for_all(ids)
    local rows = runs.read(host)
    for _, key in ipairs({ "a0", "a1", "a2" }) do
      assert_in_line(rows, key)
    end
    assert.are.equal(30 + 2 * 7, #runs.begun(rows))
  end)

  it("of a queue is strict, though the host is killed meanwhile", function()
    local ids = push(stumbling("in_line", 20))
    host:wait(ids[6])
    host:stop("sigkill")
    host = host:again()
    wait_for_all(ids)
    assert_in_line(runs.read(host))
  end)

  local function first_of(rows, n, keys)
    local found = {}
    for _, key in ipairs(keys) do
      found[key] = 0
    end
    for i = 1, n * 2 do
      if rows[i].what == "begin" then
        found[rows[i].key] = found[rows[i].key] + 1
      end
    end
    return found
  end

  it("is fair between keys, by their weights", function()
    local list = {}
    for i = 1, 90 do
      list[i] = { type = "shares", payload = { account = i <= 30 and "big"
        or i <= 60 and "heavy" or "small" } }
    end
    local ids = push(list)
    wait_for_all(ids)
    local found = first_of(runs.read(host), 40, { "big", "heavy", "small" })
    assert.is_true(found.heavy >= 22 and found.heavy <= 26, "heavy " .. found.heavy)
    assert.is_true(math.abs(found.big - found.small) <= 2)
  end)

  it("lets waiting make up for priority", function()
    local blocker = push({ { type = "ages", payload = { holds = true } } })
    host:wait(blocker[1], "running")
    local low = push({ { type = "ages", priority = 5, payload = {} } })[1]
    poll.wait_for(function()
      return host:eval("return candy.time.now()") > host:job(low).created_at + 550
    end, 30, "half a second")
    local high = push({ { type = "ages", payload = {} } })[1]
    local never = push({ { type = "ages", priority = 100000, payload = {} } })[1]
    local late = push({ { type = "ages", payload = {} } })[1]
    assert.is_truthy(host:eval('return candy.kv.set("let_go", true)'))
    wait_for_all({ blocker[1], low, high, never, late })
    assert.are.same({ blocker[1], low, high, late, never }, runs.begun(runs.read(host)))
  end)
end)
