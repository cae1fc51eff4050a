-- Jobs that wait for a slot cost nothing while they wait.
local cjson = require("cjson")
local program = require("spec.support.program")

describe("100,000 jobs behind one key", function()
  local folder = program.folder()
  local result = program.run(program.build() .. "/probe/blocked", { folder, "100000" })
  program.remove(folder)
  local counts = cjson.decode(result.out)

  it("are each moved once", function()
    assert.is_true(counts.moved <= 2.01, result.out) -- out of one table, into another
  end)

  it("cost others nothing", function()
    assert.is_true(counts.beside <= counts.alone * 1.1, result.out)
  end)
end)
