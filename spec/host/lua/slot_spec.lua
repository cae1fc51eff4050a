-- Waiting: sleeps, requests, time limits, and coroutines of the script's own.
local cjson = require("cjson")
local support = require("spec.support.worker")

describe("a wait", function()
  it("lets other jobs run meanwhile", function()
    local worker = support.start_one([[
      local go = false
      candy.task("first", function()
        while not go do candy.sleep("1ms") end
        return "went on"
      end)
      candy.task("second", function() go = true end)
    ]])
    local first = worker:offer("first")
    worker:run("second")
    assert.equal('"went on"', worker:done(first).body)
    worker:close()
  end)

  it("passes through pcall, coroutines, iterators and metamethods", function()
    local worker = support.start_one([[
      local function ask(n)
        candy.sleep(0)
        return assert(candy.db.query("select " .. n))[1]
      end
      candy.task("t", function()
        local got = {}
        got[1] = select(2, pcall(ask, 1))
        got[2] = select(2, xpcall(function() return ask(2) end, print))
        local co = coroutine.create(function(a)
          local inner = coroutine.wrap(function()
            coroutine.yield(ask(3) + a)
            return ask(4)
          end)
          coroutine.yield(inner())
          return inner()
        end)
        got[3] = select(2, coroutine.resume(co, 100))
        got[4] = select(2, coroutine.resume(co))
        got[5] = coroutine.status(co)
        for value in function(_, last) return not last and ask(5) or nil end do
          got[6] = value
        end
        got[7] = setmetatable({}, { __index = function(_, k) return ask(k) end })[6]
        return got
      end)
    ]])
    local id = worker:offer("t")
    for n = 1, 6 do
      local verb, body = worker:answer(("[%d]"):format(n))
      assert.same({ "query", "select " .. n }, { verb, body.sql })
    end
    assert.equal('[1,2,103,4,"dead",5,6]', worker:done(id).body)
    worker:close()
  end)

  it("raises a misuse where nothing can wait", function()
    local done = support.run_body("table.sort({ 2, 1 }, function() candy.sleep(1) end)")
    assert.truthy(done.error.message:find(
      "scripts/a.lua:3: candy.sleep cannot wait inside of a function", 1, true),
      done.error.message)
    done = support.run_body('("x"):gsub(".", function() candy.db.query("x") end)')
    assert.truthy(done.error.message:find("candy.db.query cannot wait", 1, true))
  end)

  it("raises a misuse at a file's top level", function()
    local worker = support.start_one('candy.db.query("select 1")')
    assert.equal("scripts/a.lua:2: candy.db.query can only be called while a task runs; "
      .. "a file's top level only declares", worker:manifest().files[1].error.message)
    worker:close()
  end)

  it("of a coroutine cannot be ended by another resume", function()
    local done = support.run_body([[
      local co = coroutine.create(function() candy.sleep("20ms") return "slept" end)
      local other = coroutine.create(function()
        return coroutine.resume(co)
      end)
      local results = { coroutine.resume(co) }
      results[3], results[4], results[5] = coroutine.resume(other)
      return results
    ]])
    assert.equal('[true,"slept",true,false,"cannot resume dead coroutine"]', done.body)
    local worker = support.start_one([[
      local shared
      candy.task("a", function()
        shared = coroutine.create(function() candy.sleep("30s") end)
        coroutine.resume(shared)
      end)
      candy.task("b", function()
        return { coroutine.status(shared), coroutine.resume(shared) }
      end)
    ]])
    worker:offer("a")
    assert.equal('["normal",false,"cannot resume a coroutine that waits"]',
      worker:run("b").body)
    worker:close()
  end)

  it("is not a yield of the job's own", function()
    local done = support.run_body("coroutine.yield(1)")
    assert.truthy(done.error.message:find("not inside of a coroutine", 1, true))
    local worker = support.start_one([[
      local main
      candy.task("a", function() main = coroutine.running() candy.sleep("30s") end)
      candy.task("b", function() return { coroutine.resume(main) } end)
    ]])
    worker:offer("a")
    assert.equal('[false,"cannot resume a coroutine that the script did not make"]',
      worker:run("b").body)
    worker:close()
  end)

  it("for an answer gives nil and the error when it is refused", function()
    local worker = support.start_one([[
      candy.task("t", function()
        local rows, err = candy.db.query("selec")
        return { rows == nil, err.code, tostring(err), "because " .. err }
      end)
      candy.task("passes_on", function() return candy.db.query("selec") end)
    ]])
    local id = worker:offer("t")
    worker:answer('{"code":"bad_sql","message":"near selec"}', false)
    assert.equal('[true,"bad_sql","near selec","because near selec"]',
      worker:done(id).body)
    id = worker:offer("passes_on")
    worker:answer('{"code":"bad_sql","message":"near selec"}', false)
    local done = worker:done(id)
    assert.same({ "failed", "bad_sql", "near selec" },
      { done.outcome, done.error.code, done.error.message })
    worker:close()
  end)

  it("ignores an answer that nobody waits for", function()
    local worker = support.start_one('candy.task("t", function() return 1 end)')
    for _, number in ipairs({ 0, 1, 4096, 8191, 4294967295 }) do
      worker:send({ answer = { number = number, ok = true, body = "1" } })
    end
    assert.equal("1", worker:run("t").body)
    worker:close()
  end)
end)

describe("a request", function()
  it("of 5 MB and its answer of 5 MB travel in chunks", function()
    local worker = support.start_one([[
      candy.task("t", function()
        local rows = candy.db.query("select ?", ("x"):rep(5 * 1024 * 1024))
        return #rows[1]
      end)
    ]])
    local id = worker:offer("t")
    local _, body = worker:answer(cjson.encode({ ("y"):rep(5 * 1024 * 1024) }))
    assert.equal(5 * 1024 * 1024 + 4, #body.params)
    assert.equal(tostring(5 * 1024 * 1024), worker:done(id).body)
    worker:close()
  end)

  it("that is too large is an error, not a crash", function()
    local done = support.run_body([[
      local ok, err = candy.db.query("select ?", ("x"):rep(40 * 1024 * 1024))
      return { ok == nil, err.code, err.message }
    ]])
    assert.same({ true, "too_large",
      "candy.db.query: 40 MB are more than the limit of 31 MB" },
      support.decode(done.body))
  end)
end)

describe("a time limit", function()
  local LIMITED = 'candy.task("t", { timeout = "100ms" }, function()\n%s\nend)'

  local function run(body)
    local worker = support.start_one(LIMITED:format(body))
    local done = worker:run("t")
    worker:close()
    return done
  end

  it("raises in the wait during which it is up", function()
    local done = run('candy.sleep("1h")')
    assert.same({ "failed", "timeout", "scripts/a.lua:3: timed out after 100ms" },
      { done.outcome, done.error.code, done.error.message })
    done = run('candy.db.query("x")')
    assert.same({ "timeout", "scripts/a.lua:3: timed out after 100ms" },
      { done.error.code, done.error.message })
  end)

  it("can be caught, to tidy up and to return", function()
    local done = run('pcall(candy.sleep, "1h") return "tidied"')
    assert.same({ "completed", '"tidied"' }, { done.outcome, done.body })
  end)

  it("ends a job that waits again", function()
    local done = run('while true do pcall(candy.sleep, "1h") end')
    assert.same({ "failed", "timeout",
      "timed out after 100ms, and waited again when it was "
      .. "told" }, { done.outcome, done.error.code, done.error.message })
  end)

  it("reaches into coroutines of the script", function()
    local done = run('coroutine.wrap(function() candy.sleep("1h") end)()')
    assert.same({ "timeout", "scripts/a.lua:3: timed out after 100ms" },
      { done.error.code, done.error.message })
  end)

  it("rests while another job stands still", function()
    local worker = support.start_one([[
      candy.task("waits", { timeout = "400ms" },
        function() candy.sleep("200ms") return 1 end)
      candy.task("stalls", function()
        local till = candy.time.now() + 600
        while candy.time.now() < till do end
      end)
    ]])
    local waits = worker:offer("waits")
    worker:run("stalls")
    assert.equal("completed", worker:done(waits).outcome)
    worker:close()
  end)

  it("frees the slot", function()
    local worker = support.start_one(
      LIMITED:format('pcall(candy.sleep, "1h") candy.sleep("1h")'), { slots = 1 })
    for _ = 1, 3 do
      assert.equal("timeout", worker:run("t").error.code)
    end
    worker:close()
  end)
end)
