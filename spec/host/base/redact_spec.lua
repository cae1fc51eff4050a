-- What is hidden in texts and in JSON, and what is not.
local candy = require("spec.support.candy")
local cjson = require("cjson")

local PROGRAM = candy.build .. "/probe/redact"
local HIDDEN = "[redacted]"

-- Asks all in one run of the probe.
local function ask(list)
  local lines = {}
  for i, one in ipairs(list) do
    lines[i] = type(one) == "string" and one or cjson.encode(one)
  end
  local run = candy.spawn(PROGRAM, {}, { input = table.concat(lines, "\n") .. "\n" })
  assert.are.equal(0, (candy.join(run)), run.err.text)
  local answers = {}
  for line in run.out.text:gmatch("[^\n]+") do
    answers[#answers + 1] = line
  end
  assert.are.equal(#list, #answers)
  return answers
end

-- Each pair is a text and what it becomes, where * stands for what is hidden.
local function check(pairs_of)
  local asks = {}
  for i, pair in ipairs(pairs_of) do
    asks[i] = { text = pair[1] }
  end
  for i, answer in ipairs(ask(asks)) do
    local expected = pairs_of[i][2]:gsub("%*", HIDDEN)
    assert.are.equal(expected, cjson.decode("[" .. answer .. "]")[1])
  end
end

local function check_unchanged(texts)
  local list = {}
  for i, text in ipairs(texts) do
    list[i] = { text, text }
  end
  check(list)
end

describe("in a text", function()
  it("values under telling names are hidden", function()
    check({
      { "password=hunter2 user=ada", "password=* user=ada" },
      { "PASSWORD = hunter2", "PASSWORD = *" },
      { "db_passwd: hunter2, port: 5432", "db_passwd: *, port: 5432" },
      { "token: abc", "token: *" },
      { "github_token=abc&page=2", "github_token=*&page=2" },
      { "apiKey=abc;", "apiKey=*;" },
      { "x-api-key: abc", "x-api-key: *" },
      { "https://x.org/?access_token=abc&a=1", "https://x.org/?access_token=*&a=1" },
      { "/cb%3Ftoken%3Dabc", "/cb%3Ftoken%3D*" },
      { "client_secret => 'abc def'", "client_secret => '*'" },
      { "user[password]=abc", "user[password]=*" },
      { "login --password hunter2 --user ada", "login --password * --user ada" },
      { "--api-key=abc", "--api-key=*" },
      { "session_id=4f2a; path=/", "session_id=*; path=/" },
      { "password=1234", "password=*" },
      { "token: Bearer abc", "token: *" },
      { "AWS_SECRET_ACCESS_KEY=a/b+c", "AWS_SECRET_ACCESS_KEY=*" },
      { "pwd=\"with space\" x", "pwd=\"*\" x" },
      { "password=ab\\cd!", "password=*" },
      { "password\t:\tabc", "password\t:\t*" },
      { "password = `abc`", "password = `*`" },
      { "token := 'abc'", "token := '*'" },
      { "{'apiKey': b'abc', 'token': u\"abc\"}", "{'apiKey': b'*', 'token': u\"*\"}" },
      { "user[password][]=abc passwords[0]=abc", "user[password][]=* passwords[0]=*" },
      { "q=%22password%22%3A%20%22abc%22", "q=%22password%22%3A%20*" },
      { "<wsse:Password>a b</wsse:Password>", "<wsse:Password>*</wsse:Password>" },
      { "SMTP_PASS=abc accessToken=abc otp=12", "SMTP_PASS=* accessToken=* otp=*" },
    })
  end)

  it("but the words of a sentence are not", function()
    check_unchanged({
      "token: HTTP 503 from the server", "cannot refresh token: connection refused",
      "password: must have 8 characters", "Authorization: the header is missing",
      "secret: not found", "cookie: expired", "session: closed by peer",
      "credentials: missing", "tokens: input 12, output 30", "pass: 12 of 13",
    })
    check({
      { "token: Bearer abc def", "token: * def" },
      { "token: abc", "token: *" },
      { "token: abc1 def", "token: * def" },
      { "token: aBc def", "token: * def" },
      { "password: correct horse", "password: * horse" },
      { "token=abc def", "token=* def" },
      { "{token: abc, n: 1}", "{token: *, n: 1}" },
    })
  end)

  it("headers lose all of their line", function()
    check({
      { "Authorization: Bearer xyz", "Authorization: *" },
      { "authorization: Basic dXNlcjpwYXNz\r\nHost: x", "authorization: *\r\nHost: x" },
      { "Cookie: a=b; c=d\nnext", "Cookie: *\nnext" },
      { "Set-Cookie: sid=1; HttpOnly", "Set-Cookie: *" },
      { "curl -H 'Authorization: token abc' https://x.org",
        "curl -H 'Authorization: *' https://x.org" },
      { 'Cookie: a="b"; c=d\nnext', "Cookie: *\nnext" },
      { [[Authorization: Digest username=\"a\", response=\"b\" x]], "Authorization: *" },
      { "Authorization: Bearer\r\n abc\r\nHost: x", "Authorization: *\r\nHost: x" },
      { "Authorization:\n\tabc\nHost: x", "Authorization:*\nHost: x" },
    })
  end)

  it("JSON in it is understood, also when it is escaped", function()
    check({
      { [[{"token":"a\"b","n":1}]], [[{"token":"*","n":1}]] },
      { [[{"token" : "abc"}]], [[{"token" : "*"}]] },
      { [[{\"token\":\"abc\",\"n\":1}]], [[{\"token\":\"*\",\"n\":1}]] },
      { [[{"token":{"a":["b"]},"n":1}]], [[{"token":*,"n":1}]] },
      { [[{"token":{"a":"}","b":["]"]},"n":1}]], [[{"token":*,"n":1}]] },
      { [[{\"token\":[\"]\"],\"n\":1}]], [[{\"token\":*,\"n\":1}]] },
      { [[{'password': 'abc'}]], [[{'password': '*'}]] },
      { [[{"password":"never ends]], [[{"password":"*]] },
      { [[{"message":"Cookie: a=b"}]], [[{"message":"Cookie: *"}]] },
    })
  end)

  it("credentials of URLs are hidden", function()
    check({
      { "postgres://ada:pw@db:5432/x", "postgres://*@db:5432/x" },
      { "https://ghp_abc@github.com/a.git", "https://*@github.com/a.git" },
      { "amqp://a:b@c@host/", "amqp://*@host/" },
      { "redis://:pa/ss@host:1", "redis://*@host:1" },
      { [[https:\/\/u:p@x.org\/]], [[https:\/\/*@x.org\/]] },
    })
  end)

  it("what follows Bearer, and private keys, are hidden", function()
    check({
      { "sent Bearer eyJhbGciOi.J9", "sent Bearer *" },
      { "Basic dXNlcjpwYXNz sent", "Basic * sent" },
      { "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----*-----END RSA PRIVATE KEY-----" },
      { "-----BEGIN PRIVATE KEY-----\nMIIE", "-----BEGIN PRIVATE KEY-----*" },
    })
  end)

  it("several are hidden, and what is hidden stays as it is", function()
    check({
      { "token=a password=b c", "token=* password=* c" },
      { "token=[redacted] and {\"password\":\"[redacted]\"}",
        "token=* and {\"password\":\"*\"}" },
    })
  end)

  it("nothing else is", function()
    check_unchanged({
      "", "HTTP 503 from https://x.org:8443/a@b", "took 12:03:04", "a = b, c: d",
      "max_tokens: 4000", "tokens=12", "prompt_tokens: 12", "token_type: bearer",
      "the token was refused", "std::token::next", "token == nil", "password: ",
      "has_password: true", "session: none", "possession: 9", "tokenizer: cl100k",
      "sessions: 12", "secret_name=GITHUB", "basic understanding of it",
      "bearer of bad news", "mailto: ada@x.org", "-----BEGIN CERTIFICATE-----\nMIIE",
      "token_endpoint=https://x.org", "session_timeout: 30s",
      "passengers=Ada", "a->b", "<b>token</b>", "cookies: 3", "secretary: Ada",
      "key=value", "author: Ada", "-- token", "a--b",
    })
  end)

  it("hostile ones do no harm", function()
    local long = ("password"):rep(20000)
    local asks = {}
    for i, text in ipairs({ ("="):rep(1e5), ("token="):rep(2e4), (":"):rep(1e5) .. "//@",
      long .. "=x", "token=" .. ("\\"):rep(1e5), "token=" .. ("["):rep(1e5),
      ("://"):rep(3e4), ("-----BEGIN "):rep(1e4),
      ('"token":"'):rep(1e4), ('Cookie: a"'):rep(1e4),
      ('Cookie: a="'):rep(1e4), ("<token>"):rep(1e4), ("token=["):rep(1e4),
      ("]"):rep(1e5) .. "=" }) do
      asks[i] = { text = text }
    end
    ask(asks)
  end)
end)

describe("in JSON", function()
  local function check_json(before, after)
    local answer = ask({ '{"json":' .. before .. "}" })[1]
    assert.are.equal((after:gsub("%*", '"' .. HIDDEN .. '"')), answer)
  end

  it("values under telling names are hidden, whatever they are", function()
    check_json('{"password":"a","n":1}', '{"password":*,"n":1}')
    check_json('{"a":[{"x-api-key":1,"b":2}]}', '{"a":[{"x-api-key":*,"b":2}]}')
    check_json('{"clientSecret":{"a":1},"Set-Cookie":["a","b"]}',
      '{"clientSecret":*,"Set-Cookie":*}')
    check_json('[["authorization"],{"authorization":"x"}]',
      '[["authorization"],{"authorization":*}]')
  end)

  it("pairs of a name and a value are understood", function()
    check_json('{"headers":[["Authorization","a"],["Host","b"]]}',
      '{"headers":[["Authorization",*],["Host","b"]]}')
    check_json('[{"name":"X-Api-Key","value":"a"},{"Key":"n","Value":"b"}]',
      '[{"name":"X-Api-Key","value":*},{"Key":"n","Value":"b"}]')
    check_json('["curl","--token","a","b"]', '["curl","--token",*,"b"]')
    check_json('["password","email","name"]', '["password","email","name"]')
  end)

  it("texts are gone through", function()
    check_json('{"url":"https://a:b@x.org","list":["token=abc"]}',
      '{"url":"https://[redacted]@x.org","list":["token=[redacted]"]}')
  end)

  it("what tells nothing stays", function()
    check_json('{"has_password":true,"token":null,"tokens":12,"max_tokens":4000}',
      '{"has_password":true,"token":null,"tokens":12,"max_tokens":4000}')
  end)

  it("what is nested too deep becomes a note", function()
    local deep = ("["):rep(500) .. "1" .. ("]"):rep(500)
    local answer = ask({ '{"json":' .. deep .. "}" })[1]
    assert.are.equal(("["):rep(32) .. '"[nested too deep]"' .. ("]"):rep(32), answer)
  end)

  it("text of an error stays the same when there is nothing to hide", function()
    local answers = ask({ { error = '{"code":"a","message":"b: c"}' },
      { error = '{"code":"a","message":"token: \\"c\\""}' }, { error = "token=c" } })
    assert.are.equal("null", answers[1])
    assert.are.equal('{"code":"a","message":"token: \\"[redacted]\\""}',
      cjson.decode("[" .. answers[2] .. "]")[1])
    assert.are.equal("token=[redacted]", cjson.decode("[" .. answers[3] .. "]")[1])
  end)
end)

describe("a value that is registered", function()
  it("is hidden wherever it turns up, in its other forms too", function()
    local answers = ask({ { text = "x s3cr3t/val\"ue y" }, { hide = "s3cr3t/val\"ue" },
      { text = "x s3cr3t/val\"ue y" }, { text = "?q=s3cr3t%2Fval%22ue" },
      { text = [[{"a":"s3cr3t/val\"ue"}]] }, { json = { ["s3cr3t/val\"ue"] = 1 } },
      { json = { a = "s3cr3t/val\"ue" } }, { text = "s3cr3t/val\"u" } })
    assert.are.equal(cjson.encode("x s3cr3t/val\"ue y"):gsub("\\/", "/"), answers[1])
    assert.are.same({ '"x [redacted] y"', '"?q=[redacted]"',
      [["{\"a\":\"[redacted]\"}"]], '{"[redacted]":1}', '{"a":"[redacted]"}' },
      { unpack(answers, 3, 7) })
    assert.is_truthy(answers[8]:find("s3cr3t", 1, true))
  end)

  it("is hidden as far as it goes in a text cut off, and in foreign JSON", function()
    local answers = ask({ { hide = "a/b/c/d/e/f" }, { text = "is a/b/c/d/..." },
      { text = [[{"x":"a\/b\/c\/d\/e\/f"}]] }, { text = "a%2fb%2fc%2fd%2fe%2ff" },
      { text = "a/b/c/d" } })
    assert.are.same({ '"is [redacted]..."', [["{\"x\":\"[redacted]\"}"]], '"[redacted]"',
      '"a/b/c/d"' }, { unpack(answers, 2, 5) })
  end)

  it("is the longest one that fits, and has 6 bytes at least", function()
    local answers = ask({ { hide = "abcdef" }, { hide = "abcdefgh" },
      { hide = "xyzzy" }, { text = "abcdefgh abcdef xyzzy" } })
    assert.are.equal('"[redacted] [redacted] xyzzy"', answers[4])
  end)
end)
