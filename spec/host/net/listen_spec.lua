-- Where the server listens, and how it stops.
local raw = require("spec.support.raw_http")
local uv = require("luv")

describe("listening", function()
  local servers = {}

  local function start(...)
    local server, output = raw.start({ ... })
    servers[#servers + 1] = server
    return server, output
  end

  after_each(function()
    local started = servers
    servers = {}
    for _, server in ipairs(started) do server:stop() end
  end)

  local function temporary_folder()
    return assert(uv.fs_mkdtemp("/tmp/candy-net-XXXXXX"))
  end

  local function remove_tree(folder)
    os.execute("rm -rf '" .. folder .. "'")
  end

  it("takes localhost as both loopbacks", function()
    local server = start("tcp", "localhost", "0")
    local addresses = { "127.0.0.1" }
    if uv.fs_stat("/proc/net/if_inet6") then addresses[2] = "::1" end
    for _, address in ipairs(addresses) do
      local conn = assert(raw.connect(server, address))
      conn:send(raw.request("GET /"))
      assert.equal(200, conn:receive().status)
      conn:close()
    end
  end)

  it("says what to do when the port is in use", function()
    local port = tostring(start("tcp", "127.0.0.1", "0").port)
    for _, address in ipairs({ "127.0.0.1", "localhost", "0.0.0.0" }) do
      local second, output = start("tcp", address, port)
      assert.is_nil(second)
      assert.truthy(output:find("error port_in_use: port " .. port, 1, true))
      assert.truthy(output:find("--port", 1, true))
      assert.truthy(output:find("PORT", 1, true))
    end
  end)

  it("refuses what is no address or no port", function()
    for _, address in ipairs({ "nowhere", "1.2.3", "", "127.0.0.1:80" }) do
      local _, output = start("tcp", address, "0")
      assert.truthy(output:find("error bad_address:", 1, true))
    end
    local _, output = start("tcp", "127.0.0.1", "65536")
    assert.truthy(output:find("error bad_port:", 1, true))
    _, output = start("tcp", "192.0.2.1", "0")
    assert.truthy(output:find("error address_unavailable:", 1, true))
  end)

  describe("on a Unix socket", function()
    local folder

    before_each(function() folder = temporary_folder() end)
    after_each(function() remove_tree(folder) end)

    local function ask(path, line)
      local conn = assert(raw.connect_unix(path))
      conn:send(raw.request(line))
      local answer = conn:receive()
      conn:close()
      return answer
    end

    it("serves its owner alone, and marks requests as local", function()
      start("unix", folder, "s.sock")
      local path = folder .. "/s.sock"
      assert.equal(tonumber("600", 8), uv.fs_stat(path).mode % 512)
      assert.truthy(ask(path, "GET /inspect/1").body:find('"local":true', 1, true))
    end)

    it("works where the path is longer than a socket's address", function()
      local deep = folder
      for _ = 1, 4 do
        deep = deep .. "/" .. ("d"):rep(60)
        assert(uv.fs_mkdir(deep, tonumber("700", 8)))
      end
      assert.is_true(#deep > 108)
      start("unix", deep, "s.sock")
      local fd = assert(uv.fs_open(deep, "r", 0))
      assert.equal(200, ask(("/proc/self/fd/%d/s.sock"):format(fd), "GET /").status)
      uv.fs_close(fd)
    end)

    it("replaces the socket of a program that is gone", function()
      local first = start("unix", folder, "s.sock")
      first:kill()
      assert.truthy(uv.fs_stat(folder .. "/s.sock"))
      start("unix", folder, "s.sock")
      assert.equal(200, ask(folder .. "/s.sock", "GET /").status)
    end)

    it("leaves the socket of a running program and other files alone", function()
      start("unix", folder, "s.sock")
      local _, output = start("unix", folder, "s.sock")
      assert.truthy(output:find("error socket_in_use:", 1, true))
      assert.equal(200, ask(folder .. "/s.sock", "GET /").status)
      io.open(folder .. "/file", "w"):close()
      _, output = start("unix", folder, "file")
      assert.truthy(output:find("error not_a_socket:", 1, true))
      _, output = start("unix", folder .. "/none", "s.sock")
      assert.truthy(output:find("error no_folder:", 1, true))
    end)

    it("is gone when the server has closed", function()
      local server = start("unix", folder, "s.sock")
      server:terminate()
      assert.equal(0, (server:wait()))
      assert.is_nil(uv.fs_stat(folder .. "/s.sock"))
    end)
  end)

  describe("ends", function()
    local function waiting_requests(server)
      return raw.exchange(server, raw.request("GET /waiting")).json.waiting
    end

    it("by cutting idle connections and finishing requests in flight", function()
      local server = start("tcp", "127.0.0.1", "0", "grace=60000")
      local idle, busy = assert(raw.connect(server)), assert(raw.connect(server))
      local half, admin = assert(raw.connect(server)), assert(raw.connect(server))
      busy:send(raw.request("GET /wait"))
      half:send(raw.request("POST /echo", "Content-Length: 5\r\n") .. "he")
      raw.wait("the request", function() return waiting_requests(server) == 1 end)
      admin:send(raw.request("POST /release", "Content-Length: 1\r\n"))
      raw.wait("the head", function() return waiting_requests(server) == 1 end)
      server:terminate()
      idle:wait_end()
      assert.is_nil(raw.connect(server))
      half:send("llo")
      local answer = half:receive()
      assert.equal("hello", answer.body)
      assert.equal("close", answer.headers.connection)
      half:wait_end()
      admin:send("x")
      assert.equal(200, admin:receive().status)
      assert.equal("close", busy:receive().headers.connection)
      busy:wait_end()
      admin:wait_end()
      local code, output = server:wait()
      assert.equal(0, code)
      assert.truthy(output:find("closed 2\n", 1, true))
    end)

    it("by cutting what is not done after the grace", function()
      local server = start("tcp", "127.0.0.1", "0", "grace=100")
      local busy = assert(raw.connect(server))
      busy:send(raw.request("GET /wait"))
      raw.wait("the request", function() return waiting_requests(server) == 1 end)
      server:terminate()
      busy:wait_end()
      assert.is_nil(busy.received)
      assert.equal(0, (server:wait()))
    end)

    it("when a handler says so, which is answered", function()
      local server = start("tcp", "127.0.0.1", "0", "grace=0")
      local conn = assert(raw.connect(server))
      conn:send(raw.request("POST /close", "", ""))
      conn:wait_end()
      assert.equal(0, (server:wait()))
      server = start("tcp", "127.0.0.1", "0")
      conn = assert(raw.connect(server))
      conn:send(raw.request("POST /close", "", "") .. raw.request("GET /"))
      assert.equal(202, conn:receive().status)
      conn:wait_end()
      assert.equal(0, #conn.answers)
      assert.equal(0, (server:wait()))
    end)
  end)
end)
