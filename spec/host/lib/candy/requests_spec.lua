-- What queue, kv, db and the job ask the host for, and what they make of its answers.
local cjson = require("cjson")
local support = require("spec.support.worker")

local worker

setup(function()
  worker = support.start_one([[
    local other = candy.task("other", function() end)
    candy.task("eval", function(job)
      local fn = assert(load("local candy, job, other = ... " .. job.payload.code))
      return fn(candy, job, other)
    end)
  ]])
end)
teardown(function() worker:close() end)

-- Runs code in a job, answers its one request, returns what was asked and the result.
local function ask(code, answer, ok)
  local id = worker:offer("eval", cjson.encode({ code = code }), { lease = 7 })
  local verb, body = worker:answer(answer, ok)
  local done = worker:done(id)
  return { verb, body }, done.outcome == "completed" and done.body or done.error
end

local function misuse(code)
  return worker:run("eval", cjson.encode({ code = code })).error.message
end

describe("candy.queue", function()
  it("pushes a job", function()
    local asked, result = ask([[return candy.queue.push("mail", { to = "x" }, {
      delay = "2s", priority = -1, queue = "q", tags = { "a", "b" }, key = "k",
      max_retries = 0 })]], { { 41 } })
    assert.same({ "enqueue", { {
      type = "mail", payload = '{"to":"x"}', delay_ms = 2000, priority = -1, queue = "q",
      tags = { "a", "b" }, key = "k", max_retries = 0,
    } } }, asked)
    assert.equal('"41"', result)
  end)

  it("pushes by a task's handle, at a time", function()
    local asked = ask('return other:enqueue(nil, { run_at = "2026-11-22T08:00:00Z" })',
      { { 1 } })
    assert.same({ { type = "other", payload = "{}", run_at = 1795334400000 } }, asked[2])
    asked = ask("return candy.queue.push(other, {}, { run_at = 1795334400000 })",
      { { 1 } })
    assert.equal(1795334400000, asked[2][1].run_at)
  end)

  it("pushes many, and none", function()
    local asked, result = ask([[return candy.queue.push_many({
      { type = "a", payload = { n = 1 } }, { type = other, delay = 1.5 } })]],
      { { 1 }, { 2 } })
    assert.same({ { type = "a", payload = '{"n":1}' },
      { type = "other", payload = "{}", delay_ms = 1500 } }, asked[2])
    assert.equal('["1","2"]', result)
    assert.equal("[]", worker:run("eval",
      cjson.encode({ code = "return candy.queue.push_many({})" })).body)
  end)

  it("tells duplicates", function()
    local _, one = ask([[local id, err, same = candy.queue.push("a")
      return { id, err == nil, same }]], { { 7, true } })
    assert.equal('["7",true,true]', one)
    local _, many = ask([[local ids, _, same = candy.queue.push_many({
      { type = "a" }, { type = "b" }, { type = "c" } })
      return { ids, same[1] == nil, same[2], same[3] }]],
      { { 7 }, { 8, true }, { 9, true } })
    assert.equal('[["7","8","9"],true,true,true]', many)
  end)

  it("passes a refusal on", function()
    local _, result = ask('return candy.queue.push("nobody")',
      '{"code":"unknown_task","message":"no task nobody"}', false)
    assert.same({ "unknown_task", "no task nobody" }, { result.code, result.message })
  end)

  local faults = {
    { 'candy.queue.push("a", {}, { dleay = 1 })',
      'unknown option "dleay" of candy.queue.push '
      .. "of a; known options: after after_failure batch deadline delay key max_retries "
      .. "priority queue ref run_at tags unique" },
    { 'candy.queue.push("a", {}, { delay = "x" })',
      'option "delay" of candy.queue.push of a '
      .. 'must be a duration such as "30s", "5m" or "2h", or a number of seconds, '
      .. 'not "x"' },
    { 'candy.queue.push("a", {}, { tags = "x" })', 'option "tags"' },
    { 'candy.queue.push("a", {}, { tags = { 1 } })', 'option "tags"' },
    { 'candy.queue.push("a", {}, { run_at = "noon" })', 'option "run_at"' },
    { 'candy.queue.push("a", {}, { priority = 1.5 })', 'option "priority"' },
    { 'candy.queue.push("a", {}, { max_retries = -1 })', 'option "max_retries"' },
    { 'candy.queue.push("a", {}, { queue = "a b" })', 'option "queue"' },
    { 'candy.queue.push("a", {}, { key = "" })', 'option "key"' },
    { 'candy.queue.push("a", {}, 5)', "must be a table, not 5" },
    { 'candy.queue.push("a", "text")', 'the payload must be a table, not "text"' },
    { 'candy.queue.push("a", { f = print })', "cannot be kept as JSON: f is a function" },
    { "candy.queue.push(nil)", "must be a task's name or handle, not nil" },
    { "candy.queue.push_many(5)", "must be a list of jobs, not 5" },
    { 'candy.queue.push_many({ "a" })', "a job is a table such as" },
    { 'candy.queue.push_many({ type = "a" })', "the list of jobs has holes, or names" },
    { 'candy.queue.push_many({ { type = "a" }, nil, { type = "a" } })', "has holes" },
    { 'candy.batch({ jobs = { type = "a" } })', "candy.batch: the list of jobs has" },
    { 'job:fan_out({ type = "a" })', "job:fan_out: the list of jobs has holes" },
    { 'candy.queue.push("a", {}, { tags = { a = "b" } })', 'option "tags"' },
    { 'candy.queue.push("a", {}, { after = { x = "1" } })', 'option "after"' },
    { 'candy.queue.push("a", {}, { unique = { fields = { "a", nil, "b" } } })',
      'option "fields" of unique' },
    { 'candy.queue.push("a", {}, { unique = { states = { "dead", x = 1 } } })',
      'option "states" of unique' },
    { 'candy.queue.push("a", {}, { key = "\\255" })', "in UTF-8, without a NUL" },
    { 'job:enqueue("a", {}, { key = "\\255" })', 'option "key" of job:enqueue of a' },
    { 'candy.queue.cancel("1", "a\\0b")', "without a NUL" },
  }
  for _, case in ipairs(faults) do
    it("tells the misuse in " .. case[1], function()
      local message = misuse(case[1])
      assert.truthy(message:find(case[2], 1, true), message)
    end)
  end
end)

describe("candy.kv", function()
  it("gets", function()
    local asked, result = ask('return { candy.kv.get("k") }',
      '{"found":true,"version":3,"value":{"a":[]}}')
    assert.same({ "kv", { verb = "get", key = "k" } }, asked)
    assert.equal('[{"a":[]},3]', result)
    local _, none = ask('return { select("#", candy.kv.get("k")), candy.kv.get == nil }',
      '{"found":false}')
    assert.equal("[1,false]", none)
  end)

  it("sets", function()
    local asked, result = ask(
      'return candy.kv.set("k", { a = 1 }, { expires = "1h", if_version = 2 })',
      '{"found":true,"version":3}')
    assert.same({ "kv", { verb = "set", key = "k", value = '{"a":1}',
      expires_ms = 3600000,
      if_version = 2 } }, asked)
    assert.equal("3", result)
  end)

  it("adds, deletes and lists", function()
    local asked, result = ask('return candy.kv.add("n")', '{"found":true,"value":5}')
    assert.same({ { verb = "add", key = "n", by = 1 }, "5" }, { asked[2], result })
    asked, result = ask('return candy.kv.add("n", -2)', '{"found":true,"value":3}')
    assert.same({ { verb = "add", key = "n", by = -2 }, "3" }, { asked[2], result })
    asked, result = ask('return candy.kv.delete("k")', '{"found":true,"version":1}')
    assert.same({ { verb = "delete", key = "k" }, "true" }, { asked[2], result })
    asked, result = ask('return candy.kv.list("user:", { limit = 2 })',
      '{"items":[{"key":"user:1","value":1,"version":1}]}')
    assert.same({ verb = "list", key = "user:", limit = 2 }, asked[2])
    assert.same({ { key = "user:1", value = 1, version = 1 } }, support.decode(result))
    asked, result = ask('return { candy.kv.list("user:", { after = "user:1" }) }',
      '{"items":[{"key":"user:2","value":1,"version":1}],"more":true}')
    assert.same({ verb = "list", key = "user:", limit = 100, after = "user:1" }, asked[2])
    assert.equal("user:2", support.decode(result)[2])
  end)

  it("counts for a time, and deletes at a version", function()
    local asked = ask('return candy.kv.add("n", 1, { expires = "1m" })',
      '{"found":true,"value":1}')
    assert.same({ verb = "add", key = "n", by = 1, expires_ms = 60000 }, asked[2])
    local result
    asked, result = ask('return candy.kv.delete("k", { if_version = 3 })',
      '{"found":false,"version":4}')
    assert.same({ verb = "delete", key = "k", if_version = 3 }, asked[2])
    assert.equal("version_conflict", result.code)
    asked, result = ask('return candy.kv.delete("k", { if_version = 3 })',
      '{"found":false,"version":0}')
    assert.same({ "kv", "false" }, { asked[1], result })
  end)

  it("tells misuse", function()
    assert.truthy(misuse("candy.kv.get()"):find("a key is a text of 1 to 500 bytes", 1,
      true))
    assert.truthy(misuse([[candy.kv.get("a\0b")]]):find("without a NUL", 1, true))
    assert.truthy(misuse('candy.kv.set("k", print)'):find("is a function", 1, true))
    assert.truthy(misuse('candy.kv.add("k", "x")'):find("must be a number", 1, true))
    assert.truthy(misuse('candy.kv.add("k", false)'):find("number, not false", 1, true))
    local big = 'candy.json.integer("9007199254740993")'
    assert.truthy(misuse(('candy.kv.add("k", %s)'):format(big)):find(
      "candy.kv.add: 9007199254740993 is beyond 2^53 (9007199254740992)", 1, true))
    assert.truthy(misuse('candy.kv.add("k", candy.json.null)'):find("must be a number", 1,
      true))
    assert.truthy(misuse('candy.kv.set("k", 1, { ttl = 1 })'):find(
      'unknown option "ttl" of candy.kv.set; known options: expires if_version', 1, true))
  end)
end)

describe("candy.db", function()
  it("queries", function()
    local asked, result = ask('return candy.db.query("select ?, ?, ?", 1, nil, "x")',
      '[{"a":1,"b":null}]')
    assert.same({ "query", { sql = "select ?, ?, ?", params = '[1,null,"x"]' } }, asked)
    assert.equal('[{"a":1}]', result)
    local _, one = ask('return candy.db.one("select 1")', '[{"a":1}]')
    assert.equal('{"a":1}', one)
    local _, none = ask('return { candy.db.one("select 1") == nil }', "[]")
    assert.equal("[true]", none)
  end)

  it("keeps trailing nils and big integers", function()
    local asked = ask(
      'return candy.db.exec("x", nil, candy.json.integer("9223372036854775807"), nil)',
      '{"changes":1,"last_id":9}')
    assert.equal("[null,9223372036854775807,null]", asked[2].params)
  end)

  it("executes", function()
    local asked, result = ask('return candy.db.exec("delete from t")',
      '{"changes":2,"last_id":0}')
    assert.same({ "exec", { sql = "delete from t", params = "[]" } }, asked)
    assert.same({ changes = 2, last_id = 0 }, support.decode(result))
  end)

  it("tells misuse", function()
    assert.truthy(misuse("candy.db.query(5)"):find("must be SQL, not 5", 1, true))
    assert.truthy(misuse('candy.db.query("?", {})'):find("parameter 1: is a table", 1,
      true))
    assert.truthy(misuse('candy.db.query("?", 1, print)'):find("parameter 2", 1, true))
    assert.truthy(misuse('candy.db.query("?", 0/0)'):find("is NaN", 1, true))
  end)
end)

describe("a job", function()
  it("reports progress", function()
    local asked, result = ask('return { job:progress(50, "half") }', '{"stale":false}')
    assert.equal("progress", asked[1])
    asked[2].id = nil
    assert.same({ lease = 7, percent = 50, message = "half" }, asked[2])
    assert.equal("[true]", result)
  end)

  it("saves a checkpoint", function()
    local asked, result = ask("job:save({ at = 3 }) return job.checkpoint",
      '{"stale":false}')
    assert.equal('{"at":3}', asked[2].checkpoint)
    assert.equal('{"at":3}', result)
  end)

  it("is told when it is not the job's owner any more", function()
    local _, result = ask("return job:progress(1)", '{"stale":true}')
    assert.equal("stale_lease", result.code)
  end)

  it("tells misuse", function()
    assert.truthy(misuse("job:progress(101)"):find("a number from 0 to 100, not 101", 1,
      true))
    assert.truthy(misuse("job:progress()"):find("not nil", 1, true))
    assert.truthy(misuse("job:save(print)"):find("is a function", 1, true))
  end)

  it("tells whose methods want a colon", function()
    local calls = { progress = "(5)", write = "('x')", enqueue = "('t', {})",
      snooze = "('5m')" }
    for name, arguments in pairs(calls) do
      assert.truthy(misuse("job." .. name .. arguments)
        :find("call it with a colon, as in job:" .. name .. "(...)", 1, true), name)
    end
  end)
end)

describe("candy.time", function()
  local function eval(code)
    return worker:run("eval", cjson.encode({ code = code })).body
  end

  it("formats and parses", function()
    assert.equal('"2026-11-22T08:00:00.000Z"',
      eval("return candy.time.format(1795334400000)"))
    assert.equal("1795334400000",
      eval('return candy.time.parse("2026-11-22T09:00:00+01:00")'))
    assert.equal('[true,"bad_time"]', eval(
      'local t, err = candy.time.parse("noon") return { t == nil, err.code }'))
    assert.equal("true", eval("return candy.time.now() > 1.7e12"))
  end)

  it("refuses days that are in no calendar", function()
    for _, day in ipairs({ "2027-02-30", "2027-02-29", "2027-04-31", "2027-13-01" }) do
      assert.equal('"bad_time"', eval(
        ('return (select(2, candy.time.parse("%sT00:00:00Z"))).code'):format(day)), day)
    end
    assert.equal("1835395200000", eval('return candy.time.parse("2028-02-29T00:00:00Z")'))
  end)
end)

it("candy.sleep wants a duration", function()
  assert.truthy(misuse('candy.sleep("soon")'):find("candy.sleep: the argument must be",
    1, true))
  assert.truthy(misuse("candy.sleep(-1)"):find("not -1", 1, true))
end)
