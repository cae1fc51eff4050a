-- The files of the log: what may happen to them while the host runs, and how they are
-- put aside.
local candy = require("spec.support.candy")
local log = require("spec.support.log")
local poll = require("spec.support.poll")
local uv = require("luv")

local folder, host, mounted

local function path(name)
  return folder .. "/logs/" .. (name or "orchestrator.log")
end

local function start(env)
  host = log.start({ folder = folder, env = env })
  host.logs = folder .. "/logs"
  return host
end

before_each(function() folder = candy.folder() end)

after_each(function()
  if host then
    host:stop("sigkill")
  end
  if mounted then
    os.execute("umount -l '" .. path("") .. "'")
  end
  candy.remove(folder)
  host, mounted = nil, nil
end)

-- How often standard error has said it.
local function times_said(text)
  local _, n = host:log():gsub(text:gsub("%p", "%%%0"), "")
  return n
end

describe("a log file that goes away", function()
  it("is begun anew when it was removed", function()
    start()
    log.say(host, "before")
    log.wait(host, "before")
    os.remove(path())
    log.say(host, "behind it")
    log.wait(host, "behind it")
    host:wait_log("the log file was removed or renamed")
    assert.are.equal(1, times_said("was removed or renamed"))
  end)

  it("is begun anew when it was renamed, and loses no line by that", function()
    start()
    log.say(host, "before")
    log.wait(host, "before")
    assert(os.rename(path(), path("mine")))
    log.say(host, "behind it")
    log.wait(host, "behind it")
    assert.are.equal(1, #log.find(host, "before", "mine"))
  end)

  it("is begun anew with its folder", function()
    start()
    log.say(host, "before")
    log.wait(host, "before")
    os.execute("rm -r '" .. path("") .. "'")
    log.say(host, "behind it")
    log.wait(host, "behind it")
  end)

  it("keeps its lines while a folder is in its place, and says so once", function()
    start()
    log.say(host, "before")
    log.wait(host, "before")
    os.remove(path())
    assert(uv.fs_mkdir(path(), 448))
    for i = 1, 5 do
      log.say(host, "while " .. i .. ".")
    end
    host:wait_log("the log file cannot be written for now")
    assert(uv.fs_rmdir(path()))
    log.wait(host, "the log file is written again")
    for i = 1, 5 do
      assert.are.equal(1, #log.find(host, "while " .. i .. "."))
    end
    assert.are.equal(1, times_said("the log file cannot be written for now"))
    host:wait_log("no line is lost")
  end)

  it("holds up nobody when it cannot be begun at all", function()
    candy.write(folder .. "/logs", "a file")
    start()
    log.say(host, "somewhere else")
    host:wait_log("somewhere else")
    host:wait_log("the log file cannot be written for now")
    host:wait_log("the diary cannot be written for now")
    assert.are.equal(0, (host:stop()))
  end)

  it("may be a pipe that nobody reads", function()
    uv.fs_mkdir(path(""), 448)
    os.execute("mkfifo '" .. path() .. "'")
    start()
    log.say(host, "into the pipe")
    host:wait_log("no regular file")
    assert.are.equal(0, (host:stop()))
  end)

  it("goes on when a full disk has space again", function()
    uv.fs_mkdir(path(""), 448)
    mounted = os.execute(("mount -t tmpfs -o size=256k tmpfs '%s' 2>/dev/null"):format(
      path(""))) == 0
    if not mounted then
      return pending("mounting a tmpfs needs root")
    end
    start()
    log.say(host, "before")
    log.wait(host, "before")
    os.execute("dd if=/dev/zero of='" .. path("filler") .. "' bs=4k 2>/dev/null")
    for i = 1, 20 do
      log.say(host, "while " .. i .. ".", { text = ("x"):rep(1000) })
    end
    host:wait_log("the log file cannot be written for now")
    os.remove(path("filler"))
    log.wait(host, "the log file is written again")
    for i = 1, 20 do
      assert.are.equal(1, #log.find(host, "while " .. i .. "."))
    end
  end)

  it("loses what does not fit into memory, and says how much", function()
    candy.write(folder .. "/logs", "a file")
    start()
    local text = ("x"):rep(10000)
    for _ = 1, 6 do
      local id = host:push("say_long", { n = 100, text = text })
      assert.are.equal("completed", host:wait(id).state)
    end
    host:wait_log("the log file cannot be written for now")
    os.remove(folder .. "/logs")
    log.wait(host, "found no room in memory and are lost")
    local lost = tonumber(log.text(host):match("(%d+) lines found no room"))
    assert.are.equal(600, lost + #log.find(host, text))
  end)
end)

describe("a file that cannot be written at the end", function()
  it("is told of on standard error", function()
    candy.write(folder .. "/logs", "a file")
    start()
    log.say(host, "nowhere to go")
    host:wait_log("the log file cannot be written for now")
    assert.are.equal(0, (host:stop()))
    assert.is_truthy(host:log():find("%d+ lines are not in [^\"]*orchestrator.log"))
    assert.is_truthy(host:log():find("%d+ lines are not in [^\"]*tasks.md"))
  end)
end)

describe("a file of the log is put aside", function()
  it("when it is large", function()
    start({ CANDY_LOG_FILE_MAX = "4kb", CANDY_LOG_FILES_KEPT = "3" })
    for i = 1, 100 do
      log.say(host, ("number %03d "):format(i) .. ("x"):rep(200))
    end
    assert.are.equal(0, (host:stop()))
    local numbers = {}
    for _, name in ipairs({ "orchestrator.log.3", "orchestrator.log.2",
      "orchestrator.log.1", "orchestrator.log" }) do
      assert.is_true(#log.text(host, name) <= 4096, name)
      for _, line in ipairs(log.find(host, "number", name)) do
        numbers[#numbers + 1] = tonumber(line.message:match("number (%d+)"))
      end
    end
    for i = 2, #numbers do
      assert.are.equal(numbers[i - 1] + 1, numbers[i])
    end
    assert.are.equal(100, numbers[#numbers])
    assert.is_nil(uv.fs_stat(path("orchestrator.log.4")))
  end)

  it("when it is old, which its first line tells", function()
    uv.fs_mkdir(path(""), 448)
    candy.write(path(), '{"time":"2020-02-03T04:05:06.789Z","message":"old"}\n')
    start()
    log.say(host, "new")
    log.wait(host, '"new"')
    assert.are.equal(1, #log.find(host, "old", "orchestrator.log.1"))
    assert.are.equal(0, #log.find(host, "old"))
  end)

  it("and those that are too many are removed", function()
    uv.fs_mkdir(path(""), 448)
    candy.write(path(), '{"time":"2020-02-03T04:05:06.789Z","message":"old"}\n')
    for i = 1, 6 do
      candy.write(path("orchestrator.log." .. i), "put aside as " .. i .. "\n")
    end
    start({ CANDY_LOG_FILES_KEPT = "2" })
    log.say(host, "new")
    log.wait(host, '"new"')
    assert.are.equal("put aside as 1\n", log.text(host, "orchestrator.log.2"))
    for i = 3, 6 do
      assert.is_nil(uv.fs_stat(path("orchestrator.log." .. i)))
    end
  end)

  it("or grows on when that cannot be done", function()
    uv.fs_mkdir(path(""), 448)
    uv.fs_mkdir(path("orchestrator.log.1"), 448)
    uv.fs_mkdir(path("orchestrator.log.2"), 448)
    candy.write(path("orchestrator.log.2/file"), "")
    start({ CANDY_LOG_FILE_MAX = "4kb", CANDY_LOG_FILES_KEPT = "2" })
    for i = 1, 40 do
      log.say(host, ("number %03d "):format(i) .. ("x"):rep(200))
    end
    log.wait(host, "number 040")
    host:wait_log("the log file cannot be put aside, and grows on")
    assert.are.equal(1, times_said("cannot be put aside"))
    assert.are.equal(40, #log.find(host, "number"))
  end)

  it("and half a line that was left in one is ended", function()
    uv.fs_mkdir(path(""), 448)
    local half = '{"time":"' .. os.date("!%Y-%m-%dT%H:%M:%SZ") .. '","mess'
    candy.write(path(), half)
    start()
    poll.wait_for(function()
      return log.say(host, "new") and log.text(host):find('"new"', 1, true)
    end, 30, "a line")
    assert.are.equal(half .. "\n{", log.text(host):sub(1, #half + 2))
  end)
end)
