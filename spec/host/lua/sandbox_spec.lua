-- What a script can reach, and what it cannot.
local program = require("spec.support.program")
local support = require("spec.support.worker")

local folder, worker

setup(function()
  folder = program.folder({})
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
  }, { process_allow = { "true", "cat" }, tmp = folder .. "/tmp" })
end)
teardown(function()
  worker:close()
  program.remove(folder)
end)

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

-- Walks over all that can be reached from `root` by indexing, and lists what has no
-- business there.
local WALK = [[
  local candy, job, root = ...
  local names = {}
  for name in ("%s"):gmatch("[%%w_]+") do names[#names + 1] = name end
  local seen, found, walked = {}, {}, 0
  local function look(value, path)
    local kind = type(value)
    if kind == "thread" or kind == "userdata" and value ~= candy.json.null then
      found[#found + 1] = path .. " is a " .. kind
    end
    if kind ~= "string" and getmetatable(value) then
      found[#found + 1] = path .. " has a metatable"
    end
    if kind ~= "table" or seen[value] then
      return
    end
    seen[value], walked = true, walked + 1
    for key, member in pairs(value) do look(member, path .. "." .. tostring(key)) end
    for _, name in ipairs(names) do
      local ok, member = pcall(function() return value[name] end)
      if ok then look(member, path .. "." .. name) end
    end
  end
  look(root, "it")
  return candy.json.array(found)
]]

local NAMES = "all close conf cancel child chunks code core crypto cron db debug done "
  .. "emit enqueue env exec fiber file flush fn home io job json kill kv lines list lock "
  .. "log maintenance message meta methods name null number on one open order path "
  .. "payload permanent process query queue read results run secret seek spawn state "
  .. "stdin stderr stdout strand string task thread time timeout token tx wait write "
  .. "__gc __index __metatable __newindex _G _LOADED _PRELOAD"

local function walk(expression)
  return eval(("local candy, job = ... local root = %s "
    .. "return assert(load(%q))(candy, job, root)")
    :format(expression, WALK:format(NAMES)))
end

describe("nothing that leads further can be reached from", function()
  local roots = {
    "_G", "candy", "job", "candy.spawn(print)", "candy.permanent('x')",
    "assert(candy.file.open('x', 'w'))", "assert(candy.process.spawn({ 'true' }))",
    "select(2, pcall(candy.task, 'x', print))", "candy.json.decode('{\\'a\\':[1,{}]}')",
    "{ candy.file.open('x', 'r') }", "{ pcall(candy.spawn) }",
    "{ candy.process.run({ 'true' }) }", "{ candy.process.run({ 'missing' }) }",
    "{ candy.timeout('1ms', candy.sleep, '1h') }",
    "{ candy.all({ function() return nil, candy.permanent('x') end }) }",
  }
  for _, root in ipairs(roots) do
    it(root, function()
      assert.equal("[]", walk(root))
    end)
  end
end)

describe("coroutines between functions of a job:", function()
  local cases = {
    { "that of another function cannot be resumed", [[
      local other
      candy.spawn(function() other = coroutine.running() candy.sleep("5ms") end)
      candy.sleep("1ms")
      return { coroutine.resume(other) }]],
      '[false,"cannot resume a coroutine that the script did not make"]' },
    { "one that waits for another function cannot be resumed", [[
      local co = coroutine.create(function() candy.sleep("20ms") return "slept" end)
      local handle = candy.spawn(coroutine.resume, co)
      candy.sleep("1ms")
      local ok, why = coroutine.resume(co)
      return { ok, why, coroutine.status(co), select(2, handle:wait()) }]],
      '[false,"cannot resume a coroutine that waits","normal","slept"]' },
    { "one goes on in another function than it began in", [[
      local co = coroutine.create(function()
        candy.sleep("1ms") coroutine.yield(1) candy.sleep("1ms") return 2
      end)
      local first = candy.spawn(function() return select(2, coroutine.resume(co)) end)
      local one = first:wait()
      local rest = candy.all({ function() return select(2, coroutine.resume(co)) end })
      return { one, rest[1] }]], "[1,2]" },
    { "one whose function was cancelled stays where it is", [[
      local co = coroutine.create(function()
        pcall(candy.sleep, "1h") candy.sleep("1h")
      end)
      local handle = candy.spawn(coroutine.resume, co)
      candy.sleep("1ms")
      handle:cancel()
      candy.sleep("1ms")
      return { coroutine.resume(co) }]],
      '[false,"cannot resume a coroutine that waits"]' },
    { "iterators wait within all and timeout", [[
      local function numbers()
        for i = 1, 3 do candy.sleep("1ms") coroutine.yield(i) end
      end
      local function sum()
        local all = 0
        for i in coroutine.wrap(numbers) do all = all + i end
        return all
      end
      return { candy.timeout("10s", sum), candy.all({ sum, sum })[2] }]], "[6,6]" },
    { "none waits within a sort", [[
      local ok, why = pcall(table.sort, { 2, 1 }, function(a, b)
        candy.spawn(print):wait() return a < b
      end)
      return { ok, why:match("cannot wait inside of a function") }]],
      '[false,"cannot wait inside of a function"]' },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      assert.equal(case[3], eval("local candy, job = ... " .. case[2]))
    end)
  end
end)

describe("a hostile value", function()
  local hostile = {
    ["that raises"] = "{ __tostring = function() error('no') end }",
    ["that is no text"] = "{ __tostring = function() return {} end }",
    ["that waits"] = "{ __tostring = function() candy.sleep('1h') return 'x' end }",
    ["that spawns"] = "{ __tostring = function() return candy.spawn(print):wait() end }",
    ["with an index that raises"] = "{ __index = function() error('no') end }",
    ["with an index that waits"] = "{ __index = function() candy.sleep('1h') end }",
    ["that is called and joined"] = "{ __call = error, __concat = error, __len = error, "
      .. "__eq = error, __lt = error, __pairs = error, __ipairs = error }",
    ["that uses the job"] =
      "{ __tostring = function() job:snooze('1h') return job.id .. tostring(job) end }",
  }
  local uses = {
    "error(it)", "assert(false, it)", "return nil, it", "return it", "candy.log.info(it)",
    "candy.log.info('x', it)", "print(it)", "return candy.permanent(it)",
    "return nil, candy.permanent(it)", "candy.spawn(function() error(it) end)",
    "candy.spawn(function() error(it) end):wait()", "candy.spawn(it)", "candy.all(it)",
    "candy.all({ it })", "candy.all({ function() error(it) end })",
    "candy.all({ function() return nil, it end })", "candy.all({}, it)",
    "candy.timeout(it, print)", "candy.timeout('1s', function() error(it) end)",
    "candy.sleep(it)", "candy.lock(it, print)", "candy.lock('x', it, print)",
    "candy.db.query(it)", "candy.db.query('select ?', it)", "candy.db.tx(it)",
    "candy.kv.set(it, 1)", "candy.kv.set('k', print, it)", "candy.emit(it)",
    "candy.emit('x', { print, it })", "candy.queue.push(it)", "candy.queue.push_many(it)",
    "candy.queue.push('t', { f = print, it = it })", "candy.process.run(it)",
    "candy.process.run({ it })", "candy.process.run({ 'true' }, it)",
    "candy.process.run({ 'true' }, { env = it })",
    "candy.process.run({ 'true' }, { env = { A = it } })",
    "candy.process.run({ 'true' }, { stdin = it })",
    "candy.process.run({ 'cat' }, { stdin = function() return it end })",
    "candy.process.run({ 'cat' }, { stdin = function() error(it) end })",
    "candy.file.open(it)", "candy.file.open('x', it)", "candy.file.write('x', it)",
    "candy.file.rename('x', it)", "candy.file.open('x', 'w'):write(it)",
    "candy.file.open('x', 'w').close(it)", "candy.file.open('x', 'w'):seek(it, it)",
    "candy.crypto.hash(it, 'x')", "candy.crypto.hash('sha256', it)",
    "candy.crypto.random(it)", "candy.crypto.seal('x', it)", "candy.secret(it)",
    "candy.json.encode(it)", "candy.json.decode(it)", "candy.json.integer(it)",
    "candy.log.search(it)", "candy.log.search({ type = it, level = it })",
    "candy.time.parse(it)", "job:progress(it)", "job:write(it)", "job:write('x', it)",
    "job:enqueue(it)", "job:emit(it)", "job:snooze(it)", "require(it)", "load(it)",
    "return load(function() return it end)", "loadstring(it)", "setmetatable(it, it)",
    "coroutine.wrap(it)()", "coroutine.resume(it)", "string.rep(it, 9)", "next({}, it)",
    "xpcall(error, it, it)", "table.concat({ it })", "table.sort({ it, it, it })",
    "rawset(candy, it, it)", "candy[it] = it", "return candy[it]",
  }
  for name, meta in pairs(hostile) do
    it(name .. " harms nobody", function()
      for _, use in ipairs(uses) do
        local code = ("local candy, job = ... local it = setmetatable({}, %s) "
          .. "local ok, value, err = pcall(candy.timeout, '20ms', function() %s end) "
          .. "if not ok then error(value, 0) end return value, err"):format(meta, use)
        local done = worker:run("eval", require("cjson").encode({ code = code }))
        assert.is_string(done.outcome, use)
      end
      assert.equal("1", eval("return 1"))
    end)
  end
end)

describe("an error through load", function()
  it("has the name and line of the text", function()
    assert.truthy(eval("load('\\nerror(\"x\")', '=mine')()"):find("mine:2: x", 1, true))
  end)
end)
