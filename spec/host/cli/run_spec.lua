-- candy run: the start, what stops a start and how it is told, the stop.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local SCRIPT = [[
local candy = require("candy")
candy.task("quick", {}, function() return true end)
candy.task("waits", {}, function(job) candy.sleep(job.payload.time or "1h") end)
]]

local folder

before_each(function()
  folder = candy.folder()
end)

after_each(function()
  candy.remove(folder)
end)

local function start(options)
  options = options or {}
  options.folder = folder
  options.scripts = options.scripts or { ["tasks.lua"] = SCRIPT }
  return candy.start(options)
end

-- A start that must fail: its exit code and what it says.
local function fails(options)
  options.folder = folder
  local host = candy.launch(options)
  local code = candy.join(host.process)
  assert.are.equal("", host.process.out.text)
  return code, host.process.err.text
end

local function contains(text, ...)
  for _, part in ipairs({ ... }) do
    assert.is_truthy(text:find(part, 1, true), part .. " in: " .. text)
  end
end

describe("the start", function()
  it("prints one line and nothing else, and the key only once", function()
    local host = start()
    local line = host.process.out.text
    assert.are.equal(1, select(2, line:gsub("\n", "")))
    assert.is_true(host.ready.ready)
    assert.are.equal(host.pid, host.ready.pid)
    assert.are.equal(uv.fs_realpath(folder) .. "/data", host.ready.data)
    assert.is_nil(candy.read(host.data .. "/candy.db"):find(host.key, 1, true))
    assert.is_nil(host:log():find(host.key, 1, true))
    assert.are.equal(0, (host:stop()))
    host = host:again()
    assert.is_nil(host.ready.admin_key)
    assert.are.equal(200, host:request("GET", "/tasks").status)
    assert.are.equal(0, (host:stop()))
  end)

  it("stops where the key that it made cannot be shown, and only there", function()
    local command = ("exec '%s' run --port 0 --data '%s/data' >/dev/full"):format(
      candy.program, folder)
    local run = candy.spawn("sh", { "-c", command }, { cwd = folder })
    assert.are.equal(1, (candy.join(run)))
    contains(run.err.text, "standard output", "No space left", "admin key", "README")
    run = candy.spawn("sh", { "-c", command }, { cwd = folder })
    poll.wait_for(function()
      return run.err.text:find("standard output", 1, true)
    end, 30, "the host to say it")
    uv.kill(run.pid, "sigterm")
    assert.are.equal(0, (candy.join(run)))
  end)

  it("takes the admin key from CANDY_ADMIN_KEY", function()
    local key = "a-key-that-was-chosen-beforehand"
    local host = start({ env = { CANDY_ADMIN_KEY = key } })
    assert.is_nil(host.ready.admin_key)
    assert.are.equal(200, host:request("GET", "/tasks", nil, { key = key }).status)
    host:stop()
  end)

  it("runs without a scripts folder, from any folder", function()
    local run = candy.spawn(candy.program, { "run", "--port", "0" }, { cwd = folder })
    poll.wait_for(function()
      return run.out.text:find("\n") or run.code
    end, 30, "the host")
    assert.are.equal(uv.fs_realpath(folder) .. "/data",
      cjson.decode(run.out.text).data)
    uv.kill(run.pid, "sigterm")
    assert.are.equal(0, (candy.join(run)))
  end)

  it("is refused where the data folder is in use, until that host is gone", function()
    local host = start()
    local code, said = fails({})
    assert.are.equal(1, code)
    contains(said, "in use by another host (pid " .. host.pid .. ")", "--data")
    host:push("waits")
    host:stop("sigkill")
    assert.are.equal(0, (host:again():stop()))
  end)

  it("is refused where the database is in use by a host of another folder", function()
    local database = folder .. "/shared.db"
    local host = start({ args = { "--store", "sqlite:" .. database } })
    local other = candy.folder()
    local run = candy.spawn(candy.program, { "run", "--port", "0", "--data", other,
      "--store", "sqlite:" .. database }, { cwd = other })
    assert.are.equal(1, (candy.join(run)))
    contains(run.err.text, "shared.db", "in use by another host (pid " .. host.pid .. ")")
    candy.remove(other)
    assert.are.equal(0, (host:stop()))
  end)

  it("shows the admin key at the first start that gets as far as that", function()
    local slow = [[local t = os.clock() while os.clock() - t < 1 do end]]
    local early = candy.launch({ folder = folder, scripts = { ["slow.lua"] = slow } })
    poll.wait_for(function()
      return uv.fs_stat(folder .. "/data/candy.db") and early:workers()[1]
    end, 20, "the scripts to be loaded")
    assert.are.equal(0, (early:stop()))
    assert.are.equal("", early.process.out.text)
    local host = start()
    assert.is_string(host.ready.admin_key)
    assert.are.equal(200, host:request("GET", "/tasks").status)
    assert.are.equal(0, (host:stop()))
  end)

  it("can be broken off at any moment", function()
    for ms = 0, 30, 3 do
      local host = candy.launch({ folder = folder, scripts = { ["tasks.lua"] = SCRIPT } })
      local timer = uv.new_timer()
      timer:start(ms, 0, function()
        uv.kill(host.pid, "sigterm")
        timer:close()
      end)
      local _, signal = candy.join(host.process)
      assert.is_true(signal == 0 or signal == 15, "signal " .. signal)
    end
  end)

  it("is refused where the port is in use", function()
    local host = start()
    local port = host.url:match(":(%d+)$")
    local other = candy.folder()
    local run = candy.spawn(candy.program,
      { "run", "--port", port, "--data", other .. "/data" }, { cwd = other })
    assert.are.equal(1, (candy.join(run)))
    contains(run.err.text, port, "in use", "--port")
    candy.remove(other)
    host:stop()
  end)

  it("is refused with a garbage database", function()
    uv.fs_mkdir(folder .. "/data", 448)
    candy.write(folder .. "/data/candy.db", ("garbage "):rep(2000))
    local code, said = fails({})
    assert.are.equal(1, code)
    contains(said, "candy.db", "backup")
  end)

  it("is refused with a database of a newer version", function()
    start():stop()
    assert.are.equal(0, os.execute("sqlite3 '" .. folder
      .. "/data/candy.db' 'pragma user_version = 9999'"))
    local code, said = fails({})
    assert.are.equal(1, code)
    contains(said, "newer")
  end)

  it("is refused where a scripts folder is missing", function()
    local code, said = fails({ args = { "--scripts", folder .. "/nowhere" } })
    assert.are.equal(1, code)
    contains(said, "nowhere")
  end)

  it("is refused with settings that are wrong", function()
    local code, said = fails({ env = { CANDY_WORKRES = "2" } })
    assert.are_not.equal(0, code)
    contains(said, "CANDY_WORKRES", "CANDY_WORKERS")
    code, said = fails({ env = { CANDY_WORKER_STALL = "soon" } })
    assert.are_not.equal(0, code)
    contains(said, "CANDY_WORKER_STALL")
    uv.fs_mkdir(folder .. "/conf", 448)
    candy.write(folder .. "/conf/candy.lua", "return {\n  prot = 1,\n}\n")
    code, said = fails({})
    assert.are_not.equal(0, code)
    contains(said, "conf/candy.lua", "prot", "port")
    candy.write(folder .. "/conf/candy.lua", "return {\n  port = = 1,\n}\n")
    code, said = fails({})
    assert.are_not.equal(0, code)
    contains(said, "conf/candy.lua:2")
    candy.write(folder .. "/conf/candy.lua", "while true do end")
    code, said = fails({})
    assert.are_not.equal(0, code)
    contains(said, "conf/candy.lua")
  end)
end)

describe("a file system that fails", function()
  local mounted

  local function mount(options)
    uv.fs_mkdir(folder .. "/data", 448)
    local command = ("mount -t tmpfs -o %s tmpfs '%s/data' 2>/dev/null"):format(options,
      folder)
    mounted = os.execute(command) == 0
    return mounted
  end

  after_each(function()
    if mounted then
      os.execute("umount -l '" .. folder .. "/data'")
    end
    mounted = false
  end)

  it("stops the start when the data folder is read-only", function()
    if not mount("ro,size=1m") then
      return pending("mounting a tmpfs needs root")
    end
    local code, said = fails({})
    assert.are.equal(1, code)
    contains(said, "data", "ead-only")
  end)

  it("refuses tasks while the disk is full, and goes on when there is space", function()
    if not mount("size=4m") then
      return pending("mounting a tmpfs needs root")
    end
    local host = start()
    local filler = folder .. "/data/filler"
    local body = '{"type":"waits","payload":{"time":"1ms","x":"' .. ("x"):rep(20000)
      .. '"}}'
    os.execute("dd if=/dev/zero of='" .. filler .. "' bs=64k 2>/dev/null")
    local kept, refused = {}, nil
    poll.wait_for(function()
      local answer = host:request("POST", "/tasks", body)
      if answer.status == 202 then
        kept[#kept + 1] = answer.json.id
      end
      refused = answer.status ~= 202 and answer
      return refused
    end, 30, "the disk to be full")
    assert.are.equal(507, refused.status, refused.body)
    assert.are.equal("store_full", refused.json.code)
    assert.are.equal(200, host:request("GET", "/livez").status)
    host:wait_log("store_full")
    assert.are.equal("store_full", host:request("GET", "/health").json.store)
    os.remove(filler)
    poll.wait_for(function()
      return host:request("POST", "/tasks", body).status == 202
    end, 30, "the host to go on")
    for _, id in ipairs(kept) do
      assert.are.equal("completed", host:wait(id).state)
    end
    assert.are.equal(0, (host:stop()))
  end)
end)

describe("the stop", function()
  it("lets jobs finish that can, and returns the others uncounted", function()
    local host = start({ env = { CANDY_STOP_GRACE = "1s" } })
    local short, long = host:push("waits", { time = "300ms" }), host:push("waits")
    host:wait(short, "running")
    host:wait(long, "running")
    assert.are.equal(0, (host:stop()))
    host = host:again()
    assert.are.equal("completed", host:job(short).state)
    local job = host:wait(long, "running")
    assert.are.equal(0, job.retry_count)
    assert.are.equal(0, job.rescues)
    host:stop("sigkill")
  end)

  it("at once by a second signal loses nothing", function()
    local host = start()
    local id = host:push("waits")
    host:wait(id, "running")
    uv.kill(host.pid, "sigterm")
    host:wait_log("stopping")
    uv.kill(host.pid, "sigterm")
    candy.join(host.process)
    host = host:again()
    assert.are.equal(0, host:wait(id, "running").retry_count)
    host:stop("sigkill")
  end)

  it("by SIGKILL ends the workers too", function()
    local host = start()
    local pids = host:workers()
    assert.are.equal(2, #pids)
    host:stop("sigkill")
    poll.wait_for(function()
      return not uv.fs_stat("/proc/" .. pids[1]) and not uv.fs_stat("/proc/" .. pids[2])
    end, 10, "the workers to be gone")
  end)

  it("refuses new tasks while jobs finish, and answers readyz with 503", function()
    local host = start()
    host:wait(host:push("waits", { time = "2s" }), "running")
    uv.kill(host.pid, "sigterm")
    host:wait_log("stopping")
    assert.are.equal(503, host:request("GET", "/readyz").status)
    assert.are.equal(503, host:request("POST", "/tasks", { type = "quick" }).status)
    assert.are.equal(0, (candy.join(host.process)))
  end)
end)

describe("a standard error that nobody reads", function()
  it("holds up nothing", function()
    local fifo = folder .. "/stderr"
    assert.are.equal(0, os.execute("mkfifo '" .. fifo .. "'"))
    local reader = uv.fs_open(fifo, uv.constants.O_RDONLY + uv.constants.O_NONBLOCK, 0)
    local host = { folder = folder, data = folder .. "/data" }
    uv.fs_mkdir(folder .. "/scripts", 448)
    candy.write(folder .. "/scripts/chatty.lua", [[
      local candy = require("candy")
      candy.task("chatty", {}, function()
        for i = 1, 5000 do candy.log.info(("x"):rep(200)) end
      end)
    ]])
    host.process = candy.spawn("sh", { "-c", "exec '" .. candy.program
      .. "' run --port 0 --data '" .. host.data .. "' 2>'" .. fifo .. "'" },
      { cwd = folder })
    poll.wait_for(function()
      return host.process.out.text:find("\n")
    end, 30, "the host")
    local ready = cjson.decode(host.process.out.text)
    host.url, host.key = ready.url, ready.admin_key
    for _ = 1, 3 do
      assert.are.equal(202, candy.request(host, "POST", "/tasks",
        { type = "chatty" }).status)
    end
    poll.wait_for(function()
      return candy.request(host, "GET", "/tasks?state=completed").json.items[3]
    end, 30, "the jobs")
    assert.are.equal(200, candy.request(host, "GET", "/livez").status)
    uv.kill(host.process.pid, "sigterm")
    assert.are.equal(0, (candy.join(host.process)))
    uv.fs_close(reader)
  end)
end)

describe("commands against a running host", function()
  it("enqueue, list and read jobs through the control socket", function()
    local host = start()
    local code, out = host:command({ "enqueue", "quick", "--wait" })
    assert.are.equal(0, code)
    contains(out, "true")
    code, out = host:command({ "jobs", "--json" })
    assert.are.equal(0, code)
    assert.are.equal("completed", cjson.decode(out).items[1].state)
    code, out = host:command({ "tasks" })
    assert.are.equal(0, code)
    contains(out, "quick", "waits", "tasks.lua:2")
    local said
    code, out, said = host:command({ "enqueue", "nobody" })
    assert.are.equal(1, code, out)
    contains(said, "nobody")
    assert.are.equal(0, (host:stop()))
    code, out, said = host:command({ "jobs" })
    assert.are.equal(3, code, out)
    contains(said, "candy run")
  end)

  it("reach it where the folder's path is too long for a socket", function()
    local host = candy.start({ folder = folder, scripts = { ["tasks.lua"] = SCRIPT },
      args = { "--data", folder .. "/" .. ("long"):rep(40) .. "/data" } })
    host.data = host.ready.data
    local code, out = host:command({ "enqueue", "quick", "--wait", "--json" })
    assert.are.equal(0, code, out)
    assert.are.equal(0, (host:stop()))
  end)

  it("back the store up while it runs", function()
    local host = start()
    local ids = {}
    for i = 1, 20 do
      ids[i] = host:push("quick")
    end
    host:wait(ids[20])
    local file = folder .. "/copy.db"
    assert.are.equal(0, (host:command({ "backup", file })))
    assert.are.equal(1, (host:command({ "backup", file })))
    host:stop()
    uv.fs_mkdir(folder .. "/restored", 448)
    os.rename(file, folder .. "/restored/candy.db")
    local restored = start({ args = { "--data", folder .. "/restored" } })
    restored.key = host.key
    assert.are.equal("completed", restored:job(ids[20]).state)
    assert.are.equal(0, (restored:stop()))
  end)
end)

describe("candy migrate", function()
  it("prepares a store for a host that does not run", function()
    local code, out = candy.run({ "migrate" }, { cwd = folder })
    assert.are.equal(0, code)
    contains(out, folder .. "/data")
    assert.are.equal("100600", ("%o"):format(uv.fs_stat(folder .. "/data/candy.db").mode))
    local host = start()
    local said
    code, out, said = host:command({ "migrate" })
    assert.are.equal(1, code, out)
    contains(said, "in use by another host")
    assert.are.equal(0, (host:stop()))
    code, out = host:command({ "migrate", "--json" })
    assert.are.equal(0, code)
    assert.is_string(cjson.decode(out).version)
  end)
end)

describe("candy check", function()
  it("names file and line of what does not load, and runs nothing", function()
    candy.write(folder .. "/good.lua", SCRIPT)
    local code, out = candy.run({ "check", "--scripts", folder }, { cwd = folder })
    assert.are.equal(0, code)
    assert.are.equal("1 file, 2 tasks, 0 errors\n", out)
    candy.write(folder .. "/bad.lua", "\nlocal x = = 1")
    candy.write(folder .. "/endless.lua", "while true do end")
    local said
    code, out, said = candy.run({ "check", "--scripts", folder },
      { cwd = folder, env = { CANDY_WORKER_STALL = "300ms" } })
    assert.are.equal(1, code, out)
    contains(said, "bad.lua:2:", "endless.lua")
    assert.is_nil(uv.fs_stat(folder .. "/data"))
  end)

  describe("of schemas", function()
    local function check(scripts, env, ...)
      uv.fs_mkdir(folder .. "/scripts", 448)
      uv.fs_mkdir(folder .. "/tmp", 448)
      for name, text in pairs(scripts) do
        candy.write(folder .. "/scripts/" .. name, text)
      end
      return candy.run({ "check", ... },
        { cwd = folder, env = env or { TMPDIR = folder .. "/tmp" } })
    end

    local function schema(name, ...)
      return ('require("candy").schema(%q, { %s })\n'):format(name,
        ("%q, "):rep(select("#", ...)):format(...))
    end

    it("tries their steps in order and leaves nothing behind", function()
      local code, out, said = check({
        ["a.lua"] = schema("a", "create table a (n)", "alter table a add column m"),
        ["b.lua"] = schema("b", "create view b as select n, m from a"),
      })
      assert.are.same({ 0, "2 files, 0 tasks, 0 errors\n", "" }, { code, out, said })
      assert.is_nil(uv.fs_scandir_next(uv.fs_scandir(folder .. "/tmp")))
      assert.is_nil(uv.fs_stat(folder .. "/data"))
    end)

    it("tells those that a host would refuse, each file once", function()
      local code, out, said = check({
        ["a.lua"] = "\n" .. schema("s", "create table s (n)", "create tabel x (a)")
          .. schema("later", "nonsense"),
        ["b.lua"] = schema("hosts", "create table candy_job (a)"),
        ["c.lua"] = schema("sound", "create table c (n)"),
      })
      assert.are.same({ 1, "3 files, 0 tasks, 2 errors\n" }, { code, out })
      contains(said, 'candy: scripts/a.lua:2: schema "s", step 2: ', "tabel",
        'candy: scripts/b.lua:1: schema "hosts", step 1: ', "candy_")
      assert.are.equal(2, select(2, said:gsub("\n", "")))
      assert.is_nil(uv.fs_scandir_next(uv.fs_scandir(folder .. "/tmp")))
    end)

    it("have code and line with --json", function()
      local code, out = check({ ["a.lua"] = schema("s", "create tabel x (a)") }, nil,
        "--json")
      assert.are.equal(1, code)
      local failed = cjson.decode(out).files[1]
      assert.are.equal("scripts/a.lua", failed.path)
      assert.are.equal("sql_error", failed.error.code)
      assert.are.equal(1, failed.error.line)
    end)

    it("of a file that others require are told of that file", function()
      local code, out, said = check({
        ["_tables.lua"] = schema("s", "create tabel x (a)"),
        ["a.lua"] = 'require("_tables")',
      })
      assert.are.equal(1, code, out)
      contains(said, "tables.lua:1: schema")
    end)

    it("need a place for temporary files", function()
      local code, out, said = check({ ["a.lua"] = schema("s", "create table s (n)") },
        { TMPDIR = folder .. "/nowhere" })
      assert.are.same({ 1, "" }, { code, out })
      contains(said, folder .. "/nowhere", "No such file", "TMPDIR")
    end)
  end)
end)
