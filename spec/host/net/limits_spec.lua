-- Clients that send too much, too slowly, or go away.
local raw = require("spec.support.raw_http")

describe("the limits of the HTTP server", function()
  local server

  local function start(...)
    server = assert(raw.start({ "tcp", "127.0.0.1", "0", ... }))
  end

  after_each(function()
    if server then server:stop() end
    server = nil
  end)

  local function still_serves()
    assert.equal(200, raw.exchange(server, raw.request("GET /")).status)
  end

  describe("of size", function()
    it("refuse a large body at its announcement", function()
      start()
      local answer = raw.refused(server,
        raw.request("POST /echo", "Content-Length: 5242881\r\n"))
      assert.equal(413, answer.status)
      assert.equal("body_too_large", answer.problem.code)
      assert.equal("/echo", answer.problem.instance)
      assert.truthy(answer.problem.detail:find("5242880", 1, true))
    end)

    it("take a body of exactly the limit", function()
      start("body_max=100000")
      local body = ("x"):rep(100000)
      assert.equal(body, raw.exchange(server, raw.request("POST /echo", "", body)).body)
    end)

    it("do not say 100 Continue to a body that is too large", function()
      start()
      local head = raw.request("POST /echo",
        "Expect: 100-continue\r\nContent-Length: 99999999\r\n")
      assert.equal(413, raw.refused(server, head).status)
    end)

    it("can be read by a client that first sends all of its body", function()
      start()
      local conn = assert(raw.connect(server))
      conn:send_all(raw.request("POST /echo", "", ("x"):rep(6000000)))
      assert.equal(413, conn:receive().status)
      conn:wait_end()
      assert.is_nil(conn.reset)
    end)

    it("count chunked bodies", function()
      start("body_max=1000")
      local bytes = raw.request("POST /echo", "Transfer-Encoding: chunked\r\n") ..
        ("64\r\n" .. ("x"):rep(100) .. "\r\n"):rep(11) .. "0\r\n\r\n"
      assert.equal(413, raw.refused(server, bytes).status)
      bytes = raw.request("POST /echo", "Transfer-Encoding: chunked\r\n") .. "fffff\r\n"
      assert.equal(413, raw.refused(server, bytes).status)
    end)

    it("refuse a large trailer", function()
      start()
      local bytes = raw.request("POST /echo", "Transfer-Encoding: chunked\r\n") ..
        "0\r\n" .. ("X: " .. ("y"):rep(1000) .. "\r\n"):rep(9)
      assert.equal(431, raw.refused(server, bytes).status)
    end)

    it("refuse a large head, whole or not", function()
      start("head_max=1000")
      local whole = raw.request("GET /", "X: " .. ("y"):rep(1000) .. "\r\n")
      assert.equal(431, raw.refused(server, whole).status)
      local answer = raw.refused(server, "GET /" .. ("y"):rep(1000))
      assert.equal(431, answer.status)
      assert.equal("head_too_large", answer.problem.code)
    end)

    it("refuse many header lines", function()
      start()
      local lines = {}
      for i = 1, 99 do lines[i] = ("X-%d: y\r\n"):format(i) end
      local all = table.concat(lines)
      assert.equal(200, raw.exchange(server, raw.request("GET /", all)).status)
      all = all .. "A: b\r\n"
      assert.equal(431, raw.refused(server, raw.request("GET /", all)).status)
    end)

    it("stop reading from a client that sends far ahead", function()
      start()
      local conn = assert(raw.connect(server))
      conn:send(raw.request("GET /wait"))
      local request = raw.request("GET /", "X: " .. ("y"):rep(8000) .. "\r\n")
      local flood, done = request:rep(4000), false
      conn.handle:write(flood, function() done = true end)
      still_serves()
      assert.is_false(done)
      raw.exchange(server, raw.request("POST /release", "", ""))
      raw.wait("all answers", function()
        local n = #conn.answers
        conn.count, conn.answers = (conn.count or 0) + n, {}
        return conn.count == 4001
      end)
      assert.is_true(done)
      conn:close()
    end)
  end)

  describe("of time", function()
    it("refuse a head that trickles in", function()
      start("head_ms=200")
      local conn = assert(raw.connect(server))
      conn:send("GET / HTTP/1.1\r\n")
      raw.wait("a refusal", function()
        conn:send("X: y\r\n")
        return #conn.answers > 0
      end)
      assert.equal(408, conn:receive().status)
      conn:wait_end()
    end)

    it("refuse a body that trickles in", function()
      start("head_ms=200", "rate=100000")
      local conn = assert(raw.connect(server))
      conn:send(raw.request("POST /echo", "Content-Length: 5000000\r\n"))
      raw.wait("a refusal", function()
        conn:send("x")
        return #conn.answers > 0
      end)
      local answer = conn:receive()
      assert.equal(408, answer.status)
      assert.truthy(answer.body:find("body_timeout", 1, true))
      conn:close()
    end)

    it("close connections that say nothing", function()
      start("head_ms=200", "idle_ms=200")
      local conn, used = assert(raw.connect(server)), assert(raw.connect(server))
      used:send(raw.request("GET /"))
      assert.equal(200, used:receive().status)
      conn:wait_end()
      used:wait_end()
      assert.is_nil(conn.received)
    end)

    it("do not hold for a request that waits for its handler", function()
      start("head_ms=100", "idle_ms=100")
      local waiting = assert(raw.connect(server))
      waiting:send(raw.request("GET /wait"))
      raw.wait("an idle connection's end", function()
        local idle = assert(raw.connect(server))
        idle:wait_end()
        return true
      end)
      assert.is_nil(waiting.ended)
      raw.exchange(server, raw.request("POST /release", "", ""))
      assert.equal(200, waiting:receive().status)
      waiting:close()
    end)

    it("cut a client that does not read its answer", function()
      start("idle_ms=200")
      local conn = assert(raw.connect(server))
      conn.handle:read_stop()
      conn:send(raw.request("GET /big?bytes=50000000"))
      local sent, failed = 0, nil
      raw.wait("the cut", function()
        conn.handle:write("x", function(err) failed = failed or err end)
        sent = sent + 1
        return failed
      end)
      conn:close()
      still_serves()
    end)
  end)

  describe("of connections", function()
    it("turn those beyond away with 503", function()
      start("conns=3")
      local conns = {}
      for i = 1, 3 do
        conns[i] = assert(raw.connect(server))
        conns[i]:send(raw.request("GET /"))
        assert.equal(200, conns[i]:receive().status)
      end
      local turned = assert(raw.connect(server))
      assert.equal(503, turned:receive().status)
      turned:wait_end()
      conns[1]:close()
      raw.wait("a place", function()
        local conn = assert(raw.connect(server))
        conn:send(raw.request("GET /"))
        local status = conn:receive().status
        conn:close()
        return status == 200
      end)
      conns[2]:close()
      conns[3]:close()
    end)

    it("survive running out of descriptors", function()
      local program = (os.getenv("CANDY_BUILD") or "build") .. "/probe/http"
      server = assert(raw.start({
        program = "/bin/sh", "-c", "ulimit -n 24; exec \"$@\"", "sh", program, "tcp",
        "127.0.0.1", "0",
      }))
      local conns, waiting = {}, 40
      for i = 1, waiting do
        conns[i] = assert(raw.connect(server))
        conns[i]:send(raw.request("GET /"))
      end
      raw.wait("every connection's turn", function()
        for i = #conns, 1, -1 do
          if #conns[i].answers > 0 then
            assert.equal(200, conns[i].answers[1].status)
            conns[i]:close()
            table.remove(conns, i)
          end
        end
        return #conns == 0
      end)
      still_serves()
    end)
  end)

  describe("for a client that goes away", function()
    it("inside the head", function()
      start()
      assert(raw.connect(server)):send("GET / HT"):close()
      assert(raw.connect(server)):send("GET / HT"):abort()
      still_serves()
    end)

    it("inside the body", function()
      start()
      local half = raw.request("POST /echo", "Content-Length: 100000\r\n") .. "x"
      assert(raw.connect(server)):send(half):close()
      assert(raw.connect(server)):send(half):abort()
      still_serves()
    end)

    it("saying that it sends no more inside of them", function()
      start()
      local half = raw.request("POST /echo", "Content-Length: 10\r\n") .. "x"
      for _, bytes in ipairs({ "GET / HT", half }) do
        local conn = assert(raw.connect(server))
        conn:send(bytes):shutdown()
        local answer = conn:receive()
        assert.equal(400, answer.status)
        assert.truthy(answer.body:find("incomplete_request", 1, true))
        conn:wait_end()
      end
    end)

    it("before it is answered", function()
      start()
      for i = 1, 20 do
        local conn = assert(raw.connect(server))
        conn:send(raw.request("GET /wait") .. raw.request("GET /"))
        raw.wait("the request to arrive", function()
          local text = raw.exchange(server, raw.request("GET /waiting")).json
          return text.waiting == i
        end)
        if i % 2 == 0 then conn:close() else conn:abort() end
      end
      local answer = raw.exchange(server, raw.request("POST /release", "", ""))
      assert.equal(20, answer.json.released)
      still_serves()
    end)

    it("in the middle of its answer", function()
      start()
      local conn = assert(raw.connect(server))
      conn:send(raw.request("GET /big?bytes=50000000"))
      raw.wait("the answer's begin", function() return #conn.rest > 0 end)
      conn:abort()
      still_serves()
    end)
  end)
end)
