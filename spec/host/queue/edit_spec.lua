-- Changing jobs that wait.
local candy = require("spec.support.candy")

local SCRIPT = [[
local candy = require("candy")
candy.task("greet", { payload = { name = "string", token = "string?" } }, function(job)
  return "hello " .. job.payload.name
end)
candy.task("sleeps", {}, function() candy.sleep("1h") end)
candy.task("ordered", { key = "{k}", order = "strict" }, function() end)
]]

describe("PATCH /tasks/:id", function()
  local host

  setup(function()
    host = candy.start({ workers = 1, scripts = { ["tasks.lua"] = SCRIPT } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function patch(id, body)
    return host:request("PATCH", "/tasks/" .. id, body)
  end

  local function waiting(payload)
    return host:push("greet", payload or { name = "Ada" }, { delay = "1h" })
  end

  it("changes the payload, and when the job runs", function()
    local id = waiting()
    assert.are.equal(200, patch(id, { payload = { name = "Grace" } }).status)
    assert.are.equal("scheduled", host:job(id).state)
    local answer = patch(id, { delay = 0 })
    assert.are.equal(200, answer.status, answer.body)
    assert.are.equal("hello Grace", host:wait(id).result)
  end)

  it("changes queue, priority, tags and time", function()
    local id = waiting()
    local answer = patch(id, {
      queue = "other", priority = 7, tags = { "a", "b" }, run_at = "2999-01-01T00:00:00Z",
    })
    local job = answer.json
    assert.are.equal("other", job.queue)
    assert.are.equal(7, job.priority)
    assert.are.same({ "a", "b" }, job.tags)
    assert.are.equal(32472144000000, job.run_at)
    assert.are.equal("scheduled", job.state)
    assert.are.equal(id, host:request("GET", "/tasks?tag=b").json.items[1].id)
  end)

  it("keeps who changed what, without secrets", function()
    local id = waiting({ name = "Ada", token = "abcdef1234567890" })
    patch(id, { payload = { name = "Grace" }, priority = 3 })
    local edits = host:job(id).edits
    assert.are.equal(1, #edits)
    assert.are.equal("admin", edits[1].by)
    assert.are.equal("edit", edits[1].action)
    assert.are.equal("Ada", edits[1].detail.old.payload.name)
    assert.are.equal("Grace", edits[1].detail.new.payload.name)
    assert.are.equal(3, edits[1].detail.new.priority)
    assert.is_nil(host:request("GET", "/audit").body:find("abcdef1234567890", 1, true))
  end)

  it("refuses what does not fit", function()
    local id = waiting()
    for _, body in ipairs({
      { payload = { name = 7 } }, { payload = { wrong = "x" } }, { type = "sleeps" }, {},
      { run_at = "soon" }, { priority = "high" }, { delay = "1h", run_at = 4e12 },
      { queue = "a b" }, { max_retries = 3 }, '{"priority":null,"payload":null}',
    }) do
      assert.are.equal(422, patch(id, body).status)
    end
    assert.are.equal(400, patch(id, "{").status)
    assert.are.equal(400, patch(id, '{"priority":1}\0{"priority":2}').status)
    local unknown = patch(id, { key = "other" })
    assert.are.equal("invalid", unknown.json.code)
    assert.are.equal("/key", unknown.json.errors[1].pointer)
    assert.are.equal("unknown_field", unknown.json.errors[1].code)
    assert.are.equal(404, patch("999999", { priority = 1 }).status)
    assert.are.same({ name = "Ada" }, host:job(id).payload)
    assert.are.equal(0, #host:job(id).edits)
  end)

  it("leaves a job in the one queue in which its order is kept", function()
    local id = host:push("ordered", { k = 1 }, { delay = "1h" })
    local answer = patch(id, { queue = "other" })
    assert.are.equal(422, answer.status, answer.body)
    assert.truthy(answer.json.errors[1].message:find("strict order", 1, true))
    assert.are.equal(200, patch(id, { queue = "default", priority = 1 }).status)
    assert.are.equal("default", host:job(id).queue)
  end)

  it("comes too late for what runs or has ended", function()
    local id = host:push("sleeps")
    host:wait(id, "running")
    local answer = patch(id, { priority = 1 })
    assert.are.equal(409, answer.status)
    assert.are.equal("not_waiting", answer.json.code)
    host:request("POST", "/tasks/" .. id .. "/cancel")
    host:wait(id)
    assert.are.equal(409, patch(id, { priority = 1 }).status)
  end)
end)
