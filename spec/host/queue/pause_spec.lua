-- Queues and tasks rest and go on; what runs meanwhile is left alone.
local candy = require("spec.support.candy")

local SCRIPT = [[
local candy = require("candy")
candy.task("echo", {}, function(job) return job.payload end)
candy.task("slow", { queue = "slow" }, function(job) return job.payload end)
candy.task("sleeps", { queue = "slow" }, function(job) candy.sleep("300ms") end)
]]

describe("pausing", function()
  local host

  setup(function()
    host = candy.start({ workers = 1, scripts = { ["tasks.lua"] = SCRIPT } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function ask(path, body)
    local answer = host:request("POST", path, body)
    assert.are.equal(200, answer.status, answer.body)
    return answer.json
  end

  local function queue(name)
    for _, one in ipairs(host:request("GET", "/queues").json.items) do
      if one.name == name then
        return one
      end
    end
  end

  it("keeps a queue's jobs back until it goes on", function()
    local running = host:push("sleeps")
    host:wait(running, "running")
    assert.are.same({ queue = "slow", paused = true, changed = true, known = true },
      ask("/queues/slow/pause", { reason = "repairs" }))
    local id = host:push("slow", { n = 1 })
    assert.are.equal("completed", host:wait(running).state)
    assert.are.same({ n = 2 }, host:wait(host:push("echo", { n = 2 })).result)
    local waiting = host:job(id)
    assert.are.equal("available", waiting.state)
    assert.are.equal("resume", waiting.waiting_for)
    local listed = host:request("GET", "/tasks?state=available").json.items
    assert.are.equal("resume", listed[1].waiting_for)
    local seen = queue("slow")
    assert.are.equal(1, seen.available)
    assert.are.equal("repairs", seen.paused.reason)
    assert.are.equal("admin", seen.paused.by)
    ask("/queues/slow/resume")
    assert.are.same({ n = 1 }, host:wait(id).result)
    assert.are.equal("userdata", type(queue("slow").paused))
  end)

  it("keeps a task's jobs back, over a restart", function()
    ask("/definitions/echo/pause")
    local id, other = host:push("echo", { n = 3 }), host:push("slow")
    host:wait(other)
    assert.are.equal("resume", host:job(id).waiting_for)
    host:stop()
    host = host:again({ workers = 1 })
    local third = host:push("slow")
    host:wait(third)
    assert.are.equal("available", host:job(id).state)
    local paused = host:request("GET", "/queues").json.paused_tasks
    assert.are.equal("echo", paused[1].name)
    ask("/definitions/echo/resume")
    assert.are.same({ n = 3 }, host:wait(id).result)
  end)

  it("may be asked for twice, and for what is not there yet", function()
    assert.are.same({ queue = "later", paused = true, changed = true, known = false },
      ask("/queues/later/pause"))
    assert.are.same({ queue = "later", paused = true, changed = false, known = true },
      ask("/queues/later/pause"))
    local id = host:push("echo", {}, { queue = "later" })
    assert.are.same({ queue = "never", paused = false, changed = false, known = false },
      ask("/queues/never/resume"))
    assert.is_nil(queue("never"))
    assert.are.same({ task = "none", paused = false, changed = false, known = false },
      ask("/definitions/none/resume"))
    host:wait(host:push("echo"))
    local waiting = host:job(id)
    assert.are.equal("available", waiting.state)
    assert.are.equal("resume", waiting.waiting_for)
    ask("/queues/later/resume")
    host:wait(id)
  end)

  it("is refused for tasks that nobody declares, and bad names", function()
    assert.are.equal(404, host:request("POST", "/definitions/nobody/pause").status)
    assert.are.equal(422, host:request("POST", "/queues/a%20b/pause").status)
    assert.are.equal(422,
      host:request("POST", "/queues/slow/pause", { reason = 1 }).status)
  end)

  it("leaves a trace", function()
    local items = host:request("GET", "/audit?limit=200").json.items
    local first = items[#items]
    assert.are.equal("pause", first.action)
    assert.are.equal("admin", first.by)
    assert.are.same({ queue = "slow", reason = "repairs" }, first.detail)
    local page = host:request("GET", "/audit?limit=2").json
    assert.are.equal(2, #page.items)
    local rest = host:request("GET", "/audit?limit=2&cursor=" .. page.next_cursor).json
    assert.are_not.equal(page.items[2].id, rest.items[1].id)
  end)
end)
