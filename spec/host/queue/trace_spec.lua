-- Trace ids: from the header of a request to its job, the job's children and their lines.
local candy = require("spec.support.candy")

local SCRIPT = [[
local candy = require("candy")
candy.task("leaf", {}, function(job)
  job.log.info("leaf speaks")
  return job.trace_id
end)
candy.task("root", {}, function(job)
  local pushed = candy.queue.push("leaf", {})
  job:enqueue("leaf", {}, { tags = { "effect" } })
  return { trace = job.trace_id, pushed = pushed }
end)
]]

local TRACE = "0af7651916cd43dd8448eb211c80319c"

describe("trace ids", function()
  local host

  setup(function()
    host = candy.start({ scripts = { ["tasks.lua"] = SCRIPT } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function push(type, header)
    local answer = host:request("POST", "/tasks", { type = type },
      { headers = header and { "traceparent: " .. header } })
    assert.equal(202, answer.status, answer.body)
    return answer.json.id
  end

  local function root(header)
    local job = host:wait(push("root", header))
    local effect = host:request("GET", "/tasks?tag=effect&limit=1").json.items[1]
    assert.equal(job.id, effect.parent_id)
    return job, host:wait(job.result.pushed), host:wait(effect.id)
  end

  it("come with the request and go to children", function()
    local job, pushed, effect = root("00-" .. TRACE .. "-b7ad6b7169203331-01")
    assert.equal(TRACE, job.trace_id)
    assert.equal(TRACE, job.result.trace)
    assert.equal(TRACE, pushed.trace_id)
    assert.equal(TRACE, pushed.result)
    assert.equal(TRACE, effect.trace_id)
    assert.equal(TRACE, effect.result)
  end)

  it("are made of the id where none came", function()
    local job, pushed, effect = root()
    local made = ("%032x"):format(tonumber(job.id))
    assert.equal(made, job.trace_id)
    assert.equal(made, job.result.trace)
    assert.equal(made, pushed.trace_id)
    assert.equal(made, effect.result)
  end)

  it("are made of the id where the header is none", function()
    local span = "-b7ad6b7169203331-01"
    for _, header in ipairs({
      "01-" .. TRACE, "ff-" .. TRACE .. span, "00-" .. TRACE:upper() .. span,
      "00-" .. ("0"):rep(32) .. span, "00-" .. TRACE .. span .. "-more",
      "00-" .. TRACE .. "-" .. ("0"):rep(16) .. "-01", "00-" .. TRACE .. "0" .. span,
      "00-" .. TRACE .. "-b7ad6b7169203331-0g", "00-" .. TRACE .. "-b7ad6b7169203331-01x",
    }) do
      local id = push("leaf", header)
      assert.equal(("%032x"):format(tonumber(id)), host:job(id).trace_id, header)
    end
    local newer = push("leaf", "cc-" .. TRACE .. span .. "-more")
    assert.equal(TRACE, host:job(newer).trace_id)
  end)

  it("stand in the lines of a job, with its attempt", function()
    push("leaf", "00-" .. TRACE .. "-b7ad6b7169203331-01")
    host:wait_log('"trace_id":"' .. TRACE .. '"')
    local found = false
    for line in host:log():gmatch("[^\n]+") do
      found = found or line:find("leaf speaks", 1, true) and line:find(TRACE, 1, true)
        and line:find('"attempt":1', 1, true)
    end
    assert.truthy(found, host:log())
  end)
end)
