-- The channel between host and worker: messages of any size, whole, in both directions at
-- once, and control messages that overtake.
local cjson = require("cjson")
local candy = require("spec.support.candy")

describe("a channel", function()
  local function run(seed)
    local probe = candy.spawn(candy.build .. "/probe/channel", { tostring(seed) })
    assert.are.equal(0, (candy.join(probe)), probe.err.text)
    return cjson.decode(probe.out.text)
  end

  it("delivers every message whole while both sides only send", function()
    for seed = 1, 4 do
      local seen = run(seed)
      assert.are.same({ 100, 100 }, seen.got)
      assert.is_false(seen.bad)
      assert.is_true(seen.largest_pending > 1024 * 1024)
    end
  end)

  it("lets control messages overtake what waits, and tells the end once", function()
    local seen = run(99)
    assert.are.equal(1, seen.controls)
    assert.are.equal(0, seen.before_control)
    assert.are.equal(1, seen.closed)
  end)
end)
