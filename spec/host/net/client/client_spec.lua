-- Outgoing requests that go well: bodies both ways, compression, limits, the proxy.
local outside = require("spec.support.outside")
local uv = require("luv")

local function gzip(bytes)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  local pipe = io.popen("gzip -c < " .. path)
  local packed = pipe:read("*a")
  pipe:close()
  os.remove(path)
  return packed
end

describe("an outgoing request", function()
  after_each(outside.close_all)

  it("keeps its connection for the next one", function()
    local server = outside.serve(function(conn) conn:answer(200, nil, "x") end)
    local requests = {}
    for i = 1, 20 do
      requests[i] = { url = server.url .. "/" .. i }
    end
    local results = outside.ask({ requests = requests, sequence = true })
    assert.are.equal(20, #results)
    assert.are.equal(1, server.connections)
    assert.are.equal(20, #server.heads)
  end)

  it("is sent again when its connection was lost, unless it must not be done twice",
    function()
      local seen = {}
      local server = outside.serve(function(conn, head)
        local method = head:match("^%u+ /lost") and head:match("^%u+")
        if not method then
          conn:answer(200, nil, "kept")
          return
        end
        seen[method] = (seen[method] or 0) + 1
        conn:close()
      end)
      for _, method in ipairs({ "GET", "PUT", "POST", "PATCH" }) do
        local results = outside.ask({ sequence = true, requests = {
          { url = server.url }, { url = server.url .. "/lost", method = method },
        } })
        assert.are.equal("closed_early", results.n2.error.code)
      end
      assert.are.same({ GET = 2, PUT = 2, POST = 1, PATCH = 1 }, seen)
    end)

  it("decompresses what comes compressed", function()
    local text = ("all work and no play "):rep(5000)
    local server = outside.serve(function(conn)
      conn:answer(200, { ["Content-Encoding"] = "gzip" }, gzip(text))
    end)
    local result = outside.request({ url = server.url })
    assert.are.equal(text, result.body)
    assert.matches("gzip", server.heads[1]:match("Accept%-Encoding: ([^\r]*)"))
  end)

  it("bounds what compressed bytes may become", function()
    local bomb = gzip(("\0"):rep(64 * 1024 * 1024))
    local server = outside.serve(function(conn)
      conn:answer(200, { ["Content-Encoding"] = "gzip" }, bomb)
    end)
    local result = outside.request({ url = server.url, bytes_max = 1000000 })
    assert.are.equal("too_large", result.error.code)
    result = outside.request({ url = server.url, bytes_max = 0, discard = true })
    assert.is_nil(result.error)
    assert.are.equal(64 * 1024 * 1024, result.bytes)
    assert.is_true(result.rss_kb < 80000 or not outside.measures, result.rss_kb)
  end)

  it("sends a stream as chunks, or with the size that it has", function()
    local bytes = 0
    local head
    local server = outside.serve(function() end, { on_bytes = function(conn, chunk)
      head = head or chunk:match("^(.-\r\n\r\n)")
      bytes = bytes + #chunk
      if chunk:sub(-5) == "0\r\n\r\n" or bytes >= 3000001 + #head then
        conn:answer(200, nil, tostring(bytes))
      end
    end })
    local result = outside.request({ url = server.url, method = "PUT", upload = 3000001,
      upload_size = 3000001 })
    assert.are.equal(3000001 + #head, tonumber(result.body))
    assert.matches("\r\nContent%-Length: 3000001\r\n", head)
    head, bytes = nil, 0
    result = outside.request({ url = server.url, method = "POST", upload = 100000 })
    assert.are.equal(200, result.status)
    assert.matches("\r\nTransfer%-Encoding: chunked\r\n", head)
    assert.is_nil(head:match("Expect:"))
  end)

  it("streams a body of any size in constant memory", function()
    local bytes, size = 0, 256 * 1024 * 1024
    local server = outside.serve(function() end, { on_bytes = function(conn, chunk)
      bytes = bytes + #chunk
      if bytes > size then
        conn:answer(200)
      end
    end })
    local result = outside.request({ url = server.url, method = "PUT", upload = size,
      upload_size = size })
    assert.are.equal(200, result.status)
    assert.is_true(result.rss_kb < 40000 or not outside.measures, result.rss_kb)
  end)

  it("is answered while its body is still on the way", function()
    local answered
    local server = outside.serve(function() end, { on_bytes = function(conn)
      if not answered then
        answered = true
        conn:send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n"
          .. "\r\nno", function() conn.handle:shutdown() end)
      end
    end })
    local result = outside.request({ url = server.url, method = "POST",
      upload = 50 * 1024 * 1024 })
    assert.are.equal(413, result.status)
    assert.are.equal("no", result.body)
  end)

  it("waits in line where its host has limits, and keeps nobody else waiting", function()
    local open, most, times = 0, 0, {}
    local function slow(conn)
      open = open + 1
      most = math.max(most, open)
      times[#times + 1] = uv.hrtime() / 1e6
      local timer = uv.new_timer()
      timer:start(20, 0, function()
        timer:close()
        open = open - 1
        conn:answer(200, nil, "x")
      end)
    end
    local limited, free = outside.serve(slow), outside.serve(function(conn)
      conn:answer(200, nil, "free")
    end)
    local requests = {}
    for i = 1, 9 do
      requests[i] = { url = limited.url .. "/" .. i }
    end
    requests[10] = { url = free.url }
    local results = outside.ask({ requests = requests, limits = {
      { host = "127.0.0.1:" .. limited.port, concurrency = 3 } } })
    assert.are.equal(3, most)
    assert.are.equal(10, results[1].n)
    for i = 1, 9 do
      assert.matches("^GET /" .. i .. " ", limited.heads[i])
    end
    times = {}
    for i = 1, 6 do
      requests[i] = { url = limited.url .. "/" .. i }
    end
    for i = 7, 10 do
      requests[i] = nil
    end
    outside.ask({ requests = requests, limits = {
      { host = "127.0.0.1", count = 2, per_ms = 200 } } })
    assert.is_true(times[6] - times[1] >= 350, times[6] - times[1])
  end)

  it("makes room in the line when it fails, however early", function()
    local requests = {}
    for i = 1, 6 do
      requests[i] = { url = "http://nosuch.invalid/" .. i }
    end
    local results = outside.ask({ requests = requests, limits = {
      { host = "nosuch.invalid", concurrency = 1 } } })
    for i = 1, 6 do
      assert.are.equal("dns_failed", results["n" .. i].error.code)
    end
  end)

  it("is refused when too many wait", function()
    local requests = {}
    for i = 1, 10010 do
      requests[i] = { url = "http://127.0.0.1:1/", cancel_ms = i > 1 and 300 or nil }
    end
    local results = outside.ask({ requests = requests, limits = {
      { host = "127.0.0.1", count = 1, per_ms = 3600000 } } })
    local codes = {}
    for _, result in ipairs(results) do
      codes[result.error.code] = (codes[result.error.code] or 0) + 1
    end
    assert.are.same({ too_many_requests = 9, cancelled = 10000, connect_failed = 1 },
      codes)
  end)

  it("goes through the proxy of the settings, unless it is guarded", function()
    local target = outside.serve(function(conn) conn:answer(200, nil, "direct") end)
    local proxy = outside.serve(function(conn) conn:answer(200, nil, "proxied") end)
    local function body(request, no_proxy)
      request.url = request.url or target.url
      local result = outside.request(request,
        { proxy = proxy.url:gsub("//", "//u:pw@"), no_proxy = no_proxy,
          private_allow = { "127.0.0.1" } })
      return result.body or result.error.code
    end
    assert.are.equal("proxied", body({}))
    assert.matches("^GET http://127.0.0.1:%d+/ HTTP/1.1\r\n", proxy.heads[1])
    assert.matches("\r\nProxy%-Authorization: Basic dTpwdw==\r\n", proxy.heads[1])
    assert.are.equal("direct", body({ guard = "all" }))
    assert.are.equal("direct", body({ direct = true }))
    assert.are.equal("direct", body({}, { "127.0.0.1" }))
    assert.are.equal("direct", body({}, { "127.0.0.0/8" }))
    assert.are.equal("proxied", body({ url = "http://nosuch.invalid/" }))
    assert.are.equal("direct", body({ url = target.url }, { "*" }))
  end)

  it("says that it was the proxy that failed", function()
    local proxy = outside.serve(function(conn) conn:answer(403, nil, "no") end)
    local function code(url, settings)
      return outside.request({ url = url }, settings).error.code
    end
    assert.are.equal("proxy_failed", code("https://nosuch.invalid/",
      { proxy = proxy.url }))
    assert.are.equal("proxy_failed", code("http://nosuch.invalid/",
      { proxy = "http://127.0.0.1:1" }))
  end)

  it("takes no proxy from the environment", function()
    local target = outside.serve(function(conn) conn:answer(200, nil, "direct") end)
    local set = { "http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy" }
    for _, name in ipairs(set) do
      uv.os_setenv(name, "http://127.0.0.1:1")
    end
    local result = outside.request({ url = target.url })
    for _, name in ipairs(set) do
      uv.os_unsetenv(name)
    end
    assert.are.equal("direct", result.body)
  end)

  it("waits with a paused body as long as its owner does", function()
    local server = outside.serve(function(conn)
      conn:answer(200, nil, ("x"):rep(3000000))
    end)
    local results = outside.ask({ requests = {
      { url = server.url, stop_reading_at = 1, cancel_ms = 300, idle_ms = 50 },
      { url = server.url },
    } })
    assert.are.equal("cancelled", results.n1.error.code)
    assert.are.equal(3000000, results.n2.bytes)
  end)
end)
