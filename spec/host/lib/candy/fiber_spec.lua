-- Several things at once within one job: candy.spawn, candy.all, candy.timeout.
local cjson = require("cjson")
local support = require("spec.support.worker")

local function result_of(body, payload, init)
  local done = support.run_body(body, payload, init)
  assert.equal("completed", done.outcome, done.body)
  return cjson.decode(done.body)
end

local function error_of(body, payload, init)
  local done = support.run_body(body, payload, init)
  assert.equal("failed", done.outcome, done.body)
  return done.error
end

describe("candy.spawn", function()
  it("runs a function beside the one that goes on", function()
    assert.same({ "main", "spawned", 7, "last" }, result_of([[
      local order = {}
      local handle = candy.spawn(function(a, b)
        order[#order + 1] = "spawned"
        candy.sleep("1ms")
        return a + b, "second"
      end, 3, 4)
      order[#order + 1] = "main"
      local sum = handle:wait()
      order[#order + 1] = sum
      assert(select(2, handle:wait()) == "second" and handle:done())
      order[#order + 1] = "last"
      return order]]))
  end)

  it("raises what the function raised where it is waited for", function()
    assert.same({ false, "scripts/a.lua:3: no luck" }, result_of([[
      local handle = candy.spawn(function() error("no luck") end)
      return { pcall(handle.wait, handle) }]]))
  end)

  it("keeps a job open until all that it spawned has ended", function()
    local worker = support.start_one([[
      candy.task("t", function()
        candy.spawn(function()
          candy.spawn(function() assert(candy.kv.add("n")) end)
          candy.sleep("1ms")
        end)
        return "done"
      end)]])
    local id = worker:offer("t")
    assert.equal("kv", (worker:answer('{"value":1}')))
    assert.equal('"done"', worker:done(id).body)
    worker:close()
  end)

  it("fails the job when nobody waited for what raised", function()
    assert.equal("scripts/a.lua:3: lost", error_of([[
      candy.spawn(function() candy.sleep("1ms") error("lost") end)
      return 1]]).message)
  end)

  it("cancels the rest when the job fails", function()
    local worker = support.start_one([[
      candy.task("t", function()
        candy.spawn(function() candy.sleep("1h") end)
        return nil, "why"
      end)
      candy.task("raises", function()
        candy.spawn(function() candy.sleep("1h") end)
        error("why")
      end)
      candy.task("after", function() return 1 end)]])
    assert.equal("why", worker:run("t").error.message)
    assert.truthy(worker:run("raises").error.message:find("why$"))
    assert.equal("1", worker:run("after").body)
    worker:close()
  end)

  it("is cancelled by its handle, and told so once", function()
    assert.same({ "scripts/a.lua:5: cancelled", "cancelled", true }, result_of([[
      local told
      local handle = candy.spawn(function()
        told = select(2, pcall(candy.sleep, "1h"))
        candy.sleep("1h")
        error("is never reached")
      end)
      candy.sleep(0)
      handle:cancel()
      candy.sleep(0)
      local _, err = handle:wait()
      return { told, err.code, handle:done() }]]))
  end)

  it("takes along what a cancelled function spawned", function()
    assert.same({ "cancelled" }, result_of([[
      local told = {}
      local outer = candy.spawn(function()
        candy.spawn(function()
          local ok, err = pcall(candy.sleep, "1h")
          told[1] = not ok and err:match("cancelled$")
        end)
        candy.sleep("1h")
      end)
      candy.sleep("1ms")
      outer:cancel()
      candy.sleep("1ms")
      return told]]))
  end)

  it("fails no job by what was cancelled along with its parent", function()
    assert.equal("fine", result_of([[
      local outer = candy.spawn(function()
        candy.spawn(function() candy.sleep("1h") end)
        candy.sleep("1h")
      end)
      candy.sleep("1ms")
      outer:cancel()
      return "fine"]]))
  end)

  it("never begins when it is cancelled before", function()
    assert.same({ false, "cancelled" }, result_of([[
      local ran = false
      local handle = candy.spawn(function() ran = true end)
      handle:cancel()
      candy.sleep("1ms")
      return { ran, select(2, handle:wait()).code }]]))
  end)

  it("ends the waits for what goes on after it was cancelled", function()
    assert.same({ "cancelled", "cancelled" }, result_of([[
      local inner
      local outer = candy.spawn(function()
        inner = candy.spawn(function()
          pcall(candy.sleep, "1h")
          candy.sleep("1h")
        end)
        candy.sleep("1h")
      end)
      candy.sleep("1ms")
      local codes = candy.all({
        function() return select(2, inner:wait()).code end,
        function() outer:cancel() return select(2, inner:wait()).code end,
      })
      return codes]]))
  end)

  it("cancels ten thousand, each spawned by the one before", function()
    assert.same({ 10000, 0 }, result_of([[
      local begun, ended = 0, 0
      local function go_down(n)
        begun = begun + 1
        if n > 1 then
          candy.spawn(go_down, n - 1)
        end
        candy.sleep("1h")
        ended = ended + 1
      end
      local top = candy.spawn(go_down, 10000)
      while begun < 10000 do candy.sleep(0) end
      top:cancel()
      candy.sleep("1ms")
      return { begun, ended }]]))
  end)

  it("keeps nothing of failures that somebody has seen", function()
    assert.is_true(result_of([[
      local function fail() error(("x"):rep(100)) end
      for _ = 1, 50000 do
        pcall(candy.timeout, "1h", fail)
      end
      return collectgarbage("count") < 20000]]))
  end)

  it("has a handle that tells a misuse", function()
    assert.truthy(error_of("candy.spawn(print).wait()").message:find(
      "handle:wait is called with a colon", 1, true))
    local worker = support.start_one([[
      local kept
      candy.task("t", function()
        kept = candy.spawn(function() candy.kv.get("k") end)
      end)
      candy.task("other", function() kept:cancel() end)]], { slots = 2 })
    local first = worker:offer("t")
    local request = worker:wait_message("request")
    assert.truthy(worker:run("other").error.message:find(
      "handle:cancel: the function belongs to another job", 1, true))
    worker:send({ answer = { number = request.number, ok = true,
      body = '{"found":false,"version":0}' } })
    assert.equal("completed", worker:done(first).outcome)
    worker:close()
  end)

  it("tells every function of a job that its time is up", function()
    local worker = support.start_one([[
      local told = {}
      candy.task("t", { timeout = "50ms" }, function()
        for i = 1, 3 do
          candy.spawn(function()
            told[i] = select(2, pcall(candy.sleep, "1h"))
          end)
        end
        candy.sleep("1h")
      end)
      candy.task("told", function() return told end)]])
    local err = worker:run("t").error
    assert.equal("timeout", err.code)
    local told = worker:run("told").body
    assert.equal(3, select(2, told:gsub("timed out after 50ms", "")))
    worker:close()
  end)

  it("drops a function that goes on waiting when it was told", function()
    local worker = support.start_one([[
      candy.task("t", { timeout = "30ms" }, function()
        local handle = candy.spawn(function()
          while true do pcall(candy.sleep, "1h") end
        end)
        handle:wait()
      end)]])
    assert.equal("timeout", worker:run("t").error.code)
    worker:close()
  end)

  it("works within coroutines of the script", function()
    assert.equal(3, result_of([[
      local co = coroutine.wrap(function()
        local handle = candy.spawn(function() candy.sleep("1ms") return 2 end)
        coroutine.yield(1)
        coroutine.yield((handle:wait()))
      end)
      return co() + co()]]))
  end)

  it("refuses a handle of another job while it runs", function()
    local worker = support.start_one([[
      local handle
      candy.task("first", function()
        handle = candy.spawn(function() candy.sleep("1h") end)
        handle:wait()
      end)
      candy.task("second", function()
        while not handle do candy.sleep("1ms") end
        handle:wait()
      end)]])
    worker:offer("first")
    local err = worker:run("second").error
    assert.truthy(err.message:find("belongs to another job", 1, true))
    worker:close()
  end)

  it("is a misuse outside of tasks, and without a function", function()
    local worker = support.start({ ["scripts/a.lua"] = [[
      require("candy").spawn(function() end)]] })
    local err = worker:manifest().files[1].error.message
    assert.truthy(err:find("candy.spawn can only be called while a task runs", 1, true))
    worker:close()
    assert.truthy(error_of("candy.spawn(3)").message:find(
      "the first argument must be a function, not 3", 1, true))
  end)

  it("lets a job's log, progress and effects be used", function()
    local done = support.run_body([[
      candy.spawn(function() job:write("insert into t values (?)", 1) end):wait()
      return 1]])
    assert.truthy(done.effects:find("insert into t", 1, true))
  end)
end)

describe("candy.all", function()
  it("runs all at the same time and keeps results by key", function()
    assert.same({ a = 1, b = 2 }, result_of([[
      local other
      return candy.all({
        a = function() while not other do candy.sleep(0) end return 1 end,
        b = function() other = true return 2 end,
      })]]))
    assert.same({ 10, 20, 30 }, result_of([[
      local fns = {}
      for i = 1, 3 do fns[i] = function() candy.sleep("1ms") return i * 10 end end
      return candy.all(fns)]]))
    assert.same({}, result_of("return candy.json.array(candy.all({}))"))
  end)

  it("ends the others when one fails", function()
    assert.same({ "no", "cancelled" }, result_of([[
      local told
      local results, err = candy.all({
        function() told = select(2, pcall(candy.sleep, "1h")) end,
        function() candy.sleep("1ms") return nil, "no" end,
      })
      assert(results == nil)
      candy.sleep(0)
      return { err, told:match("cancelled$") }]]))
    assert.equal("scripts/a.lua:3: broken", error_of([[
      candy.all({ function() error("broken") end, function() candy.sleep("1h") end })
      ]]).message)
  end)

  it("runs as many at a time as it is told", function()
    assert.same({ 3, 20 }, result_of([[
      local running, most, fns = 0, 0, {}
      for i = 1, 20 do
        fns[i] = function()
          running = running + 1
          most = math.max(most, running)
          candy.sleep("1ms")
          running = running - 1
          return i
        end
      end
      local results = assert(candy.all(fns, { concurrency = 3 }))
      return { most, #results }]]))
  end)

  it("takes a list with holes and names", function()
    assert.same({ first = 1, last = 3, name = "n" }, result_of([[
      local function returns(value) return function() return value end end
      local all = candy.all({ returns(1), nil, returns(3), name = returns("n") })
      return { first = all[1], last = all[3], name = all.name }]]))
  end)

  it("answers requests of many functions, each with its own", function()
    local worker = support.start_one([[
      candy.task("t", function()
        local fns = {}
        for i = 1, 50 do
          fns[i] = function() return candy.kv.get("k" .. i) end
        end
        local got = assert(candy.all(fns))
        for i = 1, 50 do assert(got[i] == i, i) end
        return #got
      end)]])
    local id, requests = worker:offer("t"), {}
    for i = 1, 50 do
      requests[i] = worker:wait_message("request")
    end
    for i = 50, 1, -1 do
      local key = support.decode(requests[i].body).key:sub(2)
      worker:send({ answer = { number = requests[i].number, ok = true,
        body = ('{"found":true,"value":%s,"version":1}'):format(key) } })
    end
    assert.equal("50", worker:done(id).body)
    worker:close()
  end)

  it("lets other jobs begin, however much there is to do", function()
    local worker = support.start_one([[
      local stopped
      local function go_on()
        while not stopped do
          local begin = os.clock()
          repeat until os.clock() - begin > 0.001
          candy.sleep(0)
        end
      end
      candy.task("hog", function()
        local fns = {}
        for i = 1, 50 do fns[i] = go_on end
        candy.all(fns)
      end)
      candy.task("stop", function() stopped = true end)]])
    local hog = worker:offer("hog")
    assert.equal("completed", worker:run("stop").outcome)
    assert.equal("completed", worker:done(hog).outcome)
    worker:close()
  end)

  it("asks for a part at a time, and for the rest as answers come", function()
    local worker = support.start_one([[
      candy.task("t", function()
        local fns = {}
        for i = 1, 300 do fns[i] = function() return #candy.db.query("select 1") end end
        return #assert(candy.all(fns))
      end)]])
    local id, most = worker:offer("t"), 0
    for _ = 1, 300 do
      local number = worker:wait_message("request").number
      most = math.max(most, #worker.lines + 1)
      worker:send({ answer = { number = number, ok = true, body = "[]" } })
    end
    assert.equal("300", worker:done(id).body)
    assert.is_true(most < 10, "requests at a time: " .. most)
    worker:close()
  end)

  it("runs ten thousand functions, and a job that makes too many is told", function()
    local worker = support.start_one([[
      candy.task("many", function()
        local fns = {}
        for i = 1, 10000 do fns[i] = function() candy.sleep("1ms") return i end end
        return #assert(candy.all(fns))
      end)
      candy.task("too_many", function()
        while true do candy.spawn(function() candy.sleep("1h") end) end
      end)]])
    assert.equal("10000", worker:run("many").body)
    local err = worker:run("too_many").error
    assert.truthy(err.message:find("a job has at most 16384 functions", 1, true),
      err.message)
    assert.equal("10000", worker:run("many").body)
    worker:close()
  end)
end)

describe("candy.timeout", function()
  it("returns what the function returned in time", function()
    assert.same({ 1, 2 }, result_of([[
      return { candy.timeout("10s", function(a) candy.sleep("1ms") return a, 2 end, 1) }
    ]]))
    assert.same({ cjson.null, "own" }, result_of([[
      local value, err = candy.timeout(5, function() return nil, "own" end)
      return candy.json.array({ value or candy.json.null, err })]]))
  end)

  it("cancels the function when it takes longer", function()
    assert.same({ "timeout", "candy.timeout: the function took longer than 10ms",
      "cancelled" }, result_of([[
      local told
      local value, err = candy.timeout("10ms", function()
        told = select(2, pcall(candy.sleep, "1h"))
      end)
      assert(value == nil)
      candy.sleep(0)
      return { err.code, err.message, told:match("cancelled$") }]]))
  end)

  it("nests, and the inner one is ended by the outer one", function()
    assert.same({ "timeout", 1 }, result_of([[
      local ends = 0
      local _, err = candy.timeout("20ms", function()
        candy.timeout("1h", function()
          pcall(candy.sleep, "1h")
          ends = ends + 1
        end)
      end)
      candy.sleep("1ms")
      return { err.code, ends }]]))
  end)

  it("wants a duration and a function", function()
    assert.truthy(error_of('candy.timeout("soon", print)').message:find(
      'the first argument must be a duration', 1, true))
    assert.truthy(error_of('candy.timeout("1s")').message:find(
      "the second argument must be a function, not nil", 1, true))
  end)
end)
