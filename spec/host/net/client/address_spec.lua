-- Which addresses the guard takes for private, and where a request comes upon it.
local outside = require("spec.support.outside")

local BUILD = os.getenv("CANDY_BUILD") or "build"

-- What the probe says of each address.
local function judged(addresses)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(table.concat(addresses, "\n"), "\n")
  file:close()
  local pipe = io.popen(("%s/probe/http_client address < %s"):format(BUILD, path))
  local verdicts = {}
  for address, verdict in pipe:read("*a"):gmatch("(%S+) (%S+)\n") do
    verdicts[address] = verdict
  end
  pipe:close()
  os.remove(path)
  return verdicts
end

local PRIVATE = {
  "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255",
  "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255",
  "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255",
  "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1",
  "255.255.255.255",
  "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.1.2.3",
  "::ffff:a9fe:a9fe", "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::8.8.8.8",
  "100::1", "2001::1", "2001:0:7f00:1::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::1",
  "2002:a00:1::", "2002:c0a8:101::1", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1",
  "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
}
local PUBLIC = {
  "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
  "126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.0", "172.15.255.255",
  "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.167.255.255", "192.169.0.0",
  "198.17.255.255", "198.20.0.0", "223.255.255.255",
  "2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "::ffff:8.8.8.8",
  "64:ff9b::8.8.8.8", "2002:808:808::1",
}

describe("addresses", function()
  it("are private unless they are plainly public", function()
    local verdicts = judged(PRIVATE)
    for _, address in ipairs(PRIVATE) do
      assert.are.equal("private", verdicts[address], address)
    end
    verdicts = judged(PUBLIC)
    for _, address in ipairs(PUBLIC) do
      assert.are.equal("public", verdicts[address], address)
    end
  end)

  it("are nothing else", function()
    local verdicts = judged({ "localhost", "1.2.3", "0x7f.1", "127.0.0.1:80", "[::1]" })
    for address, verdict in pairs(verdicts) do
      assert.are.equal("none", verdict, address)
    end
  end)
end)

describe("the guard", function()
  after_each(outside.close_all)

  local function code(url, settings)
    local result = outside.request({ url = url, guard = "all" }, settings)
    return result.error and result.error.code or result.status
  end

  it("sees through every way to write this machine's address", function()
    local server = outside.serve(function(conn) conn:answer(200) end)
    for _, host in ipairs({ "127.0.0.1", "127.1", "2130706433", "0x7f000001",
      "0177.0.0.1", "0x7f.0.0.1", "017700000001", "localhost", "LOCALHOST", "localhost.",
      "0.0.0.0", "0",
      "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]",
      "[::127.0.0.1]", "[64:ff9b::7f00:1]", "%31%32%37.0.0.1", "user@127.0.0.1",
      "127。0。0。1" }) do
      local got = code(("http://%s:%d/"):format(host, server.port))
      assert.is_true(got == "private_address" or got == "bad_url" or got == "dns_failed",
        host .. ": " .. got)
    end
    assert.are.equal(0, server.connections)
  end)

  it("lets through what the settings name", function()
    local server = outside.serve(function(conn) conn:answer(200) end)
    local function allowed(item)
      return code(server.url, { private_allow = { item } })
    end
    assert.are.equal(200, allowed("127.0.0.1"))
    assert.are.equal(200, allowed("127.0.0.0/8"))
    assert.are.equal(200, allowed("*"))
    assert.are.equal("private_address", allowed("127.0.0.2"))
    assert.are.equal("private_address", allowed("10.0.0.0/8"))
    assert.are.equal("private_address", allowed("localhost"))
    local by_name = ("http://localhost:%d/"):format(server.port)
    assert.are.equal(200, code(by_name, { private_allow = { "localhost" } }))
    assert.are.equal(200, code(by_name, {
      private_allow = { "LocalHost:" .. server.port } }))
    assert.are.equal("private_address", code(by_name, {
      private_allow = { "localhost:1" } }))
    assert.has_error(function() allowed("10.0.0.0/99") end)
  end)

  it("never takes a connection that was made without it", function()
    local server = outside.serve(function(conn) conn:answer(200) end)
    local results = outside.ask({ sequence = true, requests = {
      { url = server.url, guard = "none" },
      { url = server.url, guard = "all" },
      { url = server.url, guard = "redirects" },
    } })
    assert.are.equal(200, results.n1.status)
    assert.are.equal("private_address", results.n2.error.code)
    assert.are.equal(200, results.n3.status)
    assert.are.equal(1, server.connections)
  end)

  it("knows a number however it is written, also where the proxy would resolve it",
    function()
      local target
      local proxy = outside.serve(function(conn, head)
        if head:find("^GET http://public") then
          conn:answer(302, { Location = "http://" .. target .. "/" })
        else
          conn:answer(200, nil, "through")
        end
      end)
      for _, written in ipairs({ "127.1", "0x7f.0.0.1.", "\239\188\144x7f.1",
        "\226\145\160\226\145\161\226\145\166.0.0.1" }) do
        target = written
        local result = outside.request({ url = "http://public.example/" },
          { proxy = proxy.url })
        assert.are.equal("private_address", result.error and result.error.code, written)
      end
    end)

  it("watches redirects, unless they stay where they are", function()
    local other = outside.serve(function(conn) conn:answer(200, nil, "other") end)
    local server
    server = outside.serve(function(conn, head)
      local to = head:match("^GET /to%-other") and other.url
        or head:match("^GET /name") and ("http://localhost:%d/"):format(server.port)
        or head:match("^GET /same") and "/end"
      if to then
        conn:answer(307, { Location = to })
      else
        conn:answer(200, nil, "end")
      end
    end)
    local function got(path, guard, settings)
      local result = outside.request({ url = server.url .. path, guard = guard },
        settings)
      return result.error and result.error.code or result.body
    end
    assert.are.equal("private_address", got("/to-other", "redirects"))
    assert.are.equal("private_address", got("/name", "redirects"))
    assert.are.equal("end", got("/same", "redirects"))
    assert.are.equal("other", got("/to-other", "none"))
    assert.are.equal("other", got("/to-other", "redirects", {
      private_allow = { "127.0.0.1:" .. other.port } }))
  end)
end)
