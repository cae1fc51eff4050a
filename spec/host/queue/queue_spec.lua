-- The life of jobs, seen from outside: retries, deaths, delays, order, effects.
local candy = require("spec.support.candy")

local SCRIPT = [[
local candy = require("candy")

candy.schema("notes", "create table notes (job text, text text unique)")

candy.task("fails", { max_retries = 2 }, function(job)
  if job.attempt < (job.payload.until_attempt or 99) then
    return nil, { code = "not_yet", message = "attempt " .. job.attempt, retry_after = 0 }
  end
  return job.attempt
end)
candy.task("raises", { max_retries = 0 }, function() error("on purpose") end)
candy.task("silent", { max_retries = 0 }, function() error() end)
candy.task("permanent", { max_retries = 9 }, function()
  return nil, candy.permanent("no such account")
end)
candy.task("snoozes", { max_retries = 0 }, function(job)
  local tries = candy.kv.add("tries:" .. job.id, 1)
  if tries < 3 then return job:snooze("10ms") end
  return { tries = tries, attempt = job.attempt }
end)
candy.task("notes", { max_retries = 0 }, function(job)
  job:write("insert into notes values (?, ?)", job.id, job.payload.text)
  job:enqueue("child", { of = job.id }, { tags = { "child-of-" .. job.id } })
  if job.payload.fail then return nil, "after its effects" end
  return true
end)
candy.task("child", {}, function(job) return job.payload.of end)
candy.task("count", {}, function(job)
  local sql = "select count(*) n from notes where text = ?"
  return candy.db.query(sql, job.payload.text)[1].n
end)
candy.task("bad_child", { max_retries = 0 }, function(job)
  job:write("insert into notes values ('x', 'of a bad child')")
  job:enqueue("nobody", {})
end)
candy.task("order", { queue = "one" }, function(job)
  return candy.kv.add("order", 1)
end)
candy.task("big", {}, function() return ("x"):rep(2 * 1024 * 1024) end)
candy.task("compares_and_sets", {}, function()
  local first = candy.kv.set("cas", 1, { if_version = 0 })
  local again, err = candy.kv.set("cas", 2, { if_version = 0 })
  local value, version = candy.kv.get("cas")
  return { first = first == version, again = again, code = err.code, value = value,
    set = candy.kv.set("cas", 3, { if_version = version }) ~= nil,
    listed = #candy.kv.list("ca"), deleted = candy.kv.delete("cas"),
    gone = candy.kv.get("cas") == nil }
end)
candy.task("careless", {}, function(job)
  job:progress(1, "signs in with token=abcdef123")
end)
candy.task("progress", {}, function(job)
  job:progress(40, "nearly half")
  job:save({ page = 3 })
  if job.attempt == 1 then return nil, { message = "again", retry_after = 0 } end
  return job.checkpoint
end)
candy.task("patient", { backoff = { "5ms", 0.001, "2h" } }, function()
  return nil, "not yet"
end)
candy.task("regular", { backoff = "3h" }, function(job)
  if job.payload.effect then job:write("insert into nowhere values (1)") return end
  return nil, "not yet"
end)
]]

describe("jobs", function()
  local host

  setup(function()
    host = candy.start({ workers = 1, scripts = { ["tasks.lua"] = SCRIPT } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function count(text)
    return host:wait(host:push("count", { text = text })).result
  end

  it("are retried, and every failure is kept", function()
    local job = host:wait(host:push("fails", { until_attempt = 3 }))
    assert.are.equal("completed", job.state)
    assert.are.equal(3, job.result)
    assert.are.equal(3, #job.attempts)
    assert.are.equal("not_yet", job.attempts[1].error.code)
    assert.are.equal("attempt 2", job.attempts[2].error.message)
    assert.are.equal("w1", job.attempts[1].worker)
    assert.are.equal("completed", job.attempts[3].state)
  end)

  it("wait for their retries as long as their task says", function()
    local job = host:wait(host:push("patient"), "retryable", function(shown)
      return shown.retry_count == 3
    end)
    local failed_at = job.attempts[3].ended_at
    assert.are.equal(7200000, job.run_at - failed_at)
    for _, effect in ipairs({ false, true }) do
      job = host:wait(host:push("regular", { effect = effect }), "retryable")
      assert.are.equal(10800000, job.run_at - job.attempts[1].ended_at)
    end
  end)

  it("are dead when their retries are used up, and can be retried by hand", function()
    local id = host:push("fails")
    local job = host:wait(id)
    assert.are.equal("dead", job.state)
    assert.are.equal(3, #job.attempts)
    -- a queue that rests, or it might be dead again before the answer looks at it
    assert.are.equal(200, host:request("POST", "/queues/default/pause").status)
    local answer = host:request("POST", "/tasks/" .. id .. "/retry")
    assert.are.equal(200, answer.status)
    assert.are.equal("available", answer.json.state)
    assert.are.equal(200, host:request("POST", "/queues/default/resume").status)
    assert.are.equal(6, #host:wait(id).attempts)
    local done = host:push("child", { of = "x" })
    host:wait(done)
    assert.are.equal(409, host:request("POST", "/tasks/" .. done .. "/retry").status)
    assert.are.equal(404, host:request("POST", "/tasks/999999/retry").status)
  end)

  it("keep the error's text, traceback and place", function()
    local job = host:wait(host:push("raises"))
    local err = job.attempts[1].error
    assert.is_truthy(err.message:find("tasks.lua:11: on purpose", 1, true), err.message)
    assert.is_truthy(err.traceback:find("tasks.lua:11", 1, true))
    assert.is_true(#host:wait(host:push("silent")).attempts[1].error.message > 5)
  end)

  it("die at once when the failure is permanent", function()
    local job = host:wait(host:push("permanent"))
    assert.are.equal("dead", job.state)
    assert.are.equal(1, #job.attempts)
    assert.are.equal("no such account", job.attempts[1].error.message)
  end)

  it("snooze without counting an attempt", function()
    assert.are.same({ tries = 3, attempt = 1 }, host:wait(host:push("snoozes")).result)
  end)

  it("commit their writes and children with their finish", function()
    local id = host:push("notes", { text = "kept" })
    host:wait(id)
    assert.are.equal(1, count("kept"))
    local children = host:request("GET", "/tasks?tag=child-of-" .. id).json.items
    assert.are.equal(1, #children)
    local child = host:wait(children[1].id)
    assert.are.equal(id, child.result)
    assert.are.equal(id, child.parent_id)
  end)

  it("drop their writes and children when they fail", function()
    local id = host:push("notes", { text = "dropped", fail = true })
    assert.are.equal("dead", host:wait(id).state)
    assert.are.equal(0, count("dropped"))
    assert.are.same({}, host:request("GET", "/tasks?tag=child-of-" .. id).json.items)
  end)

  it("fail alone when the store refuses a write of theirs", function()
    host:wait(host:push("notes", { text = "unique" }))
    local second = host:push("notes", { text = "unique" })
    local other = host:push("notes", { text = "another" })
    local job = host:wait(second)
    assert.are.equal("dead", job.state)
    assert.is_truthy(job.attempts[1].error.message:find("UNIQUE", 1, true))
    assert.are.equal("completed", host:wait(other).state)
    assert.are.same({}, host:request("GET", "/tasks?tag=child-of-" .. second).json.items)
  end)

  it("fail when a child of theirs is refused at the door", function()
    local job = host:wait(host:push("bad_child"))
    assert.are.equal("dead", job.state)
    assert.is_truthy(job.attempts[1].error.message:find("nobody", 1, true))
    assert.are.equal(0, count("of a bad child"))
  end)

  it("wait for their delay", function()
    local id = host:push("child", { of = "later" }, { delay = "1h" })
    assert.are.equal("scheduled", host:job(id).state)
    local soon = host:push("child", { of = "soon" }, { delay = "50ms" })
    local job = host:wait(soon)
    assert.is_true(job.attempts[1].began_at >= job.created_at + 50)
    assert.are.equal("scheduled", host:job(id).state)
  end)

  it("come due one after the other while nothing else happens", function()
    for ms = 20, 60, 4 do
      local id = host:push("child", { of = "idle" }, { delay = ms .. "ms" })
      assert.are.equal("completed", host:wait(id).state)
    end
  end)

  it("have progress, and a checkpoint that survives a retry", function()
    local job = host:wait(host:push("progress"))
    assert.are.same({ page = 3 }, job.result)
    assert.are.equal(40, job.progress.percent)
    assert.are.equal("nearly half", job.progress.message)
  end)

  it("have progress without secrets", function()
    assert.are.equal("signs in with token=[redacted]",
      host:wait(host:push("careless")).progress.message)
  end)

  it("keep values that others can't overwrite unseen", function()
    assert.are.same({ first = true, code = "version_conflict", value = 1, set = true,
      listed = 1, deleted = true, gone = true },
      host:wait(host:push("compares_and_sets")).result)
  end)

  it("may not have results beyond the limit", function()
    local job = host:wait(host:push("big"))
    assert.are.equal("dead", job.state)
    assert.are.equal("result_too_large", job.attempts[1].error.code)
  end)

  it("run by priority, then in the order they came", function()
    local batch, expected = {}, {}
    for i = 1, 300 do
      batch[i] = { type = "order", priority = (i * 7) % 3, tags = { "ordered" } }
    end
    local ids = host:request("POST", "/tasks", batch).json.ids
    for priority = 0, 2 do
      for i = 1, 300 do
        if batch[i].priority == priority then
          expected[#expected + 1] = ids[i]
        end
      end
    end
    for place, id in ipairs(expected) do
      assert.are.equal(place, host:wait(id).result)
    end
  end)

  it("can be searched, requeued and purged in bulk", function()
    local dead = host:request("GET", "/tasks?state=dead&search=no+such+account").json
    assert.are.equal(1, #dead.items)
    assert.are.equal("no such account", dead.items[1].error.message)
    local filter = { state = "dead", type = "permanent" }
    assert.are.equal(1, host:request("POST", "/tasks/retry", filter).json.count)
    host:wait(dead.items[1].id)
    assert.are.equal(1, host:request("POST", "/tasks/purge", filter).json.count)
    assert.are.equal(404, host:request("GET", "/tasks/" .. dead.items[1].id).status)
    assert.are.equal(422, host:request("POST", "/tasks/purge", "{}").status)
    for _, body in ipairs({ '{"ids":["",""]', '{"ids":[true,1.5]', '{"type":","' }) do
      body = body .. ',"state":"dead"}'
      assert.are.equal(422, host:request("POST", "/tasks/purge", body).status)
    end
  end)
end)
