-- Programs and files of jobs whose worker, or host, comes to a sudden end.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local processes = require("spec.support.processes")
local uv = require("luv")

local SCRIPT = [[
  local candy = require("candy")
  local function start(job)
    local code = ("setsid sleep N & setsid sh -c 'trap \"\" TERM; sleep N; true' & "
      .. "echo; sleep N; true"):gsub("N", job.payload.n)
    local p = assert(candy.process.spawn({ "sh", "-c", code }))
    p.stdout:read()
    return p
  end
  candy.task("hold", { max_retries = 0, timeout = "60s" }, function(job)
    if candy.kv.add("ran") == 1 then -- a job that lost its worker runs again
      candy.file.write("kept", "x")
      start(job):wait()
    end
  end)
  candy.task("stall", { max_retries = 0 }, function(job)
    candy.file.write("kept", "x")
    start(job)
    while true do end
  end)
  candy.task("treason", { max_retries = 0 }, function(job)
    candy.file.write("kept", "x")
    local code = ("setsid sleep N & env -i setsid sleep N & sleep 0.2; "
      .. "both=\"$(cut -d' ' -f4 /proc/$PPID/stat) $PPID\"; "
      .. "kill -STOP $both; kill -9 $both"):gsub("N", job.payload.n)
    candy.process.run({ "sh", "-c", code })
  end)
  candy.task("limits", function()
    local run = candy.process.run
    return { run({ "sh", "-c", "ulimit -d; ulimit -f; ulimit -c" }).stdout,
      select(2, candy.file.write("x", ("x"):rep(3e6))).code }
  end)
]]

-- What each of these specs' programs can be told by, also beside another run of them.
local function number(n)
  return tostring(uv.os_getpid() * 10 + n)
end

local function start(options)
  options = options or {}
  options.workers = 1
  options.scripts = { ["a.lua"] = SCRIPT }
  options.env = { CANDY_PROCESS_ALLOW = "sh", CANDY_WORKER_STALL = "1s",
    CANDY_STOP_GRACE = "200ms",
    CANDY_PROCESS_MEMORY = "512mb", CANDY_FILE_JOB_MAX = "2mb" }
  return candy.start(options)
end

local function entries(path)
  local n = 0
  local list = uv.fs_scandir(path)
  while list and uv.fs_scandir_next(list) do
    n = n + 1
  end
  return n
end

local function wait_clean(host)
  poll.wait_for(function()
    return entries(host.data .. "/tmp") == 0 and entries(host.data .. "/tmp-removed") == 0
  end, 30, "no temporary folders")
end

describe("programs and files of jobs", function()
  local host

  before_each(function() host = start() end)
  after_each(function()
    if host:is_running() then
      host:stop()
    end
    candy.remove(host.folder)
  end)

  it("end with a worker that is killed for standing still", function()
    local job = host:wait(host:push("stall", { n = number(1) }))
    assert.equal("dead", job.state)
    processes.wait("sleep " .. number(1), 0)
    wait_clean(host)
  end)

  it("end with a worker that dies", function()
    host:push("hold", { n = number(2) })
    processes.wait("sleep " .. number(2), 3)
    uv.kill(host:workers()[1], "sigkill")
    processes.wait("sleep " .. number(2), 0)
    wait_clean(host)
  end)

  it("end even when they kill the worker, and what stands between", function()
    host:push("treason", { n = number(3) })
    host:wait_log("SIGKILL")
    processes.wait("sleep " .. number(3), 0)
    wait_clean(host)
  end)

  it("end with the host, and the next one removes the rest", function()
    host:push("hold", { n = number(4) })
    processes.wait("sleep " .. number(4), 3)
    host:stop("sigkill")
    processes.wait("sleep " .. number(4), 0)
    assert.equal(1, entries(host.data .. "/tmp"))
    host = host:again({ workers = 1 })
    wait_clean(host)
  end)

  it("end with a host that is stopped", function()
    host:push("hold", { n = number(5) })
    processes.wait("sleep " .. number(5), 3)
    assert.equal(0, (host:stop()))
    processes.wait("sleep " .. number(5), 0)
  end)

  it("have the limits that are set", function()
    local job = host:wait(host:push("limits"))
    assert.same({ "524288\n4096\n0\n", "folder_full" }, job.result)
  end)
end)
