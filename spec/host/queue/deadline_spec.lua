-- Deadlines, and heartbeats: jobs that wait or are silent for too long.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local SCRIPT = [[
local candy = require("candy")
candy.task("echo", {}, function(job) return job.payload end)
candy.task("sleeps", {}, function(job) candy.sleep("1h") end)
candy.task("listens", {}, function(job)
  local _, err = pcall(candy.sleep, "1h")
  return { code = err.code, told = (job:cancelled()) }
end)
candy.on("job.dead", function(job)
  candy.kv.set("dead:" .. job.payload.data.id, job.payload.data.error.code)
end)
candy.task("told_dead", {}, function(job)
  return candy.kv.get("dead:" .. job.payload.id)
end)
candy.task("hurried", { deadline = "200ms", max_retries = 0 }, function() end)
candy.task("enqueues", {}, function(job)
  local id = candy.queue.push("sleeps", {}, { deadline = "300ms" })
  local later = candy.queue.push("echo", {}, { deadline = "1h", delay = "2h" })
  return { id = id, later = later }
end)
local function heart(name, fn)
  candy.task(name, { heartbeat = "200ms", max_retries = 0 }, fn)
end
heart("silent", function() candy.sleep("1h") end)
heart("silent_lua", function() while true do end end)
heart("beats", function(job)
  for _ = 1, 8 do
    candy.sleep("80ms")
    job:heartbeat()
  end
  return "alive"
end)
heart("beats_in_lua", function(job)
  local until_ms = candy.time.now() + 600
  while candy.time.now() < until_ms do job:heartbeat() end
  return "alive"
end)
heart("tells_progress", function(job)
  for i = 1, 8 do
    candy.sleep("80ms")
    job:progress(i)
  end
  return "alive"
end)
]]

describe("a deadline", function()
  local host

  setup(function()
    host = candy.start({ workers = 2, scripts = { ["tasks.lua"] = SCRIPT } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function missed(id)
    local job = host:wait(id)
    assert.are.equal("dead", job.state)
    assert.are.equal("deadline", job.error.code)
    return job
  end

  it("ends a job that waits", function()
    local job = missed(host:push("echo", {}, { deadline = "100ms", delay = "1h" }))
    assert.are.same({}, job.attempts)
    host:wait_log('"message":"job is dead: its deadline passed before it was done",'
      .. '"job_id":"' .. job.id .. '"')
    poll.wait_for(function()
      return host:wait(host:push("told_dead", { id = job.id })).result == "deadline"
    end, 30, "the event of its death")
  end)

  it("in the past lets nothing begin", function()
    missed(host:push("echo", {}, { deadline = "2020-01-01T00:00:00Z" }))
  end)

  it("ends a job that runs", function()
    local job = missed(host:push("sleeps", {}, { deadline = "300ms" }))
    assert.are.equal(1, #job.attempts)
    assert.are.equal("deadline", job.attempts[1].error.code)
  end)

  it("is told to the script, and what it returns in time counts", function()
    local job = host:wait(host:push("listens", {}, { deadline = "300ms" }))
    assert.are.equal("completed", job.state)
    assert.are.same({ code = "deadline", told = true }, job.result)
  end)

  it("is an option of tasks and of Lua's enqueue", function()
    missed(host:push("hurried", {}, { delay = "1h" }))
    local made = host:wait(host:push("enqueues")).result
    missed(made.id)
    local job = host:job(made.later)
    assert.is_true(job.deadline > job.created_at)
  end)

  it("that was kept does nothing", function()
    local job = host:wait(host:push("echo", { a = 1 }, { deadline = "1h" }))
    assert.are.same({ a = 1 }, job.result)
  end)

  it("must be a duration or a time", function()
    local answer = host:request("POST", "/tasks", { type = "echo", deadline = "soon" })
    assert.are.equal(422, answer.status)
    assert.are.equal("/deadline", answer.json.errors[1].pointer)
  end)

  it("is forgotten when the job is taken back by hand", function()
    local id = host:push("echo", {}, { deadline = "50ms", delay = "1h" })
    missed(id)
    assert.are.equal(200, host:request("POST", "/tasks/" .. id .. "/retry").status)
    assert.are.equal("completed", host:wait(id).state)
  end)
end)

describe("a heartbeat", function()
  local host

  setup(function()
    host = candy.start({ workers = 2, scripts = { ["tasks.lua"] = SCRIPT },
      env = { CANDY_WORKER_STALL = "20s" } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  for _, task in ipairs({ "silent", "silent_lua" }) do
    it("is missed by " .. task, function()
      local job = host:wait(host:push(task))
      assert.are.equal("dead", job.state)
      assert.are.equal("heartbeat_lost", job.error.code)
    end)
  end

  for _, task in ipairs({ "beats", "beats_in_lua", "tells_progress" }) do
    it("keeps alive what " .. task, function()
      assert.are.equal("alive", host:wait(host:push(task)).result)
    end)
  end
end)
