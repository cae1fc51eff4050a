-- candy.lock on a real host: workers, jobs, and holders that die.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local uv = require("luv")

local PATIENCE = 45

local SCRIPTS = { ["eval.lua"] = candy.EVAL, ["locks.lua"] = [[
  local candy = require("candy")

  candy.schema("locks", {
    "create table counter (n integer)",
    "insert into counter values (0)",
    "create table entry (id integer primary key, who text, token integer)",
  })

  candy.task("count", function(job)
    return candy.lock.with("counter", { wait = "60s" }, function(lock)
      local row = assert(candy.db.one("select n from counter"))
      candy.sleep(0)
      assert(candy.db.exec("update counter set n = ?", row.n + 1))
      assert(candy.db.exec("insert into entry (who, token) values ('count', ?)",
        lock.token))
      return lock.token
    end)
  end)

  -- Holds a lock until it is told to let go by a value.
  candy.task("hold", { payload = { name = "string", ttl = "string?" },
      max_retries = 0 }, function(job)
    local name = job.payload.name
    assert(candy.lock.acquire(name, { wait = "60s", ttl = job.payload.ttl }))
    assert(candy.db.exec("insert into entry (who) values (?)", name .. "/" .. job.id))
    while not candy.kv.get("let go " .. name) do
      candy.sleep("5ms")
    end
  end)

  -- Stands in the line for a moment: its lease ends with the job.
  candy.task("pass", { payload = { name = "string" } }, function(job)
    local lock = assert(candy.lock.acquire(job.payload.name, { wait = "60s" }))
    job:write("insert into entry (who, token) values (?, ?)",
      job.payload.name .. "/" .. job.id, lock.token)
  end)

  candy.task("stuck", { max_retries = 0 }, function()
    candy.lock.with("mortal", { ttl = "1h" }, function(lock)
      candy.kv.set("mortal", lock.token)
      while true do end
    end)
  end)
]] }

local host

setup(function()
  host = candy.start({ workers = 2, scripts = SCRIPTS,
    env = { CANDY_WORKER_STALL = "300ms" } })
end)
teardown(function() host:stop() end)

local function eval(code)
  return (host:eval(code))
end

local function query(sql)
  return eval(("return (assert(candy.db.query(%q)))"):format(sql))
end

-- How many are in the line of a lock, the holder too.
local function wait_line(where, name, n)
  poll.wait_for(function()
    local shell = io.popen(("sqlite3 '%s/candy.db' \"select count(*) from candy_lock "
      .. "where name = '%s'\""):format(where.data, name))
    local count = tonumber(shell:read("*a"))
    shell:close()
    return count == n
  end, PATIENCE, n .. " in the line of " .. name)
end

describe("candy.lock", function()
  it("lets one in at a time, over all workers, with growing tokens", function()
    local ids = {}
    for i = 1, 50 do
      ids[i] = host:push("count")
    end
    for _, id in ipairs(ids) do
      assert.equal("completed", host:wait(id).state)
    end
    assert.equal(50, query("select n from counter")[1].n)
    local last = 0
    local entries = query("select token from entry where who = 'count' order by id")
    for _, entry in ipairs(entries) do
      assert.is_true(entry.token > last)
      last = entry.token
    end
  end)

  it("comes in the order of arrival", function()
    local first = host:push("hold", { name = "line" })
    local ids = {}
    wait_line(host, "line", 1)
    for i = 1, 10 do
      ids[i] = host:push("pass", { name = "line" })
      wait_line(host, "line", i + 1)
    end
    eval('candy.kv.set("let go line", true)')
    local want = { "line/" .. first }
    for i, id in ipairs(ids) do
      assert.equal("completed", host:wait(id).state)
      want[i + 1] = "line/" .. id
    end
    local have = {}
    for i, entry in ipairs(query("select who from entry where who like 'line/%' "
      .. "order by id")) do
      have[i] = entry.who
    end
    assert.same(want, have)
  end)

  it("comes to the next one when what the job wrote is there", function()
    local writer = host:push("eval", { code = [[
      assert(candy.lock.acquire("w"))
      while not candy.kv.get("w") do candy.sleep("5ms") end
      job:write("insert into entry (who) values ('w')")]] })
    wait_line(host, "w", 1)
    local reader = host:push("eval", { code = [[
      assert(candy.lock.acquire("w", { wait = "60s" }))
      return #assert(candy.db.query("select 1 from entry where who = 'w'"))]] })
    wait_line(host, "w", 2)
    eval('candy.kv.set("w", true)')
    assert.equal("completed", host:wait(writer).state)
    assert.equal(1, host:wait(reader).result)
  end)

  it("returns what its function returned, and is free after a failure", function()
    assert.same({ 1, 2 }, eval('return { candy.lock("a", function() return 1, 2 end) }'))
    assert.same({ "a", false, "no" }, eval([[
      local ok, err = pcall(candy.lock.with, "a", function() error("no", 0) end)
      return { (candy.lock("a", function(lock) return lock.name end)), ok, err }]]))
    assert.equal("no", eval([[
      local value, err = candy.lock("a", function() return nil, "no" end)
      assert(value == nil)
      return err]]))
  end)

  it("says when it is held by another job", function()
    local id = host:push("hold", { name = "b" })
    wait_line(host, "b", 1)
    for _, wait in ipairs({ "0ms", "30ms" }) do
      assert.same({ "locked", 'candy.lock: "b" is held by another job, and was not free '
        .. "within " .. wait }, eval([[
        local _, err = candy.lock("b", { wait = "]] .. wait .. [[" }, print)
        return { err.code, err.message }]]))
    end
    wait_line(host, "b", 1)
    eval('candy.kv.set("let go b", true)')
    host:wait(id)
    wait_line(host, "b", 0)
  end)

  it("is not waited for by the job that has it", function()
    assert.same({ "lock_reentered", "lock_reentered", "completed" }, eval([[
      return candy.lock("c", function()
        local _, inner = candy.lock.acquire("c")
        local _, beside = candy.all({ function() return candy.lock("c", print) end })
        return { inner.code, beside.code, "completed" }
      end)]]))
  end)

  it("is renewed while its function runs longer than its lease", function()
    assert.equal("locked", eval([[
      local other = assert(candy.queue.push("eval", { code =
        "candy.sleep('900ms') local _, err = candy.lock.acquire('d', { wait = 0 }) "
        .. "candy.kv.set('d', err and err.code or 'free')" }))
      return candy.lock("d", { ttl = "300ms" }, function()
        while not candy.kv.get("d") do candy.sleep("10ms") end
        return candy.kv.get("d")
      end)]]))
  end)

  it("ends by itself when it is not extended, and goes to the next one", function()
    assert.same({ "lock_lost", "lock_lost", "next" }, eval([[
      local lock = assert(candy.lock.acquire("e", { ttl = "300ms" }))
      assert(candy.queue.push("eval", { code = "local lock = assert(candy.lock.acquire("
        .. "'e', { wait = '60s' })) candy.kv.set('e', lock.token)" }))
      assert(lock:extend("400ms"))
      while not candy.kv.get("e") do candy.sleep("10ms") end
      assert(candy.kv.get("e") > lock.token)
      local _, extended = lock:extend()
      local _, released = lock:release()
      return { extended.code, released.code, "next" }]]))
  end)

  it("is released once, early and by hand", function()
    assert.same({ true, true, "lock_lost", 7 }, eval([[
      local lock = assert(candy.lock.acquire("f"))
      local first, second = lock:release(), lock:release()
      local _, err = lock:extend()
      local value = candy.lock("f", function(held)
        assert(held:release())
        assert(candy.lock.acquire("f", { wait = 0 }))
        return 7
      end)
      return { first, second, err.code, value }]]))
  end)

  it("has an end in how many a job may have", function()
    assert.same({ 100, "too_many_locks" }, eval([[
      for i = 1, 101 do
        local lock, err = candy.lock.acquire("many " .. i)
        if not lock then return { i - 1, err.code } end
      end]]))
    wait_line(host, "many 1", 0)
  end)

  it("tells a misuse", function()
    local function problem(code)
      return eval(code).message
    end
    local name = "a name is a text of 1 to 200 bytes in UTF-8, without a NUL"
    assert.truthy(problem('candy.lock("", print)'):find(name, 1, true))
    assert.truthy(problem('candy.lock.acquire("a\\0b")'):find(name, 1, true))
    assert.truthy(problem('candy.lock.acquire("\\255")'):find(name, 1, true))
    assert.truthy(problem('candy.lock("x", { ttl = "1ms" }, print)'):find(
      'option "ttl" of candy.lock must be at least "300ms"', 1, true))
    assert.truthy(problem('candy.lock.with("x", {})'):find("must be a function", 1, true))
    assert.truthy(problem('candy.lock.acquire("x").extend({})'):find("with a colon", 1,
      true))
    assert.truthy(problem('candy.lock.acquire("x").token = 1'):find("cannot be set", 1,
      true))
  end)
end)

describe("a lock is free", function()
  local function is_free(name)
    return eval(("return candy.lock(%q, { wait = '20s' }, function() return true end)")
      :format(name))
  end

  it("when the worker of its holder is killed", function()
    assert.equal("dead", host:wait(host:push("stuck")).state)
    assert.is_true(eval([[
      return candy.lock("mortal", function(lock)
        return lock.token > candy.kv.get("mortal")
      end)]]))
  end)

  it("when its function is cancelled", function()
    assert.is_true(eval([[
      local _, err = candy.timeout("30ms", candy.lock.with, "g", { ttl = "1h" },
        function() candy.sleep("1h") end)
      assert(err.code == "timeout")
      return candy.lock("g", function() return true end)]]))
  end)

  it("when its job fails in another function", function()
    local err = eval([[
      candy.all({
        function() candy.lock("h", { ttl = "1h" }, function() candy.sleep("1h") end) end,
        function() candy.sleep("50ms") error("no luck") end,
      })]])
    assert.truthy(err.message:find("no luck", 1, true))
    assert.is_true(is_free("h"))
  end)

  it("when its job ends with it, and when it snoozes", function()
    eval('assert(candy.lock.acquire("i", { ttl = "1h" }))')
    assert.is_true(is_free("i"))
    host:push("eval", { code = [[
      assert(candy.lock.acquire("i", { ttl = "1h" }))
      candy.kv.set("snoozed", true)
      job:snooze("1h")]] })
    poll.wait_for(function() return eval('return candy.kv.get("snoozed")') end, PATIENCE,
      "a job that snoozes")
    assert.is_true(is_free("i"))
  end)

  it("when who waited for it is cancelled while the answer is on its way", function()
    assert.is_true(eval([[
      for i = 1, 30 do
        local taker = candy.spawn(candy.lock.with, "j" .. i, { ttl = "1h" },
          function() candy.sleep("1h") end)
        if i % 3 > 0 then candy.sleep(i % 3 == 1 and 0 or "1ms") end
        taker:cancel()
      end
      for i = 1, 30 do
        assert(candy.lock.acquire("j" .. i, { wait = "20s" }))
      end
      return true]]))
  end)
end)

describe("who waits for a lock", function()
  it("leaves the line when it is cancelled", function()
    local id = host:push("hold", { name = "k" })
    wait_line(host, "k", 1)
    assert.equal("timeout", eval([[
      local _, err = candy.timeout("30ms", candy.lock.acquire, "k", { wait = "1h" })
      return err.code]]))
    wait_line(host, "k", 1)
    eval('candy.kv.set("let go k", true)')
    host:wait(id)
  end)

  it("leaves the line when its worker dies", function()
    local id = host:push("hold", { name = "l" })
    wait_line(host, "l", 1)
    host:push("eval", { code = [[
      candy.spawn(candy.lock.acquire, "l", { wait = "1h" })
      candy.sleep("50ms")
      while true do end]] })
    wait_line(host, "l", 2)
    wait_line(host, "l", 1)
    eval('candy.kv.set("let go l", true)')
    host:wait(id)
  end)
end)

describe("locks, when processes are killed,", function()
  it("go to the next one at once, and are free after a restart", function()
    local own = candy.start({ workers = 2, scripts = SCRIPTS })
    local function holders()
      local list = {}
      for _, entry in ipairs((own:eval([[return candy.db.query(
        "select who from entry order by id")]]))) do
        list[#list + 1] = entry.who
      end
      return list
    end
    own:push("hold", { name = "m", ttl = "1h" })
    own:push("hold", { name = "m", ttl = "1h" })
    wait_line(own, "m", 2)
    poll.wait_for(function() return #holders() == 1 end, PATIENCE, "a holder")
    for _, pid in ipairs(own:workers()) do
      uv.kill(pid, "sigkill")
    end
    poll.wait_for(function() return #holders() >= 2 end, PATIENCE, "the next holder")
    own:stop("sigkill")
    own = own:again({ workers = 2 })
    poll.wait_for(function() return #holders() >= 3 end, PATIENCE, "a holder again")
    own:eval('candy.kv.set("let go m", true)')
    wait_line(own, "m", 0)
    own:stop()
    candy.remove(own.folder)
  end)

  it("end where a worker stands still, and it learns that", function()
    local own = candy.start({ workers = 1, scripts = SCRIPTS,
      env = { CANDY_WORKER_STALL = "1h" } })
    local id = own:push("eval", { code = [[
      local _, err = candy.lock("n", { ttl = "300ms" }, function()
        candy.db.exec("insert into entry (who) values ('n')")
        candy.sleep("1h")
      end)
      return err.code]] })
    wait_line(own, "n", 1)
    local pid = own:workers()[1]
    uv.kill(pid, "sigstop")
    wait_line(own, "n", 0)
    uv.kill(pid, "sigcont")
    assert.equal("lock_lost", own:wait(id).result)
    own:stop()
    candy.remove(own.folder)
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
    local request = worker:wait_message("request")
    assert.equal("lock_take", request.verb)
    worker:send({ answer = { number = request.number, ok = true,
      body = ('{"token":1,"until":%d}'):format(os.time() * 1000 + 3600000) } })
    assert.equal("lock_extend", worker:wait_message("request").verb) -- never answered
    assert.equal('"lock_lost"', worker:done(id).body)
    worker:close()
  end)
end)
