-- `candy bench` measures on a host of its own and leaves nothing behind. What it measures
-- is not looked at here, only that there is something.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local program = require("spec.support.program")

local PATIENCE = 60 -- seconds

describe("candy bench", function()
  local folder

  before_each(function()
    folder = program.folder()
  end)

  after_each(function()
    program.remove(folder)
  end)

  local function names_in(path)
    local names = {}
    local handle = uv.fs_scandir(path)
    for name in function() return uv.fs_scandir_next(handle) end do
      names[#names + 1] = name
    end
    return names
  end

  local function bench(env, ...)
    env.TMPDIR = env.TMPDIR or folder
    return program.run(candy.program, { "bench", ... }, { env = env, cwd = folder })
  end

  it("runs all jobs and tells figures, whatever the caller's settings are", function()
    program.write(folder .. "/conf/candy.lua", "this is no Lua")
    local ran = bench({ CANDY_WORKERS = "no number" }, "--jobs", "500", "--workers", "1",
      "--json")
    assert.same({ 0, "" }, { ran.code, ran.err })
    local told = cjson.decode(ran.out)
    assert.equal(500, told.jobs)
    for _, name in ipairs({ "start_ms", "single_per_s", "bulk_per_s", "drain_per_s",
      "p50_ms", "p99_ms" }) do
      assert.is_true(told[name] > 0, name)
    end
    assert.same({ "conf" }, names_in(folder))
  end)

  it("prints a table for people", function()
    local ran = bench({}, "--jobs", "500")
    assert.equal(0, ran.code, ran.err)
    assert.matches("^FIGURE +VALUE +UNIT\n", ran.out)
    assert.matches("\ndrain +[%d.]+ +jobs/s\n", ran.out)
    assert.matches("p99 +[%d.]+ +ms\n", ran.out)
  end)

  it("refuses numbers that are out of bounds", function()
    for _, flags in ipairs({ { "--jobs", "99" }, { "--jobs", "1000001" },
      { "--jobs", "many" }, { "--workers", "0" } }) do
      local ran = bench({}, unpack(flags))
      assert.equal(2, ran.code)
      assert.matches("^candy: " .. flags[1]:gsub("%-", "%%-")
        .. ": must be a whole number from %d+ to %d+, not \"" .. flags[2] .. "\"\n",
        ran.err)
    end
  end)

  it("says where it cannot make its folder", function()
    local ran = bench({ TMPDIR = folder .. "/missing" })
    assert.equal(1, ran.code)
    assert.matches("^candy: cannot make the folder .*/missing/.*TMPDIR\n$", ran.err)
  end)

  it("says why its host does not start", function()
    local deep = folder .. ("/" .. ("d"):rep(200)):rep(3)
    os.execute(("mkdir -p '%s'"):format(deep))
    local ran = bench({ TMPDIR = deep })
    assert.equal(1, ran.code)
    assert.matches("does not start: .*has %d+ bytes", ran.err)
    assert.same({}, names_in(deep))
  end)

  for _, signal in ipairs({ "sigint", "sigterm" }) do
    it("removes what it made when " .. signal .. " ends it", function()
      local run = candy.spawn(candy.program, { "bench" }, { env = { TMPDIR = folder } })
      poll.wait_for(function()
        local made = names_in(folder)[1]
        return made and uv.fs_stat(folder .. "/" .. made .. "/data/control.sock")
      end, PATIENCE, "the host of the bench")
      uv.kill(run.pid, signal)
      assert.equal(1, candy.join(run))
      assert.equal("candy: interrupted: nothing was measured to its end\n", run.err.text)
      assert.same({}, names_in(folder))
    end)
  end
end)
