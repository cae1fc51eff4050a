-- What the disk does to a host: it is slow, stands still, fails for good or is full.
-- (A file system that is full or read-only from the start: spec/host/cli/run_spec.lua.)
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local preload = require("spec.support.preload")

local SCRIPT = [[
local candy = require("candy")

candy.schema("faults", { "create table effects (n integer, lease integer)" })

candy.task("effect", { payload = { n = "integer" } }, function(job)
  job:write("insert into effects values (?, ?)", job.payload.n, job.lease)
end)

candy.task("waits", { payload = { n = "integer" } }, function(job)
  candy.sleep("500ms")
  job.log.warn("slept " .. job.payload.n)
  job:write("insert into effects values (?, ?)", job.payload.n, job.lease)
end)

candy.task("effects", {}, function()
  return candy.db.query("select n, count(*) as times from effects group by n order by n")
end)
]]

local PATIENCE = 60

describe("a disk", function()
  local folder, host

  local function options()
    return { folder = folder, scripts = { ["faults.lua"] = SCRIPT },
      env = preload.disk_env(folder) }
  end

  before_each(function()
    folder = candy.folder()
    preload.disk(folder, "")
    host = candy.start(options())
  end)

  after_each(function()
    preload.disk(folder, "")
    host:stop("sigkill")
    candy.remove(folder)
  end)

  -- One request that is not waited for; `answer` of the result is set when it is there.
  local function post(body)
    local args = { "-sS", "--max-time", tostring(PATIENCE), "-o", "/dev/null", "-w",
      "%{http_code}", "-H", "Authorization: Bearer " .. host.key, "-H",
      "Content-Type: application/json", "--data-binary", body, host.url .. "/tasks" }
    return candy.spawn("curl", args)
  end

  local function effect(n)
    return ('{"type":"effect","payload":{"n":%d}}'):format(n)
  end

  local function batch(first, last)
    local jobs = {}
    for n = first, last do
      jobs[#jobs + 1] = effect(n)
    end
    return "[" .. table.concat(jobs, ",") .. "]"
  end

  -- Waits until each number from 1 to n has its effect; then it has only one.
  local function has_effects(n)
    local rows
    poll.wait_for(function()
      rows = host:wait(host:push("effects")).result
      return #rows >= n
    end, PATIENCE, n .. " effects")
    for i = 1, n do
      assert.are.same({ n = i, times = 1 }, rows[i])
    end
    assert.are.equal(n, #rows)
  end

  it("that stands still holds up what is promised, and nothing else", function()
    host:wait(host:push("effect", { n = 1 }))
    preload.disk(folder, "stuck")
    local posts = {}
    for n = 2, 5 do
      posts[n] = post(effect(n))
    end
    for _ = 1, 20 do
      assert.are.equal(200, host:request("GET", "/livez").status)
    end
    for n = 2, 5 do
      assert.is_nil(posts[n].code, "an answer before the disk had it")
    end
    preload.disk(folder, "")
    for n = 2, 5 do
      assert.are.equal(0, candy.join(posts[n]))
      assert.are.equal("202", posts[n].out.text)
    end
    has_effects(5)
  end)

  it("that is slow makes nothing go wrong", function()
    preload.disk(folder, "slow")
    local posts = {}
    for i = 1, 10 do
      posts[i] = post(batch(10 * i - 9, 10 * i))
    end
    for _, run in ipairs(posts) do
      candy.join(run)
      assert.are.equal("202", run.out.text)
      assert.are.equal(200, host:request("GET", "/livez").status)
    end
    has_effects(100)
    assert.are.equal(0, (host:stop()))
  end)

  -- After a sync that failed nobody knows what is on the disk: the file is opened anew.
  it("that fails ends the host, which loses nothing that it promised", function()
    local acked, word = 0, "broken"
    while host:is_running() do
      local ok, answer = pcall(host.request, host, "POST", "/tasks", effect(acked + 1))
      if not ok or answer.status ~= 202 then
        break
      end
      acked = acked + 1
      if acked == 20 then
        preload.disk(folder, word)
      end
    end
    assert.are.equal(20, acked)
    assert.are.equal(1, candy.join(host.process))
    assert.is_truthy(host:log():find('"code":"store_io"', 1, true), host:log())
    preload.disk(folder, "")
    host = host:again(options())
    local rows
    poll.wait_for(function()
      rows = host:wait(host:push("effects")).result
      return #rows >= 20
    end, PATIENCE, "the effects of all that was acknowledged")
    for i = 1, #rows do
      assert.are.same({ n = i, times = 1 }, rows[i])
    end
    assert.is_true(#rows <= 21, "only the last one was not answered")
  end)

  it("that is full holds up the ends of jobs until there is room", function()
    local ids = {}
    for n = 1, 10 do
      ids[n] = host:push("waits", { n = n })
    end
    host:wait(ids[10], "running")
    preload.disk(folder, "full")
    for n = 1, 10 do
      host:wait_log(('"message":"slept %d"'):format(n))
    end
    poll.wait_for(function()
      return host:request("POST", "/tasks", effect(11)).status == 507
    end, PATIENCE, "the disk to be full")
    assert.are.equal(200, host:request("GET", "/livez").status)
    local held = host:job(ids[10]).state
    preload.disk(folder, "")
    for n = 1, 10 do
      local job = host:wait(ids[n])
      assert.are.same({ "completed", 0, 0 }, { job.state, job.retry_count, job.rescues })
    end
    has_effects(10)
    assert.are.equal("running", held)
  end)
end)
