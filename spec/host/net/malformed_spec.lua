-- Raw bytes that two parsers could read differently, or that are no HTTP at all.
local raw = require("spec.support.raw_http")

local HOST = "Host: a\r\n"
local POST = "POST /echo HTTP/1.1\r\n" .. HOST
local CHUNKED = POST .. "Transfer-Encoding: chunked\r\n\r\n"

-- { what, bytes, status, code }
local refused = {
  { "a bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n" },
  { "a bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n" },
  { "a bare LF as the empty line", "GET / HTTP/1.1\r\nHost: a\r\n\n" },
  { "a CR inside a value", "GET / HTTP/1.1\r\nHost: a\r\nX: y\rZ: 1\r\n\r\n" },
  { "a CR before CR LF", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\r\n\r\n" },
  { "a NUL inside a value", "GET / HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n" },
  { "a NUL inside the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n" },
  { "another control byte in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \1\r\n\r\n" },
  { "DEL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \127\r\n\r\n" },
  { "a space before the colon", POST .. "Content-Length : 5\r\n\r\nhello" },
  { "a tab before the colon", POST .. "Content-Length\t: 5\r\n\r\nhello" },
  { "a space at the first field's front", "GET / HTTP/1.1\r\n Host: a\r\n\r\n" },
  { "a folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n" },
  { "a field without a colon", "GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n" },
  { "a field without a name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n" },
  { "a field name that is no token", "GET / HTTP/1.1\r\nHost: a\r\nX(y): z\r\n\r\n" },
  { "a field name beyond ASCII", "GET / HTTP/1.1\r\nHost: a\r\nX\195\164: z\r\n\r\n" },
  { "two spaces in the request line", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n" },
  { "two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n" },
  { "a tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n" },
  { "a space at the line's end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n" },
  { "a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n" },
  { "a target beyond ASCII", "GET /\195\164 HTTP/1.1\r\nHost: a\r\n\r\n" },
  { "no version", "GET /\r\nHost: a\r\n\r\n" },
  { "a version in small letters", "GET / http/1.1\r\nHost: a\r\n\r\n" },
  { "a version of three digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n" },
  { "a method alone", "GET\r\n\r\n" },
  { "two empty lines at the front", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" },
  { "a TLS greeting", "\22\3\1\2\0\1\0\1\252\3\3" },
  { "a space at the very front", " GET / HTTP/1.1\r\nHost: a\r\n\r\n" },

  { "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "unknown_version" },
  { "HTTP/0.9", "GET / HTTP/0.9\r\n\r\n", 505, "unknown_version" },
  { "HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "unknown_version" },
  { "an unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unknown_method" },
  { "a method in small letters", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501,
    "unknown_method" },
  { "CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501, "unknown_method" },
  { "TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unknown_method" },

  { "no Host", "GET / HTTP/1.1\r\n\r\n", 400, "bad_host" },
  { "an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "bad_host" },
  { "two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_host" },
  { "the same Host twice", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400,
    "bad_host" },
  { "a Host that is a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "bad_host" },

  { "a fragment", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target" },
  { "a target without a slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
  { "an asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target" },
  { "a user in the target", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400,
    "bad_target" },
  { "an absolute target without a host", "GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n",
    400 },
  { "half an escape", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target" },
  { "an escape of no hex", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target" },
  { "an encoded NUL in the path", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", 400,
    "bad_target" },
  { "bad UTF-8 in the path", "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target" },
  { "an overlong slash", "GET /%c0%af HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_target" },
  { "half an escape in the query", "GET /?a=%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400,
    "bad_target" },
  { "an encoded NUL in the query", "GET /?a%00=1 HTTP/1.1\r\nHost: a\r\n\r\n", 400,
    "bad_target" },

  { "Content-Length and Transfer-Encoding",
    POST .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400 },
  { "Transfer-Encoding and Content-Length",
    POST .. "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400 },
  { "two different lengths",
    POST .. "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400 },
  { "two lengths in one", POST .. "Content-Length: 5, 5\r\n\r\nhello", 400 },
  { "a length with a sign", POST .. "Content-Length: +5\r\n\r\nhello", 400 },
  { "a negative length", POST .. "Content-Length: -5\r\n\r\nhello", 400 },
  { "a length in hex", POST .. "Content-Length: 0x5\r\n\r\nhello", 400 },
  { "a length with a space inside", POST .. "Content-Length: 1 0\r\n\r\nhello", 400 },
  { "an empty length", POST .. "Content-Length:\r\n\r\nhello", 400 },
  { "a length beyond 64 bits", POST .. "Content-Length: 18446744073709551621\r\n\r\n" },
  { "an unknown coding", POST .. "Transfer-Encoding: gzip, chunked\r\n\r\n", 501,
    "unknown_coding" },
  { "chunked twice", POST .. "Transfer-Encoding: chunked, chunked\r\n\r\n" },
  { "chunked in two fields",
    POST .. "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" },
  { "almost chunked", POST .. "Transfer-Encoding: xchunked\r\n\r\n", 501 },
  { "a coding in HTTP/1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" },
  { "an unknown expectation", POST .. "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n", 417,
    "unknown_expectation" },

  { "a bare LF behind a chunk's size", CHUNKED .. "5\nhello\r\n0\r\n\r\n" },
  { "a CR without LF behind a chunk's size", CHUNKED .. "5\rXhello\r\n0\r\n\r\n" },
  { "a chunk that is longer than its size", CHUNKED .. "5\r\nhelloXX0\r\n\r\n" },
  { "a bare LF behind a chunk", CHUNKED .. "5\r\nhello\n0\r\n\r\n" },
  { "a chunk without a size", CHUNKED .. "\r\nhello\r\n0\r\n\r\n" },
  { "a size with 0x", CHUNKED .. "0x5\r\nhello\r\n0\r\n\r\n" },
  { "a size with a sign", CHUNKED .. "+5\r\nhello\r\n0\r\n\r\n" },
  { "a size with a space before it", CHUNKED .. " 5\r\nhello\r\n0\r\n\r\n" },
  { "a size with a space behind it", CHUNKED .. "5 \r\nhello\r\n0\r\n\r\n" },
  { "a size beyond 64 bits", CHUNKED .. "10000000000000005\r\nhello\r\n0\r\n\r\n", 413 },
  { "a bare LF in an extension", CHUNKED .. "5;a\nb\r\nhello\r\n0\r\n\r\n" },
  { "a CR in an extension", CHUNKED .. "5;a\rb\r\nhello\r\n0\r\n\r\n" },
  { "an extension without end", CHUNKED .. "5;" .. ("x"):rep(400) },
  { "a bare LF in the trailer", CHUNKED .. "0\r\nA: b\n\r\n" },
  { "a trailer without a colon", CHUNKED .. "0\r\nAb\r\n\r\n" },
}

describe("a malformed request", function()
  local server

  setup(function() server = raw.start({ "tcp", "127.0.0.1", "0" }) end)
  teardown(function() server:stop() end)

  for _, case in ipairs(refused) do
    local what, bytes, status, code = unpack(case)
    it("is refused: " .. what, function()
      local marker = raw.request("GET /inspect/smuggled")
      local answer = raw.refused(server, bytes .. marker)
      local problem = answer.problem
      assert.equal(status or 400, answer.status)
      assert.equal("application/problem+json", answer.headers["content-type"])
      assert.equal("close", answer.headers.connection)
      assert.equal(answer.status, problem.status)
      assert.is_true(#problem.detail > 10)
      assert.equal(answer.headers["x-request-id"], problem.request_id)
      if code then assert.equal(code, problem.code) end
    end)
  end

  it("is refused the same when it comes byte by byte", function()
    for _, case in ipairs({ refused[1], refused[4], refused[13] }) do
      local conn = assert(raw.connect(server))
      for i = 1, #case[2] do conn:send(case[2]:sub(i, i)) end
      assert.equal(400, conn:receive().status)
      conn:wait_end()
    end
  end)

  it("does not keep answers to what came before it from being sent", function()
    local conn = assert(raw.connect(server))
    conn:send(raw.request("GET /") .. "GET / HTTP/1.1\nHost: a\r\n\r\n")
    assert.equal(200, conn:receive().status)
    assert.equal(400, conn:receive().status)
    conn:wait_end()
  end)
end)
