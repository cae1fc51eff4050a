-- Jobs that wait for other jobs.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local SCRIPT = [[
local candy = require("candy")

candy.task("ok", {}, function(job)
  return candy.kv.add("order", 1)
end)
candy.task("dies", { max_retries = 0 }, function() return nil, "on purpose" end)
candy.task("gate", { queue = "gate", max_retries = 0 }, function(job)
  while not candy.kv.get("gate:" .. job.payload.name) do candy.sleep("10ms") end
  if job.payload.die then return nil, "on purpose" end
end)
candy.task("open", {}, function(job) candy.kv.set("gate:" .. job.payload.name, true) end)
candy.task("after_itself", {}, function(job)
  job:enqueue("ok", {}, { after = job.id, ref = "first" })
  job:enqueue("ok", {}, { after = "#first", tags = { "last-of-" .. job.id } })
end)
]] .. candy.EVAL

describe("jobs that wait for others", function()
  local host

  setup(function()
    host = candy.start({ scripts = { ["tasks.lua"] = SCRIPT } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function post(body)
    return host:request("POST", "/tasks", body)
  end

  local function gate(name, options)
    return host:push("gate", { name = name, die = options and options.die })
  end

  local function open(name)
    host:wait(host:push("open", { name = name }))
  end

  it("are pending until all of them have completed", function()
    local a, b = gate("a"), gate("b")
    local id = host:push("ok", nil, { after = { a, b } })
    local job = host:job(id)
    assert.are.equal("pending", job.state)
    assert.are.equal("jobs", job.waiting_for)
    assert.are.same({ a, b }, job.after)
    assert.are.equal(id, host:request("GET", "/tasks?state=pending").json.items[1].id)
    open("a")
    host:wait(a)
    assert.are.same({ b }, host:job(id).after)
    open("b")
    local done = host:wait(id)
    assert.are.equal("completed", done.state)
    assert.is_true(done.began_at >= host:job(b).finished_at)
    assert.are.equal("completed", host:wait(host:push("ok", nil, { after = id })).state)
  end)

  it("are cancelled with the first that does not complete, down the line", function()
    local first = gate("c", { die = true })
    local second = host:push("ok", nil, { after = first })
    local third = host:push("ok", nil, { after = second })
    local all_the_same = host:push("ok", nil,
      { after = { second, first }, after_failure = "run" })
    open("c")
    local job = host:wait(second)
    assert.are.equal("cancelled", job.state)
    assert.are.equal("dependency_failed", job.error.code)
    assert.is_truthy(job.error.message:find("job " .. first .. ",", 1, true))
    assert.is_truthy(host:wait(third).error.message:find("job " .. second, 1, true))
    assert.are.equal("completed", host:wait(all_the_same).state)
    local late = host:wait(host:push("ok", nil, { after = first }))
    assert.are.equal("cancelled", late.state)
  end)

  it("go in as a whole graph by one request", function()
    local answer = post([=[[{"type":"ok","ref":"a"},{"type":"ok","ref":"b","after":"#a"},
      {"type":"ok","ref":"c","after":["#a"]},{"type":"ok","after":["#b","#c"]}]]=])
    assert.are.equal(202, answer.status, answer.body)
    local results = {}
    for i, id in ipairs(answer.json.ids) do
      results[i] = host:wait(id).result
    end
    assert.is_true(results[1] < results[2] and results[1] < results[3])
    assert.is_true(results[4] > results[2] and results[4] > results[3])
  end)

  it("are refused with a pointer", function()
    local function refused(body, pointer, code)
      local answer = post(body)
      assert.are.equal(422, answer.status, answer.body)
      assert.are.equal(pointer, answer.json.errors[1].pointer)
      assert.are.equal(code, answer.json.errors[1].code)
    end
    refused('{"type":"ok","after":"999999"}', "/after", "no_such_job")
    refused('[{"type":"ok"},{"type":"ok","after":["999999"]}]', "/1/after", "no_such_job")
    refused('{"type":"ok","after":["x"]}', "/after/0", "invalid")
    refused('[{"type":"ok","after":"#b"},{"type":"ok","ref":"b"}]', "/0/after",
      "unknown_ref")
    refused('[{"type":"ok","ref":"a","after":"#a"}]', "/0/after", "unknown_ref")
    refused('[{"type":"ok","ref":"a"},{"type":"ok","ref":"a"}]', "/1/ref", "invalid")
    refused('{"type":"ok","after_failure":"maybe"}', "/after_failure", "invalid")
    refused('{"type":"ok","batch":"x"}', "/batch", "invalid")
    refused('{"type":"ok","batch":"999999"}', "/batch", "no_such_batch")
  end)

  it("can wait for the job that enqueues them, and for each other", function()
    local id = host:push("after_itself")
    assert.are.equal("completed", host:wait(id).state)
    local last
    poll.wait_for(function()
      last = host:request("GET", "/tasks?tag=last-of-" .. id).json.items[1]
      return last and last.state == "completed"
    end, 20, "the last of them")
    assert.are.equal(id, last.parent_id)
    assert.are.equal(2, #host:request("GET", "/tasks?parent=" .. id).json.items)
  end)

  it("are enqueued by scripts", function()
    local ids = host:eval([[
      local a = assert(candy.queue.push("ok"))
      local ids = assert(candy.queue.push_many({
        { type = "ok", after = a, ref = "x" },
        { type = "ok", after = { "#x", a }, after_failure = "run" } }))
      local none, err = candy.queue.push("ok", {}, { after = "999999" })
      return { ids[1], ids[2], none == nil and err.code }]])
    assert.are.equal("completed", host:wait(ids[2]).state)
    assert.are.equal("no_such_job", ids[3])
    local problem = host:eval('candy.queue.push("ok", {}, { after = 12 })')
    assert.is_truthy(problem.message:find('option "after"', 1, true), problem.message)
  end)

  it("are never lost, whenever the host is killed", function()
    local last
    for round = 1, 3 do
      local list = { '{"type":"ok","ref":"0"}' }
      for i = 1, 1000 do
        list[#list + 1] = ('{"type":"ok","ref":"%d","after":"#%d"}'):format(i, i - 1)
      end
      local answer = post("[" .. table.concat(list, ",") .. "]")
      assert.are.equal(202, answer.status, answer.body)
      last = answer.json.ids[#answer.json.ids]
      poll.wait_for(function()
        return host:job(answer.json.ids[round * 100]).state == "completed"
      end, 20, "the first of them to be done")
      host:stop("sigkill")
      host = host:again()
    end
    assert.are.equal("completed", host:wait(last).state)
    poll.wait_for(function()
      return #host:request("GET", "/tasks?state=pending").json.items == 0
    end, 30, "none to be pending")
  end)
end)
