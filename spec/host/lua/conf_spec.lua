-- candy-worker conf: configuration as plain data.
local program = require("spec.support.program")
local support = require("spec.support.worker")

local FIRST_SOURCE = 3 -- descriptor

-- files: a list of {name, source}.
local function evaluate_all(files)
  local names, inputs, paths = {}, {}, {}
  for i, file in ipairs(files) do
    paths[i] = os.tmpname()
    program.write(paths[i], file[2])
    names[i] = file[1]
    inputs[i] = ("%d< %s"):format(FIRST_SOURCE + i - 1, paths[i])
  end
  local ran = program.run("/bin/sh", { "-c", ("exec %s/candy-worker conf %s %s"):format(
    support.BUILD, table.concat(names, " "), table.concat(inputs, " ")) })
  for _, path in ipairs(paths) do
    os.remove(path)
  end
  return ran
end

local function evaluate(source)
  local ran = evaluate_all({ { "conf/candy.lua", source } })
  return (ran.out .. ran.err):gsub("\n$", ""), ran.code
end

describe("a configuration file", function()
  it("becomes JSON", function()
    local out, code = evaluate([[
      local base = 3000
      return { port = base + 10, name = "x\n", list = { 1, 2.5, { a = true } },
        none = {} }
    ]])
    assert.equal(0, code)
    assert.same({ port = 3010, name = "x\n", list = { 1, 2.5, { a = true } }, none = {} },
      support.decode(out))
  end)

  local faults = {
    { "return {\n a = = 1 }", "conf/candy.lua:2: ", "a syntax error" },
    { "local t = nil\nreturn t.x", "conf/candy.lua:2: ", "a runtime error" },
    { "return 5", "must return a table of settings, and returned number", "no table" },
    { "local x = 1", "returned nothing", "nothing" },
    { "return { a = { b = function() end } }", "a.b is a function", "a function" },
    { "return { a = { 1, { function() end } } }", "a[2][1] is a function",
      "one in a list" },
    { "local t = {} t.t = t return t", "contains itself", "a cycle" },
    { "return { 1, 2, x = 1 }", "with names besides its elements", "mixed keys" },
    { "return { x = 0/0 }", "x is NaN", "a NaN" },
    { "return { x = '\\255' }", "x is a string that is not valid UTF-8", "bad UTF-8" },
    { "return { x = os }\n, print()", "conf/candy.lua:2", "more than one value" },
    { "return { port = print }", nil, "a global that is not there" },
    { "return { x = getfenv }", nil, "another one" },
    { "return setmetatable({}, {})", "attempt to call global 'setmetatable'", "a call" },
    { "return { x = ('x'):rep(10) }", "attempt to index", "a method of strings" },
    { "local t = {} for i = 1, 1e9 do t[i] = {} end", "more than 64 MB", "memory" },
    { "\27LJ\2\0", "attempt to load chunk with wrong mode", "bytecode" },
    { "while true do end", "is there a loop that does not end", "an endless loop" },
    { ("x"):rep(1100000), "larger than 1 MB", "a large file" },
    { "return [[\n\n]] .. nil .. {\n}", "conf/candy.lua:", "an error in many lines" },
  }
  for _, case in ipairs(faults) do
    local source, expected, name = case[1], case[2], case[3]
    it("with " .. name .. " is told in one line", function()
      local out, code = evaluate(source)
      if expected then
        assert.equal(1, code)
        assert.truthy(out:find(expected, 1, true), out)
        assert.falsy(out:find("\n", 1, true), out)
        assert.equal(1, out:find("conf/candy.lua", 1, true), out)
      else
        assert.same({ 0, "{}" }, { code, out })
      end
    end)
  end

  describe("beside another", function()
    it("shares nothing with it", function()
      local ran = evaluate_all({
        { "a.lua", "shared = 1; return { a = shared }" },
        { "b.lua", "return { b = shared == nil }" },
      })
      assert.same({ out = '{"a":1}\n{"b":true}\n', err = "", code = 0 }, ran)
    end)

    it("is told of by its own name", function()
      local ran = evaluate_all({ { "a.lua", "return {}" }, { "b.lua", "return {" } })
      assert.equal("{}\n", ran.out)
      assert.matches("^b.lua:1: [^\n]+\n$", ran.err)
      ran = evaluate_all({ { "a.lua", "return {" }, { "b.lua", "return {}" } })
      assert.equal("", ran.out)
      assert.matches("^a.lua:1: [^\n]+\n$", ran.err)
    end)

    it("is told of when it does not end", function()
      local ran = evaluate_all({ { "a.lua", "return {}" },
        { "b.lua", "while true do end" } })
      assert.matches("^b.lua: takes longer than 5 s to evaluate", ran.err)
    end)
  end)
end)
