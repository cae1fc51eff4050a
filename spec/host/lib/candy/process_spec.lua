-- candy.process: programs that are run, fed, read, and ended with all that they started.
local cjson = require("cjson")
local poll = require("spec.support.poll")
local processes = require("spec.support.processes")
local program = require("spec.support.program")
local support = require("spec.support.worker")
local uv = require("luv")

local folder, worker

local EVAL = [[
  candy.task("eval", function(job)
    local names = "local candy, job, file, run, spawn = ... "
    local fn = assert(load(names .. job.payload.code))
    return fn(candy, job, candy.file, candy.process.run, candy.process.spawn)
  end)
  candy.task("hasty", { timeout = "300ms" }, function(job)
    return candy.process.run({ "sh", "-c", job.payload.code })
  end)
]]

local function start(init)
  local whole = { tmp = folder .. "/tmp", process_allow = { "sh", "cat", "sleep", "env",
    "head", "luajit", "true", "missing", folder .. "/plain", folder .. "/broken" } }
  for name, value in pairs(init or {}) do
    whole[name] = value
  end
  return support.start_one(EVAL, whole)
end

setup(function()
  folder = program.folder({ plain = "x", broken = "#!/no/such/interpreter\n" })
  uv.fs_chmod(folder .. "/broken", 493)
  worker = start()
end)
teardown(function()
  worker:close()
  program.remove(folder)
end)

local function run(code, on)
  local done = (on or worker):run("eval", cjson.encode({ code = code }))
  if done.error then
    return nil, done.error
  end
  return support.decode(done.body)
end

local function returns(expected, code, on)
  local value, err = run(code, on)
  assert(not err, err and err.message)
  assert.same(expected, value)
end

local function misuse(text, code)
  local _, err = run(code)
  assert.matches(text, assert(err, "no error").message, 1, true)
end

local wait_running = processes.wait

describe("a program", function()
  it("is run, and tells how it ended", function()
    returns({ { code = 0, ok = true, stdout = "a b\n", stderr = "c\n" },
      { code = 3, ok = false, stdout = "", stderr = "" },
      { signal = "SIGKILL", ok = false, stdout = "", stderr = "" } }, [[return {
        run({ "sh", "-c", "echo $1 $2; echo c >&2", "x", "a", "b" }),
        run({ "sh", "-c", "exit 3" }),
        run({ "sh", "-c", "kill -9 $$" }),
      }]])
  end)

  it("gets its arguments as they are", function()
    returns("$HOME; `id` |\n 7", [[
      return run({ "sh", "-c", "printf '%s ' \"$@\"", "x", "$HOME; `id` |\n", 7 })
        .stdout:sub(1, -2)
    ]])
  end)

  it("has a clean environment, and what is given", function()
    returns({ "A=1", "HOME=F", "LANG=C.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin",
      "TMPDIR=F" }, [[
        local folder, lines = file.folder(), {}
        for line in run({ "env" }, { env = { A = 1 } }).stdout:gmatch("[^\n]+") do
          local name, value = line:match("^(.-)=(.*)$")
          lines[#lines + 1] = name .. "=" .. (value == folder and "F" or value)
        end
        table.sort(lines)
        return lines
      ]])
  end)

  it("has no descriptor but its three, and no privilege to gain", function()
    returns("0 1 2 3 ", [[
      return (run({ "sh", "-c", "ls /proc/self/fd" }).stdout:gsub("\n", " "))]])
    returns("NoNewPrivs:\t1\n", [[
      return run({ "sh", "-c", "grep NoNewPrivs /proc/self/status" }).stdout]])
  end)

  it("runs in the job's folder, or one in it", function()
    returns({ "F", "F/sub", "outside" }, [[
      local folder = file.folder()
      file.mkdir("sub")
      local function cwd(opts)
        return (run({ "sh", "-c", "pwd -P" }, opts).stdout:gsub("\n", "")
          :gsub(folder:gsub("%p", "%%%0"), "F"))
      end
      run({ "sh", "-c", "ln -s / root" })
      local _, err = run({ "true" }, { cwd = "root" })
      return { cwd(), cwd({ cwd = "sub" }), err and "outside" }
    ]])
    misuse("is a path below the job's folder", 'run({ "true" }, { cwd = "../.." })')
  end)

  it("writes any bytes", function()
    returns({ 4, 0, 255, 10, 0 }, [[
      local out = run({ "sh", "-c", "printf '\\000\\377\\n\\000'" }).stdout
      return { #out, out:byte(1, -1) }
    ]])
  end)

  it("is fed with a text, a function or a file", function()
    returns({ 3000000, 300000, 500000 }, [[
      local text = ("x"):rep(3000000)
      local most = { output_max = "4mb", stdin = text }
      local n = 0
      local function pieces()
        n = n + 1
        return n <= 3 and ("y"):rep(100000) or nil
      end
      file.write("in", ("z"):rep(500000))
      return { #run({ "cat" }, most).stdout, #run({ "cat" }, { stdin = pieces }).stdout,
        #run({ "cat" }, { stdin = file.open("in") }).stdout }
    ]])
  end)

  it("need not read what it is fed with", function()
    returns({ true, 0 }, [[
      local result = run({ "true" }, { stdin = ("x"):rep(2000000) })
      return { result.ok, result.code }
    ]])
    returns("program_timeout", [[
      local _, err = run({ "sleep", "1000" }, { stdin = ("x"):rep(2000000),
        timeout = "200ms" })
      return err.code
    ]])
  end)

  it("that is fed with nonsense is ended", function()
    misuse("a piece of stdin must be a text", [[
      run({ "sleep", "7001" }, { stdin = function() return 7 end })]])
    wait_running("sleep 7001", 0)
  end)
end)

describe("a program that may not run", function()
  it("is told apart", function()
    returns({ "program_not_allowed", "program_not_allowed", "program_not_found",
      "program_not_executable", "program_start" }, ([[
        local codes = {}
        for i, name in ipairs({ "id", "/bin/sh", "missing", "F/plain", "F/broken" }) do
          codes[i] = select(2, run({ name })).code
        end
        return codes
      ]]):gsub("F/", folder .. "/") .. "")
    local _, err = run('return run({ "id" })')
    assert.equal('the program "id" may not run: add it to process.allow in '
      .. 'conf/candy.lua: process = { allow = { "id" } }', err.message)
  end)

  it("is not tried again", function()
    local code = cjson.encode({ code = 'return run({ "id" })' })
    assert.equal("permanent", worker:run("eval", code).outcome)
  end)

  it("and nothing may by default", function()
    local none = support.start_one(EVAL, { tmp = folder .. "/tmp" })
    returns("program_not_allowed", 'return select(2, run({ "true" })).code', none)
    none:close()
  end)
end)

describe("a call that is wrong", function()
  it("is told", function()
    misuse("the first argument is a list", 'run("ls -l")')
    misuse("the first argument is a list", "run({})")
    misuse("argument 2 must be a text", 'run({ "sh", {} })')
    misuse("argument 2 must be a text without a NUL", 'run({ "sh", "a\\0b" })')
    misuse("known options: cwd env memory output_max stdin timeout",
      'run({ "sh" }, { shell = true })')
    misuse("without LD_PRELOAD", 'run({ "sh" }, { env = { LD_PRELOAD = "x" } })')
    misuse("which is the setting process.memory", 'run({ "sh" }, { memory = "2tb" })')
    misuse("and 131072 are the limit", 'run({ "true", ("x"):rep(140000) })')
    misuse("with a colon", 'spawn({ "true" }).wait()')
    returns({ true }, [[
      local n = 0
      local turncoat = setmetatable({ nil, "x" }, { __index = function()
        n = n + 1
        return n == 1 and "true" or { find = function() end }
      end })
      return { run(turncoat).ok }
    ]])
  end)
end)

describe("a limit", function()
  it("of time ends it with all that it started, and keeps what it said", function()
    returns({ "program_timeout", "sh: the program was stopped: it still ran after 200ms",
      "said\n" }, [[
        local _, err = run({ "sh", "-c", "echo said; sleep 7002 & sleep 7002" },
          { timeout = "200ms" })
        return { err.code, err.message, err.stdout }
      ]])
    wait_running("sleep 7002", 0)
  end)

  it("of its output ends it", function()
    returns({ "output_too_large", true }, [[
      local _, err = run({ "cat", "/dev/zero" })
      return { err.code, #err.stdout <= 1048576 }
    ]])
    returns({ "output_too_large", 1000 }, [[
      local _, err = run({ "sh", "-c", "exec head -c 5000 /dev/zero >&2" },
        { output_max = 1000 })
      return { err.code, #run({ "head", "-c", 1000, "/dev/zero" },
        { output_max = 1000 }).stdout }
    ]])
  end)

  it("of memory makes it fail by itself", function()
    returns({ false, true }, [[
      local bomb = "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e6) .. i end"
      local small = run({ "luajit", "-e", bomb }, { memory = "64mb", timeout = "30s" })
      local fine = run({ "luajit", "-e", "x = ('x'):rep(2e7)" }, { memory = "64mb" })
      return { small.ok, fine.ok }
    ]])
  end)

  it("of how many run makes others wait in line", function()
    local narrow = start({ process_max = 2 })
    returns({ 6, true }, [[
      local most = 0
      local results = candy.all({
        function() return run({ "sh", "-c", "sleep 0.1" }) end,
        function() return run({ "sh", "-c", "sleep 0.1" }) end,
        function() return run({ "sh", "-c", "sleep 0.1" }) end,
        function() return run({ "sh", "-c", "sleep 0.1" }) end,
        function() return run({ "sh", "-c", "sleep 0.1" }) end,
        function() return run({ "sh", "-c", "sleep 0.1" }) end,
      })
      local n = 0
      for _, result in ipairs(results) do n = n + (result.ok and 1 or 0) end
      return { n, true }
    ]], narrow)
    local first = narrow:offer("eval", cjson.encode({
      code = 'run({ "sleep", "7003" }, { timeout = "500ms" })' }))
    local second = narrow:offer("eval", cjson.encode({
      code = 'run({ "sleep", "7003" }, { timeout = "500ms" })' }))
    local third = narrow:offer("eval", cjson.encode({
      code = 'return run({ "true" }).ok' }))
    wait_running("sleep 7003", 2)
    assert.equal("true", narrow:done(third).body)
    narrow:done(first)
    narrow:done(second)
    narrow:close()
  end)
end)

describe("a call that is cancelled", function()
  it("ends its program", function()
    returns({ true }, [[
      local _, err = candy.timeout("100ms", run, { "sleep", "7005" })
      return { err.code == "timeout" }
    ]])
    wait_running("sleep 7005", 0)
    local own = worker:offer("eval", cjson.encode({ code = [[
      candy.timeout("100ms", run, { "sleep", "7006" })
      candy.kv.get("k")
    ]] }))
    local request = worker:wait_message("request")
    wait_running("sleep 7006", 0)
    worker:send({ answer = { number = request.number, ok = true,
      body = '{"found":false,"version":0}' } })
    worker:done(own)
  end)

  it("leaves the line", function()
    local narrow = start({ process_max = 1 })
    returns({ "timeout", true }, [[
      local long = spawn({ "sleep", "7007" })
      local _, err = candy.timeout("50ms", run, { "true" })
      long:kill(0)
      return { err.code, candy.timeout("10s", run, { "true" }).ok }
    ]], narrow)
    narrow:close()
  end)
end)

describe("a program with a handle", function()
  it("is written to and read while it runs", function()
    returns({ "got a\n", "got b\n", { code = 0, ok = true } }, [[
      local p = spawn({ "sh", "-c", "while read x; do echo got $x; done" })
      p.stdin:write("a\n")
      local one = p.stdout:read()
      p.stdin:write("b\n")
      local two = p.stdout:read()
      p.stdin:close()
      return { one, two, p:wait() }
    ]])
  end)

  it("is read by lines and pieces, from both outputs", function()
    returns({ { "a", "b" }, "cd", true }, [[
      local p = spawn({ "sh", "-c", "echo a; echo b; printf cd >&2" })
      local lines, rest = {}, ""
      for line in p.stdout:lines() do lines[#lines + 1] = line end
      for piece in p.stderr:chunks() do rest = rest .. piece end
      return { lines, rest, p:wait().ok }
    ]])
  end)

  it("has to wait when nobody reads", function()
    returns({ true, 50000000 }, [[
      local p = spawn({ "head", "-c", 50000000, "/dev/zero" })
      candy.sleep("100ms")
      local n = 0
      for piece in p.stdout:chunks() do n = n + #piece end
      return { p:wait().ok, n }
    ]])
  end)

  it("is asked to end, and made to when it does not", function()
    returns({ { signal = "SIGTERM", ok = false }, { code = 7, ok = false },
      { signal = "SIGKILL", ok = false }, { signal = "SIGKILL", ok = false } }, [[
        local function ended(code, grace)
          local p = spawn({ "sh", "-c", code })
          p.stdout:read()
          p:kill(grace)
          return p:wait()
        end
        local deaf = "trap '' TERM; echo; while true; do sleep 0.01; done"
        return {
          ended("echo; exec sleep 1000"),
          ended("trap 'exit 7' TERM; echo; while true; do sleep 0.01; done"),
          ended(deaf, "50ms"),
          ended(deaf, 0),
        }
      ]])
  end)

  it("tells that it reads no more", function()
    returns("input_closed", [[
      local p = spawn({ "sh", "-c", "exec <&-; echo; sleep 1000" })
      p.stdout:read()
      local ok, err = true, nil
      while ok do ok, err = p.stdin:write(("x"):rep(100000)) end
      return err.code
    ]])
  end)

  it("is waited for by one strand at a time, as often as wanted", function()
    returns({ true, true }, [[
      local p = spawn({ "true" })
      return { p:wait().ok, p:wait().ok }
    ]])
    misuse("another strand of the job waits for it already", [[
      local p = spawn({ "sleep", "1000" })
      candy.all({ function() p:wait() end, function() p:wait() end })
    ]])
  end)

  it("of another job is of no use", function()
    run('kept = spawn({ "sleep", "7004" })')
    misuse("the program is another job's, or its job is over", "kept:wait()")
    misuse("the program is another job's, or its job is over", "kept.stdout:read()")
    misuse("the program is another job's, or its job is over", "kept:kill()")
    wait_running("sleep 7004", 0)
  end)
end)

describe("whatever a program started", function()
  local function ends_with_job(number, code)
    it("ends with it: " .. code:gsub(number, "N"), function()
      assert(run(('return run({ "sh", "-c", %q }, { timeout = "20s" }).ok')
        :format(code)))
      wait_running("sleep " .. number, 0)
    end)
  end

  ends_with_job("7011", "sleep 7011 &")
  ends_with_job("7012", "(sleep 7012 &) & wait")
  ends_with_job("7013", "setsid sleep 7013 & sleep 0.05")
  ends_with_job("7014", "setsid sh -c 'setsid sleep 7014 & setsid sleep 7014 &' & wait")
  ends_with_job("7015", "setsid sh -c 'trap \"\" TERM HUP INT QUIT; sleep 7015' & "
    .. "sleep 0.05")

  it("ends when the job's time is up", function()
    local done = worker:run("hasty", cjson.encode({ code = "trap '' TERM; exec >&- 2>&-; "
      .. "setsid sleep 7016 & sleep 7016; sleep 7016" }))
    assert.equal("timeout", done.error.code)
    wait_running("sleep 7016", 0)
  end)

  it("ends when a fork goes on for ever", function()
    local done = worker:run("hasty", cjson.encode({
      code = "f() { sleep 0.01; f & }; f; f; sleep 7017" }))
    assert.equal("timeout", done.error.code)
    wait_running("sleep 7017", 0)
    wait_running("sh -c f() {", 0)
  end)

  it("ends when it killed the one that stands between", function()
    run('run({ "sh", "-c", "setsid sleep 7018 & sleep 0.1; kill -9 $PPID; sleep 7018" })')
    wait_running("sleep 7018", 0)
  end)

  it("ends when it stopped the one that stands between", function()
    worker:run("hasty", cjson.encode({ code = "kill -STOP $PPID; sleep 7019" }))
    wait_running("sleep 7019", 0)
  end)

  it("ends with the worker", function()
    local other = start()
    other:offer("eval", cjson.encode({ code = [[
      run({ "sh", "-c", "setsid sleep 7020 & setsid sleep 7020 & sleep 7020" })]] }))
    wait_running("sleep 7020", 3)
    other:close()
    wait_running("sleep 7020", 0)
  end)

  it("ends before a drained worker does", function()
    local other = start()
    other:run("eval", cjson.encode({ code = [[
      spawn({ "sleep", "7021" })
      kept = file.open("x", "w")
      kept:write("x")
      file.list()
      return nil, "failed"
    ]] }))
    other:send({ drain = true })
    assert.equal(0, other:exit().exit.code)
    assert.equal(0, processes.count("sleep 7021"))
    other:close()
  end)
end)

describe("300 programs in a row", function()
  it("leave no process, no descriptor and no file behind", function()
    local COUNT = [[
      local n = {}
      for name in run({ "sh", "-c", "ls /proc/$1/fd | wc -l; ls $2 | wc -l; "
        .. "ps --ppid $1 -o pid= | wc -l", "x", PID, DIR }).stdout:gmatch("%d+") do
        n[#n + 1] = tonumber(name)
      end
      return n
    ]]
    local path = run("return file.folder()")
    local pid = path:match("/(%d+)/[^/]+$")
    local count = COUNT:gsub("PID", '"' .. pid .. '"'):gsub("DIR",
      '"' .. path:match("^(.*)/") .. '"')
    local before
    poll.wait_for(function()
      local now = run(count)
      local same = before and now[1] == before[1] and now[2] == before[2]
      before = now
      return same
    end, 20, "two counts that are the same")
    returns(300, [[
      local n = 0
      for i = 1, 300 do
        local result = run({ "sh", "-c", "cat; echo " .. i }, { stdin = "x" })
        n = n + (result.stdout == "x" .. i .. "\n" and 1 or 0)
      end
      return n
    ]])
    poll.wait_for(function()
      local after = run(count)
      return after[1] == before[1] and after[2] == before[2] and after[3] == before[3]
    end, 20, "the counts of before")
  end)
end)
