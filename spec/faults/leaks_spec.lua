-- The life of a host and of its workers under valgrind's memcheck: started, given work of
-- many kinds, stopped. No memory is lost, and none is used that is not there.
--
-- It looks at the release build, whose Lua gets its memory from malloc like all else. It
-- cannot see memory that is lost inside of Lua, where it is still reachable, nor reads
-- beyond the end of arrays on the stack, which the sanitized build sees (make asan).
local uv = require("luv")
local candy = require("spec.support.candy")
local scripts = require("spec.support.scripts")

local SANITIZED = candy.build:find("asan") ~= nil

local SCRIPT = [[
local candy = require("candy")

candy.schema("leaks", { "create table notes (n integer)" })

candy.task("work", { payload = { n = "integer" } }, function(job)
  job:progress(10, "begun")
  job:save({ at = job.payload.n })
  candy.kv.set("n", job.payload.n)
  candy.lock("lock", function() candy.sleep("5ms") end)
  candy.all({ function() candy.sleep("1ms") end, function() candy.sleep("2ms") end })
  job.log.info("a line", { n = job.payload.n })
  job:write("insert into notes values (?)", job.payload.n)
  job:enqueue("fine", {})
  return { n = job.payload.n, rows = candy.db.query("select count(*) as n from notes") }
end)

candy.task("fine", {}, function() return 1 end)
candy.task("fails", { max_retries = 0 }, function() error({ code = "on_purpose" }) end)
candy.task("late", { timeout = "50ms", max_retries = 0 }, function()
  candy.sleep("10s")
end)
candy.task("waits", {}, function() candy.sleep("1h") end)
candy.cron("* * * * *", "fine", {})
]]

describe("valgrind", function()
  local host, folder

  setup(function()
    if SANITIZED then
      return
    end
    folder = candy.folder()
    host = candy.start({
      folder = folder,
      workers = 1,
      scripts = { ["work.lua"] = SCRIPT },
      env = { CANDY_STOP_GRACE = "1s", CANDY_WORKER_STALL = "60s" },
      under = { "valgrind", "--quiet", "--trace-children=yes", "--leak-check=full",
        "--show-leak-kinds=definite,indirect,possible",
        "--log-file=" .. folder .. "/valgrind.%p", "--error-exitcode=99" },
    })
  end)

  teardown(function()
    if host then
      host:stop("sigkill")
      candy.remove(folder)
    end
  end)

  local function do_work(n)
    for _ = 1, n do
      assert.are.equal("completed", host:wait(host:push("work", { n = n })).state)
    end
    assert.are.equal("dead", host:wait(host:push("fails")).state)
    assert.are.equal("dead", host:wait(host:push("late")).state)
    assert.are.equal(422, host:request("POST", "/tasks", { type = "nobody" }).status)
    assert.are.equal(400, host:request("POST", "/tasks", "{").status)
    host:request("GET", "/tasks?limit=5&search=x")
    host:request("GET", "/logs?limit=5&search=line")
  end

  local function reports()
    local texts, count = {}, 0
    for name in uv.fs_scandir_next, (uv.fs_scandir(folder)) do
      if name:find("^valgrind") then
        texts[#texts + 1] = candy.read(folder .. "/" .. name)
        count = count + 1
      end
    end
    return table.concat(texts), count
  end

  it("finds no leak and no wrong use of memory over the life of a host", function()
    if SANITIZED then
      return pending("the sanitized build looks for leaks by itself")
    end
    do_work(3)
    scripts.save(host, "scripts/more.lua", scripts.answering("more", "2"))
    scripts.wait_live(host, 2)
    assert.are.equal(2, scripts.ask(host, "more"))
    scripts.save(host, "scripts/more.lua", "this is no Lua")
    scripts.wait_dropped(host, 3)
    do_work(2)
    host:wait(host:push("waits"), "running")
    local code, signal = host:stop()
    local text, count = reports()
    assert.are.equal("", text)
    assert.are.same({ 0, 0 }, { code, signal })
    assert.is_true(count >= 3, "workers are looked at too")
  end)
end)
