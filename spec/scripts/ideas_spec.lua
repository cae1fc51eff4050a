local candy = require("spec.support.candy")

describe("scripts/ideas.lua", function()
  local host

  setup(function()
    host = candy.start({ scripts = { ["ideas.lua"] = candy.read("scripts/ideas.lua") } })
    for _, idea in ipairs({
      { text = "A tour of the Studio", tags = { "video", "studio" } },
      { text = "Ten shortcuts", tags = { "video" } },
      { text = "A letter to the studio's readers" },
    }) do
      host:wait(host:push("idea", idea))
    end
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function find(payload)
    local texts = {}
    for i, idea in ipairs(host:wait(host:push("ideas", payload)).result) do
      texts[i] = idea.text
    end
    return texts
  end

  it("finds ideas by their words, the newest first", function()
    assert.are.same({ "A letter to the studio's readers", "A tour of the Studio" },
      find({ search = "studio" }))
  end)

  it("finds them by a whole tag", function()
    assert.are.same({ "Ten shortcuts", "A tour of the Studio" }, find({ tag = "video" }))
    assert.are.same({}, find({ tag = "vid" }))
  end)

  it("gives no more than asked for", function()
    assert.are.same({ "A letter to the studio's readers" }, find({ limit = 1 }))
    assert.are.equal(3, #find({ search = "" }))
  end)
end)
