-- Answers that go on: chunks, their end, clients and servers that go away first.
local uv = require("luv")
local poll = require("spec.support.poll")
local raw = require("spec.support.raw_http")

describe("a streamed answer", function()
  local server

  local function start(...)
    server = assert(raw.start({ "tcp", "127.0.0.1", "0", ... }))
  end

  after_each(function()
    if server then server:stop() end
    server = nil
  end)

  -- A connection whose bytes are left alone.
  local function open(request)
    local conn = assert(raw.connect(server))
    conn.bytes = ""
    function conn:take(err, chunk)
      if chunk then self.bytes = self.bytes .. chunk end
      self.ended, self.reset = self.ended or not chunk, err
    end
    return conn:send(request)
  end

  local function wait_bytes(conn, text)
    raw.wait(("%q in %q"):format(text, conn.bytes), function()
      return conn.bytes:find(text, 1, true)
    end)
  end

  local function say(text)
    return raw.exchange(server, raw.request("POST /stream/say", nil, text)).json
  end

  local function finish(query)
    local path = "POST /stream/end" .. (query or "")
    assert.equal(204, raw.exchange(server, raw.request(path, nil, "")).status)
  end

  local function wait_closed()
    poll.wait_for(function() return say("").closed == 1 end, 10, "the handler to be told")
  end

  it("goes out in chunks, each at once, and the connection goes on", function()
    start()
    local conn = open(raw.request("GET /stream"))
    wait_bytes(conn, "\r\n\r\n6\r\nbegin\n\r\n")
    assert.truthy(conn.bytes:find("Transfer-Encoding: chunked\r\n", 1, true))
    assert.is_nil(conn.bytes:find("Content-Length", 1, true))
    assert.truthy(say("more than ten").open)
    wait_bytes(conn, "d\r\nmore than ten\r\n")
    finish()
    wait_bytes(conn, "0\r\n\r\n")
    conn.bytes = ""
    conn:send(raw.request("GET /"))
    wait_bytes(conn, "hello\n")
    assert.equal(0, say("").closed)
    conn:close()
  end)

  it("answers requests that were sent ahead when it has ended", function()
    start()
    local conn = open(raw.request("GET /stream") .. raw.request("GET /"))
    wait_bytes(conn, "begin\n")
    say("x")
    wait_bytes(conn, "1\r\nx\r\n")
    assert.is_nil(conn.bytes:find("hello", 1, true))
    finish()
    wait_bytes(conn, "0\r\n\r\nHTTP/1.1 200 OK")
    conn:close()
  end)

  it("ends with the connection in HTTP/1.0 and where the client asks so", function()
    start()
    local conn = open("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    wait_bytes(conn, "\r\n\r\nbegin\n")
    assert.is_nil(conn.bytes:find("chunked", 1, true))
    assert.truthy(conn.bytes:find("Connection: close", 1, true))
    finish()
    conn:wait_end()
    conn = open(raw.request("GET /stream", "Connection: close\r\n"))
    wait_bytes(conn, "begin\n")
    finish()
    conn:wait_end()
    assert.truthy(conn.bytes:find("0\r\n\r\n$"))
  end)

  it("is a head alone to HEAD", function()
    start()
    local conn = open(raw.request("HEAD /stream") .. raw.request("GET /"))
    wait_bytes(conn, "hello\n")
    assert.truthy(conn.bytes:find("chunked\r\n.-\r\n\r\nHTTP/1.1 200 OK"))
    assert.is_false(say("x").open)
    conn:close()
  end)

  it("tells its handler when the client goes away", function()
    start()
    local conn = open(raw.request("GET /stream"))
    wait_bytes(conn, "begin\n")
    conn:close()
    wait_closed()
    conn = open(raw.request("GET /stream"))
    wait_bytes(conn, "begin\n")
    conn:abort()
    poll.wait_for(function()
      return say("x").closed == 2
    end, 10, "the handler to be told")
  end)

  it("counts what a client does not read, and can be cut", function()
    start()
    local conn = open(raw.request("GET /stream"))
    wait_bytes(conn, "begin\n")
    conn.handle:read_stop()
    local block = ("x"):rep(1000000)
    poll.wait_for(function()
      return say(block).pending > 2000000
    end, 10, "the client's buffers to be full")
    finish("?cut=1")
    assert.equal(0, say("").closed)
    conn:close()
    assert.equal(200, raw.exchange(server, raw.request("GET /")).status)
  end)

  it("is cut when nothing of it is read for the limit", function()
    start("idle_ms=300")
    local conn = open(raw.request("GET /stream"))
    wait_bytes(conn, "begin\n")
    conn.handle:read_stop()
    local block = ("x"):rep(1000000)
    poll.wait_for(function()
      return say(block).closed == 1
    end, 10, "the handler to be told")
    conn:close()
  end)

  it("may be silent for longer than any limit", function()
    start("idle_ms=100", "head_ms=100")
    local conn = open(raw.request("GET /stream"))
    wait_bytes(conn, "begin\n")
    local began = uv.hrtime()
    poll.wait_for(function()
      return not say("").open or uv.hrtime() - began > 5e8
    end, 10, "several limits to pass")
    assert.is_true(say("").open)
    say("still here")
    wait_bytes(conn, "still here")
    conn:close()
  end)

  it("is whole when the server closes", function()
    start()
    local conn = open(raw.request("GET /stream"))
    wait_bytes(conn, "begin\n")
    server:terminate()
    conn:wait_end()
    assert.truthy(conn.bytes:find("\r\n0\r\n\r\n$"), conn.bytes)
    local code, output = server:wait()
    assert.equal(0, code)
    assert.truthy(output:find("closed 1\n", 1, true))
  end)
end)
