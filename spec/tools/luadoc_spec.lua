-- The reference and the annotations say what the library is: they are what tools/luadoc
-- makes of it now, and a real worker knows what they name.
local cjson = require("cjson")
local candy = require("spec.support.candy")
local program = require("spec.support.program")
local support = require("spec.support.worker")

local MADE = { "docs/reference/lua", "host/lib/annotations" }
local ANNOTATIONS = "host/lib/annotations/candy.lua"

local function luadoc(...)
  local run = candy.spawn("luajit", { "tools/luadoc", ... })
  local code = candy.join(run)
  return code, run.out.text, run.err.text
end

local function files_in(folder)
  local files = {}
  local list = io.popen("cd '" .. folder .. "' && find " .. table.concat(MADE, " ")
    .. " -type f | LC_ALL=C sort")
  for path in list:lines() do
    files[#files + 1] = path
  end
  list:close()
  return files
end

describe("what make docs makes", function()
  local folder = candy.folder()

  teardown(function()
    candy.remove(folder)
  end)

  it("is what lies in the tree", function()
    local code, _, err = luadoc(folder)
    assert.are.equal(0, code, err)
    assert.are.same(files_in(folder), files_in("."))
    for _, path in ipairs(files_in(folder)) do
      assert.are.equal(candy.read(folder .. "/" .. path), candy.read(path),
        path .. " is old: run make docs")
    end
  end)

  it("is sound Lua", function()
    assert(loadfile(ANNOTATIONS))
  end)
end)

-- The names of a class's fields in the annotations, and of its parent's, sorted.
local function fields_of(class)
  local text = "\n" .. candy.read(ANNOTATIONS)
  local _, stop, parent = text:find("\n%-%-%-@class " .. class:gsub("%.", "%%.")
    .. ":? ?([%w_.]*)\n")
  local names = parent ~= "" and fields_of(parent) or {}
  for line in text:sub(stop + 1):gmatch("([^\n]*)\n") do
    local name = line:match("^%-%-%-@field ([%w_]+)")
    if not name then
      break
    end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

describe("a worker", function()
  local worker

  setup(function()
    worker = support.start_one([[
      candy.task("eval", function(job)
        return assert(load(job.payload.code))(candy, job)
      end)
      local ok, problem = pcall(candy.task, "x", { nonsense = 1 }, print)
      candy.task("options", function() return problem end)
    ]])
  end)

  teardown(function()
    worker:close()
  end)

  local function eval(code)
    local done = worker:run("eval", cjson.encode({ code = code }))
    return done.outcome == "completed" and done.body or done.error.message
  end

  it("has each function that is documented", function()
    local _, names = luadoc("--names")
    for name in names:gmatch("%S+") do
      assert.are.equal('"function"', eval(
        "local candy = ... return type(" .. name .. ")"), name)
    end
    assert.is_truthy(names:find("candy.kv.set", 1, true))
  end)

  it("has each field and method of a job", function()
    local unset = { key = true, checkpoint = true, batch = true }
    for _, name in ipairs(fields_of("candy.Job")) do
      assert.are.equal(tostring(not unset[name]), eval(
        "local _, job = ... return job." .. name .. " ~= nil"), name)
    end
    local methods = 0
    for name in candy.read(ANNOTATIONS):gmatch("function Job:([%w_]+)") do
      methods = methods + 1
      assert.are.equal('"function"', eval("local _, job = ... return type(job."
        .. name .. ")"), name)
    end
    assert.is_true(methods >= 5)
  end)

  local OPTIONS = {
    ["candy.AllOptions"] = "candy.all({}, { nonsense = 1 })",
    ["candy.LockOptions"] = 'candy.lock("x", { nonsense = 1 }, print)',
    ["candy.XmlOptions"] = 'candy.xml.decode("", { nonsense = 1 })',
    ["candy.ReadOptions"] = 'candy.file.read("x", { nonsense = 1 })',
    ["candy.RunOptions"] = 'candy.process.run({ "x" }, { nonsense = 1 })',
    ["candy.SpawnOptions"] = 'candy.process.spawn({ "x" }, { nonsense = 1 })',
    ["candy.EnqueueOptions"] = 'candy.queue.push("x", {}, { nonsense = 1 })',
    ["candy.KvSetOptions"] = 'candy.kv.set("x", 1, { nonsense = 1 })',
    ["candy.KvAddOptions"] = 'candy.kv.add("x", 1, { nonsense = 1 })',
    ["candy.KvDeleteOptions"] = 'candy.kv.delete("x", { nonsense = 1 })',
    ["candy.BatchOptions"] = "candy.batch({ nonsense = 1 })",
    ["candy.FanOptions"] = "({...})[2]:fan_out({}, { nonsense = 1 })",
    ["candy.LogSearch"] = "candy.log.search({ nonsense = 1 })",
    ["candy.SealOptions"] = 'candy.crypto.seal("x", { nonsense = 1 })',
    ["candy.KvListOptions"] = 'candy.kv.list("x", { nonsense = 1 })',
  }

  local function known(message)
    local names = {}
    for name in message:match("known options: ([%w_ ]+)"):gmatch("%S+") do
      names[#names + 1] = name
    end
    table.sort(names)
    return names
  end

  for class, code in pairs(OPTIONS) do
    it("knows the options of " .. class, function()
      assert.are.same(known(eval("local candy = ... " .. code)), fields_of(class))
    end)
  end

  it("knows the options of candy.TaskOptions", function()
    assert.are.same(known(worker:run("options").body), fields_of("candy.TaskOptions"))
  end)
end)

describe("a comment that does not fit", function()
  local folder

  before_each(function()
    folder = candy.folder()
    for _, path in ipairs({ "tools", "host/lib/candy", "docs/reference/lua" }) do
      os.execute(("mkdir -p '%s/%s' && cp -r %s/. '%s/%s'"):format(
        folder, path, path, folder, path))
    end
  end)

  after_each(function()
    candy.remove(folder)
  end)

  local function fault(name, from, to)
    local path = folder .. "/host/lib/candy/" .. name
    local text, count = candy.read(path):gsub(from, to, 1)
    assert.are.equal(1, count)
    program.write(path, text)
    local run = candy.spawn("luajit", { folder .. "/tools/luadoc", folder })
    assert.are.equal(1, candy.join(run))
    return run.err.text
  end

  it("is said where a function has none", function()
    local err = fault("kv.lua", "\nreturn frozen",
      "\nfunction kv.new() end\n\nreturn frozen")
    assert.matches("^host/lib/candy/kv%.lua:%d+: candy%.kv%.new has no doc comment\n$",
      err)
  end)

  it("is said where a parameter has none, or has another name", function()
    local err = fault("kv.lua", "function kv.delete%(key", "function kv.delete(name")
    assert.matches("candy.kv.delete: the parameter name has no @param", err, 1, true)
    assert.matches("candy.kv.delete: @param key is no parameter", err, 1, true)
  end)

  it("is said where a method has none", function()
    local err = fault("job.lua", "\nmethods.log",
      "\nfunction methods.stop(job) job:x() end\n\nmethods.log")
    assert.matches("host/lib/candy/job.lua:%d+: job:stop has no doc comment", err)
  end)

  it("is said where a type is none", function()
    local err = fault("kv.lua", "candy%.KvSetOptions%?\n", "candy.KvSetOption?\n")
    assert.matches("@param opts: candy.KvSetOption is no type", err, 1, true)
  end)

  it("is said where a tag is none", function()
    local err = fault("kv.lua", "%-%-%-@return", "---@returns")
    assert.matches("unknown tag @returns", err, 1, true)
  end)
end)
