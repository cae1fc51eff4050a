-- candy.http in jobs of a real host, against servers in the spec's own process.
local candy = require("spec.support.candy")
local outside = require("spec.support.outside")

local host

setup(function()
  host = candy.start({ workers = 1, scripts = { ["http.lua"] = [[
    local candy = require("candy")
    local options = { payload = { code = "string", url = "string?" }, max_retries = 0 }
    candy.task("eval", options, function(job)
      local globals = setmetatable({ candy = candy, job = job, url = job.payload.url },
        { __index = _G })
      return assert(load(job.payload.code, "eval", "t", globals))()
    end)
    candy.task("check", { payload = { url = "string" } }, function(job)
      local res, err = candy.http.get(job.payload.url)
      if not res then
        return nil, err
      end
      return res:check()
    end)
  ]] } })
end)
teardown(function() host:stop() end)
after_each(outside.close_all)

local function present(value)
  return value ~= require("cjson").null and value or nil
end

-- Runs code in a job, where `url` is that of the server (if there is one).
local function eval(code, server)
  local job = host:wait(host:push("eval", { code = code, url = server and server.url }))
  return present(job.result), present(job.error)
end

local function serve(on_request, options)
  return outside.serve(on_request, options)
end

local function echo()
  return serve(function(conn, head, body)
    conn:answer(200, { ["Content-Type"] = "text/plain" }, head .. body)
  end)
end

describe("candy.http", function()
  it("gets an answer with everything about it", function()
    local server = serve(function(conn)
      conn:send("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
        .. "Set-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 10\r\n\r\n{\"a\":[1]} ")
    end)
    local result, err = eval([[
      local res = assert(candy.http.get(url .. "/x"))
      return { status = res.status, ok = res.ok, body = res.body, text = res:text(),
        json = res:json(), type = res.headers["Content-Type"],
        cookies = res.headers:all("Set-Cookie"), joined = res.headers["set-cookie"],
        url = res.url, redirects = res.redirects, version = res.version,
        total = type(res.timings.total), none = res.headers.nothing == nil,
        shown = tostring(res) }
    ]], server)
    assert.is_nil(err)
    assert.are.same({
      status = 404, ok = false, body = '{"a":[1]} ', text = '{"a":[1]} ',
      json = { a = { 1 } }, type = "application/json", cookies = { "a=1", "b=2" },
      joined = "a=1, b=2", url = server.url .. "/x", redirects = 0, version = "1.1",
      total = "number", none = true,
      shown = "response 404 of GET " .. server.url .. "/x",
    }, result)
  end)

  it("sends query, headers, authorization and every kind of body", function()
    local server = echo()
    local result = eval([[
      local function sent(opts)
        opts.url = url .. "/p?a=1#f"
        return assert(candy.http.request(opts)).body
      end
      local pieces = { "one,", "", "two" }
      return {
        get = sent({ query = { b = { "x y", "z" }, c = true },
          headers = { ["X-A"] = 5 } }),
        json = sent({ method = "post", json = { a = candy.json.array() } }),
        form = sent({ method = "PUT", form = { n = "ü&" } }),
        text = sent({ method = "PATCH", body = "plain", headers = {
          ["content-type"] = "text/x" } }),
        parts = sent({ method = "POST", multipart = {
          { name = "a", value = 1 },
          { name = "f", content = "data", filename = 'q".txt', type = "text/plain" },
        } }),
        empty = sent({ method = "POST" }),
        basic = sent({ auth = { user = "me", password = "pw" } }),
        bearer = sent({ auth = { bearer = "tok" } }),
        delete = sent({ method = "DELETE" }),
      }
    ]], server)
    assert.matches("^GET /p%?a=1&b=x%%20y&b=z&c=true HTTP/1.1\r\n", result.get)
    assert.matches("\r\nX%-A: 5\r\n", result.get)
    assert.matches("\r\nUser%-Agent: candy/", result.get)
    assert.matches("\r\nAccept%-Encoding: [^\r]*gzip", result.get)
    assert.matches("^POST .*\r\nContent%-Type: application/json\r\n", result.json)
    assert.matches('\r\n\r\n{"a":%[%]}$', result.json)
    assert.matches("form%-urlencoded\r\n.*\r\n\r\nn=%%C3%%BC%%26$", result.form)
    assert.matches("^PATCH .*\r\ncontent%-type: text/x\r\n.*\r\n\r\nplain$", result.text)
    assert.matches('name="a"\r\n\r\n1\r\n%-%-candy', result.parts)
    assert.matches('name="f"; filename="q%%22.txt"\r\nContent%-Type: text/plain\r\n\r\n'
      .. 'data\r\n%-%-candy%-%x+%-%-\r\n$', result.parts)
    assert.matches("\r\nContent%-Length: 0\r\n", result.empty)
    assert.matches("\r\nAuthorization: Basic bWU6cHc=\r\n", result.basic)
    assert.matches("\r\nAuthorization: Bearer tok\r\n", result.bearer)
    assert.matches("^DELETE ", result.delete)
  end)

  it("streams a request body from a function, and from whatever can be read", function()
    local bytes = {}
    local server = serve(function() end, { on_bytes = function(conn, chunk)
      bytes[#bytes + 1] = chunk
      local all = table.concat(bytes)
      if all:find("\r\n0\r\n\r\n", 1, true) then
        bytes = {}
        local body = all:match("\r\n\r\n(.*)$")
        local size = 0
        for length in body:gmatch("%f[%x](%x+)\r\n") do
          size = size + tonumber(length, 16)
        end
        conn:answer(200, nil, tostring(size))
      end
    end })
    local result, err = eval([[
      local left, read = 30, 0
      local res = assert(candy.http.post(url, { body = function()
        left = left - 1
        return left >= 0 and ("x"):rep(100000) or nil
      end }))
      local file = { read = function(_, n)
        read = read + 1
        return read <= 3 and ("y"):rep(n) or nil
      end }
      assert(candy.file.write("up.txt", ("z"):rep(200000)))
      local real = assert(candy.http.post(url, {
        body = assert(candy.file.open("up.txt")) }))
      local other = assert(candy.http.post(url, { body = file }))
      local ok, why = pcall(candy.http.post, url,
        { body = function() error("no more") end })
      return { res.body, other.body, ok, why, real.body }
    ]], server)
    assert.is_nil(err)
    assert.are.equal("3000000", result[1])
    assert.are.equal(tostring(3 * 65536), result[2])
    assert.is_false(result[3])
    assert.matches("no more", result[4])
    assert.are.equal("200000", result[5])
  end)

  it("streams answers: pieces, lines, text", function()
    local server = serve(function(conn)
      conn:send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        .. "8\r\none\r\ntwo\r\n5\r\n-two\n\r\n5\r\nthree\r\n0\r\n\r\n")
    end)
    local result = eval([[
      local lines, pieces = {}, {}
      for line in assert(candy.http.stream(url)):lines() do lines[#lines + 1] = line end
      for piece in assert(candy.http.stream(url)):chunks() do
        pieces[#pieces + 1] = piece
      end
      local res = assert(candy.http.stream(url))
      local early = res.body == nil
      local text = res:text()
      return { lines = lines, pieces = table.concat(pieces), text = text, early = early,
        after = res:read() == nil }
    ]], server)
    assert.are.same({ "one", "two-two", "three" }, result.lines)
    assert.are.equal("one\r\ntwo-two\nthree", result.pieces)
    assert.are.equal(result.pieces, result.text)
    assert.is_true(result.early)
    assert.is_true(result.after)
  end)

  it("never takes half a body for a whole one", function()
    local server = serve(function(conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", function()
        conn:close()
      end)
    end)
    local result = eval([[
      local res, err = candy.http.get(url)
      local stream = assert(candy.http.stream(url))
      local got = {}
      local ok, raised = pcall(function()
        for piece in stream:chunks() do got[#got + 1] = piece end
      end)
      return { res = res == nil, code = err.code, got = got, ok = ok,
        raised = raised.code }
    ]], server)
    assert.are.same({ res = true, code = "closed_mid_body", got = { "abc" }, ok = false,
      raised = "closed_mid_body" }, result)
  end)

  it("gives server-sent events one by one as they come", function()
    local server = serve(function(conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        .. "\239\187\191: hello\ndata: one\ndata: two\nid: 7\n\nevent: tick\r\ndata\r")
      conn:send("\n\r\nretry: 50\nevent: lost\n\ndata: {}\n\n")
    end)
    local result = eval([[
      local events = {}
      local res = assert(candy.http.stream(url))
      for event in res:events() do
        events[#events + 1] = event
        if #events == 3 then break end
      end
      res:close()
      return events
    ]], server)
    assert.are.same({
      { event = "message", data = "one\ntwo", id = "7" },
      { event = "tick", data = "", id = "7" },
      { event = "message", data = "{}", id = "7", retry = 50 },
    }, result)
  end)

  it("takes server-sent events however, and as soon as, their lines end", function()
    local server = serve(function(conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
      local pieces = { "data: a\r", "\ndata: b\r\n\r", "\ndata:c\r\r",
        "id: x\0y\nretry: 1x\n", "data:  d\n\n", "data\r\r" }
      local at = 0
      conn:every(20, function()
        at = at + 1
        if pieces[at] then conn:send(pieces[at]) end
      end)
    end)
    local result = eval([[
      local res, data = assert(candy.http.stream(url)), {}
      for event in res:events("0") do
        data[#data + 1] = event.data .. "|" .. event.id
        if #data == 4 then return data end
      end
    ]], server)
    assert.are.same({ "a\nb|0", "c|0", " d|0", "|0" }, result)
  end)

  it("goes on after an id and a time to wait that came without an event", function()
    local server
    server = serve(function(conn)
      if #server.heads > 2 then
        conn:send("HTTP/1.1 204 Over\r\n\r\n")
        return
      end
      conn:send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        .. "retry: 0\nid: 5\n\nid: 6\ndata: half", function() conn:close() end)
    end)
    local _, err = eval([[ candy.http.events(url)() ]], server)
    assert.is_nil(err)
    assert.are.equal(3, #server.heads)
    assert.matches("Last%-Event%-ID: 5\r\n", server.heads[3])
  end)

  it("connects again to a stream of events, from the last one on", function()
    local server
    server = serve(function(conn)
      local n = #server.heads
      if n == 3 then
        conn:answer(503)
        return
      elseif n == 4 then
        conn:send("HTTP/1.1 204 Over\r\n\r\n")
        return
      end
      conn:send(("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        .. "retry: 1\nid: %d\ndata: %d\n\ndata: half"):format(n * 10, n), function()
          conn:close()
        end)
    end)
    local result, err = eval([[
      local data = {}
      for event in candy.http.events(url) do data[#data + 1] = event.data end
      return data
    ]], server)
    assert.is_nil(err)
    assert.are.same({ "1", "2" }, result)
    assert.is_nil(server.heads[1]:match("Last%-Event%-ID"))
    assert.matches("Accept: text/event%-stream", server.heads[1])
    assert.matches("Last%-Event%-ID: 10\r\n", server.heads[2])
    assert.matches("Last%-Event%-ID: 20\r\n", server.heads[4])
    local other = echo()
    local _, problem = eval([[ candy.http.events(url)() ]], other)
    assert.are.equal("bad_response", problem.code)
  end)

  it("turns statuses into errors that drive the job's own retries", function()
    local server
    server = serve(function(conn)
      if #server.heads == 1 then
        conn:answer(503, { ["Retry-After"] = "1" }, "come back\nlater")
      else
        conn:answer(200, nil, "fine")
      end
    end)
    local job = host:wait(host:push("check", { url = server.url .. "/a" }), "retryable")
    assert.are.equal("http_503", job.error.code)
    assert.are.equal("GET " .. server.url .. "/a: the server answered 503: come back "
      .. "later", job.error.message)
    assert.are.equal("completed", host:wait(job.id).state)
    local result = eval([[
      local res, err = candy.http.get(url, { expect = "ok" })
      return { res ~= nil, err }
    ]], server)
    assert.is_true(result[1])
  end)

  it("tries again where that is safe, and as long as it was asked to wait", function()
    local function attempts(code, status, headers)
      local server
      server = serve(function(conn)
        if #server.heads < 3 then
          conn:answer(status, headers, "busy")
        else
          conn:answer(200, nil, "fine")
        end
      end)
      local result, err = eval(code, server)
      assert.is_nil(err)
      return #server.heads, result
    end
    local at_once = { ["Retry-After"] = "0" }
    assert.are.equal(3, attempts("candy.http.get(url, { retries = 3 })", 503, at_once))
    assert.are.equal(2, attempts("candy.http.get(url, { retries = 1 })", 429, {
      ["Retry-After"] = "Sun, 06 Nov 1994 08:49:37 GMT" }))
    assert.are.equal(1, attempts("candy.http.get(url)", 503, at_once))
    assert.are.equal(1, attempts("candy.http.get(url, { retries = 3 })", 500, at_once))
    assert.are.equal(1, attempts("candy.http.post(url, { retries = 3 })", 503, at_once))
    assert.are.equal(3, attempts("candy.http.post(url, { retries = 3 })", 429, at_once))
    assert.are.equal(3, attempts(
      "candy.http.post(url, { retries = { any_method = true } })", 503, at_once))
    assert.are.equal(3, attempts(
      "candy.http.get(url, { retries = { on = { 500 } } })", 500, at_once))
    local count, result = attempts(
      "local res = candy.http.get(url, { retries = 3 }) return res.status", 503,
      { ["Retry-After"] = "86400" })
    assert.are.same({ 1, 503 }, { count, result })
    count, result = attempts([[
      local _, err = candy.http.get(url, { retries = 3 }):check()
      return err.retry_after
    ]], 503, { ["Retry-After"] = ("9"):rep(40) })
    assert.are.same({ 1, 86400 }, { count, result })
  end)

  it("sends what a script has looked at, or nothing", function()
    local server = echo()
    local result = eval([[
      local function code(of, options)
        local _, err = candy.http.get(of, options)
        return err and err.code or "sent"
      end
      return {
        code(url .. "/\0.example.org"), code(url, { auth = { bearer = "a\0b" } }),
        code(url, { auth = { user = "a", password = "b\0c" } }),
        code(url, { headers = { X = "a\0b" } }), code(url, { headers = { X = " " } }),
      }
    ]], server)
    assert.are.same({ "bad_url", "bad_header", "bad_header", "bad_header", "sent" },
      result)
    assert.are.equal(1, #server.heads)
    assert.matches("\r\nX:\r\n", server.heads[1])
  end)

  it("shows no password, however a URL is misspelt", function()
    local shown = eval([[
      local shown = {}
      local misspelt = { "u:secret@host/a", "http:/u:secret@host/a",
        "http://u:sec/secret@host/a", "ftp://u:secret@host/a", "http://[u:secret@host/a" }
      for i, wrong in ipairs(misspelt) do
        local _, err = candy.http.get(wrong)
        shown[i] = err.message
      end
      return shown
    ]])
    assert.are.equal(5, #shown)
    for _, message in ipairs(shown) do
      assert.is_nil(message:find("secret", 1, true), message)
    end
  end)

  it("has methods of headers whatever the headers are called", function()
    local server = serve(function(conn) conn:answer(200, { All = "x" }) end)
    local result = eval([[ return candy.http.get(url).headers:all("all") ]], server)
    assert.are.same({ "x" }, result)
  end)

  it("fails with codes, and says what to do", function()
    local result = eval([[
      local function code(...)
        local res, err = candy.http.get(...)
        assert(res == nil)
        return err.code
      end
      return {
        code("http://nosuch.invalid/"), code("http://127.0.0.1:1/"), code("nowhere"),
        code("http://127.0.0.1:1/", { guard = true }),
        code("http://0x7f.1/", { guard = true }),
        code("http://[::ffff:7f00:1]/", { guard = true }),
        code("http://x/", { headers = { ["A"] = "b\r\nC: d" } }),
        code("http://x/", { headers = { ["A"] = "b\0c" } }),
      }
    ]])
    assert.are.same({ "dns_failed", "connect_failed", "bad_url", "private_address",
      "private_address", "private_address", "bad_header", "bad_header" }, result)
    local _, err = eval([[ candy.http.get("http://x/", { timeuot = 1 }) ]])
    assert.matches('unknown option "timeuot" of candy.http.get; known options: ',
      err.message)
    _, err = eval([[ candy.http.get() ]])
    assert.matches("the URL is missing", err.message)
    _, err = eval([[ candy.http.post("http://x/", { json = 1, body = "x" }) ]])
    assert.matches("a request has one body", err.message)
  end)

  it("puts requests of a host into a line", function()
    local open, most = 0, 0
    local server = serve(function(conn)
      open = open + 1
      most = math.max(most, open)
      local timer = require("luv").new_timer()
      timer:start(20, 0, function()
        timer:close()
        open = open - 1
        conn:answer(200, nil, "x")
      end)
    end)
    local result, err = eval([[
      candy.http.limit("127.0.0.1", { concurrency = 2 })
      local waits = {}
      for i = 1, 8 do
        waits[i] = candy.spawn(function() return assert(candy.http.get(url)).status end)
      end
      local sum = 0
      for _, w in ipairs(waits) do sum = sum + w:wait() end
      candy.http.limit("127.0.0.1", { concurrency = 1024 })
      return sum
    ]], server)
    assert.is_nil(err)
    assert.are.equal(1600, result)
    assert.are.equal(2, most)
  end)

  it("closes what a job leaves open, and ends when its time is up", function()
    local server = serve(function(conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    end)
    local _, err = eval([[
      leak = candy.http.stream(url)
      return leak:read()
    ]], server)
    assert.is_nil(err)
    require("spec.support.poll").wait_for(function() return server.conns[1].ended end, 20,
      "the connection to be closed")
    local result = eval([[
      local res, why = candy.timeout("100ms", function() return candy.http.get(url) end)
      return { res == nil, why.code }
    ]], server)
    assert.are.same({ true, "timeout" }, result)
    require("spec.support.poll").wait_for(function() return server.conns[2].ended end, 20,
      "the second connection to be closed")
  end)

  it("makes 10,000 requests that one job opens at once, and others meanwhile", function()
    local waiting, most = {}, 0 -- requests that have no answer yet
    local server = serve(function(conn)
      waiting[#waiting + 1] = conn
      most = math.max(most, #waiting)
      if #waiting == 1 then
        conn:every(5, function()
          for _, asker in ipairs(waiting) do asker:answer(200, nil, "x") end
          waiting = {}
          return false
        end)
      end
    end)
    local other = serve(function(conn) conn:answer(200, nil, "y") end)
    local many = host:push("eval", { url = server.url, code = [[
      local strands, sum = {}, 0
      for i = 1, 10000 do
        strands[i] = candy.spawn(function() return assert(candy.http.get(url)).status end)
      end
      for _, strand in ipairs(strands) do sum = sum + strand:wait() end
      return sum
    ]] })
    assert.are.equal("y", eval("return candy.http.get(url).body", other))
    assert.are.equal(2000000, host:wait(many).result)
    assert.is_true(most > 1 and most <= 1024, most)
  end)
end)
