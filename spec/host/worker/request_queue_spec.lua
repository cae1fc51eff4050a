-- Jobs that scripts enqueue: what is refused and how it is told, and that the payload
-- arrives as it was.
local candy = require("spec.support.candy")

local SCRIPT = [[
local candy = require("candy")
candy.task("any", {}, function(job) return job.payload end)
candy.task("checked", { payload = { to = { type = "string" } },
  additional = true }, function() end)
candy.task("keyed", { key = "{account}" }, function(job) return job.key end)

local CASES = {
  ["a task that nobody declares"] = function() return "nobody", {} end,
  ["a type with a NUL"] = function() return "any\0", {} end,
  ["a list"] = function() return "any", { 1, 2 } end,
  ["a name with a NUL"] = function() return "any", { a = { ["b\0c"] = 1 } } end,
  ["a name with a NUL, in a list"] = function()
    return "checked", { to = "x", ["b\0c"] = 1 }
  end,
  ["what the schema refuses"] = function() return "checked", { to = 5 } end,
  ["a payload without its key"] = function() return "keyed", { n = 1 } end,
  ["an unknown job to wait for"] = function()
    return "any", {}, { after = "no_id" }
  end,
}

candy.task("refused", {}, function(job)
  local type, payload, opts = CASES[job.payload.case]()
  local id, alone = candy.queue.push(type, payload, opts)
  local ids, among = candy.queue.push_many({ { type = "any" },
    { type = type, payload = payload, after = opts and opts.after } })
  assert(not id and not ids)
  return { alone.code, alone.message, among.message }
end)

candy.task("pushes_too_much", {}, function()
  local _, err = candy.queue.push("any", { text = ("x"):rep(24 * 1024 * 1024) })
  return { err.code, err.message }
end)
candy.task("pushes", {}, function(job)
  local payload = candy.json.decode(job.payload.text)
  return { (assert(candy.queue.push("any", payload))) }
end)
candy.task("pushes_many", {}, function(job)
  local jobs = {}
  for i = 1, job.payload.n do
    jobs[i] = { type = "any", payload = { n = i }, tags = { "many" },
      delay = i % 2 == 0 and "1h" or nil }
  end
  return candy.queue.push_many(jobs)
end)
candy.task("pushes_too_many", {}, function()
  local jobs, same = {}, { type = "any" }
  for i = 1, 10001 do
    jobs[i] = same
  end
  local _, err = candy.queue.push_many(jobs)
  return { err.code, err.message }
end)
candy.task("pushes_keyed", {}, function()
  return { (assert(candy.queue.push("keyed", { account = "acme" }))) }
end)
]]

describe("what a script enqueues", function()
  local host
  setup(function() host = candy.start({ scripts = { ["jobs.lua"] = SCRIPT } }) end)
  teardown(function() host:stop() end)

  local function result_of(type, payload)
    local job = host:wait(host:push(type, payload))
    assert.equal("completed", job.state, job.errors and job.errors[1] and
      job.errors[1].message)
    return job.result
  end

  local refusals = {
    { "a task that nobody declares", "unknown_task", "/type: no script declares" },
    { "a type with a NUL", "invalid", "/type: must be the name of a task" },
    { "a list", "type", "/payload: must be an object, not an array" },
    { "a name with a NUL", "bad_json", "/payload: not valid JSON" },
    { "a name with a NUL, in a list", "bad_json", "/payload: not valid JSON" },
    { "what the schema refuses", "type", "/payload/to: " },
    { "a payload without its key", "required", "/payload/account: " },
    { "an unknown job to wait for", "invalid", "/after" },
  }
  for _, case in ipairs(refusals) do
    it("is refused for " .. case[1], function()
      local told = result_of("refused", { case = case[1] })
      assert.equal(case[2], told[1], told[2])
      assert.equal(1, (told[2]:find(case[3], 1, true)), told[2])
      assert.equal(1, (told[3]:find("/1" .. case[3], 1, true)), told[3])
    end)
  end

  local payloads = {
    '{"n":123456789012345678901234567890,"m":-9007199254740993}',
    '{"text":"a\\u0000b","quote":"\\"\\\\u0000","umlaut":"ä"}',
    "{}",
    '{"text":"' .. ("y"):rep(300 * 1024) .. '"}',
  }
  for _, text in ipairs(payloads) do
    it("arrives as it was: " .. text:sub(1, 60), function()
      local id = result_of("pushes", { text = text })[1]
      host:wait(id)
      local body = host:request("GET", "/tasks/" .. id).body
      for part in text:gmatch('"[^,{}]+') do
        assert.truthy(body:find(part, 1, true), body:sub(1, 300))
      end
    end)
  end

  it("comes one by one, in its order, with its options", function()
    local ids = result_of("pushes_many", { n = 9 })
    assert.equal(9, #ids)
    for i, id in ipairs(ids) do
      local job = host:job(id)
      assert.equal(i, job.payload.n)
      assert.same({ "many" }, job.tags)
      assert.equal(i % 2 == 0, job.state == "scheduled")
    end
  end)

  it("is at most 10,000 at a time", function()
    assert.same({ "too_many_tasks", "a push takes 1 to 10000 jobs, not 10001" },
      result_of("pushes_too_many"))
  end)

  it("is refused where the payload is too large", function()
    assert.same({ "too_large", "/payload: has 25165835 bytes; at most 25165824 fit" },
      result_of("pushes_too_much"))
  end)

  it("gets the key that its task makes of the payload", function()
    assert.equal("acme", host:wait(result_of("pushes_keyed")[1]).result)
  end)
end)
