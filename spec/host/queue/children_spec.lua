-- Children: a job fans out, waits without a worker, and reads what became of them.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local SCRIPT = [[
local candy = require("candy")

candy.schema("seen", "create table seen (job text, n integer)")

candy.task("square", { max_retries = 0 }, function(job)
  if job.payload.die then return nil, { code = "bad_luck", message = "on purpose" } end
  if job.payload.slow then candy.sleep("5ms") end
  return { square = job.payload.n * job.payload.n }
end)
candy.task("gate", {}, function()
  while not candy.kv.get("open") do candy.sleep("10ms") end
end)

local function numbers(job)
  local jobs = {}
  for n = 1, job.payload.n do
    jobs[n] = { type = "square", payload = { n = n, die = n == job.payload.die,
      slow = job.payload.slow } }
  end
  return jobs
end

candy.task("sum", { max_retries = 0 }, function(job)
  local children = job:children()
  if not children then
    job:write("insert into seen values (?, ?)", job.id, 1)
    return job:fan_out(numbers(job),
      { at_most = job.payload.at_most, fail_on_death = job.payload.strict })
  end
  job:write("insert into seen values (?, ?)", job.id, 2)
  local sum, states = 0, {}
  for i, child in ipairs(children) do
    sum = sum + (child.result and child.result.square or 0)
    if child.error then states[#states + 1] = { i, child.state, child.error.code } end
  end
  return { sum = sum, n = #children, failed = states, attempt = job.attempt }
end)

candy.task("stages", {}, function(job)
  local children = job:children()
  local stage = candy.kv.add("stage:" .. job.id, 1)
  if stage <= 3 then
    return job:fan_out({ { type = "square", payload = { n = stage } } })
  end
  return { n = #children, square = children[1].result.square }
end)

candy.task("nested", {}, function(job)
  if job.payload.depth == 0 then return 1 end
  local children = job:children()
  if not children then
    local down = { depth = job.payload.depth - 1 }
    return job:fan_out({ { type = "nested", payload = down },
      { type = "nested", payload = down } }, { at_most = 1 })
  end
  return children[1].result + children[2].result
end)
candy.task("bottomless", { max_retries = 0 }, function(job)
  if job:children() then return "back" end
  return job:fan_out({ { type = "bottomless" } })
end)
candy.task("keeper", {}, function(job)
  if job:children() then return end
  return job:fan_out({ { type = "gate" }, { type = "square", payload = { n = 1 },
    after_failure = "run", delay = "1h" } }, { at_most = 2 })
end)
candy.task("harsh", { max_retries = 0 }, function(job)
  if job:children() then return end
  return job:fan_out({ { type = "gate" }, { type = "square",
    payload = { n = 1, die = true }, delay = "300ms" } }, { fail_on_death = true })
end)
candy.task("settles", { debounce = "1h" }, function() end)
candy.task("bad_bound", { max_retries = 0 }, function(job)
  return job:fan_out({ { type = "square", payload = { n = 1 } }, { type = "settles" } },
    { at_most = 1 })
end)
candy.task("bad_child", { max_retries = 0 }, function(job)
  return job:fan_out({ { type = "square", payload = {} }, { type = "nobody" } })
end)
candy.task("empty", {}, function(job)
  local children = job:children()
  return children and #children or job:fan_out({})
end)
candy.task("bound", { max_retries = 0 }, function(job)
  local now = candy.kv.add("now", 1)
  candy.sleep("2ms")
  candy.kv.add("now", -1)
  return now
end)
candy.task("bounded", {}, function(job)
  local children = job:children()
  if not children then
    local jobs = {}
    for i = 1, job.payload.n do jobs[i] = { type = "bound" } end
    return job:fan_out(jobs, { at_most = 8 })
  end
  local most, done = 0, 0
  for _, child in ipairs(children) do
    most = math.max(most, child.result or 0)
    done = done + (child.state == "completed" and 1 or 0)
  end
  return { most = most, done = done }
end)
candy.task("seen", {}, function(job)
  local sql = "select n, count(*) c from seen where job = ? group by n order by n"
  return candy.db.query(sql, job.payload.id)
end)
]] .. candy.EVAL

describe("children", function()
  local host

  setup(function()
    host = candy.start({ scripts = { ["tasks.lua"] = SCRIPT } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function result(type, payload)
    local job = host:wait(host:push(type, payload))
    assert.are.equal("completed", job.state)
    return job.result, job
  end

  local function square_sum(n)
    return n * (n + 1) * (2 * n + 1) / 6
  end

  it("are waited for, and their results read in order", function()
    local sum, job = result("sum", { n = 20 })
    assert.are.same({ sum = square_sum(20), n = 20, failed = {}, attempt = 1 }, sum)
    assert.are.equal(1, #job.attempts)
    local seen = host:wait(host:push("seen", { id = job.id })).result
    assert.are.same({ { n = 1, c = 1 }, { n = 2, c = 1 } }, seen)
  end)

  it("may be none", function()
    assert.are.equal(0, (result("empty")))
  end)

  it("that are dead are seen by their parent", function()
    local sum = result("sum", { n = 5, die = 2 })
    assert.are.same({ { 2, "dead", "bad_luck" } }, sum.failed)
    assert.are.equal(square_sum(5) - 4, sum.sum)
  end)

  it("that are dead fail their parent, where that is asked for", function()
    local id = host:push("sum", { n = 100, die = 1, strict = true, at_most = 1 })
    local job = host:wait(id)
    assert.are.equal("dead", job.state)
    assert.are.equal("child_failed", job.error.code)
    local answer = host:request("GET", "/tasks?limit=200&parent=" .. id)
    local children = answer.json.items
    assert.are.equal(100, #children)
    assert.are.equal("cancelled", children[1].state)
    assert.are.equal("dead", children[100].state)
  end)

  it("that run are told to end with the first death, where that is asked for", function()
    local id = host:push("harsh")
    assert.are.equal("child_failed", host:wait(id).error.code)
    local children = host:request("GET", "/tasks?parent=" .. id).json.items
    assert.are.same({ "square", "dead", "gate", "cancelled", "batch_cancelled" },
      { children[1].type, children[1].state, children[2].type, children[2].state,
        children[2].error.code })
  end)

  it("come in stages", function()
    assert.are.same({ n = 1, square = 9 }, (result("stages")))
  end)

  it("have children of their own, but not for ever", function()
    assert.are.equal(16, (result("nested", { depth = 4 })))
    assert.are.equal("back", (result("bottomless")))
    local dead = host:request("GET", "/tasks?type=bottomless&state=dead").json.items
    assert.are.equal(1, #dead)
    assert.are.equal("fan_out_too_deep", dead[1].error.code)
  end)

  it("that no task fits fail the job, and nothing was enqueued", function()
    local job = host:wait(host:push("bad_child"))
    assert.are.equal("dead", job.state)
    assert.are.equal("unknown_task", job.error.code)
    assert.are.same({}, host:request("GET", "/tasks?parent=" .. job.id).json.items)
  end)

  it("that are debounced cannot be let go by and by", function()
    local job = host:wait(host:push("bad_bound"))
    assert.are.equal("dead", job.state)
    assert.truthy(job.error.message:find("/jobs/1 is debounced", 1, true))
  end)

  it("are cancelled with their parent's batch", function()
    local answer = host:request("POST", "/batches", { jobs = { { type = "keeper" } } })
    local parent = answer.json.ids[1]
    host:wait(parent, "pending")
    host:request("POST", "/batches/" .. answer.json.id .. "/cancel")
    assert.are.equal("cancelled", host:wait(parent).state)
    local late
    poll.wait_for(function()
      late = host:request("GET", "/tasks?type=square&parent=" .. parent).json.items[1]
      return late.state == "cancelled"
    end, 20, "the child to be cancelled")
    host:eval('candy.kv.set("open", true)')
  end)

  it("run as many at a time as were asked for", function()
    assert.are.same({ most = 8, done = 300 }, (result("bounded", { n = 300 })))
  end)

  it("10,000 of them, 8 at a time, are not lost by kills", function()
    local id = host:push("sum", { n = 10000, at_most = 8 })
    local function completed()
      host:wait(id, "pending")
      local first = host:request("GET", "/tasks?limit=1&parent=" .. id).json.items[1]
      return host:request("GET", "/batches/" .. first.batch_id).json.completed
    end
    for round = 1, 3 do
      poll.wait_for(function()
        return completed() >= round * 1000
      end, 60, "some of them to be done")
      host:stop("sigkill")
      host = host:again()
    end
    local job
    poll.wait_for(function()
      job = host:job(id)
      return job.state == "completed"
    end, 120, "the parent to be done")
    assert.are.same({ sum = square_sum(10000), n = 10000, failed = {}, attempt = 1 },
      job.result)
    local seen = host:wait(host:push("seen", { id = id })).result
    assert.are.same({ { n = 1, c = 1 }, { n = 2, c = 1 } }, seen)
  end)
end)
