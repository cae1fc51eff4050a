-- What becomes of a job: results, failures, effects.
local support = require("spec.support.worker")

local run = support.run_body

local function body_of(done)
  return support.decode(done.body)
end

describe("a result", function()
  local cases = {
    { "", "null" }, { "return nil", "null" }, { "return nil, nil", "null" },
    { "return 5", "5" }, { "return false", "false" }, { "return 'x', 'y'", '"x"' },
    { "return { n = 1 }", '{"n":1}' }, { "return {}", "{}" },
    { "return false, 'no'", "false" },
  }
  for _, case in ipairs(cases) do
    it("of " .. (case[1] == "" and "nothing" or case[1]), function()
      local done = run(case[1])
      assert.same({ "completed", case[2], "ended" }, { done.outcome, done.body,
        done.state })
    end)
  end

  it("that is too large is refused for good", function()
    local done = run("return ('x'):rep(2000)", nil, { result_max = 1000 })
    assert.same({ "permanent", "result_too_large" }, { done.outcome, done.error.code })
    assert.truthy(done.error.message:find("2002 bytes and the limit is 1000", 1, true))
  end)
end)

describe("a failure", function()
  local cases = {
    { "error('bad')", "bad" },
    { "error()", "an error without a message (nil) was raised" },
    { "error(nil)", "(nil)" },
    { "error('', 0)", "an empty message" },
    { "error({})", "an error table without a message was raised: {}" },
    { "error({ 1, 2 })", "[1,2]" },
    { "error({ message = 'told' })", "told" },
    { "error({ message = '' })", "without a message" },
    { "error(setmetatable({}, { __tostring = function() return 'shown' end }))",
      "shown" },
    { "error(setmetatable({}, { __tostring = function() error('x') end }))",
      "cannot be shown" },
    { "error(true)", "the value true" },
    { "error(42)", "42" },
    { "error(print)", "was a function" },
    { "error(candy.json.integer('12345678901234567890'))", "12345678901234567890" },
    { "error('\\255bad', 0)", "bad" },
    { "local x = nil; return x.y", "attempt to index local 'x'" },
    { "return nil, 'why'", "why" },
    { "return nil, { message = 'why', code = 'c' }", "why" },
    { "return nil, 5", "5" },
    { "return nil, false", "the error returned was the value false" },
    { "return nil, ''", "an error with an empty message was returned" },
    { "return nil, {}", "an error table without a message was returned: {}" },
    { "return nil, print", "the error returned was a function" },
    { "error(false)", "the error raised was the value false" },
    { "local function f() return f() + 1 end f()", "stack overflow" },
    { "return candy.json.encode(print)", "the value is a function" },
    { "io.open('x')", "'io' (a nil value); scripts have no io: candy.file is for files" },
    { "os.execute('ls')", "(a nil value); for os.execute there is candy.process" },
    { "os.getenv('X')", "(a nil value); for os.getenv there are candy.secret and" },
  }
  for _, case in ipairs(cases) do
    it("of " .. case[1], function()
      local done = run(case[1])
      assert.equal("failed", done.outcome)
      assert.truthy(done.error.message:find(case[2], 1, true), done.error.message)
    end)
  end

  it("has code and delay of what was returned", function()
    local done = run("return nil, { code = 'busy', message = 'm', retry_after = 2.5 }")
    assert.same({ "failed", "busy", 2500 },
      { done.outcome, done.error.code, done.delay_ms })
    assert.equal(300000, run("error({ message = 'm', retry_after = '5m' })").delay_ms)
    assert.equal(120000,
      run("return nil, { message = 'm', retry_after = '120' }").delay_ms)
    assert.equal(-1, run("return nil, { message = 'm', retry_after = 'soon' }").delay_ms)
    assert.equal("error", run("return nil, 'x'").error.code)
  end)

  it("has a traceback of the script's own lines", function()
    local done = run("local function inner() local x = nil; return x.y end\ninner()")
    assert.equal("scripts/a.lua:3: in function 'inner'\n"
      .. "scripts/a.lua:4: in function 'run'",
      done.error.traceback)
    done = run("error('x')")
    assert.equal("scripts/a.lua:3: in function 'run'", done.error.traceback)
  end)

  it("for good is one that candy.permanent made", function()
    local bodies = {
      "return nil, candy.permanent('never')", "error(candy.permanent('never'))",
      "return candy.permanent('never')",
      "return nil, candy.permanent({ code = 'gone', message = 'never' })",
    }
    for i, body in ipairs(bodies) do
      local done = run(body)
      assert.same({ "permanent", "never" }, { done.outcome, done.error.message })
      assert.equal(i == 4 and "gone" or "error", done.error.code)
    end
  end)

  it("of a nil from candy.permanent still has a text", function()
    assert.equal("an error without a message (nil) was given to candy.permanent",
      run("return nil, candy.permanent()").error.message)
  end)
end)

describe("job:snooze", function()
  it("puts the job off when it is returned", function()
    local done = run("return job:snooze('5m')")
    assert.same({ "snoozed", 300000 }, { done.outcome, done.delay_ms })
    assert.equal(1500, run("return job:snooze(1.5)").delay_ms)
  end)

  it("does nothing when it is not", function()
    assert.equal("completed", run("job:snooze('5m') return 1").outcome)
  end)

  it("wants a duration", function()
    local done = run("return job:snooze('soon')")
    assert.equal("failed", done.outcome)
    assert.truthy(done.error.message:find('must be a duration such as "30s"', 1, true))
  end)
end)

describe("effects", function()
  it("travel with the completion", function()
    local done = run([[
      job:write("insert into t values (?, ?, ?)", 1, nil, "x\"y")
      job:write("delete from t")
      job:enqueue("child", { n = 1 }, { delay = "2s", tags = { "a" } })
      return 1
    ]])
    local effects = support.decode(done.effects)
    assert.same({
      { "insert into t values (?, ?, ?)", '[1,null,"x\\"y"]' }, { "delete from t", "[]" },
    }, effects.writes)
    assert.same({ { type = "child", payload = '{"n":1}', delay_ms = 2000,
      tags = { "a" } } },
      effects.children)
  end)

  it("are dropped by failures and snoozes", function()
    for _, body in ipairs({ "error('x')", "return nil, 'x'", "return job:snooze('1s')",
      "return print" }) do
      assert.equal(require("cjson").null,
        run("job:write('delete from t') " .. body).effects, body)
    end
  end)

  it("of one job are not those of the next", function()
    local worker = support.start_one([[
      candy.task("writes", function(job) job:write("x") error("no") end)
      candy.task("none", function() end)
    ]], { slots = 1 })
    worker:run("writes")
    assert.equal(require("cjson").null, worker:run("none").effects)
    worker:close()
  end)

  it("cannot be added with what SQL does not take", function()
    local done = run("job:write('x', {})")
    assert.truthy(done.error.message:find("parameter 1: is a table", 1, true))
    done = run("job:write(5)")
    assert.truthy(done.error.message:find("first argument must be SQL, not 5", 1, true))
    done = run("job:enqueue('child', {}, { dleay = '2s' })")
    assert.truthy(done.error.message:find(
      'unknown option "dleay" of job:enqueue of child',
      1, true))
  end)
end)

describe("the job object", function()
  it("has the fields of the job", function()
    local worker = support.start_one([[
      candy.task("t", function(job)
        return { job.id, job.type, job.attempt, job.max_retries, job.lease, job.queue,
          job.key, job.tags, job.workspace, job.created_at, job.checkpoint, job.payload,
          job.nothing == nil }
      end)
    ]])
    local done = worker:run("t", '{"a":1}', {
      id = 77, lease = 5, retry_count = 2, max_retries = 9, key = "k", tags = '["x"]',
      checkpoint = '{"at":3}',
    })
    worker:close()
    assert.same({ "77", "t", 3, 9, 5, "default", "k", { "x" }, "default", 1700000000000,
      { at = 3 }, { a = 1 }, true }, body_of(done))
  end)

  it("has an empty payload and no tags by default", function()
    assert.equal("[{},[]]", run("return { job.payload, job.tags }").body)
  end)

  it("cannot be used when the job has ended", function()
    local worker = support.start_one([[
      local kept
      candy.task("keep", function(job) kept = job end)
      candy.task("use", function() kept:write("x") end)
    ]])
    worker:run("keep")
    local done = worker:run("use")
    worker:close()
    assert.truthy(done.error.message:find("scripts/a.lua:4: the job has ended", 1, true))
  end)
end)

describe("a job object", function()
  it("is no result, nor a part of one", function()
    local done = run("return job")
    assert.same({ "permanent", "result_not_json", "the result cannot be kept as JSON: "
      .. "the value is the job object: take the fields that are wanted, as job.payload" },
      { done.outcome, done.error.code, done.error.message })
    done = run("return { list = { job } }")
    assert.truthy(done.error.message:find("list[1] is the job object", 1, true))
  end)

  it("shows nothing of the worker, and stays its job's whatever is put in", function()
    local done = run([[
      local keys = {}
      for key in pairs(job) do keys[#keys + 1] = key end
      for i = 1, 3 do job[i] = 8192 end
      job.id, job.lease = "1", 99
      job:write("x")
      return { #keys, getmetatable(job) }
    ]])
    assert.equal("[0,false]", done.body)
    assert.same({ { "x", "[]" } }, support.decode(done.effects).writes)
  end)

  it("cannot be made by a script, nor used by another job that runs", function()
    local worker = support.start_one([[
      local kept
      candy.task("keep", function(job) kept = job candy.sleep("30s") end)
      candy.task("use", function() kept:write("x") end)
      candy.task("field", function() return kept.payload end)
      candy.task("make", function(job) job.write({ 8192 }, "x") end)
      candy.task("copy", function(job)
        local copy = {}
        for key, value in pairs(job) do copy[key] = value end
        job.snooze(copy, 1)
      end)
      candy.task("none", function(job) job.write(nil, "x") end)
    ]])
    worker:offer("keep")
    for _, name in ipairs({ "use", "field" }) do
      local done = worker:run(name)
      assert.equal("failed", done.outcome)
      assert.truthy(done.error.message:find("the job is another one's", 1, true))
    end
    for _, name in ipairs({ "make", "copy" }) do
      local done = worker:run(name)
      assert.truthy(done.error.message:find("the job has ended", 1, true), name)
    end
    assert.truthy(worker:run("none").error.message:find("with a colon", 1, true))
    worker:close()
  end)

  it("can be read while its error is put into words", function()
    local done = run([[
      error(setmetatable({}, { __tostring = function() return "job " .. job.id end }))
    ]])
    assert.equal("job 1", done.error.message)
  end)

  it("reports progress of its own job alone", function()
    local worker = support.start_one([[
      candy.task("t", function(job)
        job.id, job.lease = "12", 13
        return job:progress(1)
      end)
    ]])
    local id = worker:offer("t", nil, { lease = 7 })
    local _, body = worker:answer('{"stale":false}')
    assert.same({ id = tostring(id), lease = 7, percent = 1 }, body)
    worker:done(id)
    worker:close()
  end)
end)

describe("a payload that does not fit", function()
  it("is refused in the worker too", function()
    local worker = support.start_one([[
      candy.task("t", { payload = { n = "integer", s = "string?" } }, function(job)
        return job.payload.n
      end)
    ]])
    assert.equal("5", worker:run("t", '{"n":5,"s":null}').body)
    local done = worker:run("t", '{"n":"x","more":1}')
    assert.same({ "permanent", "payload_invalid" }, { done.outcome, done.error.code })
    assert.truthy(done.error.message:find("/n must be", 1, true))
    assert.truthy(done.error.message:find("/more", 1, true))
    worker:close()
  end)
end)

it("a job whose task is not declared here does not begin", function()
  local worker = support.start({
    ["scripts/a.lua"] = 'require("candy").task("here", function() return 1 end)',
    ["scripts/b.lua"] = 'require("candy").task("left_out", function() end)',
  }, { exclude = { "scripts/b.lua" }, slots = 1 })
  for _, name in ipairs({ "left_out", "nobody" }) do
    local done = worker:run(name)
    assert.same({ "skipped", "ended", -1 }, { done.outcome, done.state, done.delay_ms })
  end
  assert.equal("1", worker:run("here").body)
  worker:close()
end)
