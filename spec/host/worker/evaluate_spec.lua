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

  local function evaluate(source, ...)
    program.write(folder .. "/conf/candy.lua", source)
    local ran = program.run(PROBE, { "conf/candy.lua", ... }, { cwd = folder })
    return ran.code == 0 and ran.out or ran.err
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
      return evaluate("return {}", stand_in(script))
    end

    it("crashes", function()
      assert.equal("bad_conf: conf/candy.lua: its evaluation crashed: SIGSEGV\n",
        by("kill -SEGV $$"))
    end)

    it("fails without a word", function()
      assert.equal("bad_conf: conf/candy.lua: its evaluation ended with code 3\n",
        by("exit 3"))
    end)

    it("says more than a megabyte", function()
      assert.equal("bad_conf: conf/candy.lua: what it returns is larger than 1 MB\n",
        by("while :; do echo " .. ("x"):rep(1000) .. "; done"))
    end)

    it("answers nonsense", function()
      assert.matches("conf/candy.lua: its evaluation answered nonsense: not valid JSON",
        by("echo hello"), 1, true)
    end)

    it("gets an empty environment, three descriptors and the file", function()
      local path = stand_in([[read line
        [ -e /proc/$$/fd/7 ] && fd=inherited || fd=closed
        echo "{\"line\": \"$line\", \"args\": \"$*\", \"fd\": \"$fd\", \"x\": \"$X\"}"]])
      program.write(folder .. "/conf/candy.lua", "return {}")
      local shell = ("exec '%s' conf/candy.lua '%s' 7</dev/null"):format(PROBE, path)
      local options = { cwd = folder, env = { X = "1" } }
      local ran = program.run("/bin/sh", { "-c", shell }, options)
      assert.same({ line = "return {}", args = "conf conf/candy.lua", fd = "closed",
        x = "" }, cjson.decode(ran.out))
    end)
  end)

  it("tells a missing file from one that is none", function()
    local ran = program.run(PROBE, { "none.lua" }, { cwd = folder })
    assert.equal("not_found: none.lua: there is no such file\n", ran.err)
    ran = program.run(PROBE, { "." }, { cwd = folder })
    assert.equal("bad_conf: .: is no regular file\n", ran.err)
    os.execute("mkfifo " .. folder .. "/pipe")
    ran = program.run(PROBE, { "pipe" }, { cwd = folder })
    assert.equal("bad_conf: pipe: is no regular file\n", ran.err)
  end)
end)
