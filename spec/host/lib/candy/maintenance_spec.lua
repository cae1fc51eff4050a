-- candy.maintenance on the real program: each part does its work and tells figures.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local host

setup(function()
  host = candy.start({ workers = 1, env = { CANDY_KEEP_COMPLETED = "1s" },
    scripts = { ["eval.lua"] = candy.EVAL, ["others.lua"] = [[
      local candy = require("candy")
      candy.schema("t", "create table t (a text)")
      candy.task("noop", function() end)
]] } })
end)
teardown(function()
  host:stop()
  candy.remove(host.folder)
end)

local function eval(code)
  return host:eval(code)
end

describe("candy.maintenance", function()
  it("looks whether the store is whole", function()
    local report = eval("return candy.maintenance.integrity()")
    assert.is_true(report.ok)
    assert.is_true(report.tables > 10)
    assert.same({ {}, {} }, { report.problems, report.skipped })
    assert.equal("maintenance_busy", eval([[
      local function check()
        local report, err = candy.maintenance.integrity()
        return report and "ok" or err.code
      end
      local codes = candy.all({ check, check })
      return codes[1] == "ok" and codes[2] or codes[1] ]]))
  end)

  it("gives free pages back, and brings the log in", function()
    local figures = eval([[
      for _ = 1, 8 do
        candy.db.exec("insert into t with recursive c(n) as (select 1 union all "
          .. "select n + 1 from c where n < 500) select hex(zeroblob(1000)) from c")
      end
      candy.db.exec("delete from t")
      local before = candy.maintenance.stats().store
      local freed = candy.maintenance.vacuum()
      local moved = candy.maintenance.checkpoint()
      local after = candy.maintenance.stats().store
      return { before = before, freed = freed, moved = moved, after = after }]])
    assert.is_true(figures.freed.freed_pages > 1000)
    assert.equal(0, figures.freed.free_pages)
    assert.is_true(figures.before.free_bytes > 4e6)
    assert.is_true(figures.after.bytes < figures.before.bytes - 4e6)
    assert.equal(figures.moved.pages, figures.moved.moved_pages)
    assert.is_false(figures.moved.busy)
  end)

  it("forgets what is past its time", function()
    local ids = {}
    for i = 1, 5 do
      ids[i] = host:push("noop")
    end
    for _, id in ipairs(ids) do
      host:wait(id)
    end
    local figures = eval([[
      local n = 0
      repeat
        candy.sleep(0.1)
        n = n + candy.maintenance.retention().jobs
      until n >= 5
      return n]])
    assert.is_true(figures >= 5)
    assert.equal(404, host:request("GET", "/tasks/" .. ids[1]).status)
  end)

  it("tells figures", function()
    local stats = eval("return candy.maintenance.stats()")
    assert.equal(1, stats.jobs.running)
    assert.equal(0, stats.jobs.set_aside)
    assert.is_true(stats.store.bytes > 0 and stats.store.log_bytes >= 0)
  end)

  it("begins a new log file", function()
    assert.same({}, eval("return candy.maintenance.rotate_logs()"))
    poll.wait_for(function() return io.open(host.logs .. "/orchestrator.log.1") end, 45,
      "a log file put aside")
  end)
end)
