-- Certificates that a request must not accept, and one that it does.
local candy = require("spec.support.candy")
local certificates = require("spec.support.certificates")
local outside = require("spec.support.outside")
local poll = require("spec.support.poll")
local uv = require("luv")

describe("a request over TLS", function()
  local folder

  setup(function()
    folder = certificates.folder()
    folder:make("good", "DNS:localhost,IP:127.0.0.1")
    folder:make("elsewhere", "DNS:example.org")
    folder:make("expired", "DNS:localhost", -1)
  end)
  teardown(function() folder:remove() end)

  local function get(name, settings, host)
    return outside.request({
      url = ("https://%s:%d/"):format(host or "localhost", folder:serve(name)),
    }, settings or { ca_file = folder.path .. "/ca.pem" })
  end

  it("succeeds with a certificate of a trusted authority", function()
    assert.are.equal(200, get("good").status)
    assert.are.equal(200, get("good", nil, "127.0.0.1").status)
  end)

  it("carries many requests over one connection of HTTP/2, but not streams", function()
    local run = candy.spawn(candy.node(),
      { "spec/fakes/http2.js", folder.path .. "/good" }, {})
    local port = poll.wait_for(function() return run.out.text:match("(%d+)\n") end, 20,
      "the server")
    local requests = {}
    for i = 1, 50 do
      requests[i] = { url = ("https://localhost:%d/%d"):format(port, i) }
    end
    requests[51] = { url = requests[1].url, streamed = true }
    local results = outside.ask({ requests = requests,
      settings = { ca_file = folder.path .. "/ca.pem" } })
    for i = 1, 50 do
      assert.are.equal("2", results["n" .. i].version)
      assert.are.equal("2.0 1", results["n" .. i].body)
    end
    assert.are.equal("1.1", results.n51.version)
    uv.kill(run.pid, "sigterm")
    candy.join(run)
  end)

  it("fails when nobody vouches for the certificate", function()
    local err = get("good", {}).error
    assert.are.equal("tls_failed", err.code)
    assert.matches("outgoing%.ca_file", err.text)
  end)

  it("fails when it is for another host", function()
    local err = get("elsewhere").error
    assert.are.equal("tls_failed", err.code)
    assert.matches("made for another host", err.text)
  end)

  it("fails when it has expired", function()
    local err = get("expired").error
    assert.are.equal("tls_failed", err.code)
    assert.matches("expired", err.text)
    assert.matches("renew", err.text)
  end)

  it("fails when the other side does not speak TLS", function()
    local server = outside.serve(function() end, { on_bytes = function(conn)
      conn:send("HTTP/1.1 400 Bad Request\r\n\r\n")
    end })
    local err = outside.request({ url = "https://127.0.0.1:" .. server.port }).error
    assert.are.equal("tls_failed", err.code)
    outside.close_all()
  end)
end)
