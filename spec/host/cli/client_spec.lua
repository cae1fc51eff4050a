local cjson = require("cjson")
local control_host = require("spec.fakes.control_host")
local program = require("spec.support.program")

local CANDY = program.build() .. "/candy"

-- The commands that talk to the host, against one that answers as each case says.
describe("candy, as a client,", function()
  local folder, host

  before_each(function()
    folder = program.folder({ ["data/empty"] = "" })
  end)

  after_each(function()
    if host then
      host:stop()
      host = nil
    end
    program.remove(folder)
  end)

  -- Answers in turn; the last one stays.
  local function serve(...)
    local answers = { ... }
    host = control_host.start(folder .. "/data", function(_, n)
      local answer = answers[math.min(n, #answers)]
      return type(answer) == "table" and answer or { body = answer }
    end)
  end

  local function candy(...)
    return program.run(CANDY, { ... }, { cwd = folder })
  end

  local function request(n)
    return host.requests[n or 1]
  end

  local function asked(n)
    return cjson.decode(request(n).body)
  end

  describe("without a host", function()
    local text = "candy: no host is running on data folder data; "
      .. "start one with: candy run --data data\n"

    it("says so and exits with 3", function()
      local ran = candy("jobs")
      assert.same({ 3, "", text }, { ran.code, ran.out, ran.err })
    end)

    it("says so when the host left its socket behind", function()
      local dead = 'require("luv").new_pipe():bind("control.sock") os.exit(0, false)'
      local left = program.run("/usr/bin/env", { "luajit", "-e", dead },
        { cwd = folder .. "/data" })
      assert.equal(0, left.code)
      local ran = candy("jobs")
      assert.same({ 3, "", text }, { ran.code, ran.out, ran.err })
    end)

    it("says so when there is no data folder", function()
      local ran = candy("job", "1", "--data", "nowhere")
      assert.equal(3, ran.code)
      assert.matches("no host is running on data folder nowhere;", ran.err, 1, true)
    end)
  end)

  it("reaches a host whose folder has a path too long for a socket", function()
    local deep = folder .. "/" .. ("d"):rep(150) .. "/data"
    assert(os.execute("mkdir -p " .. deep) == 0)
    host = control_host.start(deep, function()
      return { body = '{"id":"7"}' }
    end)
    local ran = candy("enqueue", "a", "--data", deep)
    assert.same({ 0, "7\n", "" }, { ran.code, ran.out, ran.err })
  end)

  it("prints a problem with each field that it names, and exits with 1", function()
    serve({ status = 422, type = "application/problem+json", body = cjson.encode({
      status = 422, title = "Unprocessable", detail = "the payload does not fit",
      errors = { { pointer = "/payload/repo", message = "must be a\nstring" } },
    }) })
    local ran = candy("enqueue", "a", "{}")
    assert.same({ 1, "", "candy: the payload does not fit\n"
      .. "  /payload/repo: must be a string\n" }, { ran.code, ran.out, ran.err })
  end)

  it("never hands control characters of an answer to the terminal", function()
    serve({ status = 500, body = '{"detail":"a\\u001b[31mb\\u0007\\u009bc"}' })
    assert.equal("candy: a?[31mb??c\n", candy("jobs").err)
  end)

  it("fails on an answer that is broken off, empty or no JSON", function()
    local cases = {
      { raw = "", text = "no whole answer to GET /tasks/1: it closed the connection" },
      { raw = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        text = "no whole answer" },
      { raw = "nonsense\r\n\r\n", text = "no whole answer" },
      { status = 500, body = "", text = "the host answered with status 500" },
      { body = "<html>", text = "the host's answer is not valid JSON" },
    }
    for _, case in ipairs(cases) do
      serve(case)
      local ran = candy("job", "1")
      assert.equal(1, ran.code)
      assert.matches(case.text, ran.err, 1, true)
      host:stop()
      host = nil
      os.remove(folder .. "/data/control.sock")
    end
  end)

  it("reads answers in chunks and without a length", function()
    serve({ raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. '5\r\n{"id"\r\n5\r\n:"8"}\r\n0\r\n\r\n' },
      { raw = 'HTTP/1.1 200 OK\r\n\r\n{"id":"9"}' })
    assert.equal("8\n", candy("enqueue", "a").out)
    assert.equal("9\n", candy("enqueue", "a").out)
  end)

  describe("enqueue", function()
    it("sends the payload as the bytes that came", function()
      serve({ status = 202, body = '{"id":"41"}' })
      local payload = '{ "n": 123456789012345678901234567890, "a": [] }'
      local ran = candy("enqueue", "digest", payload)
      assert.same({ 0, "41\n", "" }, { ran.code, ran.out, ran.err })
      assert.equal("POST", request().method)
      assert.equal("/tasks", request().target)
      assert.equal('{"type":"digest","payload":' .. payload .. "}", request().body)
    end)

    it("leaves the payload out when there is none", function()
      serve('{"id":"1"}')
      candy("enqueue", "a")
      assert.equal('{"type":"a"}', request().body)
    end)

    it("takes the payload from standard input and from a file", function()
      serve('{"id":"1"}')
      program.run(CANDY, { "enqueue", "a", "-" }, { cwd = folder, stdin = '{"b":1}\n' })
      program.write(folder .. "/p.json", '{"c":2}')
      candy("enqueue", "a", "@p.json")
      assert.same({ b = 1 }, asked(1).payload)
      assert.same({ c = 2 }, asked(2).payload)
    end)

    it("sends every option", function()
      serve('{"id":"1"}')
      candy("enqueue", "a", "--delay", "5m", "--priority", "-3", "--queue=q",
        "--tag", "x", "--tag", 'y"z', "--key", "k", "--max-retries", "0")
      assert.same({ type = "a", delay = "5m", priority = -3, queue = "q",
        tags = { "x", 'y"z' }, key = "k", max_retries = 0 }, asked())
      candy("enqueue", "a", "--run-at", "2026-11-22T08:00:00Z")
      assert.equal(1795334400000, asked(2).run_at)
      candy("enqueue", "a", "--run-at", "1795334400001")
      assert.equal(1795334400001, asked(3).run_at)
    end)

    it("prints the answer with --json", function()
      serve('{"id":"1","duplicate":true}')
      assert.equal('{"id":"1","duplicate":true}\n', candy("enqueue", "a", "--json").out)
    end)

    it("refuses bad input before it asks the host", function()
      serve('{"id":"1"}')
      local bad = {
        { { "a", "{" }, "payload: not valid JSON at line 1, column 1 (byte 1): " },
        { { "a", '{"a":\n  x}' }, "payload: not valid JSON at line 2, column 3" },
        { { "a", "" }, "payload: not valid JSON: it is empty (0 bytes)" },
        { { "a", "@none" }, "payload: cannot read none: No such file" },
        { { "a", "{}", "--delay", "soon" }, '--delay: must be a duration such as "5m"' },
        { { "a", "{}", "--run-at", "soon" }, "--run-at: must be a time such as" },
        { { "a", "--delay", "1s", "--run-at", "5" }, "exclude each other" },
        { { "a", "--priority", "high" }, "--priority: must be a whole number" },
        { { "a", "--timeout", "1s" }, "--timeout goes with --wait" },
        { { "a", "--wait", "--timeout", "1" }, "--timeout: must be a duration" },
        { {}, "something is missing: candy enqueue TYPE [PAYLOAD | @FILE | -]" },
      }
      for _, case in ipairs(bad) do
        local ran = candy("enqueue", unpack(case[1]))
        assert.equal(2, ran.code)
        assert.matches(case[2], ran.err, 1, true)
      end
      assert.equal(0, #host.requests)
    end)

    describe("--wait", function()
      local function job(state, more)
        return ('{"id":"5","state":"%s"%s}'):format(state, more or "")
      end

      it("prints the result as the host sent it", function()
        serve('{"id":"5"}', job("available"), job("running"),
          job("completed", ',"result":{"n":12345678901234567890}'))
        local ran = candy("enqueue", "a", "--wait")
        assert.same({ 0, '{"n":12345678901234567890}\n', "" },
          { ran.code, ran.out, ran.err })
        assert.equal("GET /tasks/5", request(4).method .. " " .. request(4).target)
      end)

      it("exits with 4 when the job ends dead", function()
        serve('{"id":"5"}',
          job("dead", ',"attempts":[{"error":{"code":"x","message":"no luck"}}]'))
        local ran = candy("enqueue", "a", "--wait")
        assert.same({ 4, "", "candy: job 5 ended dead: no luck\n" },
          { ran.code, ran.out, ran.err })
      end)

      it("tells each attempt that fails once, and when the next one is due", function()
        local function attempts(...)
          local list = {}
          for i, message in ipairs({ ... }) do
            list[i] = { attempt = i, state = message and "failed" or "completed",
              error = message and { code = "x", message = message } }
          end
          return (',"max_retries":3,"run_at":%d000,"attempts":%s'):format(os.time(),
            cjson.encode(list))
        end
        serve('{"id":"5"}', job("retryable", attempts("HTTP\n503")),
          job("retryable", attempts("HTTP\n503")),
          job("running", attempts("HTTP\n503", "HTTP 504")),
          job("completed", attempts("HTTP\n503", "HTTP 504", "HTTP 505", false)))
        local ran = candy("enqueue", "a", "--wait")
        assert.same({ 0, "null\n" }, { ran.code, ran.out })
        assert.equal(
          "candy: job 5 failed (attempt 1 of 4), will be retried at T: HTTP 503\n"
          .. "candy: job 5 failed (attempt 2 of 4), is tried again: HTTP 504\n"
          .. "candy: job 5 failed (attempt 3 of 4), is tried again: HTTP 505\n",
          (ran.err:gsub("%d%d:%d%d:%d%d", "T")))
      end)

      it("tells the last attempt of a dead job only at the end", function()
        serve('{"id":"5"}', job("dead", ',"max_retries":0,"attempts":[{"attempt":1,'
          .. '"state":"failed","error":{"code":"x","message":"no luck"}}]'))
        assert.equal("candy: job 5 ended dead: no luck\n",
          candy("enqueue", "a", "--wait").err)
      end)

      it("prints the whole job with --json", function()
        serve('{"id":"5"}', job("cancelled"))
        local ran = candy("enqueue", "a", "--wait", "--json")
        assert.equal(4, ran.code)
        assert.equal(job("cancelled") .. "\n", ran.out)
      end)

      it("waits no longer than --timeout", function()
        serve('{"id":"5"}', job("running"))
        local ran = candy("enqueue", "a", "--wait", "--timeout", "30ms")
        assert.equal(1, ran.code)
        assert.equal("candy: job 5 is still running; look again with: candy job 5\n",
          ran.err)
      end)

      it("tells the id when the host is lost", function()
        serve('{"id":"5"}', { raw = "" })
        local ran = candy("enqueue", "a", "--wait")
        assert.equal(1, ran.code)
        assert.matches("job 5 is enqueued", ran.err, 1, true)
      end)
    end)
  end)

  describe("jobs", function()
    local function item(id, more)
      local job = { id = id, state = "dead", type = "digest", queue = "default",
        attempt = 4, max_retries = 3, created_at = os.time() * 1000 - 7200000,
        error = { code = "x", message = "it\nbroke" } }
      for name, value in pairs(more or {}) do
        job[name] = value
      end
      return job
    end

    local function page(items, cursor)
      return cjson.encode({ items = items, next_cursor = cursor or cjson.null })
    end

    it("prints an aligned table", function()
      serve(page({ item("1"), item("20", { state = "completed", type = "größe",
        error = cjson.null, attempt = 1 }) }))
      assert.equal([[
ID  STATE      TYPE    QUEUE    ATTEMPT  AGE  ERROR
1   dead       digest  default  4/4      2h   it broke
20  completed  größe   default  1/4      2h
]], candy("jobs").out)
    end)

    it("sends its filters", function()
      serve(page({}))
      local ran = candy("jobs", "--state", "dead,available", "--type", "a b",
        "--tag", "t", "--queue", "q", "--search", "x&y",
        "--since", "2026-11-22T08:00:00Z")
      assert.same({ 0, "", "no jobs\n" }, { ran.code, ran.out, ran.err })
      assert.equal("/tasks?state=dead%2Cavailable&type=a%20b&queue=q&tag=t&search=x%26y"
        .. "&since=1795334400000&limit=50", request().target)
    end)

    it("takes a span of time for --since", function()
      serve(page({}))
      candy("jobs", "--since", "2h")
      local since = tonumber(request().target:match("since=(%d+)"))
      assert.is_true(math.abs(os.time() - 7200 - since / 1000) < 60)
    end)

    it("follows the pages up to --limit", function()
      serve(page({ item("1"), item("2") }, "c/1"), page({ item("3") }, "c2"))
      local ran = candy("jobs", "--limit", "3", "--json")
      local answer = cjson.decode(ran.out)
      assert.equal(3, #answer.items)
      assert.equal("c2", answer.next_cursor)
      assert.equal("/tasks?limit=3", request(1).target)
      assert.equal("/tasks?limit=1&cursor=c%2F1", request(2).target)
    end)

    it("follows all pages with --all, and tells without it that more follow", function()
      serve(page({ item("1") }, "c"), page({ item("2") }))
      assert.equal(2, #cjson.decode(candy("jobs", "--all", "--json").out).items)
      host.requests = {}
      assert.equal("more follow: --limit N or --all lists them\n",
        candy("jobs", "--limit", "1").err)
    end)

    it("is coloured and cut on a terminal alone, without NO_COLOR", function()
      serve(page({ item("1", { error = { message = ("x"):rep(200) } }) }))
      local function on_terminal(env)
        return program.run("/usr/bin/script", { "-qec", "stty cols 60; exec " .. CANDY
          .. " jobs", "/dev/null" }, { cwd = folder, env = env }).out
      end
      local out = on_terminal({ NO_COLOR = "" })
      assert.matches("\27[31mdead\27[0m", out, 1, true)
      assert.matches("2h   x+…\r\n$", out)
      out = on_terminal({ NO_COLOR = "1" })
      assert.is_nil(out:find("\27", 1, true))
    end)
  end)

  describe("job", function()
    local JOB = [[{"id":"9","state":"dead","type":"digest","queue":"q","priority":2,
      "attempt":2,"max_retries":1,"created_at":1000,"finished_at":3000,
      "progress":{"percent":50,"message":"half"},"tags":["a","b"],
      "payload":{"repo":"acme/shop"},"result":null,
      "attempts":[{"attempt":1,"state":"failed","began_at":1000,"ended_at":1250,
        "worker":"w1","error":{"code":"error","message":"first","traceback":"a\nb"}},
        {"attempt":2,"state":"dead","began_at":2000,"ended_at":3000,"error":null}]}]]

    it("shows the job and its attempts", function()
      serve(JOB)
      local ran = candy("job", "9")
      assert.same({ 0, "" }, { ran.code, ran.err })
      assert.equal("/tasks/9", request().target)
      assert.equal([[
id          9
state       dead
type        digest
queue       q
priority    2
tags        a, b
attempt     2 of 2
created     1970-01-01T00:00:01.000Z (AGE ago)
finished    1970-01-01T00:00:03.000Z (AGE ago)
progress    50 % half

payload
  {
    "repo": "acme/shop"
  }

attempts
  1  failed  1970-01-01T00:00:01.000Z  took 250ms  on worker w1
     error: first
     a
     b
  2  dead  1970-01-01T00:00:02.000Z  took 1s
]], (ran.out:gsub("%(%d+d ago", "(AGE ago")))
    end)

    it("prints the answer as it came with --json", function()
      serve(JOB)
      assert.equal(JOB .. "\n", candy("job", "9", "--json").out)
    end)

    it("escapes the id", function()
      serve(JOB)
      candy("job", "../x?y")
      assert.equal("/tasks/..%2Fx%3Fy", request().target)
    end)
  end)

  describe("retry and purge", function()
    it("take one id", function()
      serve("{}")
      assert.equal("1 job retried\n", candy("retry", "5").out)
      assert.equal("POST /tasks/5/retry", request().method .. " " .. request().target)
    end)

    it("take several ids and fail when some could not be served", function()
      serve('{"count":2}', '{"count":1}')
      local ran = candy("retry", "5", "6")
      assert.same({ 0, "2 jobs retried\n" }, { ran.code, ran.out })
      assert.equal("/tasks/retry", request().target)
      assert.same({ ids = { "5", "6" }, max = 10000 }, asked())
      ran = candy("purge", "5", "6")
      assert.same({ 1, "1 job purged\n" }, { ran.code, ran.out })
      assert.matches("1 of 2 ids could not be purged", ran.err, 1, true)
      assert.equal("/tasks/purge", request(2).target)
    end)

    it("take filters, and mean dead jobs unless told otherwise", function()
      serve('{"count":7}')
      assert.equal("7 jobs retried\n", candy("retry", "--type", "a", "--tag", "t").out)
      assert.same({ state = "dead", type = "a", tag = "t", max = 10000 }, asked(1))
      assert.equal('{"count":7}\n',
        candy("purge", "--state", "completed", "--json").out)
      assert.same({ state = "completed", max = 10000 }, asked(2))
      candy("retry", "--all")
      assert.same({ state = "dead", max = 10000 }, asked(3))
    end)

    it("go in rounds: purge to the end, retry until told again", function()
      serve('{"count":10000}', '{"count":5}', '{"count":10000}')
      assert.equal("10005 jobs purged\n", candy("purge", "--all").out)
      local ran = candy("retry", "--all")
      assert.same({ 0, "10000 jobs retried\n" }, { ran.code, ran.out })
      assert.matches("there may be more", ran.err, 1, true)
    end)

    it("want to be told which jobs", function()
      serve('{"count":7}')
      for _, command in ipairs({ "retry", "purge" }) do
        local ran = candy(command)
        assert.equal(2, ran.code)
        assert.matches("which jobs?", ran.err, 1, true)
        assert.equal(2, candy(command, "1", "--all").code)
        ran = candy(command, "--type", "") -- a variable that was not set
        assert.equal(2, ran.code)
        assert.matches("--type is empty", ran.err, 1, true)
      end
      assert.equal(0, #host.requests)
    end)
  end)

  describe("tasks", function()
    it("lists what is declared and what could not be loaded", function()
      serve(cjson.encode({
        items = { { name = "digest", file = "scripts/digest.lua", line = 3, queue = "q",
          max_retries = 4, timeout_ms = 120000, schema = {
            properties = { labels = { type = "array" } }, required = { "labels" } } } },
        files = { { path = "scripts/digest.lua" },
          { path = "scripts/bad.lua", error = "scripts/bad.lua:1: unexpected symbol" } },
      }))
      local ran = candy("tasks")
      assert.equal([[
TASK    QUEUE  RETRIES  TIMEOUT  WHERE                 PAYLOAD
digest  q      4        2m       scripts/digest.lua:3  labels[]
]], ran.out)
      assert.matches("scripts/bad.lua:1: unexpected symbol", ran.err, 1, true)
      assert.equal("/definitions", request().target)
    end)
  end)

  describe("backup", function()
    it("sends a path that holds in any folder", function()
      serve('{"file":"/x/copy.db","bytes":1400000}')
      assert.equal("wrote /x/copy.db (1.4 MB)\n", candy("backup", "copy.db").out)
      assert.equal("/control/backup", request().target)
      assert.equal(folder .. "/copy.db", asked().file)
      candy("backup", "/tmp/y.db")
      assert.equal("/tmp/y.db", asked(2).file)
    end)
  end)
end)
