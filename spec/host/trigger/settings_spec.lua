-- Settings of a host that runs: what is saved in conf files and .env files is live by a
-- new generation, or waits for a start; what is wrong changes nothing.
local cjson = require("cjson")
local uv = require("luv")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local program = require("spec.support.program")
local scripts = require("spec.support.scripts")

local PATIENCE = 45 -- seconds

local SCRIPT = [[
local candy = require("candy")
local at_once = 0

-- How many of these run in one worker, as soon as there are `wanted`.
candy.task("together", { payload = { wanted = "integer" } }, function(job)
  at_once = at_once + 1
  local most = at_once
  for _ = 1, 100 do
    if most >= job.payload.wanted then break end
    candy.sleep("5ms")
    most = math.max(most, at_once)
  end
  candy.sleep("50ms")
  at_once = at_once - 1
  return most
end)

candy.task("say", function(job) candy.log.debug(job.payload.text) end)
candy.task("sleep", { max_retries = 0 }, function() candy.sleep("1h") end)
]]

local function start(conf, options)
  options = options or {}
  options.folder = program.folder(conf and { ["conf/candy.lua"] = conf })
  options.scripts = { ["a.lua"] = SCRIPT }
  options.workers = 1
  return candy.start(options)
end

local function finish(host)
  assert.are.equal(0, (host:stop()))
  candy.remove(host.folder)
end

local function save(host, text)
  scripts.save(host, "conf/candy.lua", text)
end

local function problem(host)
  return host:request("GET", "/health").json.settings.problem
end

local function wait_problem(host)
  return poll.wait_for(function()
    local found = problem(host)
    return found ~= cjson.null and found
  end, PATIENCE, "a problem of the settings")
end

local function wait_no_problem(host)
  poll.wait_for(function()
    return problem(host) == cjson.null
  end, PATIENCE, "the problem to be gone")
end

--- What applies to a task that says nothing itself.
local function limits(host)
  for _, item in ipairs(host:request("GET", "/definitions").json.items) do
    if item.name == "say" then
      return item.timeout_ms, item.max_retries
    end
  end
end

local function count(host, text)
  local n = 0
  for line in host:log():gmatch("[^\n]+") do
    n = n + (line:find(text, 1, true) and 1 or 0)
  end
  return n
end

--- The most of n jobs that one worker runs at the same time.
local function together(host, n)
  local ids, most = {}, 0
  for i = 1, n do
    ids[i] = host:push("together", { wanted = n })
  end
  for _, id in ipairs(ids) do
    most = math.max(most, host:wait(id).result)
  end
  return most
end

describe("settings that are live", function()
  it("are taken over by a new generation", function()
    local host = start([[return {
      worker = { slots = 1 }, task = { timeout = "1h" }, stop_grace = "500ms",
    }]])
    assert.are.equal(1, together(host, 3))
    local old = host:push("sleep")
    host:wait(old, "running")
    save(host, [[return {
      worker = { slots = 8 }, task = { timeout = "300ms", max_retries = 7 },
      stop_grace = "500ms",
    }]])
    local line = cjson.decode(scripts.wait_live(host, 2))
    assert.matches("; with new settings$", line.message)
    host:wait_log("settings have changed that a new generation is to run with: "
      .. "worker.slots, task.timeout, task.max_retries")
    assert.are.same({ 300, 7 }, { limits(host) })
    assert.are.equal(3, together(host, 3))
    assert.matches("300ms", host:wait(host:push("sleep")).error.message)
    assert.are.equal("running", host:job(old).state)
    assert.are.equal(0, count(host, '"level":"warn"'))
    finish(host)
  end)

  it("are the limit of a top level that stands still, and of what is logged", function()
    local host = start("return { worker = { stall = '1h' } }")
    host:wait(host:push("say", { text = "unheard" }))
    save(host, "return { worker = { stall = '300ms' }, log = { level = 'debug' } }")
    scripts.wait_live(host, 2)
    host:push("say", { text = "heard at last" })
    host:wait_log("heard at last")
    assert.are.equal(0, count(host, "unheard"))
    scripts.save(host, "scripts/still.lua", "while true do end")
    assert.matches("stood still for 300ms", scripts.wait_dropped(host, 3).message)
    finish(host)
  end)

  it("stay below flags and the environment, and above what is removed", function()
    local host = start("return { task = { timeout = '1s', max_retries = 9 } }",
      { env = { CANDY_TASK_TIMEOUT = "2h" } })
    save(host, "return { task = { timeout = '2s', max_retries = 9 }, workers = 7 }")
    save(host, "return { task = { timeout = '2s', max_retries = 8 }, workers = 7 }")
    scripts.wait_live(host, 2)
    assert.are.same({ 7200000, 8 }, { limits(host) })
    scripts.remove(host, "conf/candy.lua")
    scripts.wait_live(host, 3)
    assert.are.same({ 7200000, 3 }, { limits(host) })
    assert.are.equal(0, count(host, '"level":"warn"'))
    finish(host)
  end)

  it("are read from overlays, .env files, and a folder that comes later", function()
    local host = start()
    scripts.save(host, "conf/development.lua", "return { task = { timeout = '9s' } }")
    scripts.wait_live(host, 2)
    assert.are.equal(9000, (limits(host)))
    scripts.save(host, ".env", "CANDY_TASK_TIMEOUT=8s")
    scripts.wait_live(host, 3)
    assert.are.equal(8000, (limits(host)))
    scripts.overwrite(host, ".env.local", "CANDY_TASK_TIMEOUT=7s")
    scripts.wait_live(host, 4)
    assert.are.equal(7000, (limits(host)))
    finish(host)
  end)

  it("are not taken with scripts that fail, and are tried again with the next", function()
    local host = start("return { task = { timeout = '9s' } }")
    scripts.save(host, "scripts/bad.lua", "local x = = 1")
    scripts.wait_dropped(host, 2)
    save(host, "return { task = { timeout = '8s' } }")
    scripts.wait_dropped(host, 3)
    assert.are.equal(9000, (limits(host)))
    scripts.remove(host, "scripts/bad.lua")
    scripts.wait_live(host, 4)
    assert.are.equal(8000, (limits(host)))
    finish(host)
  end)

  it("leave nothing behind when they are saved in a row", function()
    local host = start("return {}")
    save(host, "return { task = { timeout = '1s' } }")
    scripts.wait_live(host, 2)
    poll.wait_for(function()
      return #host:workers() == 1
    end, PATIENCE, "the old worker to leave")
    assert.are.equal(1000, (limits(host)))
    local before = scripts.holdings(host)
    for i = 1, 40 do
      save(host, ("return { task = { timeout = '%ds' }, process = { allow = { 'p' } } }")
        :format(i + 10))
      uv.sleep(i % 4 * 20)
    end
    poll.wait_for(function()
      return (limits(host)) == 50000
    end, PATIENCE, "the last ones to be live")
    assert.are.same(true, scripts.wait_holdings(host, before))
    finish(host)
  end)
end)

describe("each setting that is marked live", function()
  local table_of_settings = cjson.decode(
    program.run(program.build() .. "/probe/conf", { "settings" }).out)
  local OTHER = {
    ["worker.slots"] = "7", ["worker.memory"] = "'99mb'", ["worker.stall"] = "'4s'",
    ["worker.result_max"] = "'99kb'", ["process.allow"] = "{ 'sort' }",
    ["process.memory"] = "'99mb'", ["process.max"] = "7", ["file.job_max"] = "'99kb'",
    ["task.timeout"] = "'7s'", ["task.max_retries"] = "7",
    ["task.cancel_grace"] = "'7s'", ["keep.completed"] = "'7h'",
    ["keep.dead"] = "'7h'", ["keep.logs"] = "'7h'", ["keep.logs_max"] = "7777",
    ["outgoing.proxy"] = "'http://localhost:9'", ["outgoing.no_proxy"] = "{ 'x.org' }",
    ["outgoing.private_allow"] = "{ 'x' }", ["outgoing.ca_file"] = "'/x'",
    ["log.level"] = "'debug'",
  }

  it("makes a generation of its own", function()
    local host = start("return {}")
    local generation = 1
    for _, setting in ipairs(table_of_settings) do
      if setting.live then
        local value = assert(OTHER[setting.name], setting.name)
        local group, name = setting.name:match("^(.*)%.(.*)$")
        save(host, ("return { %s = { %s = %s } }"):format(group, name, value))
        generation = generation + 1
        assert.matches("with new settings", scripts.wait_live(host, generation))
      end
    end
    assert.is_true(generation > 15)
    assert.are.equal(0, count(host, "at the next start"))
    finish(host)
  end)
end)

describe("other settings", function()
  it("are told of once, and take effect at the next start", function()
    local host = start("return { http = { body_max = '1mb' } }")
    save(host, "return { http = { body_max = '2mb' }, stop_grace = '1s' }")
    host:wait_log("settings have changed that take effect at the next start: "
      .. "stop_grace, http.body_max")
    save(host, "return { http = { body_max = '1mb' }, stop_grace = '1s', "
      .. "task = { timeout = '4s' } }")
    scripts.wait_live(host, 2)
    assert.are.equal(1, count(host, '"level":"warn"'))
    assert.are.equal(cjson.null, problem(host))
    finish(host)
  end)

  it("of another environment are not mixed in", function()
    local host = start("return {}")
    scripts.save(host, "conf/production.lua", "return { task = { timeout = '1s' } }")
    scripts.save(host, ".env", "CANDY_ENV=production\nCANDY_TASK_TIMEOUT=2s")
    host:wait_log("the settings name another environment")
    scripts.save(host, ".env", "CANDY_TASK_TIMEOUT=3s")
    scripts.wait_live(host, 2)
    assert.are.equal(3000, (limits(host)))
    finish(host)
  end)
end)

describe("settings that are wrong", function()
  local host

  setup(function()
    host = start("return { task = { timeout = '9s' } }")
  end)

  teardown(function()
    finish(host)
  end)

  local cases = {
    { "syntax", "return {\n  task = = 1,\n}", "conf/candy.lua", 2,
      "conf/candy.lua:2: unexpected symbol near '='" },
    { "a name", "return { task = { timeuot = '1s' } }", "conf/candy.lua", nil,
      "did you mean task.timeout?" },
    { "a value", "return { worker = { slots = 0 } }", "conf/candy.lua", nil,
      "worker.slots: must be a whole number from 1 to 1024, not 0" },
    { "what is returned", "return 1", "conf/candy.lua", nil, "must return a table" },
    { "an error", "local x = nil\nreturn x.y", "conf/candy.lua", 2, "nil value" },
  }

  for _, case in ipairs(cases) do
    local what, text, file, line, message = unpack(case, 1, 5)
    it("by " .. what .. " change nothing, and are told of once", function()
      save(host, text)
      local found = wait_problem(host)
      assert.are.same({ file, line or cjson.null }, { found.file, found.line })
      assert.matches(message, found.message, 1, true)
      local encoded = cjson.encode(found.message):sub(2, -2):gsub("\\/", "/")
      host:wait_log(encoded)
      save(host, text)
      assert.are.equal(1, together(host, 1))
      assert.are.equal(1, scripts.health(host).generation)
      assert.are.equal(9000, (limits(host)))
      save(host, "return { task = { timeout = '9s' } }")
      wait_no_problem(host)
      assert.are.equal(1, count(host, encoded))
    end)
  end

  it("show no text of the file that may be a password", function()
    save(host, 'return { store = "postgres://me:hunter2 }')
    assert.matches("conf/candy.lua:1: ", wait_problem(host).message, 1, true)
    save(host, "return { task = { timeout = '9s' } }")
    wait_no_problem(host)
    assert.are.equal(0, count(host, "hunter2"))
  end)

  it("because a file is empty for a moment are not told of", function()
    local before = count(host, '"level":"error"')
    local file = assert(io.open(host.folder .. "/conf/candy.lua", "wb"))
    local written = uv.new_timer()
    written:start(120, 0, function()
      file:write("return { task = { timeout = '6s' } }")
      file:close()
      written:close()
    end)
    scripts.wait_live(host, 2)
    assert.are.equal(before, count(host, '"level":"error"'))
    assert.are.equal(6000, (limits(host)))
  end)

  it("because they never end hold up nobody", function()
    save(host, "while true do end")
    poll.wait_for(function()
      return together(host, 1) == 1 and problem(host) ~= cjson.null
    end, PATIENCE, "the end of the evaluation")
    assert.matches("5 s", problem(host).message, 1, true)
    assert.are.equal(6000, (limits(host)))
  end)
end)
