-- candy.testing as specs of scripts use it, and what is left when they are over.
local uv = require("luv")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local program = require("spec.support.program")

package.path = "host/lib/?.lua;" .. package.path
uv.os_setenv("CANDY", candy.program)
local testing = require("candy.testing")

local START = 1795334400000 -- 2026-11-22T08:00:00Z

local SCRIPTS = {
  ["scripts/digest.lua"] = [[
local candy = require("candy")

candy.schema("digests", "create table digests (repo text, n integer)")

candy.task("digest", { payload = { repo = "string" }, max_retries = 2 }, function(job)
  candy.log.info("asks for " .. job.payload.repo)
  local res, err = candy.http.get("https://api.example.com/issues", {
    query = { repo = job.payload.repo }, expect = "ok",
  })
  if not res then
    return nil, err
  end
  job:write("insert into digests values (?, ?)", job.payload.repo, #res:json())
  job:enqueue("mail", { to = "x@example.com", n = #res:json() })
  return { issues = #res:json() }
end)

candy.task("mail", { payload = { to = "string", n = "integer" } }, function(job)
  return { at = candy.time.now() }
end)
]],
  ["scripts/odd.lua"] = [[
local candy = require("candy")

candy.task("boom", function()
  local nothing = nil
  candy.log.warn("about to break")
  return nothing.field
end)
candy.task("kills", { max_retries = 0 }, function()
  while true do end
end)
candy.task("loops", function() candy.queue.push("loops", {}) end)
candy.task("sleeps", function()
  local before = candy.time.now()
  candy.all({ function() candy.sleep("3h") end, function() candy.sleep("1h") end })
  return candy.time.now() - before
end)
candy.task("snoozes", function(job)
  if candy.kv.get("ready") then return "done" end
  return job:snooze("5m")
end)
candy.task("fans", function(job)
  local children, child = job:children(), { type = "nothing" }
  return children and #children or job:fan_out({ child, child })
end)
candy.task("secret", function()
  candy.log.info("it is " .. candy.secret("TOKEN"))
  return candy.secret("OTHER") == nil
end)
candy.task("attempt", { max_retries = 5 }, function(job)
  if job.attempt < 3 then return nil, "attempt " .. job.attempt end
  return job.attempt
end)
candy.on("shop.sold", function(job)
  return job.payload.data.item
end)
candy.task("nothing", function() end)
candy.task("seldom", { throttle = "1h" }, function() return "seldom" end)
candy.task("once", { unique = true }, function() return "once" end)
]],
  ["scripts/http.lua"] = [[
local candy = require("candy")

candy.task("http", function(job)
  local opts = job.payload.opts or {}
  if job.payload.streamed then
    local at = 0
    opts.body = function() at = at + 1; return ({ "one ", "two" })[at] end
  end
  local res, err = candy.http.request(opts)
  if not res then return nil, err end
  return { status = res.status, body = res:text(), type = res.headers["content-type"] }
end)
candy.task("echo", function(job)
  local body = assert(candy.http.get(job.payload.url)).body
  return assert(candy.http.post(job.payload.url, { body = body })).status
end)
candy.task("stream", function(job)
  local lines = {}
  for line in candy.http.stream(job.payload.url):lines() do lines[#lines + 1] = line end
  return lines
end)
]],
}

describe("candy.testing", function()
  local folder, app

  setup(function()
    folder = program.folder(SCRIPTS)
  end)

  teardown(function()
    program.remove(folder)
  end)

  before_each(function()
    app = testing.new({ scripts = folder .. "/scripts", now = "2026-11-22T08:00:00Z" })
  end)

  after_each(function()
    app:close()
  end)

  local function issues(n)
    local list = {}
    for i = 1, n do
      list[i] = { number = i }
    end
    app:stub_http("GET https://api.example.com/*", { json = list })
  end

  -- What a function that must fail says.
  local function says(fn, ...)
    local ok, why = pcall(fn, ...)
    assert.is_false(ok)
    return tostring(type(why) == "table" and why.message or why)
  end

  describe("run", function()
    it("is one attempt on the real runtime, with its effects", function()
      issues(3)
      local result, err, attempt = app:run("digest", { repo = "acme/shop" })
      assert.is_nil(err)
      assert.are.same({ issues = 3 }, result)
      assert.are.same({ "completed", 1 }, { attempt.outcome, attempt.attempt })
      assert.are.same({ { repo = "acme/shop", n = 3 } },
        app:query("select * from digests"))
      assert.are.equal("completed", app:job(attempt.id).state)
    end)

    it("refuses what the door refuses", function()
      local result, err = app:run("digest", {})
      assert.is_nil(result)
      assert.are.equal("required", err.code)
      assert.matches("/payload/repo", tostring(err), 1, true)
      assert.are.equal("unknown_task", (select(2, app:run("digset"))).code)
    end)

    it("tells why, where, and what the job logged", function()
      local result, err = app:run("boom")
      assert.is_nil(result)
      assert.matches("boom failed at attempt 1: .*scripts/odd%.lua:6: .*'nothing'",
        tostring(err))
      assert.matches("it logged:\n    warn  about to break", tostring(err), 1, true)
      assert.are.equal("retryable", app:enqueued("boom")[1].state)
    end)

    it("comes before all that waits, and leaves it in its order", function()
      local ids = {}
      for i = 1, 600 do
        ids[i] = app:enqueue("mail", { to = "x", n = i })
      end
      assert.are.equal("done", (app:set_kv("ready", true) or app:run("snoozes")))
      local ran = app:drain()
      assert.are.equal(600, #ran)
      for i = 1, 600 do
        assert.are.equal(ids[i], ran[i].id)
      end
    end)

    it("says that a job waits for its time", function()
      local _, err = app:run("nothing", {}, { delay = "1h" })
      assert.are.equal("not_due", err.code)
      assert.are.equal(1, #app:enqueued("nothing"))
    end)

    it("says that there is no new job where another one is the same", function()
      assert.are.equal("seldom", (app:run("seldom")))
      local _, err = app:run("seldom")
      assert.are.equal("duplicate", err.code)
      assert.matches("is the same, and it is completed", err.message, 1, true)
      assert.are.equal("seldom", (app:run("seldom", {}, { unique = false })))
    end)

    it("goes on after a job that killed its worker", function()
      app:close()
      app = testing.new({
        scripts = folder .. "/scripts", settings = { ["worker.stall"] = "1s" },
      })
      local _, err, attempt = app:run("kills")
      assert.matches("stood still", err.message)
      assert.are.equal("dead", attempt.outcome)
      assert.is_nil((select(2, app:run("nothing"))))
    end)
  end)

  describe("drain", function()
    it("runs what is due, and what that enqueues", function()
      issues(2)
      app:enqueue("digest", { repo = "a/b" })
      assert.are.equal("available", app:enqueued()[1].state)
      local ran = app:drain()
      assert.are.same({ "digest", "mail" }, { ran[1].type, ran[2].type })
      assert.are.same({}, app:enqueued())
      assert.are.same({}, app:drain())
    end)

    it("runs jobs that are the same once, and which these are is told", function()
      local first, err, duplicate = app:enqueue("once", { n = 1 })
      assert.are.same({}, { err, duplicate })
      local second, err2, duplicate2 = app:enqueue("once", { n = 1 })
      assert.are.same({ first, true }, { second, duplicate2 })
      assert.is_nil(err2)
      assert.are.equal(1, #app:drain())
    end)

    it("leaves retries to the clock", function()
      app:enqueue("attempt")
      assert.are.equal("retryable", app:drain()[1].outcome)
      assert.are.same({}, app:drain())
      app:advance("2s")
      assert.matches("attempt 2", app:drain()[1].error.message)
      app:advance("20s")
      assert.are.equal(3, app:drain()[1].result)
      assert.are.equal(START + 22000, app:now())
    end)

    it("goes from one time to the next", function()
      app:enqueue("attempt")
      app:enqueue("mail", { to = "x", n = 1 }, { delay = "30m" })
      local ran = app:drain({ within = "1h" })
      assert.are.same({ "attempt", "attempt", "attempt", "mail" },
        { ran[1].type, ran[2].type, ran[3].type, ran[4].type })
      assert.are.equal(START + 30 * 60000, ran[4].result.at)
      assert.are.equal(START + 3600000, app:now())
    end)

    it("ends where jobs never do", function()
      app:enqueue("loops")
      assert.matches("after 20 attempts", says(app.drain, app, { max = 20 }))
      app:enqueue("nothing")
      assert.are.equal("loops", app:enqueued()[1].type)
    end)

    it("ends exactly where they do", function()
      app:enqueue("nothing")
      assert.are.equal(1, #app:drain({ max = 1 }))
    end)
  end)

  describe("the clock", function()
    it("stands still, in jobs as well", function()
      assert.are.equal(START, app:now())
      assert.are.same({ at = START }, app:run("mail", { to = "x", n = 1 }))
      assert.are.equal(START + 7200000, app:advance("2h"))
      assert.are.same({ at = START + 7200000 }, app:run("mail", { to = "x", n = 1 }))
      assert.are.equal(START + 7200000, app:jobs()[2].created_at)
    end)

    it("is moved by what jobs sleep", function()
      assert.are.equal(3 * 3600000, (app:run("sleeps")))
      assert.are.equal(START + 3 * 3600000, app:now())
    end)

    it("brings what waits for its children", function()
      local none, err, attempt = app:run("fans")
      assert.is_nil(none)
      assert.are.equal("pending", err.code)
      assert.are.equal("pending", attempt.outcome)
      assert.are.equal("pending", app:job(attempt.id).state)
      local outcomes = {}
      for i, ended in ipairs(app:drain()) do
        outcomes[i] = ended.type .. " " .. ended.outcome
      end
      assert.are.same({ "nothing completed", "nothing completed", "fans completed" },
        outcomes)
      assert.are.equal(2, app:job(attempt.id).result)
    end)

    it("brings what is snoozed", function()
      local _, err = app:run("snoozes")
      assert.are.equal("snoozed", err.code)
      app:set_kv("ready", true)
      app:advance("4m")
      assert.are.same({}, app:drain())
      app:advance("1m")
      assert.are.equal("done", app:drain()[1].result)
    end)

    it("takes durations alone", function()
      assert.matches('not "2 hours"', says(app.advance, app, "2 hours"))
      assert.are.equal(START + 1500, app:advance(1.5))
    end)
  end)

  describe("assertions", function()
    it("tell what is enqueued instead", function()
      app:enqueue("mail", { to = "ada@example.com", n = 1 })
      assert.are.equal("ada@example.com",
        app:assert_enqueued("mail", { n = 1 }).payload.to)
      app:assert_not_enqueued("mail", { n = 2 })
      app:assert_not_enqueued("digest")
      local why = says(app.assert_enqueued, app, "mail", { to = "x" })
      assert.matches('no job waits that is mail with { to = "x" }', why, 1, true)
      assert.matches('mail { n = 1, to = "ada@example.com" } (available)', why, 1, true)
      assert.matches("a job waits that is mail: ",
        says(app.assert_not_enqueued, app, "mail"), 1, true)
    end)

    it("tell which requests there were instead", function()
      issues(1)
      app:run("digest", { repo = "a/b" })
      local request = app:assert_requested("GET https://api.example.com/issues", 1)
      assert.are.same({ repo = "a/b" }, request.query)
      local why = says(app.assert_requested, app, "POST https://api.example.com/*")
      assert.matches("\n  GET https://api.example.com/issues?repo=a%2Fb", why, 1, true)
    end)
  end)

  describe("requests", function()
    local function get(url, opts)
      opts = opts or {}
      opts.url = url
      return app:run("http", { opts = opts })
    end

    it("are refused without a stub, and told how to get one", function()
      local _, err, attempt = get("https://example.com/a?key=1")
      assert.are.same({ "http_not_stubbed", "dead" }, { err.code, attempt.outcome })
      assert.matches('app:stub_http("GET https://example.com/a", {', err.message, 1, true)
    end)

    it("are answered by the newest stub that fits", function()
      app:stub_http("https://example.com/*", { status = 404, body = "no" })
      app:stub_http("POST https://example.com/a", { status = 201, json = { ok = true } })
      assert.are.same({ status = 404, body = "no" }, get("https://example.com/a"))
      assert.are.same({ status = 201, body = '{"ok":true}', type = "application/json" },
        get("https://example.com/a?b=c", { method = "POST" }))
      app:stub_http("https://example.com/a?b=c",
        { headers = { ["Content-Type"] = "x/y" } })
      assert.are.same({ status = 200, body = "", type = "x/y" },
        get("https://example.com/a?b=c"))
    end)

    it("are answered by a function, which sees them whole", function()
      app:stub_http("https://example.com/mails", function(request)
        return { status = request.json.to and 201 or 422, body = request.method }
      end)
      assert.are.same({ 201, "POST" }, { get("https://example.com/mails",
        { method = "POST", json = { to = "x" } }).status,
        get("https://example.com/mails", { method = "POST", json = { to = "x" } }).body })
      get("https://example.com/mails", {
        method = "PUT", json = { a = 1 }, headers = { ["X-Trace"] = "t" },
        auth = { user = "ada", password = "pw" },
      })
      local request = app:assert_requested("PUT https://example.com/mails")
      assert.are.same({ "t", "Basic YWRhOnB3" },
        { request.headers["x-trace"], request.headers.authorization })
      assert.are.same({ a = 1 }, request.json)
    end)

    it("are answered one after the other by a list, and retried in no time", function()
      app:stub_http("https://example.com/*",
        { { status = 503 }, { error = "timeout" }, { body = "third" } })
      assert.are.equal("third", get("https://example.com/", { retries = 3 }).body)
      assert.are.equal("third", get("https://example.com/").body)
      assert.are.equal(4, #app:requests())
    end)

    it("fail as a stub says", function()
      app:stub_http("https://example.com/*",
        { error = "connect_failed", message = "down" })
      local _, err = get("https://example.com/")
      assert.are.same({ "connect_failed", "down" }, { err.code, err.message })
      app:stub_http("https://example.com/*", function() error("a slip") end)
      assert.matches("a slip", (select(2, get("https://example.com/"))).message)
      app:stub_http("https://example.com/*", function() app:drain() end)
      assert.matches("inside of a stub", (select(2, get("https://example.com/"))).message)
    end)

    it("send and read any bytes, whole or piece by piece", function()
      local bytes = {}
      for i = 0, 255 do
        bytes[#bytes + 1] = string.char(i)
      end
      bytes = table.concat(bytes):rep(300) .. "x"
      app:stub_http("GET https://example.com/bytes", { body = bytes })
      app:stub_http("POST https://example.com/bytes", { status = 204 })
      assert.are.equal(204, (app:run("echo", { url = "https://example.com/bytes" })))
      assert.is_true(app:requests("POST https://example.com/*")[1].body == bytes)
      app:stub_http("https://example.com/lines", function(request)
        return { body = request.body .. "\nb\r\n" .. ("c"):rep(70000) }
      end)
      assert.are.same({ "", "b", ("c"):rep(70000) },
        app:run("stream", { url = "https://example.com/lines" }))
      local result = app:run("http", {
        streamed = true, opts = { method = "POST", url = "https://example.com/lines" },
      })
      assert.are.equal("one two\nb", result.body:sub(1, 9))
    end)

    it("go out when they are allowed to", function()
      app:close()
      app = testing.new({ scripts = folder .. "/scripts", allow_http = true })
      local _, err = get("http://127.0.0.1:9/", { timeout = "5s" })
      assert.are.equal("connect_failed", err.code)
    end)

    it("are stubbed by what is a stub alone", function()
      assert.matches("no field stauts", says(app.stub_http, app, "x", { stauts = 200 }))
      assert.matches("takes a pattern", says(app.stub_http, app, "x"))
    end)
  end)

  describe("what an app begins with", function()
    local function open(opts)
      app:close()
      opts.scripts = opts.scripts or folder .. "/scripts"
      app = testing.new(opts)
    end

    it("are its own secrets, which no log shows", function()
      open({ secrets = { TOKEN = "tok-123456789" } })
      assert.is_true((app:run("secret")))
      assert.are.equal("it is [redacted]", app:logs({ type = "secret" })[1].message)
    end)

    it("is nothing of the folder's .env, nor of the environment", function()
      local other = program.folder({
        [".env"] = "CANDY_SECRET_OTHER=1\nCANDY_NONSENSE=1\n",
        ["spec.lua"] = ([[package.path = %q .. package.path
          local app = require("candy.testing").new({
            scripts = %q, secrets = { TOKEN = "x" } })
          print(app:run("secret"))]]):format(uv.cwd() .. "/host/lib/?.lua;",
            folder .. "/scripts"),
      })
      local run = program.run("luajit", { "spec.lua" }, { cwd = other,
        env = { CANDY = candy.program, CANDY_SECRET_OTHER = "1", CANDY_PORT = "none" } })
      program.remove(other)
      assert.are.equal("true", run.out:match("^%w+"), run.err)
    end)

    it("are settings, and no others", function()
      open({ settings = { ["task.max_retries"] = 0 } })
      assert.are.equal("dead", select(3, app:run("boom")).outcome)
      assert.matches('there is no "task.retries"',
        says(testing.new, { settings = { ["task.retries"] = 1 } }))
      assert.matches("no option script:", says(testing.new, { script = "x" }))
    end)

    it("are scripts that can be loaded", function()
      local broken = program.folder({ ["scripts/bad.lua"] = "local x = = 1\n" })
      local why = says(testing.new, { scripts = broken .. "/scripts" })
      program.remove(broken)
      assert.matches("scripts cannot be loaded:\n  [^\n]*/bad%.lua:1: ", why)
      assert.matches('scripts folder "/none/scripts": cannot read',
        says(testing.new, { scripts = "/none/scripts" }))
    end)
  end)

  it("emits events, whose handlers get jobs", function()
    assert.are.equal(1, #app:emit("shop.sold", { item = "cup" }))
    assert.are.equal("cup", app:drain()[1].result)
    assert.are.same({}, app:emit("shop.closed"))
  end)

  it("reads and writes the scripts' tables, and none of Candy's", function()
    assert.are.equal(1, app:exec("insert into digests values (?, ?)", "a", nil).changes)
    assert.are.same({ { repo = "a" } },
      app:query("select * from digests where repo = ?", "a"))
    assert.matches("candy_job", says(app.query, app, "select * from candy_job"))
    app:set_kv("k", { n = 1 })
    assert.are.same({ n = 1 }, app:kv("k"))
    assert.is_nil(app:kv("none"))
  end)

  it("shares nothing with another one", function()
    local other = testing.new({ scripts = folder .. "/scripts" })
    app:enqueue("nothing")
    assert.are.same({}, other:enqueued())
    other:close()
    assert.are.equal(1, #app:drain())
  end)

  describe("is over", function()
    local tmp

    before_each(function()
      tmp = candy.folder()
    end)

    after_each(function()
      candy.remove(tmp)
    end)

    local function left()
      local names = {}
      for name in uv.fs_scandir_next, uv.fs_scandir(tmp) do
        names[#names + 1] = name
      end
      return names
    end

    local function spec(ending)
      local path = tmp .. ".lua"
      candy.write(path, ([[package.path = %q .. package.path
        local app = require("candy.testing").new({ scripts = %q })
        app:enqueue("nothing")
        io.write("begun\n") io.flush()
        %s]]):format(uv.cwd() .. "/host/lib/?.lua;", folder .. "/scripts", ending))
      local run = candy.spawn("luajit", { path },
        { env = { CANDY = candy.program, TMPDIR = tmp } })
      poll.wait_for(function()
        return run.out.text:find("begun")
      end, 20, "the spec to begin: " .. run.err.text)
      os.remove(path)
      return run
    end

    it("at once, with nothing left", function()
      local run = spec('app:close() app:close() print(pcall(app.drain, app))')
      candy.join(run)
      assert.matches("this app is closed", run.out.text)
      assert.are.same({}, left())
    end)

    for how, ending in pairs({
      ["is not told so"] = "",
      ["ends at once"] = "os.exit(3)",
      ["crashes"] = "io.read('*a') -- is killed",
    }) do
      it("also when the spec " .. how, function()
        local run = spec(ending)
        uv.kill(run.pid, "sigkill")
        poll.wait_for(function()
          return #left() == 0
        end, 20, "the folder to be removed")
      end)
    end
  end)
end)
