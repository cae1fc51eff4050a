-- The diary: tasks.md in the folder of the log.
local candy = require("spec.support.candy")
local log = require("spec.support.log")
local uv = require("luv")

local HEAD = "^# What became of jobs\n\nTimes are in UTC.\n\n"
  .. "## %d%d%d%d%-%d%d%-%d%d\n\n%- "

describe("the diary", function()
  local host, folder

  before_each(function() folder = candy.folder() end)

  after_each(function()
    host:stop("sigkill")
    host = nil
    candy.remove(folder)
  end)

  local function start(env)
    host = log.start({ folder = folder, env = env, key = host and host.key })
  end

  it("tells what became of jobs", function()
    start()
    local good, bad = host:push("succeed"), host:push("fail", { text = "HTTP 503" })
    host:wait(good)
    host:wait(bad)
    assert.are.equal(0, (host:stop()))
    local text = log.text(host, "tasks.md")
    assert.is_truthy(text:find(HEAD), text)
    assert.is_truthy(text:find("\n%- %d%d:%d%d:%d%d ✓ succeed #" .. good
      .. " %(attempt 1, %d+ ms%)\n"), text)
    assert.is_truthy(text:find("\n%- %d%d:%d%d:%d%d ☠ fail #" .. bad
      .. " %*%*is dead%*%* %(attempt 1, %d+ ms%): HTTP 503\n"), text)
  end)

  it("keeps every text in its line and its place", function()
    start()
    local texts = { "a\n## b\n- c\r\n\n```\n", "*bold* _em_ `code` [a](javascript:b)",
      "<script>alert(1)</script> &amp; ![x](y)", "| a | b |\n|---|---|",
      "\27[2J\194\155K \\",
      ("long "):rep(1000), "# x", "~~gone~~ $x$ @ada" }
    local last
    for _, text in ipairs(texts) do
      last = host:push("fail", { text = text })
      host:wait(last)
    end
    assert.are.equal(0, (host:stop()))
    local lines, text = 0, log.text(host, "tasks.md")
    for line in text:match("\n\n(%- .*)$"):gmatch("[^\n]*\n") do
      lines = lines + 1
      assert.is_truthy(line:find("^%- %d%d:%d%d:%d%d ☠ fail #%d+ %*%*is dead%*%* %("),
        line)
      assert.is_true(#line < 1000)
      local cause = line:match("%): (.*)$"):gsub("\\%p", "")
      assert.is_nil(cause:find("[%*_`%[%]<>|~&!$@#%c\127]"..".*\n"), line)
    end
    assert.are.equal(#texts, lines)
  end)

  it("goes on below what is there, and under its own heading", function()
    start()
    host:wait(host:push("succeed"))
    host:stop()
    local before = log.text(host, "tasks.md")
    start()
    host:wait(host:push("succeed"))
    host:stop()
    assert.are.equal(before, log.text(host, "tasks.md"):sub(1, #before))
    local _, headings = log.text(host, "tasks.md"):gsub("\n## ", "")
    assert.are.equal(2, headings)
  end)

  it("is put aside when its month has ended, and when it is large", function()
    uv.fs_mkdir(folder .. "/logs", 448)
    candy.write(folder .. "/logs/tasks.md", "# Jobs\n\n## 2020-01-31\n\n- 10:00:00 old\n")
    start({ CANDY_LOG_FILE_MAX = "4kb" })
    host:wait(host:push("succeed"))
    log.wait(host, "succeed", "tasks.md")
    assert.is_truthy(log.text(host, "tasks.1.md"):find("10:00:00 old", 1, true))
    assert.is_truthy(log.text(host, "tasks.md"):find(HEAD))
    for _ = 1, 20 do
      host:wait(host:push("fail", { text = ("long "):rep(100) }))
    end
    assert.are.equal(0, (host:stop()))
    assert.is_truthy(log.text(host, "tasks.3.md"):find("10:00:00 old", 1, true))
    assert.is_truthy(log.text(host, "tasks.1.md"):find(HEAD))
  end)
end)
