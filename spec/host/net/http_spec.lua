-- What a well-behaved client sees: requests, answers, kept connections, bodies.
local raw = require("spec.support.raw_http")

local function chunk(data, extension)
  return ("%x%s\r\n%s\r\n"):format(#data, extension or "", data)
end

describe("the HTTP server", function()
  local server

  setup(function() server = raw.start({ "tcp", "127.0.0.1", "0" }) end)
  teardown(function() server:stop() end)

  local function inspect(bytes)
    local answer = raw.exchange(server, bytes)
    assert.equal(200, answer.status)
    return answer.json, answer
  end

  describe("answers", function()
    it("with the headers that each answer carries", function()
      local answer = raw.exchange(server, raw.request("GET /"))
      assert.equal(200, answer.status)
      assert.equal("hello\n", answer.body)
      assert.equal("nosniff", answer.headers["x-content-type-options"])
      assert.equal("no-store", answer.headers["cache-control"])
      assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$",
        answer.headers.date)
      assert.matches("^%x+$", answer.headers["x-request-id"])
      assert.is_nil(answer.headers.server)
      assert.is_nil(answer.headers.connection)
    end)

    it("with ids that differ", function()
      local seen = {}
      for _ = 1, 50 do
        local id = raw.exchange(server, raw.request("GET /")).headers["x-request-id"]
        assert.is_nil(seen[id])
        seen[id] = true
      end
    end)

    it("with headers that the handler set, the last one of a name", function()
      local _, answer = inspect(raw.request("GET /inspect/1"))
      assert.equal("two", answer.headers["x-probe"])
      assert.is_nil(answer.head:find("one", 1, true))
      assert.is_nil(answer.head:lower():find("smuggled", 1, true))
      assert.is_nil(answer.headers["x-bad"])
    end)

    it("with a problem document that carries errors", function()
      local answer = raw.exchange(server, raw.request("POST /refuse?x=1", "", "{}"))
      assert.equal(422, answer.status)
      assert.equal("no-cache", answer.headers["cache-control"])
      assert.same({
        type = "about:blank", title = "Unprocessable Content", status = 422,
        detail = "the payload does not fit: 1 error", instance = "/refuse",
        code = "bad_payload", request_id = answer.headers["x-request-id"],
        errors = { { pointer = "/a", code = "type", message = "must be a string" } },
      }, answer.json)
    end)

    it("HEAD as GET without the body", function()
      local answer = raw.exchange(server, raw.request("HEAD /"))
      assert.equal("6", answer.headers["content-length"])
      assert.equal("", answer.body)
    end)

    it("large bodies whole", function()
      local answer = raw.exchange(server, raw.request("GET /big?bytes=5000000"))
      assert.equal(5000000, #answer.body)
    end)

    it("curl", function()
      local command = "curl -s --max-time 10 -d hello http://127.0.0.1:%d/echo " ..
        "-w '|%%{http_code}|%%{content_type}'"
      local pipe = io.popen(command:format(server.port))
      assert.equal("hello|200|application/x-www-form-urlencoded", pipe:read("*a"))
      pipe:close()
    end)
  end)

  describe("reads", function()
    it("a request byte by byte", function()
      local conn = assert(raw.connect(server))
      local bytes = raw.request("POST /echo", "X: y\r\n", "hello")
      for i = 1, #bytes do conn:send(bytes:sub(i, i)) end
      assert.equal("hello", conn:receive().body)
      conn:close()
    end)

    it("headers in any case, trimmed, repeated ones joined", function()
      local seen = inspect(raw.request("GET /inspect/1",
        "x-one:   1 \t \r\nX-Two: a\r\nX-Empty:\r\nx-two: b\r\nCookie: c=1\r\n" ..
        "X-TWO:\r\nCookie: d=2\r\nX-High: \195\164\r\n"))
      assert.same({
        Host = "localhost", ["x-one"] = "1", ["X-Two"] = "a, b, ", ["X-Empty"] = "",
        Cookie = "c=1; d=2", ["X-High"] = "\195\164",
      }, seen.headers)
    end)

    it("the query as pairs, decoded", function()
      local seen = inspect(raw.request("GET /inspect/1?q=a+b%20%C3%A4&&r&q=2&=x&s=1=2"))
      assert.equal("a b \195\164", seen.q)
      assert.same({ { "q", "a b \195\164" }, { "r", "" }, { "q", "2" }, { "", "x" },
        { "s", "1=2" } }, seen.pairs)
      assert.equal("q=a+b%20%C3%A4&&r&q=2&=x&s=1=2", seen.query)
    end)

    it("an empty query", function()
      assert.same({}, inspect(raw.request("GET /inspect/1?")).pairs)
    end)

    it("absolute targets, whose host counts", function()
      local seen = inspect("GET http://b:81/inspect/1?q=2 HTTP/1.1\r\nHost: a\r\n\r\n")
      assert.equal("b:81", seen.host)
      assert.equal("/inspect/1", seen.path)
      assert.equal("2", seen.q)
      local root = raw.exchange(server, "GET HTTP://b HTTP/1.1\r\nHost: a\r\n\r\n")
      assert.equal("hello\n", root.body)
      root = raw.exchange(server, "GET http://b?x HTTP/1.1\r\nHost: a\r\n\r\n")
      assert.equal("hello\n", root.body)
    end)

    it("one empty line before the request", function()
      assert.equal(200, raw.exchange(server, "\r\n" .. raw.request("GET /")).status)
    end)

    it("bodies with NULs", function()
      local answer = raw.exchange(server, raw.request("POST /echo", "", "a\0b\r\n\r\n"))
      assert.equal("a\0b\r\n\r\n", answer.body)
    end)

    it("chunks, with extensions and a trailer", function()
      local body = chunk("hello") .. chunk(" world, ", ";a=b;c=\"d\"") ..
        chunk(("x"):rep(70000)) .. "000\r\nX-Sum: 1\r\n\r\n"
      local head = raw.request("POST /echo", "Transfer-Encoding: Chunked\r\n")
      local want = "hello world, " .. ("x"):rep(70000)
      assert.equal(want, raw.exchange(server, head .. body).body)
    end)

    it("chunks byte by byte, and the next request behind them", function()
      local conn = assert(raw.connect(server))
      local bytes = raw.request("POST /echo", "Transfer-Encoding: chunked\r\n") ..
        chunk("hello") .. chunk("A") .. "0\r\nA: b\r\n\r\n" .. raw.request("GET /")
      for i = 1, #bytes do conn:send(bytes:sub(i, i)) end
      assert.equal("helloA", conn:receive().body)
      assert.equal("hello\n", conn:receive().body)
      conn:close()
    end)

    it("a body that waits for 100 Continue", function()
      local conn = assert(raw.connect(server))
      local lines = "Expect: 100-continue\r\nContent-Length: 5\r\n"
      conn:send(raw.request("POST /echo", lines))
      assert.equal(100, conn:receive().status)
      conn:send("hello")
      assert.equal("hello", conn:receive().body)
      conn:close()
    end)

    it("a body that does not wait for it", function()
      local conn = assert(raw.connect(server))
      conn:send(raw.request("POST /echo", "Expect: 100-continue\r\n", "hello"))
      assert.equal(200, conn:receive().status)
      conn:close()
    end)
  end)

  describe("keeps a connection", function()
    it("for 10,000 requests in sequence", function()
      local conn = assert(raw.connect(server))
      local bytes = raw.request("POST /echo", "", "hello")
      for _ = 1, 10000 do
        conn.handle:write(bytes)
        assert.equal(200, conn:receive().status)
      end
      conn:close()
    end)

    it("for 100 requests in one write, answered in order", function()
      local conn = assert(raw.connect(server))
      local requests = {}
      for i = 1, 100 do
        requests[i] = i % 2 == 0 and raw.request("GET /inspect/" .. i)
          or raw.request("POST /echo", "", tostring(i))
      end
      conn:send(table.concat(requests))
      local answers = conn:receive_count(100)
      for i = 1, 100 do
        local want = i % 2 == 0 and ('"id":"%d"'):format(i) or tostring(i)
        assert.truthy(answers[i].body:find(want, 1, true))
      end
      conn:close()
    end)

    it("and orders requests behind one that is answered later", function()
      local conn, other = assert(raw.connect(server)), assert(raw.connect(server))
      conn:send(raw.request("GET /wait") .. raw.request("GET /inspect/2"))
      raw.wait("the request to arrive", function()
        other:send(raw.request("GET /waiting"))
        return other:receive().body:find('"waiting":1', 1, true)
      end)
      assert.equal(0, #conn.answers)
      other:send(raw.request("POST /release", "", ""))
      assert.equal("hello\n", conn:receive().body)
      assert.truthy(conn:receive().body:find('"id":"2"', 1, true))
      conn:close()
      other:close()
    end)

    it("unless the client says close", function()
      local conn = assert(raw.connect(server))
      conn:send(raw.request("GET /", "Connection: x, Close\r\n") .. raw.request("GET /"))
      assert.equal("close", conn:receive().headers.connection)
      conn:wait_end()
      assert.equal(0, #conn.answers)
    end)

    it("in HTTP/1.0 only when asked to", function()
      local conn = assert(raw.connect(server))
      conn:send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      assert.equal("keep-alive", conn:receive().headers.connection)
      conn:send("GET / HTTP/1.0\r\n\r\n")
      assert.equal("close", conn:receive().headers.connection)
      conn:wait_end()
    end)

    it("of a client that has sent all it will, until it is answered", function()
      local conn = assert(raw.connect(server))
      conn:send(raw.request("GET /") .. raw.request("GET /big?bytes=3000000")):shutdown()
      assert.equal("hello\n", conn:receive().body)
      assert.equal(3000000, #conn:receive().body)
      conn:wait_end()
    end)

    it("200 at a time", function()
      local conns = {}
      for i = 1, 200 do
        conns[i] = assert(raw.connect(server))
        conns[i]:send(raw.request("POST /echo", "Content-Length: 6\r\n") .. "abc")
      end
      for i = 1, 200 do conns[i]:send(("%03d"):format(i)) end
      for i = 1, 200 do
        assert.equal(("abc%03d"):format(i), conns[i]:receive().body)
        conns[i]:close()
      end
    end)
  end)
end)
