-- candy.db.tx on the real program: what is kept, and who waits for whom.
local candy = require("spec.support.candy")
local cjson = require("cjson")
local uv = require("luv")

local host

setup(function()
  host = candy.start({ scripts = { ["eval.lua"] = candy.EVAL, ["tx.lua"] = [[
    local candy = require("candy")
    candy.schema("t", "create table t (id integer primary key, n integer);"
      .. "create table counter (n integer); insert into counter values (0)")
    candy.task("brief", { max_retries = 0, timeout = "300ms" }, function()
      candy.db.tx(function(tx)
        tx.exec("insert into t values (99, 1)")
        while true do tx.query("select 1") end
      end)
    end)
    -- On a busy machine its time in a transaction may pass before it has done its work.
    candy.task("add", { max_retries = 50, backoff = "10ms" }, function()
      return candy.db.tx(function(tx)
        local n = tx.one("select n from counter").n
        tx.exec("update counter set n = ?", n + 1)
        return n + 1
      end)
    end)
    candy.task("die", { max_retries = 0 }, function(job)
      candy.db.tx(function(tx)
        tx.exec("insert into t values (50, 1)")
        local s = ("x"):rep(30)
        while true do s:find(("x?"):rep(30) .. ("x"):rep(30)) end
      end)
    end)
    candy.task("loop", { max_retries = 0 }, function()
      for i = 1, 4000 do
        candy.db.tx(function(tx)
          local until_ms = candy.time.now() + 30
          repeat tx.query("select 1") until candy.time.now() > until_ms
        end)
      end
    end)
    candy.task("noop", function() end)
  ]] }, env = { CANDY_WORKER_STALL = "500ms" } })
end)
teardown(function()
  host:stop()
  candy.remove(host.folder)
end)

local function eval(code)
  return host:eval(code)
end

local function rows()
  return eval("return candy.db.query('select id, n from t order by id')")
end

describe("candy.db.tx", function()
  before_each(function()
    eval("candy.db.exec('delete from t')")
  end)

  it("keeps what its function wrote and returns what that returned", function()
    assert.same({ 7, "x" }, eval([[return { candy.db.tx(function(tx)
      tx.exec("insert into t values (?, ?)", 1, 5)
      local row = tx.one("select n from t where id = 1")
      return row.n + 2, "x"
    end) }]]))
    assert.same({ { id = 1, n = 5 } }, rows())
    assert.equal(true, eval("return candy.db.tx(function() end)"))
    assert.equal(false, eval("return (candy.db.tx(function() return false end))"))
  end)

  it("keeps nothing when its function returns an error, or raises", function()
    assert.same({ true, "none left" }, eval([[
      local value, err = candy.db.tx(function(tx)
        tx.exec("insert into t values (1, 1)")
        return nil, "none left"
      end)
      return { value == nil, err }]]))
    assert.equal("tx:9: broken", eval([[
      local ok, err = pcall(candy.db.tx, function(tx)
        tx.exec("insert into t values (1, 1)")
        error("tx:9: broken", 0)
      end)
      return err]]))
    assert.same({}, rows())
  end)

  it("keeps nothing after a query that failed, whatever its function makes of it",
    function()
      assert.same({ true, "sql_error", "sql_error" }, eval([[
        local inner
        local value, err = candy.db.tx(function(tx)
          tx.exec("insert into t values (1, 1)")
          local _, first = tx.exec("insert into t values (1, 2)")
          inner = first.code
          tx.exec("insert into t values (2, 2)")
          return "fine"
        end)
        return { value == nil, err.code, inner }]]))
      assert.same({}, rows())
    end)

  it("may take 50 ms", function()
    assert.same({ true, "tx_timeout" }, eval([[
      local value, err = candy.db.tx(function(tx)
        tx.exec("insert into t values (1, 1)")
        local until_ms = candy.time.now() + 80
        repeat until candy.time.now() > until_ms
        return "fine"
      end)
      return { value == nil, err.code }]]))
    assert.same({}, rows())
  end)

  it("waits for nothing but its own queries", function()
    for _, call in ipairs({ "candy.sleep(0.001)", "candy.db.query('select 1')",
      "candy.kv.get('k')", "candy.queue.push('noop')", "job:progress(1)",
      "candy.db.tx(function() end)" }) do
      local err = eval(("candy.db.tx(function(tx) tx.exec('insert into t values (1, 1)') "
        .. "%s end)"):format(call))
      assert.truthy(err.message:find("cannot be called inside of candy.db.tx", 1, true),
        cjson.encode(err))
    end
    assert.same({}, rows())
    assert.equal(1, eval([[candy.db.tx(function() end)
      candy.sleep(0.001)
      return candy.db.one("select 1 as n").n]]))
  end)

  it("is of no use afterwards", function()
    local err = eval([[local kept
      candy.db.tx(function(tx) kept = tx end)
      kept.query("select 1")]])
    assert.truthy(err.message:find("tx.query: the transaction is over", 1, true))
    assert.truthy(eval("candy.db.tx(5)").message:find("must be a function, not 5", 1,
      true))
  end)

  it("ends with its job's time", function()
    local job = host:wait(host:push("brief"))
    assert.equal("dead", job.state)
    assert.same({}, rows())
  end)

  it("ends with its worker", function()
    local job = host:wait(host:push("die"))
    assert.equal("dead", job.state)
    assert.same({}, rows())
  end)

  it("adds up in many jobs at once", function()
    local jobs = {}
    for i = 1, 64 do
      jobs[i] = { type = "add" }
    end
    local answer = host:request("POST", "/tasks", jobs)
    assert.equal(202, answer.status)
    for _, id in ipairs(answer.json.ids) do
      assert.equal("completed", host:wait(id).state)
    end
    assert.equal(64, eval("return candy.db.one('select n from counter').n"))
  end)

  it("lets other jobs pass between two of them", function()
    local loop = host:push("loop")
    host:wait(loop, "running")
    for _ = 1, 3 do
      assert.equal("completed", host:wait(host:push("noop")).state)
    end
    assert.equal("running", (host:job(loop)).state)
    host:request("POST", "/tasks/" .. loop .. "/cancel")
    assert.equal("cancelled", host:wait(loop).state)
  end)
end)

describe("what belongs to a transaction", function()
  local STRAY = "the transaction is over, or another one's"

  it("cannot be used by another function of the job meanwhile", function()
    assert.same({ false, true, true }, eval([[
      local tx, told
      candy.all({
        function()
          candy.db.tx(function(own)
            tx = own
            for _ = 1, 20 do own.query("select 1") end
          end)
        end,
        function()
          repeat candy.sleep(0) until tx
          told = { pcall(tx.exec, "delete from t") }
        end,
      })
      candy.sleep(0)
      return { told[1], told[2]:find("]] .. STRAY .. [[", 1, true) ~= nil, true }]]))
  end)

  it("cannot be left by a coroutine", function()
    local err = eval([[
      coroutine.wrap(function() candy.db.tx(function() coroutine.yield() end) end)()]])
    assert.truthy(err.message:find("candy.db.tx must come to its end first", 1, true))
    assert.same({ 3, 3 }, eval([[
      return { candy.db.tx(function(tx)
        local sum = 0
        for n in coroutine.wrap(function()
          for i = 1, 2 do coroutine.yield(tx.one("select " .. i .. " as n").n) end
        end) do sum = sum + n end
        return sum
      end), 3 }]]))
  end)

  it("is of no use to an error that is put into words", function()
    assert.truthy(eval([[
      local kept
      candy.db.tx(function(tx) kept = tx end)
      error(setmetatable({}, { __tostring = function() return kept.exec("x") end }))]])
      .message)
  end)
end)

it("leaves nothing of a transaction when the host is killed in it", function()
  local own = candy.start({ workers = 1, scripts = { ["a.lua"] = [[
    local candy = require("candy")
    candy.schema("t", "create table t (a)")
    candy.task("hang", function(job)
      if job.payload.kill then
        candy.db.tx(function(tx)
          tx.exec("insert into t values (1)")
          candy.log.info("within")
          repeat tx.query("select 1") until false
        end)
      end
      return candy.db.one("select count(*) as n from t").n
    end)]] } })
  own:push("hang", { kill = true })
  own:wait_log("within")
  uv.kill(own.pid, "sigkill")
  candy.join(own.process)
  own = own:again()
  assert.equal(0, own:wait(own:push("hang", {})).result)
  own:stop()
  candy.remove(own.folder)
end)
