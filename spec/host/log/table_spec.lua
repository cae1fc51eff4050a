-- The log's way into the log table.
local candy = require("spec.support.candy")
local log = require("spec.support.log")
local poll = require("spec.support.poll")

describe("the log table", function()
  local host

  after_each(function()
    host:stop("sigkill")
    candy.remove(host.folder)
  end)

  -- A connection of another program that has the write lock.
  local function lock()
    local told = host.folder .. "/locked"
    candy.write(told, "")
    local command = ("sqlite3 '%s/candy.db' > '%s'"):format(host.data, told)
    local other = assert(io.popen(command, "w"))
    other:write(".timeout 10000\nbegin immediate;\nselect 'locked';\n")
    other:flush()
    poll.wait_for(function()
      return candy.read(told):find("locked", 1, true)
    end, 30, "the lock")
    return other
  end

  it("gets lines that hold nothing to read, and their neighbours", function()
    host = log.start()
    for _, text in ipairs({ "", " \n", "\1", "\27\127", "\0", "\0after a NUL" }) do
      log.say(host, text)
    end
    assert.are.equal(0, (host:stop()))
    assert.is_nil(log.text(host):find("refused by the log table", 1, true))
    assert.are.equal(#log.lines(host), tonumber(log.sql(host,
      "select count(*) from orchestrator_logs")))
    assert.are.equal("1", log.sql(host,
      "select count(*) from orchestrator_logs where message like '%after a NUL'"))
  end)

  it("gets all lines of a time in which somebody else had it locked", function()
    host = log.start()
    local id = host:push("say_slowly", { n = 700, every = "10ms" })
    host:wait(id, "running")
    local other = lock()
    host:wait_log("the log table takes nothing for now")
    other:write("commit;\n")
    other:close()
    log.wait(host, "the log table takes lines again; none is lost")
    assert.are.equal("completed", host:wait(id).state)
    assert.are.equal(0, (host:stop()))
    local _, complaints = host:log():gsub("the log table takes nothing for now", "")
    assert.are.equal(1, complaints)
    assert.are.equal(#log.lines(host), tonumber(log.sql(host,
      "select count(*) from orchestrator_logs")) + complaints)
  end)
end)
