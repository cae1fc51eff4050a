local raw = require("spec.support.raw_http")

describe("the router", function()
  local server

  setup(function() server = raw.start({ "tcp", "127.0.0.1", "0" }) end)
  teardown(function() server:stop() end)

  local function ask(line)
    return raw.exchange(server, raw.request(line))
  end

  it("decodes parameters, once", function()
    assert.equal("a/b c+%41", ask("GET /inspect/a%2fb%20c+%2541").json.id)
  end)

  it("tells several parameters apart", function()
    local seen = ask("POST /inspect/1/sub/two").json
    assert.equal("1", seen.id)
    assert.equal("two", seen.sub)
  end)

  it("tries its table from the top", function()
    assert.equal("hello\n", ask("GET /inspect/fixed").body)
  end)

  it("compares fixed segments decoded", function()
    assert.equal("1", ask("GET /in%73pect/1").json.id)
  end)

  it("answers 404 where no route is", function()
    local paths = { "/inspect", "/inspect/", "/inspect/1/", "//", "/inspect/1/sub/",
      "/Inspect/1", "/inspect%2f1", "/a" .. ("/a"):rep(100) }
    for _, path in ipairs(paths) do
      local answer = ask("GET " .. path)
      assert.equal(404, answer.status)
      assert.equal("not_found", answer.json.code)
      assert.equal(path, answer.json.instance)
    end
  end)

  it("answers 405 with Allow", function()
    local answer = ask("DELETE /echo")
    assert.equal(405, answer.status)
    assert.equal("POST, PUT, OPTIONS", answer.headers.allow)
    assert.equal("method_not_allowed", answer.json.code)
    assert.equal("GET, HEAD, OPTIONS", ask("POST /inspect/1").headers.allow)
  end)

  it("answers OPTIONS with Allow", function()
    local answer = ask("OPTIONS /inspect/1")
    assert.equal(204, answer.status)
    assert.is_nil(answer.headers["content-length"])
    assert.equal("GET, HEAD, OPTIONS", answer.headers.allow)
    assert.equal("GET, HEAD, POST, PUT, OPTIONS", ask("OPTIONS *").headers.allow)
    assert.equal(404, ask("OPTIONS /nothing").status)
  end)

  it("sends HEAD to the GET route", function()
    local answer = ask("HEAD /inspect/1")
    assert.equal(200, answer.status)
    assert.is_true(tonumber(answer.headers["content-length"]) > 0)
  end)
end)
