-- candy.lock on a real host: workers, jobs, and holders that die.
local candy = require("spec.support.candy")

local host

setup(function()
  host = candy.start({ workers = 2, scripts = { ["eval.lua"] = candy.EVAL,
    ["locks.lua"] = [[
    local candy = require("candy")
    candy.task("count", { payload = { times = "integer" } }, function(job)
      for _ = 1, job.payload.times do
        assert(candy.lock("counter", { wait = "60s" }, function()
          local n = assert(candy.kv.get("n") or 0)
          candy.sleep(0)
          assert(candy.kv.set("n", n + 1))
          return true
        end))
      end
    end)
    candy.task("dies", { max_retries = 0 }, function()
      candy.lock("mortal", { ttl = "400ms" }, function(lock)
        candy.kv.set("mortal", lock.token)
        while true do end
      end)
    end)
  ]] }, env = { CANDY_WORKER_STALL = "300ms" } })
end)
teardown(function() host:stop() end)

local function eval(code)
  return (host:eval(code))
end

describe("candy.lock", function()
  it("lets one in at a time, over all workers", function()
    local ids = {}
    for i = 1, 12 do
      ids[i] = host:push("count", { times = 5 })
    end
    for _, id in ipairs(ids) do
      assert.equal("completed", host:wait(id).state)
    end
    assert.equal(60, eval('return candy.kv.get("n")'))
  end)

  it("returns what its function returned, and is free after a failure", function()
    assert.same({ 1, 2 }, eval('return { candy.lock("a", function() return 1, 2 end) }'))
    assert.same({ "a", false, "locks.lua" }, eval([[
      local ok, err = pcall(candy.lock, "a", function() error("no", 0) end)
      assert(err == "no")
      return { (candy.lock("a", function(lock) return lock.name end)), ok, "locks.lua" }
    ]]))
  end)

  it("says when it is held by another one", function()
    assert.same({ "locked", 'candy.lock: "b" is held by another one, and was not free '
      .. "within 30ms" }, eval([[
      return candy.lock("b", function()
        local _, err = candy.lock("b", { wait = "30ms" }, print)
        return { err.code, err.message }
      end)]]))
  end)

  it("is renewed while its function runs longer than its time", function()
    assert.equal("locked", eval([[
      return candy.lock("c", { ttl = "300ms" }, function()
        candy.sleep("900ms")
        local _, err = candy.lock("c", { wait = 0 }, print)
        return err.code
      end)]]))
  end)

  it("hands out growing tokens", function()
    assert.is_true(eval([[
      local function token(lock) return lock.token end
      return candy.lock("d", token) < candy.lock("d", token)]]))
  end)

  it("comes free when its holder dies, with a larger token", function()
    assert.equal("dead", host:wait(host:push("dies")).state)
    assert.is_true(eval([[
      return candy.lock("mortal", function(lock)
        return lock.token > candy.kv.get("mortal")
      end)]]))
  end)

  it("is given back when a job's time is up", function()
    assert.is_true(eval([[
      local _, err = candy.timeout("30ms", candy.lock, "e", { ttl = "1h" }, function()
        candy.sleep("1h")
      end)
      assert(err.code == "timeout")
      return candy.lock("e", function() return true end)]]))
  end)

  it("is given back when its job fails in another function", function()
    local err = eval([[
      candy.all({
        function() candy.lock("f", { ttl = "1h" }, function() candy.sleep("1h") end) end,
        function() candy.sleep("50ms") error("no luck") end,
      })]])
    assert.truthy(err.message:find("no luck", 1, true))
    assert.is_true(eval(
      'return candy.lock("f", { wait = 0 }, function() return true end)'))
  end)

  it("tells a misuse", function()
    local err = eval('candy.lock("", print)')
    assert.truthy(err.message:find("a name is a text of 1 to 200 bytes", 1, true))
    err = eval('candy.lock("a\\0b", print)')
    assert.truthy(err.message:find("without a NUL", 1, true), err.message)
    err = eval('candy.lock("x", { ttl = "1ms" }, print)')
    assert.truthy(err.message:find('option "ttl" of candy.lock must be at least "300ms"',
      1, true), err.message)
  end)
end)

describe("candy.lock, when the store fails,", function()
  local support = require("spec.support.worker")

  it("is lost as soon as its time is over", function()
    local worker = support.start_one([[
      candy.task("t", function()
        local _, err = candy.lock("x", { ttl = "300ms" }, function()
          candy.sleep("1h")
        end)
        return err.code
      end)]])
    local id = worker:offer("t")
    assert.equal("kv", (worker:answer('{"found":true,"version":1}')))
    worker:wait_message("request") -- which is never answered
    assert.equal('"lock_lost"', worker:done(id).body)
    worker:close()
  end)
end)
