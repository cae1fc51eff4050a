-- candy.file: a job's temporary folder, and that nothing outside of it can be reached.
local cjson = require("cjson")
local poll = require("spec.support.poll")
local program = require("spec.support.program")
local support = require("spec.support.worker")
local uv = require("luv")

local folder, worker

local EVAL = [[
  candy.task("eval", function(job)
    local fn = assert(load("local candy, job, file = ... " .. job.payload.code))
    return fn(candy, job, candy.file)
  end)
]]

local function start(init, under)
  init = init or {}
  init.tmp = folder .. "/tmp"
  init.process_allow = { "sh", "ln", "mkfifo" }
  return support.start_one(EVAL, init, under)
end

setup(function()
  folder = program.folder()
  worker = start()
end)
teardown(function()
  worker:close()
  program.remove(folder)
end)

local function run(code)
  local done = worker:run("eval", cjson.encode({ code = code }))
  if done.error then
    return nil, done.error
  end
  return support.decode(done.body)
end

local function returns(expected, code)
  local value, err = run(code)
  assert(not err, err and err.message)
  assert.same(expected, value)
end

local function misuse(text, code)
  local _, err = run(code)
  assert.matches(text, assert(err, "no error").message, 1, true)
end

-- The code of the error that an expression gives beside nil.
local function fails(code, expression)
  returns(code, ("local ok, err = %s return ok == nil and err.code"):format(expression))
end

-- How many folders of jobs the worker has.
local function job_folders()
  local n = 0
  local of_worker = run("return file.folder()"):match("^(.*)/")
  for _ in uv.fs_scandir_next, (uv.fs_scandir(of_worker)) do
    n = n + 1
  end
  return n
end

describe("a file", function()
  it("is written and read whole", function()
    returns({ 5, { 97, 0, 98, 255, 99 } }, [[
      assert(file.write("x.bin", "a\0b\255"))
      assert(file.append("x.bin", "c"))
      return { #file.read("x.bin"), { file.read("x.bin"):byte(1, -1) } }
    ]])
    returns("", 'file.write("e", "") return file.read("e")')
    returns("7", 'file.write("n", 7) return file.read("n")')
  end)

  it("is read piece by piece, and nil at its end", function()
    returns({ "ab", "cde", "f", true }, [[
      file.write("x", "abcdef")
      local h = file.open("x")
      return { h:read(2), h:read(3), h:read(100), h:read(1) == nil }
    ]])
    returns({ 600000, 600000 }, [[
      file.write("x", ("y"):rep(600000))
      local h, n = file.open("x"), 0
      for piece in h:chunks(70000) do n = n + #piece end
      h:seek("set", 0)
      return { n, #h:read("all") }
    ]])
  end)

  it("is read by lines, whatever their ends", function()
    returns({ "a", "", "b\r", "c" }, [[
      file.write("x", "a\n\nb\r\nc")
      local lines = {}
      for line in file.open("x"):lines() do lines[#lines + 1] = line end
      return lines
    ]])
    returns({ 20000, 20000 }, [[
      file.write("x", ("0123456789\n"):rep(20000))
      local n, same = 0, 0
      for line in file.open("x"):lines() do
        n, same = n + 1, same + (line == "0123456789" and 1 or 0)
      end
      return { n, same }
    ]])
    local _, err = run([[
      file.write("x", ("y"):rep(1200000))
      for _ in file.open("x"):lines() do end
    ]])
    assert.equal("line_too_long", err.code)
  end)

  it("is read up to a limit", function()
    returns({ "too_large", "too_large", 2000 }, [[
      file.write("x", ("y"):rep(2000))
      local _, err = file.read("x", { max = "1kb" })
      local _, also = file.open("x"):read("all", { max = 3 })
      return { err.code, also.code, #file.read("x", { max = 2000 }) }
    ]])
  end)

  it("is written where the handle is", function()
    returns({ "aXYd", 4, 1, 3 }, [[
      local h = file.open("x", "w")
      h:write("abcd")
      local at = h:seek()
      h:close()
      h = file.open("x", "r+")
      local one = h:seek("set", 1)
      h:write("XY")
      return { file.read("x"), at, one, h:seek("end", -1) }
    ]])
    returns("abcdef", [[
      local h = file.open("a", "a")
      h:write("abc") h:seek("set", 0) h:write("def") h:close()
      return file.read("a")
    ]])
  end)

  it("is closed once, and of no use then", function()
    returns({ true, true }, [[
      local h = file.open("x", "w")
      return { h:close(), h:close() }
    ]])
    misuse("the file is closed", [[
      local h = file.open("x", "w") h:close() h:write("x")
    ]])
    misuse("opened for writing alone", 'file.open("x", "w"):read()')
    misuse("opened for reading alone",
      'file.write("x", "") file.open("x", "r"):write("x")')
    misuse("with a colon", 'file.open("x", "w").read()')
    misuse("candy.file.open: the mode must be", 'file.open("x", "rw")')
  end)

  it("of another job is of no use", function()
    worker:run("eval", cjson.encode({ code = 'kept = file.open("x", "w")' }))
    misuse("the file is closed", "kept:write('x')")
  end)

  it("is one of 128 that are open", function()
    returns({ 128, "too_many_files", true }, [[
      local all, n = {}, 0
      for i = 1, 128 do all[i] = file.open("f" .. i, "w") n = n + (all[i] and 1 or 0) end
      local _, err = file.open("one more", "w")
      all[1]:close()
      return { n, err.code, file.open("one more", "w") ~= nil }
    ]])
  end)
end)

describe("the folder", function()
  it("is listed, and what is in it told", function()
    returns({ { "a", "b", "sub" }, { "c" }, "file", 3, "folder" }, [[
      file.write("b", "123") file.write("a", "") file.mkdir("sub")
      file.write("sub/c", "")
      return { file.list(), file.list("sub/"), file.stat("b").kind, file.stat("b").size,
        file.stat("sub").kind }
    ]])
    returns("[]", 'return candy.json.encode(file.list())')
    returns(true, [[file.write("x", "")
      return math.abs(file.stat("x").modified - candy.time.now()) < 60000]])
  end)

  it("is changed", function()
    returns({ true, { "b" }, "1", true, true, {} }, [[
      file.write("a", "1") file.write("b", "2")
      local moved = file.rename("a", "b")
      local list, text = file.list(), file.read("b")
      local gone = file.remove("b")
      file.mkdir("d")
      return { moved, list, text, gone, file.remove("d"), file.list() }
    ]])
  end)

  it("tells what cannot be done", function()
    fails("not_found", 'file.read("none")')
    fails("not_found", 'file.write("none/x", "")')
    fails("not_found", 'file.stat("none")')
    fails("not_found", 'file.list("none")')
    fails("not_found", 'file.remove("none")')
    fails("not_found", 'file.rename("none", "x")')
    returns({ "exists", "not_empty", "not_a_file", "not_a_folder" }, [[
      file.mkdir("d") file.write("d/x", "")
      local codes = {}
      for i, fn in ipairs({
        function() return file.mkdir("d") end,
        function() return file.remove("d") end,
        function() return file.read("d") end,
        function() return file.read("d/x/y") end,
      }) do codes[i] = select(2, fn()).code end
      return codes
    ]])
  end)

  it("has an absolute path, for programs", function()
    returns({ true, true }, [[
      local path = file.folder()
      return { path:sub(1, 1) == "/", file.path("a/b") == path .. "/a/b" }
    ]])
  end)

  it("is the job's own, and gone after it", function()
    run('file.write("x", "1")')
    returns({}, "return file.list()")
    local id = worker:offer("eval", cjson.encode({
      code = 'file.write("x", "1") candy.sleep("200ms")' }))
    poll.wait_for(function() return job_folders() == 1 end, 20, "its folder alone")
    returns({}, "return file.list()")
    worker:done(id)
    poll.wait_for(function() return job_folders() == 0 end, 20, "no folder")
  end)

  it("is removed with 10,000 files, deep folders and closed ones, without a stall",
    function()
      local id = worker:offer("eval", cjson.encode({ code = [[
        assert(candy.process.run({ "sh", "-c", "mkdir many closed; cd many; seq 10000 | "
          .. "xargs touch; cd ..; i=0; while [ $i -lt 700 ]; do mkdir dddddddd; "
          .. "cd dddddddd; i=$((i+1)); done; touch x; cd " .. file.folder()
          .. "; touch closed/x; ln -s / root; chmod 0 closed" }).ok)
        return #file.list("many")
      ]] }))
      assert.equal("10000", worker:done(id).body)
      local before = uv.hrtime()
      returns(1, "return 1")
      assert.is_true(uv.hrtime() - before < 5e9)
      poll.wait_for(function() return job_folders() == 0 end, 30, "no folder")
      assert.truthy(uv.fs_stat("/bin"))
    end)
end)

local function names_lead_nowhere_else()
  it("leads nowhere else", function()
    for _, name in ipairs({ "/etc/passwd", "..", "../x", "a/../../x", "a/..", "" }) do
      misuse("is a path below the job's folder", ("file.read(%q)"):format(name))
    end
    misuse("is a path below the job's folder", 'file.read("a\\0b")')
    misuse("is a path below the job's folder", 'file.rename("a", "../b")')
    misuse("is a path below the job's folder", 'file.write(("x"):rep(5000), "")')
    misuse("a name is a text", "file.read(nil)")
  end)

  it("leads through no link, whoever made it", function()
    returns({ "outside", "outside", "outside", "not_a_folder", "outside", "outside",
      "link" }, [[
      assert(candy.process.run({ "ln", "-s", "/etc", "etc" }).ok)
      assert(candy.process.run({ "ln", "-s", "/etc/passwd", "passwd" }).ok)
      assert(candy.process.run({ "ln", "-s", "/tmp/planted", "planted" }).ok)
      local codes = {}
      for i, fn in ipairs({
        function() return file.read("passwd") end,
        function() return file.read("etc/passwd") end,
        function() return file.write("planted", "x") end,
        function() return file.list("etc") end,
        function() return file.stat("etc/passwd") end,
        function() return file.remove("etc/passwd") end,
      }) do codes[i] = select(2, fn()).code end
      codes[7] = file.stat("etc/").kind
      return codes
    ]])
    assert.is_nil(uv.fs_stat("/tmp/planted"))
  end)

  it("of a pipe or a device is refused, and nobody waits for it", function()
    fails("not_a_file", [[(function()
      assert(candy.process.run({ "mkfifo", "pipe" }).ok)
      return file.read("pipe")
    end)()]])
    fails("not_a_file", [[(function()
      assert(candy.process.run({ "mkfifo", "pipe" }).ok)
      return file.write("pipe", "x")
    end)()]])
  end)
end

describe("a name", names_lead_nowhere_else)

describe("a name on an old kernel", function()
  local new = nil

  setup(function()
    new, worker = worker, start({}, "old_kernel")
  end)
  teardown(function()
    worker:close()
    worker = new
  end)

  names_lead_nowhere_else()

  it("leads to what is in a folder", function()
    returns({ "x", { "f" }, "folder" }, [[
      file.mkdir("a") file.mkdir("a/b") file.write("a/b/f", "x")
      return { file.read("a/./b//f"), file.list("a/b"), file.stat("a/b/").kind }
    ]])
  end)
end)

describe("what a job writes", function()
  local small

  setup(function()
    small = start({ file_job_max = 100000 })
  end)
  teardown(function() small:close() end)

  local function result(code)
    local done = small:run("eval", cjson.encode({ code = code }))
    return done.error or support.decode(done.body)
  end

  it("is bounded, and may be written again when something was removed", function()
    assert.same({ true, "folder_full", true, true, true, "folder_full" }, result([[
      local first = file.write("a", ("x"):rep(90000))
      local _, full = file.write("b", ("x"):rep(20000))
      local again = file.write("a", ("x"):rep(90000))
      local gone = file.remove("a")
      local now = file.write("b", ("x"):rep(90000))
      local h = file.open("c", "w")
      h:seek("set", 2 ^ 40)
      local _, far = h:write("x")
      return { first, full.code, again, gone, now, far.code }
    ]]))
  end)

  it("is bounded for programs as well", function()
    assert.equal("SIGXFSZ", result([[
      local code = "exec head -c 200000 /dev/zero >big"
      return candy.process.run({ "sh", "-c", code }).signal
    ]]))
  end)
end)
