-- candy.crypto against published vectors and another implementation, and candy.secret.
local candy = require("spec.support.candy")
local cjson = require("cjson")

local host

local EVAL = [[
  local candy = require("candy")
  candy.task("eval", { max_retries = 0, additional = true }, function(job)
    return assert(load("local candy, job = ... " .. job.payload.code))(candy, job)
  end)]]

setup(function()
  host = candy.start({ workers = 1, scripts = { ["eval.lua"] = EVAL },
    env = { CANDY_SECRET_FROM_ENV = "of the environment", CANDY_SECRET_BYTES = "\255" } })
end)
teardown(function()
  host:stop()
  candy.remove(host.folder)
end)

local function eval_on(which, code)
  local job = which:wait(which:push("eval", { code = code }))
  if job.state == "completed" then
    return job.result
  end
  return job.error
end

local function eval(code)
  return eval_on(host, code)
end

local function rep(byte, n)
  return ('("%s"):rep(%d)'):format(byte, n)
end

describe("candy.crypto.hash", function()
  -- FIPS 180-4, the examples of NIST; RFC 7693, appendix A, is 64 bytes: 32 by b2sum
  local vectors = {
    { "sha256", '"abc"',
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "sha256", '""',
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "sha512", '"abc"',
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        .. "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
    { "sha256", rep("a", 1000000),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    { "blake2b", '"abc"',
      "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319" },
  }
  for _, vector in ipairs(vectors) do
    it(("is %s of %s"):format(vector[1], vector[2]), function()
      assert.equal(vector[3], eval(("return candy.crypto.hash(%q, %s)"):format(vector[1],
        vector[2])))
    end)
  end

  it("has encodings", function()
    assert.same({ "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
      "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0", 32 }, eval([[
      local hash = candy.crypto.hash
      return { hash("sha256", "abc", "base64"), hash("sha256", "abc", "base64url"),
        #hash("sha256", "abc", "raw") }]]))
  end)
end)

describe("candy.crypto.hmac", function()
  -- RFC 4231
  local vectors = {
    { "sha256", rep("\\11", 20), '"Hi There"',
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "sha256", '"Jefe"', '"what do ya want for nothing?"',
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { "sha512", '"Jefe"', '"what do ya want for nothing?"',
      "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        .. "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
    { "sha256", rep("\\170", 131),
      '"Test Using Larger Than Block-Size Key - Hash Key First"',
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
  }
  for i, vector in ipairs(vectors) do
    it(("is that of RFC 4231, case %d by %s"):format(i, vector[1]), function()
      assert.equal(vector[4], eval(("return candy.crypto.hmac(%q, %s, %s)"):format(
        vector[1], vector[2], vector[3])))
    end)
  end

  it("is that of another implementation, for keys and data of many lengths", function()
    local script = [[
      const { createHmac, createHash } = require("crypto")
      const out = []
      for (let n = 0; n < 300; n += 37) {
        const data = Buffer.alloc(n, n), key = Buffer.alloc(n, 255 - n % 256)
        out.push(createHmac("sha512", key).update(data).digest("base64"),
          createHash("sha512").update(data).digest("hex"))
      }
      console.log(JSON.stringify(out))]]
    local run = candy.spawn(candy.node(), { "-e", script })
    assert.equal(0, candy.join(run))
    assert.same(cjson.decode(run.out.text), eval([[
      local out = {}
      for n = 0, 299, 37 do
        local data, key = string.char(n % 256):rep(n), string.char(255 - n % 256):rep(n)
        out[#out + 1] = candy.crypto.hmac("sha512", key, data, "base64")
        out[#out + 1] = candy.crypto.hash("sha512", data)
      end
      return out]]))
  end)
end)

describe("candy.crypto: bytes as text", function()
  it("are those of RFC 4648", function()
    assert.same({ "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" },
      eval([[
      local out = {}
      for n = 0, 6 do out[n + 1] = candy.crypto.to_base64(("foobar"):sub(1, n)) end
      return out]]))
    assert.same({ "_-8", "/+8=", "666f6f00" }, eval([[
      return { candy.crypto.to_base64url("\255\239"), candy.crypto.to_base64("\255\239"),
        candy.crypto.to_hex("foo\0") }]]))
  end)

  it("read what they write, with padding or without", function()
    assert.equal(true, eval([[
      local c = candy.crypto
      for n = 0, 200 do
        local data = c.random(n + 1)
        assert(c.from_base64(c.to_base64(data)) == data)
        assert(c.from_base64((c.to_base64(data):gsub("=", ""))) == data)
        assert(c.from_base64url(c.to_base64url(data)) == data)
        assert(c.from_hex(c.to_hex(data)) == data)
        assert(c.from_hex(c.to_hex(data):upper()) == data)
      end
      assert(c.from_base64url("_-8=") == "\255\239")
      return true]]))
  end)

  it("tell what is none", function()
    assert.same({ "bad_base64", "bad_base64", "bad_base64", "bad_hex", "bad_hex",
      "bad_hex", "bad_base64" }, eval([[
      local c, out = candy.crypto, {}
      local function code(value, err) out[#out + 1] = value or err.code end
      code(c.from_base64("_-8=")) code(c.from_base64("a")) code(c.from_base64("Zg==\n"))
      code(c.from_hex("abc")) code(c.from_hex("zz")) code(c.from_hex("aa "))
      code(c.from_base64url("/+8="))
      return out]]))
  end)
end)

describe("candy.crypto: random values", function()
  it("have their form and differ", function()
    assert.equal(true, eval([[
      local c = candy.crypto
      local d = "%x%x%x%x"
      local last = ""
      for _ = 1, 200 do
        local u4, u7 = c.uuid(), c.uuid(7)
        local rest = "%-[89ab]%x%x%x%-" .. d .. d .. d .. "$"
        assert(u4:match("^" .. d .. d .. "%-" .. d .. "%-4%x%x%x" .. rest), u4)
        assert(u7:match("^" .. d .. d .. "%-" .. d .. "%-7%x%x%x" .. rest), u7)
        assert(u7:sub(1, 13) >= last)
        last = u7:sub(1, 13)
        assert(math.abs(tonumber(u7:sub(1, 8) .. u7:sub(10, 13), 16)
          - candy.time.now()) < 10000)
      end
      assert(#c.token() == 43 and c.token() ~= c.token() and c.uuid() ~= c.uuid())
      assert(#c.random(5) == 5 and #c.random(5, "hex") == 10)
      return true]]))
  end)

  it("compare", function()
    assert.same({ true, false, false, true }, eval([[local equal = candy.crypto.equal
      return { equal("abc", "abc"), equal("abc", "abd"), equal("abc", "ab"),
        equal("", "") }]]))
  end)
end)

describe("candy.crypto: misuse", function()
  local faults = {
    { 'hash("sha1", "x")', "sha1 is broken and not here: take sha256" },
    { 'hash("crc", "x")', 'must be "sha256", "sha512" or "blake2b", not "crc"' },
    { 'hash("sha256")', "the data must be a text, not nil" },
    { 'hash("sha256", "x", "octal")', 'an encoding is "hex"' },
    { 'hmac("blake2b", "k", "x")', 'must be "sha256" or "sha512"' },
    { 'hmac("sha256", nil, "x")', "the key must be a text, not nil" },
    { "random(0)", "from 1 to 65536, not 0" },
    { "random(1e9)", "from 1 to 65536" },
    { "uuid(5)", "the version is 4 or 7, not 5" },
    { "equal(1, 2)", "must be a text" },
    { "to_hex({})", "must be a text, not a table" },
    { 'seal("x", { contxt = "a" })', 'unknown option "contxt"' },
    { "seal(nil)", "must be a text, not nil" },
  }
  for _, fault in ipairs(faults) do
    it("is told of " .. fault[1], function()
      local err = eval("return candy.crypto." .. fault[1])
      assert.truthy(err.message and err.message:find(fault[2], 1, true),
        cjson.encode(err))
    end)
  end
end)

describe("candy.crypto.seal", function()
  it("makes what opens again", function()
    assert.equal(true, eval([[
      local c = candy.crypto
      for n = 0, 100, 9 do
        local text = n == 0 and "" or c.random(n)
        local sealed = assert(c.seal(text, { context = "account 7" }))
        assert(sealed:match("^c1%.%x%x%x%x%x%x%x%x%.[%w_-]+$"), sealed)
        assert(c.open(sealed, { context = "account 7" }) == text)
      end
      local big = ("x"):rep(1000000)
      assert(c.open(assert(c.seal(big))) == big)
      assert(c.seal("x") ~= c.seal("x"))
      return true]]))
    assert.truthy(candy.read(host.data .. "/seal.key"):match("^[%w+/]+=$"))
    local mode = io.popen("stat -c %a '" .. host.data .. "/seal.key'")
    assert.equal("600\n", mode:read("*a"))
    mode:close()
  end)

  it("sees another context, and every change", function()
    assert.same({ "seal_broken", "seal_broken", "bad_seal", "bad_seal", "bad_seal",
      "unknown_seal_key" }, eval([[
      local c, out = candy.crypto, {}
      local sealed = c.seal("secret", { context = "a" })
      local function code(value, err) out[#out + 1] = value or err.code end
      code(c.open(sealed)) code(c.open(sealed, { context = "b" }))
      code(c.open("")) code(c.open("plain text")) code(c.open("c2" .. sealed:sub(3)))
      code(c.open("c1.00000000" .. sealed:sub(12), { context = "a" }))
      for i = 1, #sealed do
        local other = sealed:sub(i, i) == "A" and "B" or "A"
        local text = c.open(sealed:sub(1, i - 1) .. other .. sealed:sub(i + 1),
          { context = "a" })
        assert(text == nil, i)
        assert(c.open(sealed:sub(1, i - 1), { context = "a" }) == nil)
      end
      return out]]))
  end)

  it("keeps its key when the host starts again, or takes that of the environment",
    function()
      local key = ("A"):rep(43) .. "="
      local own = candy.start({ workers = 1, scripts = { ["eval.lua"] = EVAL } })
      local sealed = eval_on(own, 'return candy.crypto.seal("x")')
      own:stop()
      own = own:again({ workers = 1 })
      local open = ("local t, err = candy.crypto.open(%q) return t or err.code")
        :format(sealed)
      assert.equal("x", eval_on(own, open))
      own:stop()
      own = own:again({ workers = 1, env = { CANDY_SEAL_KEY = key } })
      assert.equal("unknown_seal_key", eval_on(own, open))
      own:stop()
      own = own:again({ workers = 1, env = { CANDY_SEAL_KEY = "short" } })
      local err = eval_on(own, 'return candy.crypto.seal("x")')
      assert.equal("seal_key", err.code)
      assert.truthy(err.message:find("32 bytes as base64", 1, true))
      assert.is_nil(err.message:find("short", 1, true))
      own:stop()
      candy.remove(own.folder)
    end)
end)

describe("candy.secret", function()
  local function secret(name)
    return eval(("local s, err = candy.secret(%q) return s or { err.code, err.message }")
      :format(name))
  end

  it("comes from the environment and from .env files, as they are now", function()
    assert.equal("of the environment", secret("FROM_ENV"))
    local missing = secret("LATER")
    assert.equal("secret_missing", missing[1])
    assert.truthy(missing[2]:find("set CANDY_SECRET_LATER, or put it in .env", 1, true))
    candy.write(host.folder .. "/.env", "LATER=one\nCANDY_SECRET_FROM_ENV=weaker\n")
    assert.equal("one", secret("LATER"))
    assert.equal("of the environment", secret("FROM_ENV"))
    candy.write(host.folder .. "/.env.local", "CANDY_SECRET_LATER='two # 2'\n")
    assert.equal("two # 2", secret("LATER"))
    candy.write(host.folder .. "/.env.local", "CANDY_SECRET_LATER=three\n")
    assert.equal("three", secret("LATER"))
  end)

  it("stays when a file is spoilt, which is told without its text", function()
    candy.write(host.folder .. "/.env.local", "CANDY_SECRET_LATER=three\n")
    assert.equal("three", secret("LATER"))
    candy.write(host.folder .. "/.env.local", "hunter2 is no line\n")
    assert.equal("three", secret("LATER"))
    host:wait_log(".env.local:1: the line is not of the form NAME=value")
    assert.is_nil(host:log():find("hunter2", 1, true))
  end)

  it("shows in no log once it was read", function()
    eval('candy.log.warn("it is " .. candy.secret("FROM_ENV") .. "!")')
    eval('candy.log.warn("after that")')
    host:wait_log("after that")
    assert.truthy(host:log():find("it is [^\n]*!"))
    assert.is_nil(host:log():find("of the environment", 1, true))
  end)

  it("tells where to put one, in the error of a job too", function()
    local err = eval('error(select(2, candy.secret("SOME_TOKEN")), 0)')
    assert.same({ "secret_missing", "there is no secret SOME_TOKEN; set "
      .. "CANDY_SECRET_SOME_TOKEN, or put it in .env" }, { err.code, err.message })
  end)

  it("gives no setting away, and tells misuse", function()
    assert.equal("secret_missing", secret("CANDY_ADMIN_KEY")[1])
    assert.equal("secret_missing", secret("PATH")[1])
    assert.equal("secret_not_text", secret("BYTES")[1])
    assert.truthy(eval('return candy.secret("a b")').message:find(
      'takes a name of A-Z, 0-9 and _, not "a b"', 1, true))
    assert.truthy(eval("return candy.secret()").message:find("not nil", 1, true))
  end)
end)
