-- Limits in the real program: how many jobs run, and how many begin.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local runs = require("spec.support.runs")

local SCRIPT = [[
local candy = require("candy")
local runs = require("runs")

candy.queue.declare("narrow", { concurrency = 3, key_concurrency = 2 })

candy.task("by_key", { key = "{account}", key_concurrency = 1, concurrency = 4 },
  function(job) return runs.attempt(job) end)
candy.task("in_queue", { queue = "narrow", key = "{account}" },
  function(job) return runs.attempt(job) end)
candy.task("failing", { key = "{account}", key_concurrency = 1, max_retries = 50 },
  function(job)
    return runs.attempt(job, function()
      if candy.kv.add("failing:" .. job.id, 1) < 3 then
        return nil, { message = "again", retry_after = 0 }
      end
      return true
    end)
  end)
candy.task("rated", { rate = "5/400ms" }, function(job) return runs.attempt(job) end)
candy.task("hourly", { rate = "2/1h" }, function(job) return runs.attempt(job) end)
candy.task("keys", { key = "{workspace}/{site.id}-{n}",
  payload = { site = { id = "string" }, n = "any?" } }, function(job) return job.key end)
candy.task("lined", { key = "{account}", order = "strict" }, function() end)
]]

describe("limits", function()
  local host

  before_each(function()
    host = candy.start({ scripts = { ["runs.lua"] = runs.SCRIPT, ["tasks.lua"] = SCRIPT,
      ["eval.lua"] = candy.EVAL } })
  end)

  after_each(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function push(type, n, payload_of)
    local list = {}
    for i = 1, n do
      list[i] = { type = type, payload = payload_of(i), tags = { "counted" } }
    end
    local answer = host:request("POST", "/tasks", list)
    assert.are.equal(202, answer.status, answer.body)
  end

  local function count(state)
    local n, cursor = 0, nil
    repeat
      local answer = host:request("GET", "/tasks?tag=counted&limit=200&state=" .. state
        .. (cursor and "&cursor=" .. cursor or "")).json
      n = n + #answer.items
      cursor = type(answer.next_cursor) == "string" and answer.next_cursor or nil
    until not cursor
    return n
  end

  local function wait_for_all(n)
    poll.wait_for(function()
      return count("completed") == n
    end, 60, n .. " jobs to be completed; the host said: " .. host:log():sub(-2000))
  end

  local function of_account(i)
    return { account = "a" .. i % 3, ms = 3 + i * 7 % 11 }
  end

  it("of a task and its keys are held", function()
    push("by_key", 60, of_account)
    wait_for_all(60)
    local most, most_of_key = runs.most_at_once(runs.read(host))
    assert.is_true(most <= 3 and most >= 2, tostring(most))
    assert.are.equal(1, most_of_key)
  end)

  it("of a queue and its keys are held", function()
    push("in_queue", 60, of_account)
    wait_for_all(60)
    local most, most_of_key = runs.most_at_once(runs.read(host))
    assert.is_true(most <= 3 and most >= 2, tostring(most))
    assert.is_true(most_of_key <= 2)
  end)

  it("are held while jobs fail, and workers and the host are killed", function()
    local deaths = {}
    push("failing", 40, of_account)
    for round = 1, 2 do
      poll.wait_for(function()
        return count("completed") >= round * 5
      end, 60, "some to be completed")
      local worker = host:workers()[1]
      if worker then
        uv.kill(worker, "sigkill")
      end
      poll.wait_for(function()
        return count("completed") >= round * 5 + 3
      end, 60, "more to be completed")
      host:stop("sigkill")
      host = host:again()
      deaths[round] = host:eval('return candy.db.one("select max(id) n from runs").n')
    end
    wait_for_all(40)
    local _, most_of_key = runs.most_at_once(runs.read(host), deaths)
    assert.is_true(most_of_key <= 2, tostring(most_of_key)) -- one may have been lost
    assert.are.equal(0, count("dead"))
  end)

  -- None was counted before the time of the push, and each before it began.
  it("of a rate are held", function()
    local before, n = host:eval("return candy.time.now()"), 0
    push("rated", 23, function() return {} end)
    wait_for_all(23)
    for _, row in ipairs(runs.read(host)) do
      if row.what == "begin" then
        local windows = math.floor((row.at - before) / 400) + 1
        n = n + 1
        assert.is_true(n <= 5 * windows, ("%d in %d ms"):format(n, row.at - before))
      end
    end
    assert.are.equal(23, n)
  end)

  it("of a rate count those that had begun when the host stopped", function()
    host:stop()
    host = host:again({ env = { CANDY_STOP_GRACE = "100ms" } })
    push("hourly", 2, function() return { ms = 60000 } end)
    poll.wait_for(function()
      return #runs.begun(runs.read(host)) == 2
    end, 30, "both to begin")
    assert.are.equal(0, (host:stop()))
    host = host:again()
    poll.wait_for(function()
      local items = host:request("GET", "/tasks?tag=counted").json.items
      return items[1].waiting_for == "limit" and items[2].waiting_for == "limit"
    end, 30, "both to wait for the next hour")
  end)

  it("tell what a job waits for", function()
    push("by_key", 2, function() return { account = "x", ms = 60000 } end)
    poll.wait_for(function()
      local items = host:request("GET", "/tasks?state=available&tag=counted").json.items
      return items[1] and items[1].waiting_for == "limit"
    end, 30, "the second to wait")
    assert.are.equal(1, count("running"))
    host:stop("sigkill")
  end)

  it("tell it of a full queue too, until it has room", function()
    push("in_queue", 4, function(i) return { account = "b" .. i, ms = 60000 } end)
    poll.wait_for(function() return count("running") == 3 end, 30, "three to run")
    local last
    poll.wait_for(function()
      last = host:request("GET", "/tasks?state=available&tag=counted").json.items[1]
      return last and last.waiting_for == "limit"
    end, 30, "the fourth to wait")
    assert.are.equal("limit", host:job(last.id).waiting_for)
    candy.write(host.scripts .. "/tasks.lua",
      (SCRIPT:gsub("concurrency = 3, key", "concurrency = 4, key")))
    assert.are.equal(cjson.null, host:wait(last.id, "running").waiting_for)
    host:stop("sigkill")
  end)

  it("change with the scripts", function()
    push("by_key", 8, function() return { account = "x", ms = 60000 } end)
    poll.wait_for(function() return count("running") == 1 end, 30, "one to run")
    candy.write(host.scripts .. "/tasks.lua",
      (SCRIPT:gsub("key_concurrency = 1, concurrency = 4", "key_concurrency = 3")))
    poll.wait_for(function() return count("running") == 3 end, 30, "three to run")
    candy.write(host.scripts .. "/tasks.lua",
      (SCRIPT:gsub("key_concurrency = 1, concurrency = 4", "concurrency = 5")))
    poll.wait_for(function() return count("running") == 5 end, 30, "five to run")
    host:stop("sigkill")
  end)

  it("need keys, which are made of payloads", function()
    local function key_of(payload, options)
      return host:wait(host:push("keys", payload, options)).result
    end
    assert.are.equal("default/s1-7", key_of({ site = { id = "s1" }, n = 7 }))
    assert.are.equal("default/s1-true", key_of({ site = { id = "s1" }, n = true }))
    assert.are.equal("default/s 2-1.5", key_of({ site = { id = "s 2" }, n = 1.5 }))
    assert.are.equal("mine", key_of({ site = { id = "s1" } }, { key = "mine" }))
    local function problem(payload)
      local answer = host:request("POST", "/tasks", { type = "keys", payload = payload })
      assert.are.equal(422, answer.status)
      assert.are.equal(1, #answer.json.errors)
      return answer.json.errors[1]
    end
    assert.are.equal("/payload/n", problem({ site = { id = "s1" } }).pointer)
    assert.are.equal("required", problem({ site = { id = "s1" } }).code)
    assert.are.equal("type", problem({ site = { id = "s1" }, n = { 1 } }).code)
    assert.are.equal("/payload/site", problem({ n = 1 }).pointer)
    local long = problem({ site = { id = ("x"):rep(200) }, n = 1 })
    assert.are.equal("too_long", long.code)
    local moved = host:request("POST", "/tasks", { type = "lined", queue = "other",
      payload = { account = "a" } })
    assert.are.equal("/queue", moved.json.errors[1].pointer)
  end)
end)

describe("declarations of limits", function()
  local folder

  local function check(files)
    folder = candy.folder()
    uv.fs_mkdir(folder .. "/scripts", 448)
    for name, text in pairs(files) do
      candy.write(folder .. "/scripts/" .. name,
        'local candy = require("candy")\n' .. text)
    end
    local code, out, err = candy.run({ "check", "--scripts", folder .. "/scripts" })
    candy.remove(folder)
    return code, out .. err
  end

  local function refused(text, ...)
    local code, said = check({ ["a.lua"] = text })
    assert.are_not.equal(0, code)
    for _, part in ipairs({ ... }) do
      assert.is_truthy(said:find(part, 1, true), said)
    end
  end

  it("are checked", function()
    refused('candy.task("t", { key_rate = "1/1s" }, function() end)', "a.lua:2",
      'option "key_rate" of task "t" needs a key')
    refused('candy.task("t", { key = "account" }, function() end)', 'option "key"',
      "{account}")
    local shaped = [[candy.task("t", { payload = { a = "string?", site = { id = "integer",
      tags = "string[]" } }, key = "%s" }, function() end)]]
    refused(shaped:format("{b}"), 'key of task "t" names the field "b"', "does not have")
    refused(shaped:format("{a}:{site.name}"), '"site.name", which its payload does not')
    refused(shaped:format("{site}"), '"site", which is no text, number or boolean')
    refused(shaped:format("{site.tags}"), '"site.tags", which is no text')
    assert.are.equal(0, (check({
      ["a.lua"] = shaped:format("{workspace}/{a}/{site.id}"),
      ["b.lua"] = 'candy.task("u", { payload = { x = "any", y = "table" }, '
        .. 'key = "{x.y}{y.z}" }, function() end)',
      ["c.lua"] = 'candy.task("v", { payload = { x = "string" }, additional = true, '
        .. 'key = "{y}" }, function() end)',
    })))
    refused('candy.task("t", { rate = "100" }, function() end)', '"rate"', "100/1m")
    refused('candy.task("t", { rate = "1/40d" }, function() end)', "31d")
    refused('candy.task("t", { concurrency = 0 }, function() end)', "from 1 to")
    refused('candy.task("t", { order = "no", key = "{a}" }, function() end)', '"strict"')
    refused('candy.queue.declare("q", { weights = { a = 2 } })', "weights need fair")
    refused('candy.queue.declare("q", { fair = true, weights = { a = 0 } })',
      "a table such as { acme = 5 }, of weights from 1 to 1000 by key, not this table")
    refused('candy.queue.declare("q", { fair = true, ageing = "1m" })', "choose one")
    refused('candy.queue.declare("q", { fair = true, order = "strict" })', "by_key")
    refused('candy.queue.declare("q q", {})', "name")
    refused('candy.queue.declare("q", { rates = 1 })', 'unknown option "rates"')
  end)

  it("are made once", function()
    local code, said = check({
      ["a.lua"] = 'candy.queue.declare("q", { concurrency = 1 })',
      ["b.lua"] = '\n\ncandy.queue.declare("q", { concurrency = 2 })',
    })
    assert.are_not.equal(0, code)
    assert.is_truthy(said:find('queue "q" is declared twice', 1, true), said)
    assert.is_truthy(said:find("a.lua:2", 1, true), said)
    assert.is_truthy(said:find("b.lua:4", 1, true), said)
  end)
end)
