-- The log as a whole: what comes in is in every sink.
local candy = require("spec.support.candy")
local cjson = require("cjson")
local log = require("spec.support.log")
local poll = require("spec.support.poll")

local MANY = 10000

describe("the log", function()
  local host

  after_each(function()
    if host then
      host:stop("sigkill")
      candy.remove(host.folder)
      host = nil
    end
  end)

  it("has a line of a job in every sink but the diary", function()
    host = log.start()
    local id = log.say(host, "hello there", { n = 1 }, "warn")
    assert.are.equal(0, (host:stop()))
    local line = log.find(host, "hello there")[1]
    assert.are.same({ "warn", id, "say", { n = 1 } },
      { line.level, line.job_id, line.type, line.fields })
    assert.is_truthy(line.worker:find("^w%d$"))
    assert.is_truthy(line.time:find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"))
    assert.is_truthy(host:log():find("hello there", 1, true))
    assert.is_nil(log.text(host, "tasks.md"):find("hello there", 1, true))
    assert.are.equal(id .. "|2|say|{\"n\":1}", log.sql(host,
      "select job_id, level, type, fields from orchestrator_logs "
        .. "where message = 'hello there'"))
  end)

  it("hides secrets in every sink, and in what the store keeps of a failure", function()
    host = log.start()
    log.say(host, "password=hunter22 is it", { github_token = "hunter22",
      deep = { { Authorization = "hunter22" } }, url = "https://ada:hunter22@x.org" })
    local dead = host:wait(host:push("fail", { text = "401: token: hunter22" }))
    assert.are.equal("401: token: [redacted]", dead.error.message)
    assert.are.equal(0, (host:stop()))
    assert.is_nil(host:log():find("hunter22", 1, true))
    assert.is_nil(log.text(host):find("hunter22", 1, true))
    assert.is_nil(log.text(host, "tasks.md"):find("hunter22", 1, true))
    assert.are.equal("0", log.sql(host, "select count(*) from orchestrator_logs "
      .. "where message || coalesce(fields, '') like '%hunter22%'"))
    assert.are.equal(1, #log.find(host, "401: token: [redacted]"))
  end)

  it("has no line without something to read", function()
    host = log.start()
    log.say(host, "")
    log.say(host, " \n\t")
    assert.are.equal(0, (host:stop()))
    assert.are.equal(1, #log.find(host, "(empty message)"))
    assert.are.equal(1, #log.find(host, "(a line without a message, from a job of say"))
    assert.are.equal("0", log.sql(host,
      "select count(*) from orchestrator_logs where trim(message) = ''"))
  end)

  it("has one line of JSON whatever is logged", function()
    host = log.start()
    local deep = {}
    for _ = 1, 60 do
      deep = { deep }
    end
    log.say(host, "two\nlines \r and a \t tab, \27[31mred", { deep = deep })
    log.say(host, ("long "):rep(20000), { text = ("x"):rep(100000) })
    assert.are.equal(0, (host:stop()))
    local line = log.find(host, "two\nlines")[1]
    assert.is_truthy(cjson.encode(line.fields):find("nested too deep", 1, true))
    line = log.find(host, "long long")[1]
    assert.is_true(#line.message < 17000)
    assert.is_truthy(line.fields.fields_left_out)
  end)

  it("loses none of 10,000 errors that a job logs at once", function()
    host = log.start({ forget_err = true })
    assert.are.equal("completed", host:wait(host:push("say_many", { n = MANY })).state)
    assert.are.equal(0, (host:stop()))
    local lines = log.find(host, "of many")
    assert.are.equal(MANY, #lines)
    for i, line in ipairs(lines) do
      assert.are.equal(i, line.fields.i)
    end
    assert.are.equal(tostring(MANY), log.sql(host,
      "select count(*) from orchestrator_logs where message like '%of many'"))
  end)

  it("loses none of 10,000 jobs that fail at once", function()
    host = log.start({ forget_err = true })
    local one = '{"type":"fail","payload":{"text":"all at once"}}'
    local body = "[" .. one .. ("," .. one):rep(999) .. "]"
    for _ = 1, MANY / 1000 do
      assert.are.equal(202, host:request("POST", "/tasks", body).status)
    end
    poll.wait_for(function()
      assert.are.equal(200, host:request("GET", "/livez").status)
      local list = host:request("GET",
        "/tasks?limit=1&state=scheduled,available,running,retryable").json
      return #list.items == 0
    end, 60, "all of them to fail")
    assert.are.equal(0, (host:stop()))
    assert.are.equal(MANY, #log.find(host, "job is dead: all at once"))
    assert.are.equal(tostring(MANY), log.sql(host,
      "select count(*) from orchestrator_logs "
        .. "where message = 'job is dead: all at once'"))
    local _, n = log.text(host, "tasks.md"):gsub(": all at once\n", "")
    assert.are.equal(MANY, n)
  end)

  it("tells of successes one by one, and sums up what is more", function()
    host = log.start()
    local ids = host:request("POST", "/tasks", "[" .. ('{"type":"succeed"},'):rep(499)
      .. '{"type":"succeed"}]').json.ids
    for _, id in ipairs({ ids[1], ids[500] }) do
      host:wait(id)
    end
    assert.are.equal(0, (host:stop()))
    local told, summed = log.find(host, "job completed"), 0
    assert.is_true(#told >= 10 and #told < 500)
    assert.are.same({ "succeed", 1, "info" },
      { told[1].type, told[1].attempt, told[1].level })
    for _, line in ipairs(log.find(host, "more completed in the last second")) do
      assert.are.equal("succeed", line.type)
      summed = summed + line.fields.completed
    end
    assert.are.equal(500, #told + summed)
    local _, diary = log.text(host, "tasks.md"):gsub("✓ succeed #%d+ %(attempt 1", "")
    assert.are.equal(#told, diary)
  end)

  it("tells who cancelled a job that waited, and sums up what is more", function()
    host = log.start()
    local id = host:push("succeed", {}, { delay = "1h" })
    host:request("POST", "/tasks/" .. id .. "/cancel", { reason = "not needed" })
    log.wait(host, "job cancelled: cancelled by admin: not needed")
    local line = log.find(host, "not needed")[1]
    assert.are.same({ id, "succeed", "info", "cancelled" },
      { line.job_id, line.type, line.level, line.fields.code })
    local list = {}
    for i = 1, 500 do
      list[i] = { type = "succeed", delay = "1h", tags = { "many" } }
    end
    list[501] = { type = "say", delay = "1h", tags = { "many" } }
    host:request("POST", "/tasks", list)
    host:request("POST", "/tasks/cancel", { tag = "many", reason = "all of them" })
    assert.are.equal(0, (host:stop()))
    local told, summed = log.find(host, "all of them"), 0
    assert.is_true(#told >= 10 and #told < 501)
    for _, more in ipairs(log.find(host, "more cancelled in the last second")) do
      assert.are.equal("succeed", more.type)
      summed = summed + more.fields.cancelled
    end
    assert.are.equal(501, #told + summed)
  end)

  it("says no attempt of a cancelled job to be retried, whatever its level", function()
    host = log.start({ env = { CANDY_LOG_LEVEL = "warn" }, scripts = {
      ["sleeps.lua"] = [[local candy = require("candy")
        candy.task("sleeps", function() candy.sleep("1h") end)]] } })
    local id = host:push("sleeps")
    host:wait(id, "running")
    host:request("POST", "/tasks/" .. id .. "/cancel")
    assert.are.equal("cancelled", host:wait(id).state)
    assert.are.equal(0, (host:stop()))
    assert.are.equal(0, #log.find(host, "will be retried"))
  end)

  it("keeps what is below its level out of every sink", function()
    host = log.start({ env = { CANDY_LOG_LEVEL = "error" } })
    log.say(host, "only a warning", nil, "warn")
    log.say(host, "an error", nil, "error")
    assert.are.equal(0, (host:stop()))
    assert.are.equal(0, #log.find(host, "only a warning"))
    assert.are.equal(0, #log.find(host, "job completed"))
    assert.are.equal(1, #log.find(host, "an error"))
  end)

  it("has what was said last when the host has ended", function()
    host = log.start()
    assert.are.equal(0, (host:stop()))
    assert.are.equal(1, #log.find(host, "SIGTERM: stopping"))
    assert.are.equal("1", log.sql(host,
      "select count(*) from orchestrator_logs where message like 'SIGTERM: stopping%'"))
  end)
end)
