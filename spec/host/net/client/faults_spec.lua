-- What a server can do wrong, and what becomes of the request.
local outside = require("spec.support.outside")

local function serve(...)
  return outside.serve(...)
end

-- The error of a request to a server that answers each request with these bytes.
local function fails_on(bytes, request, and_close)
  local server = serve(function(conn)
    conn:send(bytes, function()
      if and_close then
        conn:close()
      end
    end)
  end)
  request = request or {}
  request.url = server.url .. "/a"
  local result = outside.request(request)
  assert.is_table(result.error, "the request did not fail")
  return result.error, result
end

describe("a request fails with a code and a way out", function()
  after_each(outside.close_all)

  it("when the server never answers", function()
    local server = serve(function() end)
    local result = outside.request({ url = server.url, first_byte_ms = 100 })
    assert.are.equal("timeout", result.error.code)
    assert.matches("waiting for the first byte", result.error.text)
    assert.matches("^GET http://127%.0%.0%.1:", result.error.text)
  end)

  it("when the whole takes too long, a byte a second", function()
    local server = serve(function(conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
      conn:every(20, function() conn:send("x") end)
    end)
    local result = outside.request({ url = server.url, timeout_ms = 300, idle_ms = 5000 })
    assert.are.equal("timeout", result.error.code)
    assert.matches("the whole request took longer than 300ms", result.error.text)
    assert.is_true(result.bytes > 1)
  end)

  it("when the next byte does not come", function()
    local server = serve(function(conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
    end)
    local result = outside.request({ url = server.url, idle_ms = 100 })
    assert.are.equal("timeout", result.error.code)
    assert.matches("the next byte took longer than 100ms", result.error.text)
    assert.are.equal(3, result.bytes)
  end)

  it("when nobody listens", function()
    local server = serve(function() end)
    outside.close_all()
    local result = outside.request({ url = server.url })
    assert.are.equal("connect_failed", result.error.code)
  end)

  it("when the connection closes in the middle of the body", function()
    local err, result = fails_on("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", nil,
      true)
    assert.are.equal("closed_mid_body", err.code)
    assert.matches("after 3 bytes", err.text)
    assert.are.equal(3, result.bytes)
    err = fails_on("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", nil,
      true)
    assert.are.equal("closed_mid_body", err.code)
  end)

  it("when it closes before an answer", function()
    local server = serve(function(conn) conn:close() end)
    local result = outside.request({ url = server.url })
    assert.are.equal("closed_early", result.error.code)
  end)

  it("when there is no whole head, whatever libcurl makes of it", function()
    for _, cut in ipairs({ "HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 302 Found\r\nLocation: /x\r\n" }) do
      assert.are.equal("closed_early", fails_on(cut, nil, true).code)
    end
    local err = fails_on("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
      .. "Connection: upgrade\r\n\r\nframes", nil, true)
    assert.are.equal("bad_response", err.code)
  end)

  it("but not by a header that looks like the first line", function()
    local server = serve(function(conn)
      conn:send("HTTP/1.1 200 OK\r\nHTTP/x y: 1\r\nContent-Length: 2\r\n\r\nhi")
    end)
    local result = outside.request({ url = server.url })
    assert.are.same({ 200, "hi" }, { result.status, result.body })
  end)

  it("when the body is larger than its limit, announced or not", function()
    local err = fails_on("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    assert.are.equal("too_large", err.code)
    err = fails_on("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" .. ("x"):rep(2000),
      { bytes_max = 1000 }, true)
    assert.are.equal("too_large", err.code)
    assert.matches("1000 bytes", err.text)
  end)

  it("when the server would send for ever, in constant memory", function()
    local server = serve(function(conn)
      local piece = ("x"):rep(65536)
      local function more(err)
        if not err then
          conn:send(piece, more)
        end
      end
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", more)
    end)
    local result = outside.request({
      url = server.url, streamed = true, discard = true, bytes_max = 200 * 1024 * 1024,
    })
    assert.are.equal("too_large", result.error.code)
    result = outside.ask({ requests = {
      { url = server.url, streamed = true, discard = true, bytes_max = 0,
        cancel_ms = 500 },
      { url = server.url, streamed = true, bytes_max = 0, stop_reading_at = 1,
        cancel_ms = 500 },
    } })
    assert.are.equal("cancelled", result.n1.error.code)
    assert.is_true(result.n1.bytes > 10e6)
    assert.is_true(result.n2.rss_kb < 40000 or not outside.measures, result.n2.rss_kb)
  end)

  it("when redirects lead in a circle", function()
    local server
    server = serve(function(conn, head)
      conn:answer(302, { Location = head:find("/a ", 1, true) and "/b" or "/a" })
    end)
    local result = outside.request({ url = server.url .. "/a", redirects = 5 })
    assert.are.equal("too_many_redirects", result.error.code)
    assert.are.equal(6, #server.heads)
    assert.are.equal(1, server.connections)
  end)

  it("when a redirect leads to a private address", function()
    local inner = serve(function(conn) conn:answer(200, nil, "secret") end)
    local outer = serve(function(conn) conn:answer(302, { Location = inner.url }) end)
    local result = outside.request({ url = outer.url })
    assert.are.equal("private_address", result.error.code)
    assert.matches("outgoing%.private_allow", result.error.text)
    assert.are.equal(0, inner.connections)
  end)

  it("when the body is not compressed as it says", function()
    local err = fails_on("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
      .. "Content-Length: 20\r\n\r\nthis is not gzip....")
    assert.are.equal("bad_encoding", err.code)
  end)

  it("when the chunks are malformed", function()
    local err = fails_on("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. "zz\r\nabc\r\n0\r\n\r\n")
    assert.are.equal("bad_response", err.code)
    assert.matches("chunk", err.text)
  end)

  it("when it is no HTTP at all", function()
    assert.are.equal("bad_response",
      fails_on("SSH-2.0-OpenSSH_9\r\n\r\n", nil, true).code)
    assert.are.equal("bad_response",
      fails_on("HTTP/1.1 200 OK\r\n" .. ("A: b\r\n"):rep(600) .. "\r\n").code)
    assert.are.equal("bad_response",
      fails_on("HTTP/1.1 200 OK\r\n" .. ("A: " .. ("b"):rep(9000) .. "\r\n"):rep(40)
        .. "\r\n").code)
  end)

  it("when the name has no address", function()
    local result = outside.request({ url = "http://nosuch.invalid/a?token=s3cret&x=1" })
    assert.are.equal("dns_failed", result.error.code)
    assert.matches("nosuch%.invalid/a%?token=%*%*%*&x=1: the name nosuch%.invalid",
      result.error.text)
  end)

  it("when the URL, the method or a header cannot be", function()
    local function code(request)
      return outside.request(request).error.code
    end
    for _, url in ipairs({ "", "ftp://a/", "file:///etc/passwd", "http://", "/path",
      "http://a b/", "http://a:99999/", "gopher://127.0.0.1:70/x",
      "http://a/\r\nX: y" }) do
      assert.are.equal("bad_url", code({ url = url }), url)
    end
    local url = "http://127.0.0.1:1/"
    assert.are.equal("bad_method", code({ url = url, method = "GET / HTTP/1.1\r\nX:" }))
    assert.are.equal("bad_method", code({ url = url, method = "CONNECT" }))
    for _, header in ipairs({ { "A b", "c" }, { "A", "b\r\nC: d" }, { "A", "b\nC: d" },
      { "Content-Length", "5" }, { "Transfer-Encoding", "chunked" }, { "", "x" },
      { "Proxy-Authorization", "x" } }) do
      assert.are.equal("bad_header", code({ url = url, headers = { header } }))
    end
  end)
end)
