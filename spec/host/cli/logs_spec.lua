-- `candy logs`: what people see of the log, and following it.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local log_host = require("spec.support.log_host")
local poll = require("spec.support.poll")

local DAY = 1700000000000 -- 2023-11-14T22:13:20Z

describe("candy logs", function()
  local host

  before_each(function()
    host = log_host.start()
  end)

  after_each(function()
    if not host.code then host:stop() end
    candy.remove(host.data)
  end)

  local function logs(...)
    local code, out, err = candy.run({ "logs", "--data", host.data, ... },
      { env = { TZ = "UTC" } })
    return code, out, err
  end

  local function shown(...)
    local code, out, err = logs(...)
    assert.equal(0, code, err)
    return out
  end

  local function follow(...)
    local run = candy.spawn(candy.program, { "logs", "--data", host.data, "-f", ... },
      { env = { TZ = "UTC" } })
    function run.wait(text, stream)
      poll.wait_for(function()
        return run[stream or "out"].text:find(text, 1, true)
      end, 20, ("%q in %q"):format(text, run.out.text .. run.err.text))
    end
    function run.interrupt()
      uv.kill(run.pid, "sigint")
      return candy.join(run)
    end
    return run
  end

  it("shows lines, newest last, at a glance", function()
    host:write(
      { message = "first", time = DAY, level = 0 },
      { message = "it broke\nat line 3\n  in f", time = DAY + 1500, level = 3, job = 42,
        type = "digest", fields = cjson.encode({ ms = 12 }) },
      { message = "done", time = DAY + 2000, level = 2, type = "ping",
        fields = '{"name":"two words","traceback":"a\\nb","list":[1,2]}' })
    assert.equal(table.concat({
      "2023-11-14 22:13:20.000 DEBUG first",
      "2023-11-14 22:13:21.500 ERROR digest#42  it broke  ms=12",
      "    at line 3",
      "      in f",
      '2023-11-14 22:13:22.000 WARN  ping  done  name="two words"  list=[1,2]',
      "    traceback:",
      "      a",
      "      b",
      "",
    }, "\n"), shown())
  end)

  it("obeys nothing in what was logged", function()
    host:write({ message = "\27[2J gone\7", fields = '{"a":"\\u001b[0m"}' })
    assert.is_nil(shown():find("[\27\7]"))
  end)

  it("filters, limits and searches", function()
    host:write({ message = "a", level = 1, job = 7, type = "x" },
      { message = "b", level = 2, job = 7 }, { message = "c", level = 3, type = "x" })
    local function picked(...)
      return (shown(...):gsub("[^\n]- (%l)\n", "%1"))
    end
    assert.equal("abc", picked())
    assert.equal("bc", picked("--level", "warn"))
    assert.equal("ac", picked("--level", "info,error"))
    assert.equal("ac", picked("--type", "x"))
    assert.equal("ab", picked("--job", "7"))
    assert.equal("bc", picked("--limit", "2"))
    assert.equal("b", picked("--search", "b"))
    assert.equal("abc", picked("--since", "1h"))
    assert.equal("", picked("--since", "2099-01-01T00:00:00Z"))
  end)

  it("fetches page after page", function()
    local lines = {}
    for i = 1, 450 do lines[i] = "line " .. i end
    host:write(unpack(lines))
    local out = shown("--limit", "420")
    local _, count = out:gsub("\n", "")
    assert.equal(420, count)
    assert.truthy(out:find("^[^\n]*line 31\n"))
    assert.truthy(out:find("line 450\n$"))
  end)

  it("shows the lines around hits", function()
    for _, text in ipairs({ "a", "b", "hit", "c", "d", "e", "f", "hit", "g" }) do
      host:write(text)
    end
    local out = shown("--search", "hit", "--context", "1")
      :gsub("%d%d:%d%d:%d%d.%d%d%d ", "")
    assert.equal(table.concat({ "  INFO  b", "> INFO  hit", "  INFO  c", "--",
      "  INFO  f", "> INFO  hit", "  INFO  g", "" }, "\n"), out)
  end)

  it("prints JSON, a line each", function()
    host:write("one", "two")
    local all = {}
    for line in shown("--json"):gmatch("[^\n]+") do
      all[#all + 1] = cjson.decode(line).message
    end
    assert.same({ "one", "two" }, all)
  end)

  it("says what is wrong", function()
    local code, _, err = logs("--level", "loud")
    assert.equal(1, code)
    assert.truthy(err:find("/min_level", 1, true))
    assert.equal(2, (logs("--limit", "x")))
    assert.equal(2, (logs("--since", "noon")))
    assert.equal(2, (logs("-f", "--context", "1")))
    assert.equal(1, (logs("-f", "--search", "***")))
    host:stop()
    assert.equal(3, (logs()))
    assert.equal(3, (logs("-f")))
  end)

  it("follows, from the newest lines on, until it is interrupted", function()
    host:write("old", "older")
    local run = follow("--limit", "1", "--level", "info")
    run.wait("older\n")
    host:write("new", { message = "hidden", level = 0 })
    run.wait("new\n")
    host:write("newer")
    run.wait("newer\n")
    assert.equal(0, run.interrupt())
    assert.is_nil(run.out.text:find("hidden", 1, true))
    assert.is_nil(run.out.text:find("old\n", 1, true))
    assert.equal("", run.err.text)
  end)

  it("goes on when the host comes back", function()
    local run = follow()
    host:write("before")
    run.wait("before\n")
    host:stop()
    run.wait("the host is gone", "err")
    host = log_host.start(host.data)
    host:write("after")
    run.wait("after\n")
    run.wait("the host is back", "err")
    host:write("last")
    run.wait("last\n")
    assert.equal(0, run.interrupt())
    local _, count = run.out.text:gsub("\n", "")
    assert.equal(3, count)
  end)
end)
