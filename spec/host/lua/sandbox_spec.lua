-- What a script can reach, and what it cannot.
local support = require("spec.support.worker")

local worker

setup(function()
  worker = support.start({
    ["scripts/a.lua"] = [[
      local candy = require("candy")
      shared = "of a"
      candy.task("eval", function(job)
        local fn = assert(load(job.payload.code))
        return fn(candy, job)
      end)
    ]],
    ["scripts/b.lua"] = 'require("candy").task("b", function() return shared == nil end)',
  })
end)
teardown(function() worker:close() end)

local function eval(code)
  local payload = require("cjson").encode({ code = code })
  local done = worker:run("eval", payload)
  return done.outcome == "completed" and done.body or done.error.message
end

describe("a script does not see", function()
  local names = {
    "debug", "io", "ffi", "jit", "package", "newproxy", "dofile", "loadfile", "getfenv",
    "setfenv", "module", "gcinfo", "string.dump", "string.buffer", "os.execute",
      "os.exit",
    "os.getenv", "os.remove", "os.rename", "os.tmpname", "os.setlocale", "table.new",
    "table.clear", "coroutine.close",
  }
  for _, name in ipairs(names) do
    it(name, function()
      assert.equal("true", eval("return " .. name .. " == nil"))
    end)
  end

  it("globals of another file", function()
    assert.equal("true", worker:run("b").body)
    assert.equal('"of a"', eval("return shared"))
  end)
end)

describe("a script sees", function()
  local names = {
    "assert", "error", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawset",
    "select", "setmetatable", "getmetatable", "tonumber", "tostring", "type", "unpack",
    "xpcall", "load", "loadstring", "require", "print", "string.format", "string.gsub",
    "table.insert", "table.concat", "table.sort", "math.floor", "math.random", "bit.band",
    "os.time", "os.date", "os.clock", "os.difftime", "coroutine.wrap", "coroutine.status",
    "collectgarbage",
  }
  for _, name in ipairs(names) do
    it(name, function()
      assert.equal('"function"', eval("return type(" .. name .. ")"))
    end)
  end

  it("its own globals", function()
    assert.equal("[true,true,5]", eval("x = 5 return { _G.x == 5, _G._G == _G, _G.x }"))
  end)
end)

describe("what all files share cannot be changed:", function()
  local attempts = {
    "string.foo = 1", "string.format = print", "table.insert = print", "math.pi = 3",
    "os.time = nil", "coroutine.wrap = nil", "bit.band = nil", "rawset(string, 'foo', 1)",
    "table.insert(string, 1)", "rawset(candy, 'task', print)", "candy.task = print",
    "candy.db.query = print", "candy.json.null = 1", "rawset(candy.db, 'query', print)",
    "table.insert(candy, 1)", "('x').foo = 1", "setmetatable(string, {})",
    "setmetatable(candy, {})", "setmetatable(_G, {})", "setmetatable(job, {})",
    "setmetatable('', {})", "getmetatable('').__index = {}", "getmetatable(string).x = 1",
    "getmetatable(candy).x = 1", "getmetatable(_G).__index = {}",
      "getmetatable(job).x = 1",
    "getmetatable(candy.permanent('x')).x = 1",
    "getmetatable(candy.json.integer('99999999999999999999')).x = 1",
    "getmetatable(candy.json.array()).x = 1", "table.move({ 1 }, 1, 1, 1, string)",
  }
  for _, code in ipairs(attempts) do
    it(code, function()
      local answer = eval("local candy, job = ... " .. code .. " return 'changed'")
      assert.not_equal('"changed"', answer)
      assert.equal('["x1",3]',
        eval("return { ('x'):format() .. string.format('%d', 1), "
          .. "#table.concat({ 'abc' }) }"))
    end)
  end

  it("the error names what was written", function()
    assert.truthy(eval("string.foo = 1"):find("string.foo cannot be set", 1, true))
  end)
end)

describe("no way leads out:", function()
  local BYTECODE = "attempt to load chunk with wrong mode"
  local escapes = {
    { "bytecode by load", "return load('\\27LJ\\2\\0')", BYTECODE },
    { "bytecode by loadstring", "return loadstring('\\27LJ\\2\\0')", BYTECODE },
    { "bytecode where it was asked for", "return load('\\27LJ\\2', 'x', 'b')", BYTECODE },
    { "bytecode in pieces",
      "local n = 0 return load(function() n = n + 1 "
        .. "return n == 1 and '\\27LJ\\2' or nil end)",
      BYTECODE },
    { "globals of what load returns",
      "return load('return _G == ...')(_G)", "true" },
    { "globals by loadstring", "return loadstring('return debug == nil and io == nil')()",
      "true" },
    { "load with other globals", "return load('return x', 'n', 't', { x = 5 })()", "5" },
    { "metatable of a function", "return getmetatable(print) == nil", "true" },
    { "metatable of nil", "return getmetatable(nil) == nil", "true" },
    { "metatable of a coroutine",
      "return getmetatable(coroutine.create(print)) == nil", "true" },
    { "metatable of strings", "return getmetatable('x')", "false" },
    { "metatable of a job", "local _, job = ... return getmetatable(job)", "false" },
    { "collecting garbage", "return pcall(collectgarbage, 'stop')", "false" },
    { "counting garbage", "return collectgarbage('count') > 0", "true" },
    { "the thread of the worker", "return pcall(coroutine.resume, coroutine.running()) "
      .. "and select(1, coroutine.resume(coroutine.running()))", "false" },
    { "internal modules", "return pcall(require, 'candy.core')", "false" },
    { "names of the registry", "return rawget(_G, 'candy.core') == nil", "true" },
    { "finalizers of tables",
      "ran = 0 setmetatable({}, { __gc = function() ran = 1 end }) "
      .. "for _ = 1, 1e5 do local t = {} end return ran", "0" },
    { "a hook", "return debug == nil", "true" },
    { "the next of a frozen table", "return next(string) == nil", "true" },
    { "tostring of what is frozen", "return type(tostring(string))", '"string"' },
    { "xpcall's handler",
      "return select(2, xpcall(error, function(e) return type(e) end, {}))",
      '"table"' },
  }
  for _, case in ipairs(escapes) do
    it(case[1], function()
      assert.equal(case[3], eval(case[2]))
    end)
  end
end)

describe("an error through load", function()
  it("has the name and line of the text", function()
    assert.truthy(eval("load('\\nerror(\"x\")', '=mine')()"):find("mine:2: x", 1, true))
  end)
end)
