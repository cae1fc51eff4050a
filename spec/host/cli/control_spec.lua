-- candy cancel, edit, pause, resume, queues; previews of retry and purge.
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local SCRIPT = [[
local candy = require("candy")
candy.task("echo", {}, function(job) return job.payload end)
candy.task("sleeps", {}, function() candy.sleep("1h") end)
candy.task("fails", { max_retries = 0 }, function() return nil, "on purpose" end)
]]

describe("control by the command line", function()
  local host

  setup(function()
    host = candy.start({ workers = 1, scripts = { ["tasks.lua"] = SCRIPT } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function said(...)
    local code, out, err = host:command({ ... })
    assert.are.equal(0, code, err)
    return out
  end

  local function refused(expected, ...)
    local code, out, err = host:command({ ... })
    assert.are.same({ expected, "" }, { code, out })
    return err
  end

  it("cancels a job by its id", function()
    local id = host:push("echo", {}, { delay = "1h" })
    assert.are.equal("1 job cancelled\n", said("cancel", id, "--reason", "too late"))
    assert.are.equal("cancelled by local: too late", host:job(id).error.message)
    assert.matches("has ended", refused(1, "cancel", id))
    local running = host:push("sleeps")
    host:wait(running, "running")
    said("cancel", running)
    assert.are.equal("cancelled", host:wait(running).state)
  end)

  it("shows what a job waits for, and why it was cancelled", function()
    said("pause", "later")
    local id = host:push("echo", {}, { queue = "later" })
    local after = host:push("echo", {}, { after = id })
    assert.matches("\nwaits for   its queue or its task, which rests\n", said("job", id))
    assert.matches("\nwaits for   other jobs: " .. id .. "\n", said("job", after))
    said("cancel", id, "--reason", "too late")
    assert.matches("\nwhy         cancelled by local: too late\n", said("job", id))
    assert.matches("\nwhy         job " .. id .. ", which had to", said("job", after))
    said("resume", "later")
    assert.is_nil(said("job", host:push("echo")):find("waits for", 1, true))
  end)

  it("cancels many, and counts them before", function()
    for _ = 1, 5 do
      host:push("echo", {}, { delay = "1h", tags = { "many" } })
    end
    assert.are.equal("5 jobs would be cancelled\n",
      said("cancel", "--tag", "many", "--preview"))
    assert.are.equal("5 jobs cancelled\n", said("cancel", "--tag", "many"))
    assert.are.equal("0 jobs cancelled\n", said("cancel", "--all"))
    assert.matches("which jobs", refused(2, "cancel"))
    assert.are.equal("5 jobs would be purged\n",
      said("purge", "--state", "cancelled", "--tag", "many", "--preview"))
    assert.are.equal("5 jobs retried\n",
      said("retry", "--state", "cancelled", "--tag", "many"))
    host:wait(host:push("fails"))
    assert.are.equal("1 job would be retried\n", said("retry", "--all", "--preview"))
  end)

  it("tells how many of many run, and are yet to end", function()
    host:push("sleeps", {}, { delay = "1h" })
    host:wait(host:push("sleeps"), "running")
    assert.are.equal("2 jobs cancelled\n1 of them runs and was told to end\n",
      said("cancel", "--type", "sleeps"))
    local running = host:push("sleeps")
    host:wait(running, "running")
    assert.are.same({ count = 1, running = 1, already = 0 },
      cjson.decode(said("cancel", "--type", "sleeps", "--state", "running", "--json")))
    host:wait(running, "cancelled")
  end)

  it("shows no attempt of a job that is dead before it began", function()
    local id = host:push("echo", {}, { delay = "1h", deadline = "50ms" })
    host:wait(id, "dead")
    local text = said("job", id)
    assert.matches("\nattempt +0 of 4\n", text)
    assert.matches("\nwhy +its deadline passed before it was done\n", text)
    assert.not_matches("\nattempts", text)
  end)

  it("changes a job", function()
    local id = host:push("echo", { a = 1 }, { delay = "1h" })
    assert.are.equal(("job %s changed\n"):format(id),
      said("edit", id, "--payload", '{"a":2}', "--priority", "3"))
    assert.are.equal(3, host:job(id).priority)
    said("edit", id, "--delay", "0s")
    assert.are.same({ a = 2 }, host:wait(id).result)
    assert.matches("what is to change", refused(2, "edit", id))
    assert.matches("does not wait", refused(1, "edit", id, "--priority", "1"))
  end)

  it("lets queues and tasks rest", function()
    assert.are.equal("queue night rests\n", said("pause", "night", "--reason", "asleep"))
    local id = host:push("echo", {}, { queue = "night" })
    host:wait(host:push("echo"))
    assert.matches("\nnight +1 .*by local: asleep", said("queues"))
    local items = cjson.decode(said("queues", "--json")).items
    assert.are.equal("night", items[#items].name)
    assert.are.equal("queue night goes on\n", said("resume", "night"))
    host:wait(id)
    said("pause", "--task", "sleeps")
    assert.matches("task sleeps is paused by local", said("queues"))
    said("resume", "--task", "sleeps")
    assert.matches("no script declares", refused(1, "pause", "--task", "nobody"))
    local _, _, hint = host:command({ "pause", "sleeps" })
    assert.are.equal("candy: that is the queue; the task is meant by "
      .. "`candy pause --task sleeps`\n", hint)
    assert.are.equal("", select(3, host:command({ "resume", "night" })))
  end)

  it("says so when a name is that of nothing", function()
    local _, out, hint = host:command({ "pause", "nihgt" })
    assert.are.equal("queue nihgt rests\n", out)
    assert.are.equal("candy: no queue \"nihgt\" has had a job yet; if that is a slip, "
      .. "`candy resume nihgt` takes it back\n", hint)
    assert.are.equal("", select(3, host:command({ "pause", "nihgt" })))
    assert.are.equal("queue nihgt goes on\n", said("resume", "nihgt"))
    for _, words in ipairs({ { "nihgt" }, { "--task", "slepes" } }) do
      assert.are.equal(("%s %s did not rest: nothing was paused under that name; "
        .. "`candy queues` lists what rests\n"):format(
        #words == 1 and "queue" or "task", words[#words]), said("resume", unpack(words)))
    end
  end)

  it("tells counts that may be higher from those that are whole", function()
    said("pause", "many")
    said("pause", "--task", "fails")
    for type, queue in pairs({ echo = "many", fails = "kept" }) do
      local list = {}
      for i = 1, 10000 do
        list[i] = { type = type, queue = queue }
      end
      host:request("POST", "/tasks", list)
      host:push(type, {}, { queue = queue })
    end
    poll.wait_for(function()
      return said("queues"):find("\nkept +0 +10001 ")
    end, 60, "all jobs to be set aside")
    assert.matches("\nmany +10000%+ +0 ", said("queues"))
    assert.are.equal("10001 jobs cancelled\n", said("cancel", "--queue", "many"))
    assert.are.equal("10001 jobs cancelled\n", said("cancel", "--queue", "kept"))
    said("resume", "many")
    said("resume", "--task", "fails")
  end)

  it("gives jobs a deadline", function()
    local id = said("enqueue", "echo", "{}", "--delay", "1h", "--deadline", "50ms")
    assert.are.equal("deadline", host:wait((id:gsub("\n", ""))).error.code)
  end)
end)
