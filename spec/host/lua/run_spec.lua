-- The life of a worker: batches, draining, the page, the host's end.
local poll = require("spec.support.poll")
local support = require("spec.support.worker")
local uv = require("luv")

local function count(worker, id_limit)
  local ended = {}
  for _ = 1, id_limit do
    local line = worker:wait_message("done")
    ended[line.outcome] = (ended[line.outcome] or 0) + 1
  end
  return ended
end

local function wait_page(worker, fits)
  return poll.wait_for(function()
    local page = worker:page()
    return fits(page) and page
  end, 30, "the page")
end

describe("jobs", function()
  it("in a batch of 10,000 all run, each once", function()
    local worker = support.start_one(
      'local n = 0 candy.task("t", function() n = n + 1 end) '
      .. 'candy.task("n", function() return n end)')
    worker:send({ bench = { count = 10000, window = 4000, type = "t" } })
    assert.same({ completed = 10000, failed = 0, permanent = 0, snoozed = 0,
      skipped = 0 },
      worker:wait_key("bench").bench.outcomes)
    assert.equal("10000", worker:run("n").body)
    worker:close()
  end)

  it("begin in their order, as many at once as there are slots", function()
    local worker = support.start_one([[
      local running, most, order = 0, 0, {}
      candy.task("t", function(job)
        running = running + 1
        most = math.max(most, running)
        order[#order + 1] = tonumber(job.id)
        candy.sleep("1ms")
        running = running - 1
      end)
      candy.task("told", function() return { most, table.concat(order, " ") } end)
    ]], { slots = 3 })
    worker:send({ jobs = { count = 20, type = "t" } })
    assert.same({ completed = 20 }, count(worker, 20))
    assert.equal('[3,"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"]',
      worker:run("told").body)
    worker:close()
  end)

  it("that were taken back do not begin", function()
    local worker = support.start_one([[
      local ran = 0
      candy.task("t", function() ran = ran + 1 return ran end)
    ]])
    local done = worker:run("t", nil, { revoked = true })
    assert.same({ "skipped", "ended" }, { done.outcome, done.state })
    assert.equal("1", worker:run("t").body)
    worker:close()
  end)

  it("can be taken back while the worker stands still, not those that began", function()
    local worker = support.start_one([[
      candy.task("stall", function()
        local till = candy.time.now() + 500
        while candy.time.now() < till do end
      end)
      candy.task("t", function() return 1 end)
    ]])
    local first = worker:offer("stall")
    wait_page(worker, function(page) return page.busy == "job" end)
    local second = worker:offer("t")
    worker:send({ revoke = 0 })
    assert.is_false(worker:wait_key("revoked").revoked)
    worker:send({ revoke = 1 })
    assert.is_true(worker:wait_key("revoked").revoked)
    assert.equal("completed", worker:done(first).outcome)
    assert.equal("skipped", worker:done(second).outcome)
    worker:close()
  end)
end)

describe("draining", function()
  it("skips what has not begun, finishes what runs, and ends well", function()
    local worker = support.start_one(
      'candy.task("t", function() candy.sleep("50ms") return candy.db.one("x") end)',
      { slots = 2 })
    worker:send({ jobs = { count = 5, type = "t" } })
    local first, second = worker:wait_message("request"), worker:wait_message("request")
    worker:send({ drain = true })
    worker:send({ answer = { number = first.number, ok = true, body = "[1]" } })
    worker:send({ answer = { number = second.number, ok = true, body = "[1]" } })
    assert.same({ completed = 2, skipped = 3 }, count(worker, 5))
    local last = worker:exit()
    assert.same({ 0, 0 }, { last.exit.code, last.exit.signal })
    worker:close()
  end)

  it("skips what comes afterwards", function()
    local worker = support.start_one(
      'candy.task("t", function() return candy.db.one("x") end)')
    local first = worker:offer("t")
    local request = worker:wait_message("request")
    worker:send({ drain = true })
    local second = worker:offer("t")
    assert.equal("skipped", worker:done(second).outcome)
    worker:send({ answer = { number = request.number, ok = true, body = "[1]" } })
    assert.equal("completed", worker:done(first).outcome)
    assert.equal(0, worker:exit().exit.code)
    worker:close()
  end)

  it("of an idle worker ends it at once, with all that it said", function()
    local worker = support.start_one(
      'candy.task("t", function() return ("x"):rep(900000) end)')
    for _ = 1, 9 do
      worker:offer("t")
    end
    worker:run("t")
    worker:send({ drain = true })
    assert.equal(0, worker:exit().exit.code)
    assert.same({ completed = 9 }, count(worker, 9))
    worker:close()
  end)

  it("may come before the settings", function()
    local worker = support.start_one("while true do end")
    worker:send({ drain = true })
    assert.equal(0, worker:exit().exit.code)
    worker:close()
  end)
end)

describe("a loop that turns", function()
  local function wait_turn(worker, since)
    return wait_page(worker, function(page) return page.turned_ns > since end).turned_ns
  end

  it("shows on the page when a ping comes", function()
    local worker = support.start_one("")
    worker:manifest()
    local turned = 0
    for _ = 1, 3 do
      worker:send({ ping = true })
      turned = wait_turn(worker, turned)
    end
    worker:send({ drain = true })
    assert.equal(0, worker:exit().exit.code)
    worker:close()
  end)

  it("shows when a timer wakes it", function()
    local worker = support.start_one(
      'candy.task("t", function() while true do candy.sleep("1ms") end end)')
    worker:offer("t")
    local turned = 0
    for _ = 1, 5 do
      turned = wait_turn(worker, turned)
    end
    worker:close()
  end)

  it("takes a ping that overtakes the settings", function()
    local worker = support.start_one('candy.task("t", function() return 1 end)')
    worker:send({ ping = true })
    assert.equal("1", worker:run("t").body)
    worker:close()
  end)
end)

describe("the page", function()
  local loops = {
    plain = "while true do end",
    ["in pcall"] = "while true do pcall(function() while true do end end) end",
    ["in xpcall's handler"] =
      "xpcall(function() error('x') end, function() while true do end end)",
    ["in a coroutine"] = "coroutine.wrap(function() while true do end end)()",
    ["in a pattern match"] =
      "(('a'):rep(30)):find(('a?'):rep(30) .. ('a'):rep(30) .. 'b')",
    ["in a __tostring of an error"] =
      "error(setmetatable({}, { __tostring = function() while true do end end }))",
    ["in a result's sort"] = "table.sort({3,2,1}, function() while true do end end)",
  }
  for name, body in pairs(loops) do
    it("shows an endless loop " .. name, function()
      local worker = support.start_one('candy.task("t", function() ' .. body .. " end)")
      worker:manifest()
      worker:offer("nobody")
      worker:offer("t")
      local page = wait_page(worker, function(page)
        return page.busy == "job" and page.since_ms > 50
      end)
      assert.equal(1, page.current)
      worker:close()
    end)
  end

  it("shows which file's top level does not end", function()
    local worker = support.start({
      ["scripts/a.lua"] = "return 1",
      ["scripts/b.lua"] = "while true do end",
    })
    local page = wait_page(worker, function(page)
      return page.busy == "load" and page.since_ms > 50 and page.current > 0
    end)
    assert.equal(1, page.current)
    worker:close()
    worker = support.start({
      ["scripts/a.lua"] = "return 1",
      ["scripts/b.lua"] = "while true do end",
    }, { exclude = { "scripts/b.lua" } })
    assert.same({ "scripts/a.lua" }, { worker:manifest().files[1].path })
    assert.equal(1, #worker:manifest().files)
    worker:close()
  end)

  it("shows an idle worker whose loop turns", function()
    local worker = support.start_one('candy.task("t", function() end)')
    worker:run("t")
    assert.equal("idle", worker:page().busy)
    worker:close()
  end)

  it("shows that the loop turns while many jobs run", function()
    local worker = support.start_one([[
      candy.task("t", function()
        local till = candy.time.now() + 20
        while candy.time.now() < till do end
      end)
    ]])
    worker:send({ jobs = { count = 30, type = "t" } })
    local seen = worker:wait_message("done")
    assert.equal(1, seen.id)
    assert.truthy(worker:page().turned_ms < 500)
    assert.same({ completed = 29 }, count(worker, 29))
    worker:close()
  end)
end)

describe("a worker", function()
  it("ends when its host's end of the channel closes", function()
    local worker = support.start_one('candy.task("t", function() candy.sleep("1h") end)')
    worker:offer("t")
    worker:manifest()
    worker:send({ close = true })
    assert.equal(0, worker:exit().exit.code)
    worker:close()
  end)

  it("dies with its host", function()
    local worker = support.start_one('candy.task("t", function() while true do end end)')
    local pid = worker:wait_key("pid").pid
    worker:offer("t")
    wait_page(worker, function(page) return page.busy == "job" end)
    worker.process:kill("sigkill")
    poll.wait_for(function() return uv.kill(pid, 0) ~= 0 end, 30, "the worker's end")
    worker:close()
  end)

  it("refuses what is no job", function()
    local worker = support.start_one("")
    worker:manifest()
    worker:send({ raw = "garbage" })
    assert.equal(72, worker:exit().exit.code)
    worker:close()
  end)

  it("tells who starts it by hand what it is", function()
    local pipe = io.popen(support.BUILD .. "/candy-worker 2>&1; echo $?")
    assert.truthy(pipe:read("*a"):find("is a part of candy", 1, true))
    pipe:close()
    pipe = io.popen(support.BUILD .. "/candy-worker run 1 2>&1; echo $?")
    assert.equal("72\n", pipe:read("*a"))
    pipe:close()
  end)
end)

describe("the log", function()
  it("has the job, its type and the fields", function()
    local worker = support.start_one([[
      candy.log.warn("at load")
      candy.task("t", function(job)
        candy.log.debug("not wanted")
        job.log.error("went wrong", { n = 1, list = {} })
        print("a", 1, nil, {} ~= nil)
        print({ a = { 1, "x" } }, setmetatable({ 1 }, { __tostring = function()
          return "said by itself" end }))
        print({ print }, string)
        candy.log.info("")
        candy.log.info(nil, { f = print })
      end)
    ]])
    local function line()
      local parsed = support.decode(worker:wait_message("log").body)
      assert.truthy(parsed.time > 1.7e12)
      parsed.time = nil
      return parsed
    end
    assert.same({ level = "warn", message = "at load" }, line())
    worker:run("t")
    assert.same({ level = "error", message = "went wrong", job = "1", type = "t",
      attempt = 1, trace = ("0"):rep(31) .. "1", fields = { n = 1, list = {} } }, line())
    assert.same({ level = "info", message = "a\t1\tnil\ttrue", job = "1", type = "t",
      attempt = 1, trace = ("0"):rep(31) .. "1" }, line())
    assert.equal('{"a":[1,"x"]}\tsaid by itself', line().message)
    assert.truthy(line().message:find("^table: 0x%x+\ttable: 0x%x+$"))
    assert.equal("(empty message)", line().message)
    assert.same({ fields_left_out = "f is a function" }, line().fields)
    worker:close()
  end)

  it("of a job that writes a lot loses nothing", function()
    local worker = support.start_one([[
      candy.task("t", function()
        for i = 1, 20000 do candy.log.info(("x"):rep(200) .. i) end
      end)
    ]])
    local id = worker:offer("t")
    for i = 1, 20000 do
      local line = support.decode(worker:wait_message("log").body)
      assert.equal(("x"):rep(200) .. i, line.message)
    end
    assert.equal("completed", worker:done(id).outcome)
    worker:close()
  end)
end)
