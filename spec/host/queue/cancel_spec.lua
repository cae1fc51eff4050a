-- Cancelling: waiting jobs end at once, running ones are told, and ended when they do not
-- listen; neighbours are unharmed, and nothing that was cancelled runs again.
local candy = require("spec.support.candy")
local cjson = require("cjson")
local poll = require("spec.support.poll")

local SCRIPT = [[
local candy = require("candy")
local function begun(job) candy.kv.set("begun:" .. job.id, true) end

candy.task("echo", {}, function(job) return job.payload end)
candy.task("sleeps", {}, function(job)
  begun(job)
  candy.sleep("1h")
end)
candy.task("listens", {}, function(job)
  begun(job)
  local ok, err = pcall(candy.sleep, "1h")
  local told, why = job:cancelled()
  return { ok = ok, code = err.code, message = err.message, told = told, why = why }
end)
candy.task("cleans_up", {}, function(job)
  begun(job)
  local ok = pcall(candy.sleep, "1h")
  local again, err = pcall(candy.sleep, "1ms")
  return nil, ("%s %s %s"):format(tostring(ok), tostring(again), err.code)
end)
candy.task("stubborn", { cancel_grace = "300ms" }, function(job)
  begun(job)
  while true do pcall(candy.sleep, "1h") end
end)
candy.task("lingers", { cancel_grace = "3s" }, function(job)
  begun(job)
  while true do pcall(candy.sleep, "1h") end
end)
candy.task("spins", { cancel_grace = "300ms" }, function(job)
  begun(job)
  while true do end
end)
candy.task("counts", {}, function(job)
  begun(job)
  while not job:cancelled() do end
  return nil, "stopped counting"
end)
candy.task("waits_for_all", {}, function(job)
  begun(job)
  candy.spawn(function() candy.sleep("1h") end)
  candy.all({ function() candy.sleep("1h") end, function() candy.sleep("1h") end })
end)
candy.task("once", { rerun = false, cancel_grace = "100ms" }, function(job)
  begun(job)
  while true do end
end)
candy.task("snoozes", {}, function(job)
  begun(job)
  pcall(candy.sleep, "1h")
  return job:snooze("1h")
end)
candy.task("cancels", {}, function(job)
  local done, err = candy.queue.cancel(job.payload.id, "not wanted")
  local again, problem = candy.queue.cancel(job.payload.id)
  return { done = done, code = err and err.code, again = again,
    problem = problem and problem.code }
end)
candy.task("rests", {}, function(job)
  return candy.queue.pause("later", { reason = "night" })
end)
candy.task("rests_nobody", {}, function(job)
  local done, err = candy.queue.pause("nobody", { task = true })
  return { done = done, code = err.code, undone = candy.queue.resume("nobody",
    { task = true }) }
end)
candy.task("goes_on", {}, function(job) return candy.queue.resume("later") end)
candy.task("has_begun", {}, function(job)
  return candy.kv.get("begun:" .. job.payload.id) ~= nil
end)
]]

local RACE = [[
local candy = require("candy")
candy.schema("ran", "create table ran (job integer)")
candy.task("work", { max_retries = 2, cancel_grace = "200ms" }, function(job)
  job:write("insert into ran values (?)", job.id)
  candy.sleep(math.random(0, 30) .. "ms")
  if math.random() < 0.2 then return nil, { message = "again", retry_after = 0 } end
end)
candy.task("count", {}, function(job)
  local sql = "select count(*) as rows, count(distinct job) as jobs from ran"
  return candy.db.query(sql)[1]
end)
]]

describe("cancelling", function()
  local host

  setup(function()
    host = candy.start({
      workers = 2, scripts = { ["tasks.lua"] = SCRIPT },
      env = { CANDY_WORKER_STALL = "20s" },
    })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function cancel(id, body)
    return host:request("POST", "/tasks/" .. id .. "/cancel", body)
  end

  local function running(task)
    local id = host:push(task)
    host:wait(id, "running")
    poll.wait_for(function()
      return host:wait(host:push("has_begun", { id = id })).result
    end, 30, "the begin of " .. task)
    return id
  end

  local function cancelled(id)
    local job = host:wait(id)
    assert.are.equal("cancelled", job.state)
    assert.are.equal("cancelled", job.error.code)
    return job
  end

  it("ends a job that waits at once", function()
    local id = host:request("POST", "/tasks", { type = "echo", delay = "1h" }).json.id
    local answer = cancel(id, { reason = "not needed" })
    assert.are.equal(200, answer.status)
    assert.are.equal("cancelled", answer.json.state)
    assert.are.equal("cancelled by admin: not needed", answer.json.error.message)
    assert.are.equal(409, cancel(id).status)
    assert.are.equal("has_ended", cancel(id).json.code)
    assert.are.equal(404, cancel("999999").status)
  end)

  it("takes a reason, and nothing else", function()
    local id = host:request("POST", "/tasks", { type = "echo", delay = "1h" }).json.id
    for body, text in pairs({
      ['{"reason":7}'] = "reason must be a text",
      ['{"reason":"a\\u0000b"}'] = "without NUL",
      ['{"reason":"' .. ("x"):rep(501) .. '"}'] = "at most 500 bytes",
      ['{"reasn":"x"}'] = '"reasn" is not known here',
      ['["x"]'] = "must be an object",
    }) do
      for _, path in ipairs({ "/tasks/" .. id .. "/cancel", "/queues/default/pause" }) do
        local answer = host:request("POST", path, body)
        assert.are.equal(422, answer.status, answer.body)
        assert.truthy(answer.json.detail:find(text, 1, true), answer.json.detail)
      end
    end
    assert.are.equal("scheduled", host:job(id).state)
    assert.are.equal(400, cancel(id, "nonsense").status)
    assert.are.equal(200, cancel(id, { reason = cjson.null }).status)
    local bare = { "/tasks/" .. id .. "/retry", "/batches/" .. id .. "/cancel" }
    for _, path in ipairs(bare) do
      local answer = host:request("POST", path, { reason = "x" })
      assert.are.equal(422, answer.status, answer.body)
      assert.truthy(answer.json.detail:find("there are no fields", 1, true))
    end
    assert.are.equal("cancelled", host:job(id).state)
  end)

  it("wakes a job that waits for something", function()
    local id = running("sleeps")
    local answer = cancel(id)
    assert.are.equal(200, answer.status)
    local job = cancelled(id)
    assert.are.equal("cancelled by admin", job.error.message)
    assert.are.equal("cancelled", job.attempts[1].state)
    assert.is_truthy(job.attempts[1].worker)
  end)

  it("tells the script, and what it returns in time counts", function()
    local id = running("listens")
    cancel(id, { reason = "enough" })
    local job = host:wait(id)
    assert.are.equal("completed", job.state)
    assert.are.same({
      ok = false, code = "cancelled", message = "cancelled by admin: enough", told = true,
      why = "cancelled by admin: enough",
    }, job.result)
  end)

  it("raises again in each further wait", function()
    local id = running("cleans_up")
    cancel(id)
    cancelled(id)
  end)

  it("drops a job that waits on and on", function()
    local id = running("stubborn")
    cancel(id)
    cancelled(id)
  end)

  it("is seen by Lua that never waits", function()
    local id = running("counts")
    cancel(id)
    cancelled(id)
  end)

  it("reaches all fibers of a job", function()
    local id = running("waits_for_all")
    cancel(id)
    cancelled(id)
  end)

  it("ends a snooze", function()
    local id = running("snoozes")
    cancel(id)
    cancelled(id)
  end)

  it("kills a worker whose job does not listen, and others go on", function()
    local other, id = running("sleeps"), running("spins")
    cancel(id)
    local job = cancelled(id)
    assert.are.equal(1, job.attempt)
    local rest = host:job(other)
    assert.are.equal(0, rest.retry_count)
    cancel(other)
    cancelled(other)
    assert.are.same({ a = 1 }, host:wait(host:push("echo", { a = 1 })).result)
  end)

  it("also ends a job that must not run twice", function()
    local id = running("once")
    cancel(id)
    cancelled(id)
  end)

  it("takes a cancelled job back by hand", function()
    local id = host:request("POST", "/tasks", { type = "echo", delay = "1h" }).json.id
    cancel(id)
    assert.are.equal(200, host:request("POST", "/tasks/" .. id .. "/retry").status)
    assert.are.equal("completed", host:wait(id).state)
  end)

  it("may be asked for twice", function()
    local id = running("stubborn")
    cancel(id, { reason = "first" })
    cancel(id, { reason = "second" })
    assert.are.equal("cancelled by admin: first", cancelled(id).error.message)
  end)

  it("counts a job once, however often it is asked for", function()
    local id = running("lingers")
    local function ask()
      return host:request("POST", "/tasks/cancel", { type = "lingers" }).json
    end
    assert.are.same({ count = 1, running = 1, already = 0 }, ask())
    assert.are.same({ count = 0, running = 0, already = 1 }, ask())
    cancelled(id)
    local deeds = host:request("GET", "/audit?limit=2").json.items
    assert.are.equal("lingers", deeds[1].detail.asked.type)
    assert.are_not.same(deeds[1].detail, deeds[2].detail)
  end)

  it("is done by scripts", function()
    local waiting = host:push("echo", {}, { delay = "1h" })
    assert.are.same({ done = "cancelled", problem = "not_found" },
      host:wait(host:push("cancels", { id = waiting })).result)
    assert.matches("^cancelled by job %d+ %(cancels%): not wanted$",
      cancelled(waiting).error.message)
    local id = running("sleeps")
    assert.are.equal("told", host:wait(host:push("cancels", { id = id })).result.done)
    cancelled(id)
    host:wait(host:push("rests"))
    local later = host:push("echo", {}, { queue = "later" })
    host:wait(host:push("echo"))
    assert.are.equal("available", host:job(later).state)
    host:wait(host:push("goes_on"))
    host:wait(later)
    assert.are.same({ code = "unknown_task", undone = true },
      host:wait(host:push("rests_nobody")).result)
  end)

  it("takes many by a filter, which can be tried out", function()
    local list = {}
    for i = 1, 300 do
      list[i] = { type = "echo", delay = "1h", tags = { "bulk" } }
    end
    host:request("POST", "/tasks", list)
    local chosen = { tag = "bulk", max = 200, preview = true }
    local answer = host:request("POST", "/tasks/cancel", chosen)
    assert.are.same({ count = 300, preview = true, more = false }, answer.json)
    chosen.preview = nil
    assert.are.same({ count = 200, running = 0, already = 0 },
      host:request("POST", "/tasks/cancel", chosen).json)
    assert.are.same({ count = 100, running = 0, already = 0 },
      host:request("POST", "/tasks/cancel", chosen).json)
    chosen.preview = true
    assert.are.equal(300,
      host:request("POST", "/tasks/purge", { tag = "bulk", preview = true }).json.count)
    assert.are.equal(0, host:request("POST", "/tasks/cancel", chosen).json.count)
    assert.are.equal(422, host:request("POST", "/tasks/cancel", {}).status)
    assert.are.equal(422,
      host:request("POST", "/tasks/cancel", { state = "dead" }).status)
  end)

  it("takes none when it is not clear how many, or whether at all", function()
    host:request("POST", "/tasks", { type = "echo", delay = "1h", tags = { "unclear" } })
    for member, value in pairs({ max = '"5"', preview = '"yes"', reason = "5" }) do
      local answer = host:request("POST", "/tasks/cancel",
        ('{"tag":"unclear","%s":%s}'):format(member, value))
      assert.are.equal(422, answer.status)
      assert.are.equal("invalid", answer.json.code)
      assert.is_truthy(answer.json.detail:find(member, 1, true), answer.body)
    end
    for _, tag in ipairs({ '"unclear\\u0000x"', '["unclear","unclear\\u0000x"]',
      '["unclear",{}]', '["unclear",["unclear"]]', "null", "true", '{"a":1}', "1.5" }) do
      local answer = host:request("POST", "/tasks/cancel", ('{"tag":%s}'):format(tag))
      assert.are.equal(422, answer.status)
      assert.are.equal("/tag", answer.json.errors[1].pointer)
    end
    local misspelt = host:request("POST", "/tasks/cancel",
      { tag = "unclear", prevew = true })
    assert.are.equal("is not known here; known are state, type, queue, tag, search, "
      .. "since, until, ids, batch, parent, max, preview, reason",
      misspelt.json.errors[1].message)
    local many = {}
    for i = 1, 1000 do
      many["unknown" .. i] = 1
    end
    assert.are.equal(20, #host:request("POST", "/tasks/cancel", many).json.errors)
    assert.are.equal(1,
      host:request("POST", "/tasks/cancel", { tag = "unclear", preview = true }).json
        .count)
  end)

  it("races with ends, retries and a reload, and each job has one end", function()
    local racing = candy.start({ workers = 2, scripts = { ["race.lua"] = RACE } })
    local list = {}
    for i = 1, 500 do
      list[i] = { type = "work", tags = { "race" } }
    end
    for round = 1, 4 do
      racing:request("POST", "/tasks", list)
      for _ = 1, 4 do
        racing:request("POST", "/tasks/cancel", { tag = "race", max = 60 })
      end
      racing:request("POST", "/tasks/retry", { state = "cancelled", max = 50 })
      if round == 2 then
        candy.write(racing.scripts .. "/race.lua", RACE .. "\n-- again\n")
      end
    end
    local queue
    poll.wait_for(function()
      queue = racing:request("GET", "/health").json.queue
      return queue.completed + queue.cancelled + queue.dead == 2000
    end, 60, "all jobs to end")
    local ran = racing:wait(racing:push("count")).result
    assert.are.same({ jobs = queue.completed, rows = queue.completed }, ran)
    racing:stop()
    candy.remove(racing.folder)
  end)

  it("survives the death of the host", function()
    local id = running("spins")
    cancel(id)
    host:stop("sigkill")
    host = host:again()
    cancelled(id)
    host:wait_log('"message":"job cancelled: cancelled by admin","job_id":"' .. id .. '"')
  end)

  it("goes on while the host stops", function()
    local id = running("stubborn")
    cancel(id)
    host:stop()
    host = host:again()
    cancelled(id)
  end)
end)
