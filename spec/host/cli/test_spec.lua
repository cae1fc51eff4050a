-- `candy test` and `candy lua-path`; what specs do with them: lib/candy/testing_spec.lua.
local program = require("spec.support.program")

local CANDY = program.build() .. "/candy"

describe("candy test", function()
  local folder

  before_each(function()
    folder = program.folder({
      ["scripts/greet.lua"] = 'require("candy").task("greet", function(job)\n'
        .. '  return "hello " .. job.payload.name\nend)\n',
      ["spec/greet_spec.lua"] = 'it("greets", function()\n'
        .. '  local app = require("candy.testing").new()\n'
        .. '  assert.are.equal("hello Ada", (app:run("greet", { name = "Ada" })))\n'
        .. "  app:close()\nend)\n",
    })
  end)

  after_each(function()
    program.remove(folder)
  end)

  local function candy(args, env)
    env = env or {}
    env.XDG_CACHE_HOME = env.XDG_CACHE_HOME or folder .. "/cache"
    return program.run(CANDY, args, { cwd = folder, env = env })
  end

  it("runs the specs of the folder, on this program", function()
    local run = candy({ "test", "-o", "TAP" })
    assert.are.equal(0, run.code, run.out .. run.err)
    assert.matches("ok 1 - greets", run.out, 1, true)
  end)

  it("hands arguments and the exit code on", function()
    program.write(folder .. "/spec/greet_spec.lua",
      'it("x", function() end) it("y #bad", function() error("no") end)')
    assert.are.equal(0, candy({ "test", "--exclude-tags=bad" }).code)
    assert.are.equal(1, candy({ "test" }).code)
  end)

  it("keeps the LUA_PATH that there is", function()
    program.write(folder .. "/more/extra.lua", "return 7")
    program.write(folder .. "/spec/greet_spec.lua",
      'it("x", function() assert.are.equal(7, require("extra")) end)')
    local run = candy({ "test" }, { LUA_PATH = folder .. "/more/?.lua;;" })
    assert.are.equal(0, run.code, run.out .. run.err)
  end)

  it("names the package that is missing", function()
    local run = candy({ "test" }, { PATH = folder })
    assert.are.same({ 1, "", "candy: busted, which runs specs, is not installed: apt-get "
      .. "install lua-busted\n" }, { run.code, run.out, run.err })
  end)

  it("tells of itself", function()
    local help = candy({ "test", "--help" })
    assert.are.equal(help.out, candy({ "help", "test" }).out)
    assert.matches("^candy test %[ARGUMENT%.%.%.%]\n", help.out)
  end)

  it("tells Lua where the library is, for busted by itself", function()
    local path = candy({ "lua-path" })
    assert.matches("^" .. folder:gsub("%p", "%%%0") .. "/cache/candy/[^\n]+/%?%.lua\n$",
      path.out)
    local run = program.run("busted", {}, { cwd = folder, env = {
      LUA_PATH = path.out:gsub("\n", "") .. ";;", CANDY = CANDY,
    } })
    assert.are.equal(0, run.code, run.out .. run.err)
  end)

  it("says where that cannot be written", function()
    local run = candy({ "lua-path" }, { XDG_CACHE_HOME = folder .. "/scripts/greet.lua" })
    assert.are.equal(1, run.code)
    assert.matches("cannot make the folder .*/greet%.lua/candy", run.err)
  end)

  it("has a host for specs alone", function()
    local run = candy({ "testing-host" }, { TMPDIR = "/none" })
    assert.are.equal(1, run.code)
    assert.matches("cannot make the folder /none/", run.out, 1, true)
    assert.is_nil(candy({ "help" }).out:find("testing-host", 1, true))
  end)
end)
