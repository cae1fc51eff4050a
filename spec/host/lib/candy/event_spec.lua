-- candy.on, candy.emit and job:emit on the real program.
local candy = require("spec.support.candy")
local cjson = require("cjson")
local poll = require("spec.support.poll")
local support = require("spec.support.worker")

local host

setup(function()
  host = candy.start({ workers = 1, scripts = {
    ["eval.lua"] = candy.EVAL,
    ["seen.lua"] = [[
      local candy = require("candy")
      candy.schema("seen", "create table seen (handler text, payload text)")
      candy.task("failing", { max_retries = 0 }, function()
        error("no use", 0)
      end)]],
    ["mail.lua"] = [[
      local candy = require("candy")
      local function note(name)
        return function(job)
          job:write("insert into seen values (?, ?)", name,
            candy.json.encode(job.payload))
        end
      end
      candy.on("order.paid", { max_retries = 0, queue = "mail" }, note("paid"))
      candy.on("order.paid", note("paid too"))
      candy.on("order.*", note("all"))
      candy.on("job.dead", note("dead"))
      candy.on("round", { max_retries = 0 }, function(job)
        candy.db.exec("insert into seen values ('round', ?)", job.payload.depth)
        assert(candy.emit("round"))
      end)
      candy.on("bad", { max_retries = 0 }, function()
        error("a handler that fails", 0)
      end)]],
  } })
end)
teardown(function()
  host:stop()
  candy.remove(host.folder)
end)

local function eval(code)
  return host:eval(code)
end

local function seen()
  local rows = eval("return candy.db.query('select handler, payload from seen "
    .. "order by handler')")
  for _, row in ipairs(rows) do
    row.payload = cjson.decode(row.payload)
  end
  return rows
end

local function wait_for_rows(n)
  local rows
  poll.wait_for(function()
    rows = seen()
    return #rows >= n
  end, 30, n .. " handlers to have run")
  return rows
end

describe("candy.on", function()
  before_each(function()
    eval("candy.db.exec('delete from seen')")
  end)

  it("runs handlers as jobs, with what happened", function()
    local n, id = eval('return candy.emit("order.paid", { id = 7, list = {} })')
    assert.equal(3, n)
    local rows = wait_for_rows(3)
    assert.same({ "all", "paid", "paid too" },
      { rows[1].handler, rows[2].handler, rows[3].handler })
    local payload = rows[2].payload
    assert.same({ "order.paid", 7, id, 1 },
      { payload.event, payload.data.id, payload.source, payload.depth })
    assert.is_true(payload.time > 1.7e12)
    local list = host:request("GET", "/tasks?type=on:order.paid:mail").json.items
    assert.equal("mail", list[1].queue)
    assert.equal(id, (host:job(list[1].id)).parent_id)
    local second = host:request("GET", "/tasks?type=on:order.paid:mail:2").json.items
    assert.equal("default", second[1].queue)
  end)

  it("runs those alone that the event's name fits", function()
    assert.same({ 1, 0, 0, 0 }, eval([[return { candy.emit("order.shipped"),
      candy.emit("order"), candy.emit("nobody.cares", 1), candy.emit("order-paid") }]]))
    local rows = wait_for_rows(1)
    assert.equal("order.shipped", rows[1].payload.event)
    assert.is_nil(rows[1].payload.data)
  end)

  it("hears of jobs that die, but not of handlers that do", function()
    local id = host:push("failing")
    host:wait(id)
    local rows = wait_for_rows(1)
    local payload = rows[1].payload
    assert.same({ "job.dead", "host", id, "failing", "no use" }, { payload.event,
      payload.source, payload.data.id, payload.data.type, payload.data.error.message })
    assert.equal(1, eval('return candy.emit("bad")'))
    poll.wait_for(function()
      local jobs = host:request("GET", "/tasks?type=on:bad:mail&state=dead").json
      return #jobs.items == 1
    end, 30, "the handler to fail")
    host:wait(host:push("failing"))
    assert.equal(2, #wait_for_rows(2))
  end)

  it("ends a circle of handlers", function()
    eval('candy.emit("round")')
    local list
    poll.wait_for(function()
      list = host:request("GET", "/tasks?type=on:round:mail").json.items
      return #list == 8 and list[1].state == "dead"
    end, 30, "the circle to end")
    local last = host:job(list[1].id)
    assert.equal("event_too_deep", last.error.code)
    assert.truthy(last.error.message:find('"round" was emitted by a handler, 8 events',
      1, true))
    assert.equal(8, #seen())
  end)
end)

describe("job:emit", function()
  before_each(function()
    eval("candy.db.exec('delete from seen')")
  end)

  it("emits when the job completes, and only then", function()
    local _, id = eval('job:emit("order.shipped", { n = 1 }) return 1')
    assert.equal(id, wait_for_rows(1)[1].payload.source)
    eval('job:emit("order.shipped") error("no")')
    eval('job:emit("order.paid") job:emit("nobody.cares") return 1')
    local handlers = {}
    for i, row in ipairs(wait_for_rows(5)) do
      handlers[i] = row.handler
    end
    assert.same({ "all", "all", "dead", "paid", "paid too" }, handlers)
  end)

  it("fails its job when the data is too large", function()
    local err = eval('job:emit("order.paid", ("x"):rep(1100000))')
    assert.equal("event_too_large", err.code)
    assert.equal("event_too_large", eval([[
      return (select(2, candy.emit("order.paid", ("x"):rep(1100000)))).code]]))
  end)
end)

describe("candy.emit", function()
  local faults = {
    { 'candy.emit("a b")', 'letters, digits and _ . : - of at most 200' },
    { "candy.emit()", "got nil" },
    { 'candy.emit("order.*")', 'got "order.*"' },
    { 'candy.emit("x", print)', "the data cannot be kept as JSON" },
    { 'job:emit("")', 'job:emit: an event has a name' },
    { 'candy.on("x", print)', "can only be called at a file's top level" },
  }
  for _, fault in ipairs(faults) do
    it("tells the misuse in " .. fault[1], function()
      local err = eval(fault[1])
      assert.truthy(err.message and err.message:find(fault[2], 1, true),
        cjson.encode(err))
    end)
  end
end)

it("candy.on tells misuse with file and line", function()
  local worker = support.start({
    ["scripts/a.lua"] = 'require("candy").on("a b", print)',
    ["scripts/b.lua"] = 'require("candy").on("a", { timeuot = 1 }, print)',
    ["scripts/c.lua"] = 'require("candy").on("a")',
    ["scripts/d.lua"] = 'require("candy").on("a*", print)',
  })
  local manifest = worker:manifest()
  local errors = {}
  for _, file in ipairs(manifest.files) do
    errors[file.path] = file.error ~= cjson.null and file.error.message or nil
  end
  assert.truthy(errors["scripts/a.lua"]:find('scripts/a.lua:1: candy.on: an event has',
    1, true))
  assert.truthy(errors["scripts/b.lua"]:find('unknown option "timeuot" of the handler '
    .. 'of "a"', 1, true))
  assert.truthy(errors["scripts/c.lua"]:find("is nil", 1, true))
  assert.same({ { event = "a*", task = "on:a*:d", file = "scripts/d.lua", line = 1 } },
    manifest.handlers)
  worker:close()
end)
