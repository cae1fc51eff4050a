local cjson = require("cjson")
local program = require("spec.support.program")

local PROBE = program.build() .. "/probe/conf"

describe(".env files", function()
  local folder

  before_each(function()
    folder = program.folder()
  end)

  after_each(function()
    program.remove(folder)
  end)

  local function run(text)
    program.write(folder .. "/.env", text)
    return program.run(PROBE, { "?", "NAME" }, { cwd = folder })
  end

  local function value(text)
    local ran = run(text)
    assert.equal("", ran.err)
    local decoded = cjson.decode("[" .. ran.out .. "]")[1]
    return decoded ~= cjson.null and decoded or nil
  end

  it("hold a value a line", function()
    local lines = {
      ["NAME=value"] = "value",
      ["  NAME = value  "] = "value",
      ["export NAME=value"] = "value",
      ["NAME=two words"] = "two words",
      ["NAME="] = "",
      ["NAME=a=b"] = "a=b",
      ["NAME=value\r\nB=1\r\n"] = "value",
      ["\239\187\191NAME=value"] = "value",
      ["NAME=a\nNAME=b"] = "b",
      ["NAME=$HOME"] = "$HOME",
      ["NAME=grüße"] = "grüße",
    }
    for line, expected in pairs(lines) do
      assert.equal(expected, value(line))
    end
  end)

  it("may have comments and empty lines", function()
    assert.equal("a", value("# first\n\n   \n  # second\nNAME=a # third"))
    assert.equal("a#b", value("NAME=a#b"))
    assert.equal("", value("NAME=# nothing"))
    assert.is_nil(value(""))
  end)

  it("may have quotes", function()
    local lines = {
      [ [[NAME='as it $is \n' # comment]] ] = [[as it $is \n]],
      [ [[NAME="a\nb\t\"c\" \\ \$ \x"]] ] = 'a\nb\t"c" \\ $ \\x',
      [ [[NAME=" # "]] ] = " # ",
      [ [[NAME=""]] ] = "",
    }
    for line, expected in pairs(lines) do
      assert.equal(expected, value(line))
    end
  end)

  it("refuse any other line by its number, without its value", function()
    local bad = {
      ["A=1\nhunter2"] = ".env:2: the line is not of the form NAME=value",
      ["1A=hunter2"] = ".env:1: the line is not of the form NAME=value",
      ["MY-NAME=hunter2"] = ".env:1: the line is not of the form NAME=value",
      ["=hunter2"] = ".env:1: the line is not of the form NAME=value",
      ['NAME="hunter2'] = ".env:1: the line has a quote that is not closed on the same "
        .. "line",
      ["NAME='hunter2' hunter2"] = ".env:1: the line has something behind its closing "
        .. "quote",
      ["NAME=hunter2\0"] = ".env:1: the line holds a NUL byte",
    }
    for text, expected in pairs(bad) do
      local ran = run(text)
      assert.equal(1, ran.code)
      assert.equal("bad_conf: " .. expected .. "\n", ran.err)
    end
  end)

  it("must be readable files", function()
    assert(os.execute("mkdir " .. folder .. "/.env") == 0)
    local ran = program.run(PROBE, {}, { cwd = folder })
    assert.equal(1, ran.code)
    assert.matches("^bad_conf: %.env: cannot read it: ", ran.err)
  end)
end)
