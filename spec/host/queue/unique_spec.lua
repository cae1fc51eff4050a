-- Jobs that are the same, seen from outside: what becomes of one more of them, over HTTP
-- and from Lua, at once and after the host was killed.
local candy = require("spec.support.candy")
local cjson = require("cjson")
local poll = require("spec.support.poll")

local SCRIPT = [[
local candy = require("candy")

local function task(name, opts)
  opts.max_retries = opts.max_retries or 0
  return candy.task(name, opts, function(job)
    candy.kv.add("runs:" .. name, 1)
    while job.payload.hold and not candy.kv.get("go:" .. job.payload.hold) do
      candy.sleep("10ms")
    end
    if job.payload.fail then return nil, candy.permanent("on purpose") end
    return job.payload
  end)
end

task("whole", { unique = true })
local by_repo = task("by_repo", { unique = { "repo" }, queue = "one" })
task("later", { unique = { "repo" } })
task("ever", { unique = { fields = { "n" }, states = { "completed", "dead" } } })
task("hourly", { unique = { states = { "completed" }, window = "1h" } })
task("settles", { debounce = "200ms" })
task("slow", { debounce = "1h" })
task("settles_by",
  { debounce = { wait = "400ms", max_wait = "600ms", fields = { "repo" } } })
task("calm", { throttle = "1h" })
task("calm_by", { throttle = { window = "1h", fields = { "repo" } } })
task("skips", { singleton = "skip" })
task("newest", { singleton = "cancel_previous" })
task("patient", { singleton = "cancel_queued" })
task("in_turn", { singleton = "queue" })
task("plain", {})
task("shaped", { payload = { repo = "string", n = "integer?" } })

candy.task("pushes", {}, function()
  local first, err, duplicate = by_repo:enqueue({ repo = "lua" }, { delay = "1h" })
  local again, err2, duplicate2 = by_repo:enqueue({ repo = "lua", n = 2 })
  local ids, err3, duplicates = candy.queue.push_many({
    { type = by_repo, payload = { repo = "lua" } },
    { type = "by_repo", payload = { repo = "other" }, delay = "1h" },
    { type = "by_repo", payload = { repo = "other" } },
    { type = "by_repo", payload = { repo = "lua" }, unique = false, delay = "1h" },
    { type = "plain", payload = { x = 1 }, unique = { "x" }, delay = "1h" },
    { type = "plain", payload = { x = 1, y = 2 }, unique = { fields = { "x" } } },
  })
  return { first = first, again = again, ids = ids, none = err or err2 or err3,
    duplicate = duplicate, duplicate2 = duplicate2, d1 = duplicates[1] or false,
    d2 = duplicates[2] or false, d3 = duplicates[3] or false, d4 = duplicates[4] or false,
    d5 = duplicates[5] or false, d6 = duplicates[6] or false }
end)
candy.task("has_children", {}, function(job)
  for _ = 1, 3 do
    job:enqueue("by_repo", { repo = "children" }, { tags = { "child" }, delay = "1h" })
  end
end)
]]

describe("jobs that are the same", function()
  local host

  setup(function()
    host = candy.start({ workers = 1, scripts = {
      ["tasks.lua"] = SCRIPT, ["eval.lua"] = candy.EVAL,
    } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function post(type, payload, options)
    local body = { type = type, payload = payload }
    for name, value in pairs(options or {}) do
      body[name] = value
    end
    local answer = host:request("POST", "/tasks", body)
    assert.equal(202, answer.status, answer.body)
    return answer.json.id, answer.json.duplicate, answer.json
  end

  local function let_go(name)
    host:eval(('candy.kv.set("go:%s", true)'):format(name))
  end

  local function runs(name)
    return host:eval(('return candy.kv.get("runs:%s") or 0'):format(name))
  end

  local function waits_for_its_turn(id)
    poll.wait_for(function()
      return host:job(id).waiting_for == "limit"
    end, 30, "job " .. id .. " to wait for its turn")
  end

  it("are answered with the one that is there", function()
    local id, duplicate = post("whole", { a = 1, b = { c = "x" } }, { delay = "1h" })
    assert.is_nil(duplicate)
    local again, is_duplicate, answer = post("whole", { b = { c = "x" }, a = 1 })
    assert.equal(id, again)
    assert.is_true(is_duplicate)
    assert.same({ id = id, duplicate = true }, answer)
    assert.are_not.equal(id, (post("whole", { a = 2 }, { delay = "1h" })))
  end)

  it("are so by the value of fields, and by nothing else", function()
    local function raw(payload, more)
      return host:request("POST", "/tasks", '{"type":"by_repo","delay":"1h","payload":'
        .. payload .. (more or "") .. "}").json
    end
    local first = raw('{"repo":{"a":1,"b":[1,"\\u00e9"]},"x":1}')
    assert.is_nil(first.duplicate)
    assert.equal(first.id, raw('{ "repo": {"b":[1.0,"é"], "c":null, "a":1e0} }').id)
    assert.is_nil(raw('{"repo":{"a":1,"b":["\\u00e9",1]}}').duplicate)
    assert.is_nil(raw('{"repo":{"a":1,"b":[1,"e\\u0301"]}}').duplicate)
    assert.is_nil(raw('{"repo":{"a":"1","b":[1,"\\u00e9"]}}').duplicate)
    local without = raw("{}")
    assert.is_nil(without.duplicate)
    assert.equal(without.id, raw('{"repo":null}').id)
    local keyed = raw("{}", ',"key":"k"')
    assert.is_nil(keyed.duplicate)
    assert.equal(keyed.id, raw("{}", ',"key":"k"').id)
  end)

  it("are one, however many come at once", function()
    local run = candy.spawn("curl", { "-sS", "--parallel", "--parallel-max", "100",
      "--parallel-immediate", "-H", "Authorization: Bearer " .. host.key, "--data-binary",
      '{"type":"later","delay":"1h","payload":{"repo":"crowd"}}',
      host.url .. "/tasks?[1-1000]" })
    assert.equal(0, candy.join(run), run.err.text)
    local ids, duplicates = {}, 0
    for id, rest in run.out.text:gmatch('{"id":"(%d+)"([^}]*)}') do
      ids[id] = (ids[id] or 0) + 1
      duplicates = duplicates + (rest:find("duplicate", 1, true) and 1 or 0)
    end
    local id, count = next(ids)
    assert.equal(1000, count, run.out.text:sub(1, 500))
    assert.is_nil(next(ids, id))
    assert.equal(999, duplicates)
    assert.equal(1, #host:request("GET", "/tasks?type=later").json.items)
  end)

  it("are told apart in a list", function()
    local list = {}
    for i, repo in ipairs({ "p", "q", "p", "p", "r", "q" }) do
      list[i] = { type = "later", delay = "1h", payload = { repo = "list-" .. repo } }
    end
    local answer = host:request("POST", "/tasks", list)
    assert.equal(202, answer.status, answer.body)
    local ids = answer.json.ids
    assert.same({ 2, 3, 5 }, answer.json.duplicates)
    assert.same({ ids[1], ids[2], ids[1], ids[1], ids[5], ids[2] }, ids)
    list = { { type = "plain" }, { type = "plain" } }
    assert.is_nil(host:request("POST", "/tasks", list).json.duplicates)
  end)

  it("are told apart in Lua", function()
    local told = host:wait(host:push("pushes")).result
    local first, ids = told.first, told.ids
    assert.equal(first, told.again)
    assert.is_false(told.duplicate)
    assert.is_true(told.duplicate2)
    assert.equal(cjson.null, told.none or cjson.null)
    assert.same({ first, ids[2], ids[2] }, { ids[1], ids[2], ids[3] })
    assert.are_not.equal(first, ids[4])
    assert.equal(ids[5], ids[6])
    assert.same({ true, false, true, false, false, true },
      { told.d1, told.d2, told.d3, told.d4, told.d5, told.d6 })
  end)

  it("are one among the children of a job too", function()
    local id = host:push("has_children")
    host:wait(id)
    local children = host:request("GET", "/tasks?tag=child").json.items
    assert.equal(1, #children)
    assert.equal(id, children[1].parent_id)
  end)

  it("may come again after the end of the first", function()
    local first = post("by_repo", { repo = "again" })
    host:wait(first)
    local second, duplicate = post("by_repo", { repo = "again", fail = true })
    assert.is_nil(duplicate)
    assert.equal("dead", host:wait(second).state)
    assert.is_nil(select(2, post("by_repo", { repo = "again" })))
  end)

  it("count in the states that are named", function()
    local payload = { n = 1, hold = "ever" }
    local first = post("ever", payload)
    local second, duplicate = post("ever", payload)
    assert.is_nil(duplicate)
    let_go("ever")
    host:wait(first)
    host:wait(second)
    assert.equal(second, (post("ever", payload)))
    local other = post("ever", { n = 2, fail = true })
    host:wait(other)
    assert.equal(other, (post("ever", { n = 2 })))
  end)

  it("count for a window of time", function()
    local first = post("hourly", { a = 1 })
    host:wait(first)
    assert.equal(first, (post("hourly", { a = 1 })))
    local unique = { states = { "completed" }, window = "1ms" }
    assert.is_nil(select(2, post("hourly", { a = 1 }, { unique = unique })))
  end)

  it("are let through when the request says so", function()
    local first = post("whole", { let = "through" }, { delay = "1h" })
    local second, duplicate = post("whole", { let = "through" },
      { delay = "1h", unique = false })
    assert.is_nil(duplicate)
    assert.are_not.equal(first, second)
    local named = post("plain", { repo = "a", n = 1 },
      { delay = "1h", unique = { "repo" } })
    assert.equal(named, (post("plain", { repo = "a", n = 2 }, { unique = { "repo" } })))
  end)

  it("are refused where what is asked makes no sense", function()
    local function refused(unique, text)
      local answer = host:request("POST", "/tasks",
        '{"type":"plain","unique":' .. unique .. "}")
      assert.equal(422, answer.status, answer.body)
      assert.equal("/unique", answer.json.errors[1].pointer)
      assert.truthy(answer.json.errors[1].message:find(text, 1, true), answer.body)
    end
    refused("1", "true, false, a list")
    refused("[]", "1 to 20 fields")
    refused('["a",""]', "1 to 20 fields")
    refused('{"field":["a"]}', "fields, states and window")
    refused('{"states":["done"]}', "scheduled available running")
    refused('{"window":"soon"}', 'a duration such as "10m"')
    local shaped = host:request("POST", "/tasks",
      { type = "shaped", payload = { repo = "a" }, unique = { "repo", "rpeo" } })
    assert.equal(422, shaped.status)
    assert.same({ { pointer = "/unique", code = "unknown_field", message =
      'names the field "rpeo", which the payload of this task does not have' } },
      shaped.json.errors)
    assert.is_nil(select(2, post("shaped", { repo = "a" }, { unique = { "n" } })))
    local answer = host:request("POST", "/tasks", { type = "settles", delay = "5s" })
    assert.equal(422, answer.status)
    assert.equal("/delay", answer.json.errors[1].pointer)
  end)

  it("run once after the last call, with its payload, when debounced", function()
    local list = {}
    for n = 1, 5 do
      list[n] = { type = "settles", payload = { n = n } }
    end
    local answer = host:request("POST", "/tasks", list).json
    local first = answer.ids[1]
    assert.same({ first, first, first, first, first }, answer.ids)
    assert.same({ 1, 2, 3, 4 }, answer.duplicates)
    assert.equal(5, host:wait(first).result.n)
    assert.equal(1, runs("settles"))
    assert.are_not.equal(first, (post("settles", { n = 6 })))
  end)

  it("wait anew with each call when debounced", function()
    local first = post("slow", { n = 1 })
    local run_at = host:job(first).run_at
    assert.equal(first, (post("slow", { n = 2 })))
    local job = host:job(first)
    assert.is_true(job.run_at > run_at)
    assert.equal(2, job.payload.n)
  end)

  it("run at last when calls do not end, each by its fields", function()
    local first = post("settles_by", { repo = "a", n = 1 })
    local other = post("settles_by", { repo = "b", n = 1 })
    assert.are_not.equal(first, other)
    local n, again = 1, first
    poll.wait_for(function()
      n = n + 1
      again = post("settles_by", { repo = "a", n = n })
      return again ~= first
    end, 45, "a job to run although calls go on")
    assert.equal(n - 1, host:wait(first).result.n)
    assert.equal(1, host:wait(other).result.n)
  end)

  it("leave one that runs alone when debounced", function()
    local first = post("settles", { n = 1, hold = "debounced" })
    host:wait(first, "running")
    local second, duplicate = post("settles", { n = 2 })
    assert.is_nil(duplicate)
    let_go("debounced")
    assert.equal(1, host:wait(first).result.n)
    assert.equal(2, host:wait(second).result.n)
  end)

  it("have no time of their own when debounced", function()
    local other = post("plain", {}, { delay = "1h" })
    for field, value in pairs({ delay = "1s", run_at = 1e12, after = other }) do
      local answer = host:request("POST", "/tasks",
        { type = "settles", payload = { n = 1 }, [field] = value })
      assert.equal(422, answer.status, answer.body)
      assert.equal("/" .. field, answer.json.errors[1].pointer)
      assert.truthy(answer.json.errors[1].message:find("goes without debounce", 1, true))
    end
    local free = { after = other, unique = false }
    assert.is_nil(select(2, post("settles", { n = 1 }, free)))
  end)

  it("run once in a while when throttled", function()
    local first = post("calm", { n = 1 })
    host:wait(first)
    assert.equal(first, (post("calm", { n = 2 })))
    assert.equal(1, runs("calm"))
    local keyed, duplicate = post("calm", { n = 3 }, { key = "k" })
    assert.is_nil(duplicate)
    assert.are_not.equal(first, keyed)
    local one, two = post("calm_by", { repo = "a" }), post("calm_by", { repo = "b" })
    assert.are_not.equal(one, two)
    assert.equal(one, (post("calm_by", { repo = "a" })))
  end)

  it("are skipped while one is there", function()
    local first = post("skips", { hold = "skips" })
    host:wait(first, "running")
    assert.equal(first, (post("skips", { other = true })))
    assert.is_nil(select(2, post("skips", {}, { key = "k" })))
    let_go("skips")
    host:wait(first)
    assert.is_nil(select(2, post("skips", {})))
  end)

  it("take the place of all before them", function()
    local first = post("newest", { hold = "never" })
    host:wait(first, "running")
    local second = post("newest", {}, { delay = "1h" })
    local cancelled = host:wait(first)
    assert.equal("cancelled", cancelled.state)
    assert.equal("superseded", cancelled.error.code)
    local third, duplicate = post("newest", { n = 3 })
    assert.is_nil(duplicate)
    assert.equal("cancelled", host:wait(second).state)
    assert.equal(3, host:wait(third).result.n)
  end)

  it("take the place of those that wait", function()
    local first = post("patient", { hold = "patient" })
    host:wait(first, "running")
    local second = post("patient", {}, { delay = "1h" })
    local third = post("patient", { n = 3 })
    assert.equal("cancelled", host:wait(second).state)
    assert.equal("running", host:job(first).state)
    waits_for_its_turn(third)
    let_go("patient")
    assert.equal("completed", host:wait(first).state)
    assert.equal(3, host:wait(third).result.n)
  end)

  it("wait for their turn, with a key or without one", function()
    local first = post("in_turn", { hold = "in_turn" })
    host:wait(first, "running")
    local second = post("in_turn", { n = 2 })
    local third = post("in_turn", { n = 3 })
    waits_for_its_turn(second)
    waits_for_its_turn(third)
    assert.equal(1, host:wait((post("in_turn", { n = 1 }, { key = "own" }))).result.n)
    let_go("in_turn")
    assert.equal(2, host:wait(second).result.n)
    assert.equal(3, host:wait(third).result.n)
    assert.is_true(host:job(second).finished_at <= host:job(third).began_at)
  end)

  it("are told by the command line", function()
    local options = { "--delay", "1h" }
    local _, first = host:command({ "enqueue", "whole", '{"cli":1}', unpack(options) })
    local code, again, err = host:command({ "enqueue", "whole", '{"cli":1}' })
    assert.equal(0, code)
    assert.equal(first, again)
    assert.truthy(err:find("was there already", 1, true), err)
  end)

  it("are known after the host was killed, and after it was stopped", function()
    local waits = post("later", { repo = "killed" }, { delay = "1h" })
    local finished = post("calm", {}, { key = "killed" })
    host:wait(finished)
    local runs_still = post("skips", { hold = "killed" }, { key = "killed" })
    host:wait(runs_still, "running")
    host:stop("sigkill")
    host = host:again({ workers = 1 })
    assert.equal(waits, (post("later", { repo = "killed" })))
    assert.equal(finished, (post("calm", {}, { key = "killed" })))
    assert.equal(runs_still, (post("skips", {}, { key = "killed" })))
    let_go("killed")
    assert.equal("completed", host:wait(runs_still).state)
    host:stop()
    host = host:again({ workers = 1 })
    assert.equal(waits, (post("later", { repo = "killed" })))
    assert.is_nil(select(2, post("skips", {}, { key = "killed" })))
  end)

  it("are one for those who post while the host is killed", function()
    for round = 1, 3 do
      local repo = "storm-" .. round
      local run = candy.spawn("curl", { "-s", "--parallel", "--parallel-max", "20",
        "-H", "Authorization: Bearer " .. host.key, "--data-binary",
        cjson.encode({ type = "later", delay = "1h", payload = { repo = repo } }),
        host.url .. "/tasks?[1-2000]" })
      poll.wait_for(function()
        return run.out.text:find('"id"', 1, true)
      end, 30, "the first answers")
      host:stop("sigkill")
      candy.join(run)
      host = host:again({ workers = 1 })
      local id = post("later", { repo = repo })
      for told in run.out.text:gmatch('{"id":"(%d+)"') do
        assert.equal(id, told)
      end
    end
  end)

  it("are not the same any more when the first is forgotten", function()
    local first = post("calm", {}, { key = "purged" })
    host:wait(first)
    local answer = host:request("POST", "/tasks/purge", { ids = { first } })
    assert.equal(1, answer.json.count, answer.body)
    assert.is_nil(select(2, post("calm", {}, { key = "purged" })))
  end)
end)

describe("a task whose jobs are the same", function()
  local function refused(options, text)
    local folder = candy.folder()
    candy.write(folder .. "/bad.lua", ('require("candy").task("t", %s, function() end)')
      :format(options))
    local code, out, err = candy.run({ "check", "--scripts", folder, "--data",
      folder .. "/data" }, { cwd = folder })
    candy.remove(folder)
    assert.equal(1, code)
    assert.truthy((out .. err):find(text, 1, true), out .. err)
  end

  it("is refused where it makes no sense", function()
    refused('{ unique = true, debounce = "5s" }', "both unique and debounce")
    refused('{ throttle = "5s", singleton = "skip" }', "both throttle and singleton")
    refused('{ unique = {} , singleton = "cancel_queued" }', "both unique and singleton")
    refused('{ unique = { states = { "done" } } }', "a list of states")
    refused('{ unique = { field = "x" } }', 'unknown option "field" of unique')
    refused("{ unique = false }", "must be true, a list of fields")
    refused('{ debounce = "0s" }', "longer than nothing")
    refused('{ debounce = { max_wait = "5s" } }', "debounce needs wait")
    refused('{ debounce = { wait = "5s", max_wait = "1s" } }', "as long as wait at least")
    refused('{ throttle = { fields = { "x" } } }', "throttle needs window")
    refused('{ singleton = "one" }', '"cancel_previous" or "cancel_queued"')
    refused('{ payload = { repo = "string" }, unique = { "rpo" } }',
      'names the field "rpo", which its payload does not have')
  end)
end)
