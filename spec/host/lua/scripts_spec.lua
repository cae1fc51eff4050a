-- Files: what they declare, how they fail, how they require each other.
local support = require("spec.support.worker")

local HEAD = 'local candy = require("candy")\n'

local function load_files(sources)
  local worker = support.start(sources)
  local manifest = worker:manifest()
  local errors = {}
  for _, file in ipairs(manifest.files) do
    errors[file.path] = file.error ~= require("cjson").null and file.error or nil
  end
  return worker, manifest, errors
end

local function names_of(list)
  local names = {}
  for i, entry in ipairs(list) do
    names[i] = entry.name
  end
  table.sort(names)
  return names
end

describe("the manifest", function()
  it("tells tasks with their place and options, and schemas", function()
    local worker, manifest = load_files({ ["scripts/a.lua"] = HEAD .. [[
      candy.task("plain", function() end)
      candy.task("full", {
        payload = { n = "integer" }, max_retries = 5, timeout = "2m", queue = "mail",
        priority = -3, rerun = false, description = "Does it.", unique = { "n" },
        key = "{n}", order = "strict", concurrency = 4, rate = "100/1m",
        key_concurrency = 2, key_rate = "5/1s",
      }, function() end)
      candy.schema("notes", "create table notes (n integer)")
      candy.schema("more", { "create table a (n)", "create index b on a (n)" })
    ]] })
    local null = require("cjson").null
    assert.same({
      name = "plain", file = "scripts/a.lua", line = 2, queue = null, priority = 0,
      max_retries = null, timeout_ms = null, rerun = true, description = null,
      schema = null, unique = null, key = null, order = null, concurrency = null,
      rate = null, rate_ms = null, key_concurrency = null, key_rate = null,
      key_rate_ms = null,
    }, manifest.tasks[1])
    assert.same({
      name = "full", file = "scripts/a.lua", line = 3, queue = "mail", priority = -3,
      max_retries = 5, timeout_ms = 120000, rerun = false, description = "Does it.",
      unique = { mode = "keep", fields = { "n" } }, key = "{n}", order = "strict",
      concurrency = 4, rate = 100, rate_ms = 60000, key_concurrency = 2, key_rate = 5,
      key_rate_ms = 1000,
      schema = {
        type = "object", properties = { n = { type = "integer" } }, required = { "n" },
        additionalProperties = false,
      },
    }, manifest.tasks[2])
    assert.same({
      { name = "notes", file = "scripts/a.lua", line = 9,
        steps = { "create table notes (n integer)" } },
      { name = "more", file = "scripts/a.lua", line = 10,
        steps = { "create table a (n)", "create index b on a (n)" } },
    }, manifest.schemas)
    assert.same({ { path = "scripts/a.lua", error = null } }, manifest.files)
    worker:close()
  end)

  it("tells queues", function()
    local worker, manifest = load_files({ ["scripts/a.lua"] = HEAD .. [[
      candy.queue.declare("mail", { concurrency = 3, fair = true, weights = { a = 5 } })
    ]] })
    local null = require("cjson").null
    assert.same({ {
      name = "mail", file = "scripts/a.lua", line = 2, concurrency = 3, rate = null,
      rate_ms = null, key_concurrency = null, key_rate = null, key_rate_ms = null,
      order = null, fair = true, weights = { a = 5 }, ageing_ms = null,
    } }, manifest.queues)
    worker:close()
  end)

  it("of no files at all is empty", function()
    local worker = support.start({})
    assert.same({ tasks = {}, queues = {}, schemas = {}, handlers = {}, crons = {},
      files = {} }, worker:manifest())
    worker:close()
  end)
end)

describe("a path that is not UTF-8", function()
  it("is told with question marks", function()
    local worker, manifest, errors = load_files({
      { path = "scripts/caf\233.lua", name = "cafe", load = true,
        source = HEAD .. 'candy.task("t", function() error("no") end)' },
      { path = "scripts/\255\254\195\169.lua", name = "odd", load = true,
        source = "\nerror('broken')" },
    })
    assert.equal("scripts/caf?.lua", manifest.tasks[1].file)
    assert.equal("scripts/??\195\169.lua:2: broken",
      errors["scripts/??\195\169.lua"].message)
    assert.equal("scripts/caf?.lua:2: no", worker:run("t").error.message)
    worker:close()
  end)
end)

describe("a file that fails", function()
  local cases = {
    { "with a syntax error", "local x = = 1", "syntax_error", 2, "unexpected symbol" },
    { "by an error", "error('broken')", "error", 2, "scripts/b.lua:2: broken" },
    { "by an error in its words", "error({ message = 'told', code = 'mine' })", "mine",
      nil,
      "told" },
    { "by a global that is not there", "\n\nfoo()", "error", 4, "global 'foo'" },
    { "by an unknown option", 'candy.task("x", { timout = "2m" }, function() end)',
      "error",
      2, 'unknown option "timout" of task "x"; known options: additional ' },
    { "by an ill-typed option", 'candy.task("x", { timeout = "soon" }, function() end)',
      "error", 2, 'option "timeout" of task "x" must be a duration' },
    { "by a name", 'candy.task("a b", function() end)', "error", 2, "a name is made of" },
    { "by no function", 'candy.task("x", {})', "error", 2,
      "must be a function, not nil" },
    { "by a name of another file", 'candy.task("a", function() end)', "error", 2,
      'task "a" is declared twice: at scripts/a.lua:2 and at scripts/b.lua:2' },
    { "by acting", 'candy.queue.push("a")', "error", 2,
      "candy.queue.push can only be called while a task runs" },
    { "by sleeping", "candy.sleep(1)", "error", 2, "candy.sleep can only be called" },
    { "by yielding", "coroutine.yield()", "error", 2, "not inside of a coroutine" },
    { "by sleeping in a coroutine", "coroutine.wrap(function() candy.sleep(1) end)()",
      "error", 2, "candy.sleep can only be called" },
    { "by a task with too much", 'candy.task("x", {}, function() end, {})', "error", 2,
      'candy.task takes a name, options and a function: more was given for task "x"' },
    { "by a schema of several texts",
      'candy.schema("s", "create table a (n)", "create table b (n)")', "error", 2,
      'schema "s": several steps are given as a list: { "create ...", "create ..." }' },
    { "by a schema without SQL", 'candy.schema("s", {})', "error", 2, "there is no SQL" },
    { "by bytecode", nil, "syntax_error", nil, "attempt to load chunk with wrong mode" },
  }
  for _, case in ipairs(cases) do
    local name, body, code, line, text = unpack(case, 1, 5)
    it(name .. " contributes nothing, and its neighbours stand", function()
      local worker, manifest, errors = load_files({
        ["scripts/a.lua"] = HEAD .. 'candy.task("a", function() return "a" end)',
        ["scripts/b.lua"] = body
            and HEAD .. body .. '\ncandy.task("late", function() end)' or "\27LJ\2\0",
        ["scripts/c.lua"] = HEAD .. 'candy.task("c", function() return "c" end)',
      })
      assert.same({ "a", "c" }, names_of(manifest.tasks))
      assert.is_nil(errors["scripts/a.lua"])
      local err = errors["scripts/b.lua"]
      assert.same({ code, line }, { err.code, err.line })
      assert.truthy(err.message:find(text, 1, true), err.message)
      assert.equal('"c"', worker:run("c").body)
      worker:close()
    end)
  end

  it("takes back what it had declared", function()
    local worker, manifest = load_files({
      ["scripts/a.lua"] = HEAD
        .. 'candy.task("x", function() end) candy.schema("s", "sql") '
        .. 'error("late")',
      ["scripts/b.lua"] = HEAD .. 'candy.task("x", function() return "b" end)',
    })
    assert.same({ "x" }, names_of(manifest.tasks))
    assert.same({}, manifest.schemas)
    assert.equal('"b"', worker:run("x").body)
    worker:close()
  end)

  it("twice with one name names both places", function()
    local worker, _, errors = load_files({ ["scripts/a.lua"] = HEAD
      .. 'candy.task("x", function() end)\ncandy.task("x", function() end)' })
    assert.truthy(errors["scripts/a.lua"].message:find(
      'task "x" is declared twice: at scripts/a.lua:2 and at scripts/a.lua:3', 1, true))
    worker:close()
  end)
end)

describe("declaring", function()
  it("is misuse while a task runs", function()
    local done = support.run_body('candy.task("x", function() end)')
    assert.truthy(done.error.message:find(
      "candy.task can only be called at a file's top level", 1, true))
    done = support.run_body('candy.schema("x", "create table x (n)")')
    assert.truthy(done.error.message:find("candy.schema can only be called", 1, true))
  end)
end)

describe("require", function()
  it("finds modules of the bundle, once, and the public modules of candy", function()
    local worker, _, errors = load_files({
      ["scripts/a.lua"] = HEAD .. [[
        local text = require("lib.text")
        text.count = (text.count or 0) + 1
        candy.task("a", function() return text.shout("x") .. text.count end)
        assert(require("candy.json") == candy.json and require("candy.db") == candy.db)
      ]],
      ["scripts/b.lua"] = 'local t = require("lib.text") t.count = (t.count or 0) + 1',
      ["scripts/lib/text.lua"] =
        'seen = true return { shout = function(s) return s:upper() end }',
    })
    assert.same({}, errors)
    assert.equal('"X2"', worker:run("a").body)
    worker:close()
  end)

  it("runs a file that is loaded at start only once, whoever comes first", function()
    local worker, manifest, errors = load_files({
      ["scripts/a.lua"] = HEAD .. [[
        local b = require("b")
        candy.task("a", function() return b.name end)
      ]],
      ["scripts/b.lua"] = HEAD .. 'return candy.task("b", function() end)',
    })
    assert.same({}, errors)
    assert.same({ "a", "b" }, names_of(manifest.tasks))
    assert.equal("scripts/b.lua", manifest.tasks[1].file)
    assert.equal('"b"', worker:run("a").body)
    worker:close()
  end)

  it("may be called while a task runs, but the module may not wait", function()
    local worker = support.start({
      ["scripts/a.lua"] = HEAD .. [[
        candy.task("good", function() return require("lib.good") end)
        candy.task("bad", function() return coroutine.wrap(require)("lib.bad") end)
        candy.task("yields", function() return coroutine.wrap(require)("lib.yields") end)
        candy.task("after", function() candy.sleep(0) return 1 end)
      ]],
      ["scripts/lib/good.lua"] = "return 5",
      ["scripts/lib/bad.lua"] = 'require("candy").sleep(1)',
      ["scripts/lib/yields.lua"] = "coroutine.yield(1)",
    })
    assert.equal("5", worker:run("good").body)
    assert.truthy(worker:run("bad").error.message:find("candy.sleep can only", 1, true))
    assert.truthy(worker:run("yields").error.message:find("yield across", 1, true))
    assert.equal("1", worker:run("after").body)
    worker:close()
  end)

  local cases = {
    { 'require("nothing")', 'scripts/a.lua:1: module "nothing" not found' },
    { 'require("candy.core")', 'module "candy.core" not found' },
    { 'require("candy.script")', 'module "candy.script" not found' },
    { 'require("ffi")', 'module "ffi" not found' },
    { 'require("jit.opt")', "not found" },
    { "require(nil)", 'module "nil" not found' },
    { 'require("lib.broken")', 'scripts/a.lua:1: cannot require "lib.broken": '
      .. "scripts/lib/broken.lua:2: '<name>' expected near" },
    { 'require("lib.raises")',
      'cannot require "lib.raises": scripts/lib/raises.lua:1: no' },
    { 'require("lib.one")', "circular require: lib.one -> lib.two -> lib.one" },
    { 'require("a")', "circular require: a -> a" },
  }
  for _, case in ipairs(cases) do
    it("tells what is wrong with " .. case[1], function()
      local worker, _, errors = load_files({
        ["scripts/a.lua"] = case[1],
        ["scripts/lib/broken.lua"] = "\nlocal = 5",
        ["scripts/lib/raises.lua"] = "error('no')",
        ["scripts/lib/one.lua"] = 'require("lib.two")',
        ["scripts/lib/two.lua"] = 'require("lib.one")',
      })
      local message = errors["scripts/a.lua"].message
      assert.truthy(message:find(case[2], 1, true), message)
      worker:close()
    end)
  end

  it("of a name that two files share names both", function()
    local function named(path, source, load)
      return { path = path, name = path:match("lib/") and "lib.m" or "top", load = load,
        source = HEAD .. source }
    end
    local worker, manifest, errors = load_files({
      named("one/top.lua", 'candy.task("one", function() local m = require("lib.m") end)',
        true),
      named("two/top.lua", 'candy.task("two", function() local m = require("top") end)',
        true),
      named("one/lib/m.lua", "return 1", false),
      named("two/lib/m.lua", "return 2", false),
    })
    assert.same({}, errors)
    assert.same({ "one", "two" }, names_of(manifest.tasks))
    assert.equal('one/top.lua:2: cannot require "lib.m": one/lib/m.lua and two/lib/m.lua '
      .. "both have that name; rename one of them", worker:run("one").error.message)
    assert.equal('two/top.lua:2: cannot require "top": one/top.lua and two/top.lua '
      .. "both have that name; rename one of them", worker:run("two").error.message)
    worker:close()
  end)

  it("of a file that was left out says so", function()
    local worker = support.start({
      ["scripts/a.lua"] = 'require("b")', ["scripts/b.lua"] = "while true do end",
    }, { exclude = { "scripts/b.lua" } })
    assert.truthy(worker:manifest().files[1].error.message:find(
      "scripts/b.lua is left out, because loading it did not end", 1, true))
    worker:close()
  end)
end)
