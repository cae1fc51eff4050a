local cjson = require("cjson")
local program = require("spec.support.program")

local PROBE = program.build() .. "/probe/evaluate"

describe("the evaluation of a conf file", function()
  local folder

  before_each(function()
    folder = program.folder()
  end)

  after_each(function()
    program.remove(folder)
  end)

  local function run(...)
    local ran = program.run(PROBE, { ... }, { cwd = folder })
    return ran.code == 0 and ran.out or ran.err
  end

  local function evaluate(source)
    program.write(folder .. "/conf/candy.lua", source)
    return run("conf/candy.lua")
  end

  describe("by the worker", function()
    it("returns its table as JSON", function()
      assert.equal('{"port":3010}\n', evaluate("return { port = 3000 + 10 }"))
    end)

    it("tells file and line of what is wrong", function()
      assert.matches("^bad_conf: conf/candy.lua:2: ", evaluate("return {\n port = = 1 }"))
      assert.matches("^bad_conf: conf/candy.lua:2: ", evaluate("\nreturn os.getenv()"))
    end)

    it("is killed when it stands still", function()
      local said = evaluate("while true do end") -- by its own clock, or by ours
      assert.matches("^bad_conf: conf/candy.lua: .+ 5 s", said)
    end)

    it("takes several files, of which some may not be there", function()
      program.write(folder .. "/b.lua", "return { b = 2 }")
      program.write(folder .. "/d.lua", "return { d = 4 }")
      assert.equal('none\n{"b":2}\nnone\n{"d":4}\n',
        run("a.lua", "b.lua", "c.lua", "d.lua"))
      assert.equal("none\n", run("a.lua"))
    end)

    it("tells which of several files is wrong", function()
      program.write(folder .. "/a.lua", "return {}")
      program.write(folder .. "/b.lua", "return { b }, 1, {")
      assert.matches("^bad_conf: b.lua:1: ", run("a.lua", "b.lua"))
      assert.matches("^bad_conf: b.lua:1: ", run("b.lua", "a.lua"))
    end)

    it("finds in conf/candy.lua the defaults, and overlays that fit", function()
      local function shipped(name)
        local file = assert(io.open("conf/" .. name .. ".lua"))
        local json = evaluate(file:read("*a"))
        file:close()
        return json
      end
      local function settings()
        local probe = program.build() .. "/probe/conf" -- its conf files hold JSON
        local ran = program.run(probe, {}, { cwd = folder })
        assert.equal("", ran.err)
        return cjson.decode(ran.out)
      end
      program.remove(folder .. "/conf")
      local defaults = settings()
      local json = shipped("candy")
      program.write(folder .. "/conf/candy.lua", json)
      assert.same(defaults, settings())
      for _, name in ipairs({ "development", "staging", "production" }) do
        json = shipped(name)
        program.write(folder .. "/conf/candy.lua", json)
        settings()
      end
    end)
  end)

  -- A program that misbehaves, in the worker's place.
  describe("by a process that", function()
    local function stand_in(script)
      local path = folder .. "/stand-in"
      program.write(path, "#!/bin/sh\n" .. script .. "\n")
      os.execute("chmod +x " .. path)
      return path
    end

    local function by(script)
      program.write(folder .. "/a.lua", "return {}")
      program.write(folder .. "/b.lua", "return {}")
      return run("--by", stand_in(script), "a.lua", "b.lua")
    end

    it("crashes", function()
      assert.equal("bad_conf: a.lua: its evaluation crashed: SIGSEGV\n",
        by("kill -SEGV $$"))
      assert.equal("bad_conf: b.lua: its evaluation crashed: SIGSEGV\n",
        by("echo '{}'; kill -SEGV $$"))
    end)

    it("fails without a word", function()
      assert.equal("bad_conf: a.lua: its evaluation ended with code 3\n", by("exit 3"))
      assert.equal("bad_conf: b.lua: its evaluation ended with code 0\n",
        by("echo '{}'"))
    end)

    it("says more than a megabyte", function()
      assert.equal("bad_conf: b.lua: what it returns is larger than 1 MB\n",
        by("echo '{}'; while :; do printf " .. ("x"):rep(1000) .. "; done"))
    end)

    it("answers nonsense", function()
      assert.matches("b.lua: its evaluation answered nonsense: not valid JSON",
        by("echo '{}'; echo hello"), 1, true)
    end)

    it("stands still", function()
      assert.equal("bad_conf: b.lua: stood still for 5 s\n",
        by("echo '{}'; exec sleep 60"))
    end)

    it("has answered and does not end", function()
      assert.equal("{}\n{}\n", by("echo '{}'; echo '{}'; exec sleep 60"))
    end)

    it("gets an empty environment, the files and no other descriptor", function()
      local path = stand_in([[read a <&3; read b <&4; read c && c=input
        [ -e /proc/$$/fd/7 ] && fd=inherited || fd=closed
        echo "{\"lines\": [\"$a\", \"$b\", \"$c\"], \"args\": \"$*\"}"
        echo "{\"fd\": \"$fd\", \"x\": \"$X\"}"]])
      program.write(folder .. "/a.lua", "first")
      program.write(folder .. "/b.lua", "second")
      local shell = ("exec '%s' --by '%s' a.lua b.lua 7</dev/null"):format(PROBE, path)
      local options = { cwd = folder, env = { X = "1" } }
      local said = program.run("/bin/sh", { "-c", shell }, options).out
      local first, second = said:match("^(.-)\n(.-)\n$")
      assert.same({ lines = { "first", "second", "" }, args = "conf a.lua b.lua" },
        cjson.decode(first))
      assert.same({ fd = "closed", x = "" }, cjson.decode(second))
    end)
  end)

  it("tells what is no file", function()
    assert.equal("bad_conf: .: is no regular file\n", run("."))
    assert.equal("bad_conf: .: is no regular file\n", run(".", "behind.lua"))
    os.execute("mkfifo " .. folder .. "/pipe")
    assert.equal("bad_conf: pipe: is no regular file\n", run("pipe"))
  end)
end)
