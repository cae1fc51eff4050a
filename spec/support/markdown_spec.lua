-- What the documentation specs take a page of Markdown for.
local markdown = require("spec.support.markdown")

describe("a page of Markdown", function()
  local PAGE = table.concat({
    "See [this](docs/a.md#part), `[no](code.md)` and [that](https://example.org/x).",
    "```lua", "-- scripts/a.lua", "return 1", "```",
    "[here](#part) and ![there](b.png)",
    "  ```", "[none](in/a/block.md)", "  ```", "",
  }, "\n")

  it("has blocks with their language, text and line", function()
    local blocks = markdown.blocks(PAGE)
    assert.are.equal(2, #blocks)
    assert.are.same({ "lua", 2, "-- scripts/a.lua\nreturn 1\n" },
      { blocks[1].language, blocks[1].line, blocks[1].text })
    assert.are.same({ "", 7 }, { blocks[2].language, blocks[2].line })
  end)

  it("has relative links outside of code", function()
    assert.are.same({ { path = "docs/a.md", line = 1 }, { path = "b.png", line = 6 } },
      markdown.links(PAGE))
  end)

  it("must end its blocks", function()
    assert.has_error(function()
      markdown.blocks("```lua\nreturn 1\n")
    end, "the block of line 1 has no end")
  end)
end)

describe("a console block", function()
  local function block(...)
    return { lines = { ... }, line = 10 }
  end

  it("is commands and their output", function()
    assert.are.same({
      { command = "echo \\\n  a", expected = { "a" }, line = 11 },
      { command = "true", expected = {}, line = 14 },
    }, markdown.session(block("$ echo \\", "  a", "a", "$ true")))
  end)

  it("begins with a command", function()
    assert.has_error(function()
      markdown.session(block("output", "$ true"))
    end, "line 11: output before the first command")
  end)

  local function matches(expected, output)
    return markdown.matches(expected, output)
  end

  it("matches what it shows", function()
    assert.is_true(matches({}, ""))
    assert.is_true(matches({}, "\n"))
    assert.is_true(matches({ "a", "b" }, "a\nb\n"))
    assert.is_true(matches({ '{"id":"1"}', "" }, '{"id":"1"}'))
    assert.is_true(matches({ '{"id":"1",...' }, '{"id":"1","state":"dead"}\n'))
    assert.is_true(matches({ "a", "...", "d" }, "a\nb\nc\nd\n"))
    assert.is_true(matches({ "a", "...", "d" }, "a\nd\n"))
    assert.is_true(matches({ "...", "b", "..." }, "a\nb\nb\nc\n"))
    assert.is_true(matches({ "..." }, ""))
  end)

  it("does not match anything else", function()
    assert.is_false(matches({ "a" }, ""))
    assert.is_false(matches({}, "a\n"))
    assert.is_false(matches({ "a", "b" }, "a\n"))
    assert.is_false(matches({ "a" }, "a\nb\n"))
    assert.is_false(matches({ "a" }, " a\n"))
    assert.is_false(matches({ "a..." }, "b\n"))
    assert.is_false(matches({ "a..." }, "ab\nc\n"))
    assert.is_false(matches({ "a", "...", "d" }, "a\nb\nc\n"))
    assert.is_false(matches({ "%d+" }, "12\n"))
  end)
end)
