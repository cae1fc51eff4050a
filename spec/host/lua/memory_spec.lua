-- The memory cap: a clean failure for the job, and another worker afterwards.
local support = require("spec.support.worker")

local SMALL = { memory_max = 48 * 1024 * 1024 }
local GROW = "local t = {} for i = 1, 1e9 do t[i] = { i } end"

local function start(source)
  return support.start_one(source, SMALL)
end

describe("running out of memory", function()
  it("fails the job, asks for a new worker and goes on", function()
    local worker = start(('candy.task("grow", function() %s end)'):format(GROW)
      .. 'candy.task("fine", function() return 1 end)')
    local done = worker:run("grow")
    assert.same({ "failed", "out_of_memory" }, { done.outcome, done.error.code })
    assert.truthy(done.error.message:find("48 MB", 1, true))
    worker:wait_message("replace")
    assert.equal("1", worker:run("fine").body)
    worker:close()
  end)

  local growing = {
    ["a doubled string"] = "local s = 'x' while true do s = s .. s end",
    ["an array"] = "local t = {} for i = 1, 1e9 do t[i] = i end",
    ["names"] = "local t = {} for i = 1, 1e9 do t['k' .. i] = true end",
    ["functions"] = "local t = {} for i = 1, 1e9 do t[i] = function() return t end end",
    ["coroutines"] = "local t = {} for i = 1, 1e9 do t[i] = coroutine.create(print) end",
    ["strings"] = "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end",
    ["large strings"] = "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e6) .. i end",
    ["JSON"] =
      "local t = {} for i = 1, 1e9 do t[i] = candy.json.encode({ i, t[i - 1] }) end",
    ["pcalls"] = "local t = {} for i = 1, 1e9 do t[i] = { { i } } pcall(error, t) end",
  }
  for name, body in pairs(growing) do
    it("by " .. name .. " never crashes the worker", function()
      local worker = start('candy.task("t", function() ' .. body .. " end)")
      worker:offer("t")
      local line = worker:wait(function(found)
        return found.message == "done" or found.exit
      end, "an end")
      if line.exit then
        assert.same({ 70, 0, true }, { line.exit.code, line.exit.signal,
          line.out_of_memory })
      else
        assert.same({ "failed", "out_of_memory" },
          { line.outcome, support.decode(line.body).code })
      end
      worker:close()
    end)
  end

  it("by one large string is the same", function()
    local worker = start('candy.task("t", function() return #("x"):rep(1e9) end)'
      .. 'candy.task("fine", function() return 1 end)')
    assert.equal("out_of_memory", worker:run("t").error.code)
    assert.equal("1", worker:run("fine").body)
    worker:close()
  end)

  it("by a payload that does not fit is the same", function()
    local worker = start('candy.task("t", function(job) return #job.payload.list end)'
      .. 'candy.task("fine", function() return 1 end)')
    local list = ("{},"):rep(2000000)
    local done = worker:run("t", '{"list":[' .. list .. "1]}")
    assert.equal("out_of_memory", done.error.code)
    assert.equal("1", worker:run("fine").body)
    worker:close()
  end)

  it("can be caught by the job, which may then return", function()
    local worker = start(([[
      candy.task("t", function()
        local ok, err = pcall(function() %s end)
        return { ok, tostring(err) }
      end)
    ]]):format(GROW))
    local done = worker:run("t")
    assert.equal('[false,"not enough memory"]', done.body)
    worker:wait_message("replace")
    worker:close()
  end)

  it("ends a job that catches it and waits again", function()
    local worker = start(([[
      local kept
      candy.task("t", function()
        pcall(function() %s kept = t end)
        candy.sleep("1h")
      end)
    ]]):format(GROW))
    assert.equal("out_of_memory", worker:run("t").error.code)
    worker:close()
  end)

  it("ends the worker when a job catches it again and again", function()
    local worker = start([[
      local kept = {}
      candy.task("t", function()
        while true do
          pcall(function() for _ = 1, 1e9 do kept[#kept + 1] = { 1, 2, 3 } end end)
        end
      end)
    ]])
    worker:offer("t")
    local last = worker:exit()
    assert.same({ 70, 0, true }, { last.exit.code, last.exit.signal, last.out_of_memory })
    worker:close()
  end)

  it("while a file is loaded fails the file alone", function()
    local worker = support.start({
      ["scripts/a.lua"] = GROW,
      ["scripts/b.lua"] = 'require("candy").task("fine", function() return 1 end)',
    }, SMALL)
    local files = worker:manifest().files
    assert.same({ "scripts/a.lua", "out_of_memory" }, { files[1].path,
      files[1].error.code })
    assert.equal("1", worker:run("fine").body)
    worker:close()
  end)

  it("does not come from garbage", function()
    local worker = start([[
      candy.task("t", function()
        local kept = {}
        for i = 1, 100 do kept[i] = ("x"):rep(150000) .. i end
        for i = 1, 20000 do local s = ("y"):rep(20000) .. i end
        return #kept
      end)
    ]])
    for _ = 1, 3 do
      assert.equal("100", worker:run("t").body)
    end
    worker:close()
  end)
end)
