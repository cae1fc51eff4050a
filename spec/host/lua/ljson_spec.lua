-- JSON to and from Lua values, through candy.json in a job.
local support = require("spec.support.worker")

local worker

-- The task decodes payload.text and encodes what it got; both ways of failing are told.
local SOURCE = [[
  candy.task("turn", function(job)
    local value, err = candy.json.decode(job.payload.text)
    if err then
      return { err = err.message }
    end
    local text, problem = candy.json.encode(value)
    return { text = text, err = problem and problem.message }
  end)
  candy.task("eval", function(job)
    local fn = assert(load("local candy = ... " .. job.payload.code))
    return fn(candy)
  end)
  candy.task("same", function(job) return job.payload end)
]]

setup(function() worker = support.start_one(SOURCE,
  { result_max = 16 * 1024 * 1024 }) end)
teardown(function() worker:close() end)

local cjson = require("cjson")

local function turn(text)
  local done = worker:run("turn", cjson.encode({ text = text }))
  assert.equal("completed", done.outcome, done.body)
  return support.decode(done.body)
end

local function eval(code)
  local done = worker:run("eval", cjson.encode({ code = code }))
  return done.outcome == "completed" and done.body or done.error
end

describe("what is read and written again is the same:", function()
  local texts = {
    "{}", "[]", "[[]]", "[{}]", '{"a":[]}', "[[],[1],[[]]]", "true", "false", "1", "-1",
    "0", "1.5", "-0.25", '"x"', '""', '"\\u0000"', '"a\\"b\\\\c"', "[null]",
      "[null,1,null]",
    "9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993",
    "1234567890123456", "123456789012345678901234567890", "-18446744073709551616",
    "[12345678901234567890,1,98765432109876543210]",
    '{"id":12345678901234567}', "0.1", "1e+300", "2.5e-07",
    "3.141592653589793", "1.7976931348623157e+308", "[1,2,3]", '"ü€😀"',
    '[1,"12345678901234567890"]',
  }
  for _, text in ipairs(texts) do
    it(text, function()
      assert.same({ text = text }, turn(text))
    end)
  end

  it("a payload as it came", function()
    local text = '{"list":[],"n":123456789012345678901}'
    local body = worker:run("same", text).body
    assert.truthy(body:find('"list":[]', 1, true))
    assert.truthy(body:find('"n":123456789012345678901', 1, true))
  end)

  it("5 MB of it", function()
    local text = '{"text":"' .. ("x"):rep(5 * 1024 * 1024) .. '"}'
    assert.equal(text, worker:run("same", text).body)
  end)

  it("5 MB of numbers, which is a chunked message too", function()
    local list = {}
    for i = 1, 700000 do
      list[i] = i
    end
    local text = '{"list":[' .. table.concat(list, ",") .. "]}"
    assert.equal(text, worker:run("same", text).body)
  end)
end)

-- As Lua source that is plain ASCII.
local function quoted(text)
  return '"' .. text:gsub("[^%w ]", function(c) return ("\\%03d"):format(c:byte()) end)
    .. '"'
end

describe("reading", function()
  it("leaves out members that are null", function()
    assert.equal("true", eval('return candy.json.decode([[{"a":null}]]).a == nil'))
    assert.equal("{}", turn('{"a":null,"b":null}').text)
  end)

  it("keeps null in arrays", function()
    assert.equal("[3,true]", eval(
      "local l = candy.json.decode('[null,1,null]') "
      .. "return { #l, l[1] == candy.json.null and l[3] == candy.json.null }"))
  end)

  it("keeps big integers whole, as values that can be compared and shown", function()
    assert.equal('["12345678901234567890",true,false,true,"n=12345678901234567890"]',
      eval([[
      local a = candy.json.decode("12345678901234567890")
      local b = candy.json.decode("12345678901234567890")
      local c = candy.json.integer("-99999999999999999999")
      return { tostring(a), a == b, a == c, c < a, "n=" .. a }
    ]]))
    assert.equal("true", eval(
      'return type(candy.json.decode("9007199254740992")) == "number"'))
  end)

  local faults = {
    { "", "empty" }, { "{", "line 1" }, { "[1,]", "line 1" }, { '{"a":1}}',
      "end of file" },
    { "01", "" }, { "1.", "" }, { ".5", "" }, { "+1", "" }, { "1e", "" }, { "nan", "" },
    { "inf", "" }, { "0x10", "" }, { "[1 2]", "" }, { "'x'", "" }, { '"\1"', "control" },
    { '"\255"', "" }, { '"\\ud800"', "" }, { "{}\0", "" }, { "tru", "" }, { '{"a" 1}',
      "" },
    { "1e400", "" }, { "\n\n[1,,2]", "line 3" }, { '"a', "" }, { "{1:2}", "" }, { "-",
      "" },
  }
  for _, case in ipairs(faults) do
    it(("refuses %q"):format(case[1]), function()
      local code = ("local v, err = candy.json.decode(%s) return err and err.message")
        :format(quoted(case[1]))
      local body = eval(code)
      assert.truthy(type(body) == "string" and body ~= "null", "it was accepted")
      assert.truthy(body:find(case[2], 1, true), body)
    end)
  end

  it("refuses what is nested too deep, and goes on", function()
    local deep = ("["):rep(10000) .. ("]"):rep(10000)
    assert.truthy(turn(deep).err:find("nested deeper than 2048", 1, true))
    local done = worker:run("same", '{"a":' .. deep .. "}")
    assert.equal("failed", done.outcome)
    assert.truthy(done.error.message:find("nested deeper", 1, true))
  end)

  it("reads 1500 levels, which are more than can be written", function()
    local deep = ("["):rep(1500) .. ("]"):rep(1500)
    assert.truthy(turn(deep).err:find("deeper than 1000 levels", 1, true))
  end)

  it("gives the same values by both readers", function()
    -- An exponent or an empty array anywhere sends a text to the other reader.
    local text = '{"a":[1,2.5,"x\\u00e9",{"b":true}],"c":-3,"d":"","e":{}}'
    local code = ([[
      local function flat(v)
        if type(v) ~= "table" then return type(v) .. ":" .. tostring(v) end
        local keys = {}
        for k in pairs(v) do keys[#keys + 1] = tostring(k) end
        table.sort(keys)
        local out = {}
        for i, k in ipairs(keys) do out[i] = k .. "=" .. flat(v[tonumber(k) or k]) end
        return "{" .. table.concat(out, ",") .. "}"
      end
      local plain = candy.json.decode(%q)
      local other = candy.json.decode("[1e1," .. %q .. "]")[2]
      return flat(plain) == flat(other)
    ]]):format(text, text)
    assert.equal("true", eval(code))
  end)
end)

describe("writing", function()
  local cases = {
    { "return {}", "{}" },
    { "return candy.json.array()", "[]" },
    { "return { list = candy.json.array({}) }", '{"list":[]}' },
    { "return candy.json.object({ 'a' })", '{"1":"a"}' },
    { "return { 1, 2, 3 }", "[1,2,3]" },
    { "return 2^53", "9007199254740992" },
    { "return -2^53", "-9007199254740992" },
    { "return 2^60", "1.152921504606847e+18" },
    { "return 0.1", "0.1" },
    { "return candy.json.null", "null" },
    { "return { candy.json.null }", "[null]" },
    { "return { a = candy.json.integer('00012') }", '{"a":12}' },
    { "return false", "false" },
    { "local l = candy.json.array({1}) table.remove(l) return l", "[]" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      assert.equal(case[2], eval(case[1]))
    end)
  end

  local faults = {
    { "return print", "the value is a function" },
    { "return { a = { b = print } }", "a.b is a function" },
    { "return { items = { 1, 2, { x = print } } }", "items[3].x is a function" },
    { "return { x = 0/0 }", "x is NaN" },
    { "return { x = 1/0 }", "x is infinite" },
    { "return { 1, 2, nil, 4 }", "hole" },
    { "return { [5] = 1 }", "numbers as keys" },
    { "return { 1, x = 2 }", "names besides" },
    { "return { [true] = 1 }", "neither a name nor a number" },
    { "return { x = '\\255' }", "not valid UTF-8" },
    { "return { ['\\255'] = 1 }", "not valid UTF-8" },
    { "local t = {} t.me = t return t", "contains itself" },
    { "return { co = coroutine.create(print) }", "co is a thread" },
    { "local t = { 1 } for _ = 1, 40 do t = { t, t } end return t",
      "more than 64 MB of JSON" },
  }
  for _, case in ipairs(faults) do
    it("refuses " .. case[1], function()
      local err = eval(case[1])
      assert.equal("result_not_json", err.code)
      assert.truthy(err.message:find(case[2], 1, true), err.message)
    end)
  end
end)
