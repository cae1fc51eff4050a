-- What goes along when a request is led elsewhere, and what stays behind.
local outside = require("spec.support.outside")

describe("a redirect", function()
  after_each(outside.close_all)

  -- A server that leads /N to another place with status N, and tells what came to it.
  local function leading(to)
    local server
    server = outside.serve(function(conn, head, body)
      local status = tonumber(head:match("^%u+ /(%d%d%d)"))
      if status then
        conn:answer(status, { Location = type(to) == "string" and to or to(server) },
          "moved")
      else
        conn:answer(200, nil, head .. body)
      end
    end)
    return server
  end

  local function follow(server, request, path)
    request.url = server.url .. path
    return outside.request(request)
  end

  it("changes the method as browsers do", function()
    local server = leading("/end")
    local function sent(method, status)
      local result = follow(server, { method = method, body = "data", headers = {
        { "Content-Type", "text/x" } } }, "/" .. status)
      return result.body:match("^%u+"), result.body:match("\r\n\r\n(.*)$"), result
    end
    for _, case in ipairs({ { "POST", 301, "GET" }, { "POST", 302, "GET" },
      { "POST", 303, "GET" }, { "PUT", 303, "GET" }, { "PUT", 302, "PUT" },
      { "POST", 307, "POST" }, { "POST", 308, "POST" }, { "DELETE", 301, "DELETE" } }) do
      local method, body, result = sent(case[1], case[2])
      assert.are.equal(case[3], method)
      assert.are.equal(case[3] == "GET" and "" or "data", body)
      assert.are.equal(case[3] ~= "GET",
        result.body:find("Content-Type: text/x", 1, true) ~= nil)
      assert.are.equal(1, result.redirects)
      assert.are.equal(server.url .. "/end", result.url)
    end
  end)

  it("keeps secrets within their origin", function()
    local secrets = { { "Authorization", "Bearer s3cret" }, { "Cookie", "s3cret=1" },
      { "X-Api-Key", "s3cret" }, { "X-Auth-Token", "s3cret" }, { "X-Plain", "plain" } }
    local stays = leading("/end")
    local result = follow(stays, { headers = secrets, guard = "none" }, "/302")
    assert.are.equal(4, select(2, result.body:gsub("s3cret", "")))
    local leaves = leading(stays.url .. "/end")
    result = follow(leaves, { headers = secrets, guard = "none" }, "/302")
    assert.is_nil(result.body:find("s3cret", 1, true))
    assert.is_truthy(result.body:find("X-Plain: plain", 1, true))
    result = follow(leaves, { user = "u", password = "p", guard = "none" }, "/302")
    assert.is_nil(result.body:find("Authorization", 1, true))
    result = follow(stays, { bearer = "s3cret" }, "/302")
    assert.is_truthy(result.body:find("Authorization: Bearer s3cret", 1, true))
  end)

  it("is an answer like others when not to be followed, or leads nowhere", function()
    local server = leading("/end")
    local result = follow(server, { redirects = -1 }, "/302")
    assert.are.equal(302, result.status)
    assert.are.equal("moved", result.body)
    server = leading("ftp://127.0.0.1/")
    assert.are.equal("bad_response", follow(server, {}, "/302").error.code)
    server = leading("http://[")
    assert.are.equal("bad_response", follow(server, {}, "/302").error.code)
  end)

  it("cannot send a stream again", function()
    local server = outside.serve(function() end, { on_bytes = function(conn, bytes)
      if bytes:find("0\r\n\r\n", 1, true) then
        conn:answer(307, { Location = "/end" })
      end
    end })
    local result = follow(server, { method = "POST", upload = 10 }, "/")
    assert.are.equal("redirect_with_body", result.error.code)
  end)

  it("does not have its body read to no end", function()
    local server
    server = outside.serve(function(conn, head)
      if head:find("GET /end", 1, true) then
        conn:answer(200, nil, "end")
        return
      end
      local piece = ("x"):rep(65536)
      local function more(err)
        if not err then
          conn:send(piece, more)
        end
      end
      conn:send("HTTP/1.1 302 Found\r\nLocation: /end\r\n"
        .. "Content-Length: 10737418240\r\n\r\n", more)
    end)
    assert.are.equal("end", follow(server, {}, "/").body)
  end)
end)
