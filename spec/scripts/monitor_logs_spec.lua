local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local WRITER = [[
  local candy = require("candy")
  candy.schema("told", "create table told (kind text, key text, n integer, example text)")
  candy.task("write", function(job)
    for i = 1, job.payload.times do
      candy.log[job.payload.level](job.payload.text .. " " .. i)
    end
  end)
  candy.task("search", function(job)
    return #candy.log.search({ q = job.payload.text })
  end)
  candy.on("logs.alert", function(job)
    local alert = job.payload.data
    job:write("insert into told values (?, ?, ?, ?)", alert.kind, alert.key, alert.count,
      alert.example)
  end)
  candy.task("told", function()
    return candy.db.query("select * from told order by kind, key")
  end)
]]

describe("MONITOR_LOGS", function()
  local host

  before_each(function()
    host = candy.start({ scripts = {
      ["monitor_logs.lua"] = candy.read("scripts/monitor_logs.lua"),
      ["write.lua"] = WRITER,
    } })
  end)

  after_each(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function run(task, payload)
    local job = host:wait(host:push(task, payload))
    assert(job.state == "completed", cjson.encode(job))
    return job.result
  end

  -- Writes lines and waits until they can be searched.
  local function write(level, text, times)
    run("write", { level = level, text = text, times = times })
    poll.wait_for(function()
      return run("search", { text = text }) >= times
    end, 20, "the lines to be in the table")
  end

  local function told(n)
    local found
    poll.wait_for(function()
      found = run("told", {})
      return #found >= n
    end, 20, n .. " alerts")
    return found
  end

  it("raises an alert for a text, once", function()
    write("info", "the disk full again", 3)
    local alerts = run("MONITOR_LOGS", { patterns = { '"disk full"', "nothing" } }).alerts
    assert.are.equal(1, #alerts)
    assert.are.same({ "pattern", 3, "the disk full again 3", true },
      { alerts[1].kind, alerts[1].count, alerts[1].example, alerts[1].raised })
    alerts = run("MONITOR_LOGS", { patterns = { '"disk full"' } }).alerts
    assert.is_nil(alerts[1].raised)
    assert.are.same({
      { kind = "pattern", key = '"disk full"', n = 3, example = "the disk full again 3" },
    }, told(1))
  end)

  it("raises an alert for too many errors of a task", function()
    write("error", "broken", 5)
    assert.are.same({}, run("MONITOR_LOGS", { max_errors = 5 }).alerts)
    local alerts = run("MONITOR_LOGS", { max_errors = 4 }).alerts
    assert.are.same({ "errors", "write", 5 },
      { alerts[1].kind, alerts[1].key, alerts[1].count })
  end)

  it("raises it once when many look at the same time", function()
    write("error", "broken", 2)
    local ids = {}
    for i = 1, 10 do
      ids[i] = host:push("MONITOR_LOGS", { max_errors = 1, quiet = "1h" })
    end
    local raised = 0
    for _, id in ipairs(ids) do
      raised = raised + (host:wait(id).result.alerts[1].raised and 1 or 0)
    end
    assert.are.equal(1, raised)
    assert.are.equal(1, #told(1))
  end)

  it("says what is wrong with a pattern", function()
    local job = host:wait(host:push("MONITOR_LOGS", { patterns = { "..." } },
      { max_retries = 0 }))
    assert.are.same({ "dead", "log_search" }, { job.state, job.error.code })
  end)
end)
