-- Batches: jobs that are looked at as one, and what follows them.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local SCRIPT = [[
local candy = require("candy")

candy.schema("effects", "create table effects (job text, what text)")

candy.task("ok", {}, function(job)
  job:write("insert into effects values (?, ?)", job.id, job.payload.what or "ok")
end)
candy.task("shaky", { max_retries = 0 }, function(job)
  if not candy.kv.get("mended") then return nil, "on purpose" end
end)
candy.task("gate", { max_retries = 0 }, function(job)
  while not candy.kv.get("gate:" .. job.payload.name) do candy.sleep("10ms") end
end)
candy.task("grows", {}, function(job)
  for _ = 1, job.payload.by or 10 do
    job:enqueue("ok", {}, { batch = job.batch })
  end
end)
candy.task("settles", { debounce = "1h" }, function() end)
candy.task("told", {}, function(job)
  local batch = assert(candy.batch.get(job.batch))
  return { batch = job.batch, state = batch.state, completed = batch.completed,
    total = batch.total, note = job.payload.note }
end)
candy.task("count", {}, function(job)
  local sql = "select count(*) n, count(distinct job) d from effects where what = ?"
  return candy.db.one(sql, job.payload.what)
end)
]] .. candy.EVAL

describe("batches", function()
  local host

  setup(function()
    host = candy.start({ scripts = { ["tasks.lua"] = SCRIPT } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function post(body)
    local answer = host:request("POST", "/batches", body)
    assert.are.equal(202, answer.status, answer.body)
    return answer.json.id, answer.json.ids
  end

  local function get(id)
    local answer = host:request("GET", "/batches/" .. id)
    assert.are.equal(200, answer.status, answer.body)
    return answer.json
  end

  local function wait(id, state)
    local batch
    poll.wait_for(function()
      batch = get(id)
      return batch.state == state
    end, 60, "batch " .. id .. " to be " .. state)
    return batch
  end

  local function jobs(type, n)
    return '"jobs":[' .. (('{"type":"%s"},'):format(type)):rep(n):sub(1, -2) .. "]"
  end

  it("tell how far they are, and what follows runs once they have ended", function()
    local id, ids = post('{"name":"first",' .. jobs("ok", 20)
      .. ',"on_success":{"type":"told","payload":{"note":"all"}},'
      .. '"on_complete":{"type":"told"},"on_death":{"type":"told"}}')
    assert.are.equal(20, #ids)
    local batch = wait(id, "completed")
    assert.are.equal("first", batch.name)
    assert.are.equal(20, batch.completed)
    assert.are.equal(100, batch.percent)
    assert.is_true(batch.finished_at >= batch.created_at)
    assert.are.same({ batch = id, state = "completed", completed = 20, total = 20,
      note = "all" }, host:wait(batch.followers.on_success.id).result)
    assert.are.equal("completed", host:wait(batch.followers.on_complete.id).state)
    assert.are.equal("told", batch.followers.on_death.type)
    assert.is_true(batch.followers.on_death.id == nil
      or type(batch.followers.on_death.id) == "userdata")
    local job = host:job(ids[1])
    assert.are.equal(id, job.batch_id)
    local list = host:request("GET", "/tasks?limit=200&batch=" .. id).json.items
    assert.are.equal(20, #list)
    assert.are.equal(id, host:request("GET", "/batches").json.items[1].id)
  end)

  it("tell the first death, and succeed when the dead have been mended", function()
    local id, ids = post('{"jobs":[{"type":"shaky"},{"type":"ok"}],'
      .. '"on_success":{"type":"told"},"on_death":{"type":"told"}}')
    local batch = wait(id, "failed")
    assert.are.equal(1, batch.dead)
    assert.are.equal("completed", host:wait(batch.followers.on_death.id).state)
    host:eval('candy.kv.set("mended", true)')
    assert.are.equal(200, host:request("POST", "/tasks/" .. ids[1] .. "/retry").status)
    batch = wait(id, "completed")
    assert.are.equal(2, host:wait(batch.followers.on_success.id).result.completed)
  end)

  it("grow by their own jobs, and do not end in between", function()
    local id = post('{"jobs":[{"type":"grows"},{"type":"grows"}],'
      .. '"on_complete":{"type":"told"}}')
    local batch = wait(id, "completed")
    assert.are.equal(22, batch.total)
    assert.are.equal(22, host:wait(batch.followers.on_complete.id).result.completed)
    local late = host:request("POST", "/tasks", { type = "ok", batch = id })
    assert.are.equal(422, late.status)
    assert.are.equal("batch_ended", late.json.code)
  end)

  it("are made by scripts", function()
    local made = host:eval([[
      local id = assert(candy.batch({ name = "of a script", at_most = 2,
        jobs = { { type = "ok" }, { type = "ok", payload = {} }, { type = "ok" } },
        on_success = { type = "told", payload = { note = "n" } } }))
      local none, err = candy.batch.get("999999")
      local empty = assert(candy.batch({ jobs = {} }))
      return { id = id, code = none == nil and err.code, job = job.id,
        empty = candy.batch.get(empty).state }]])
    assert.are.equal("no_such_batch", made.code)
    assert.are.equal("completed", made.empty)
    local batch = wait(made.id, "completed")
    assert.are.equal(2, batch.at_most)
    assert.are.equal("n", host:wait(batch.followers.on_success.id).result.note)
    for code, text in pairs({
      ['candy.batch({})'] = "jobs are missing",
      ['candy.batch({ jobs = { { type = "ok" } }, on_sucess = 1 })'] = "on_sucess",
      ['candy.batch.get(1)'] = "the id of a batch",
    }) do
      assert.is_truthy(host:eval(code).message:find(text, 1, true))
    end
    local refused = host:eval([[local _, err = candy.batch({
      jobs = { { type = "ok" }, { type = "nobody" } } }) return { err.message }]])
    assert.is_truthy(refused[1]:find("/jobs/1/type", 1, true), refused[1])
    assert.are.same({ "no_such_batch", "no_such_batch" }, host:eval([[
      local _, err = candy.batch.get("0")
      local _, problem = candy.batch.cancel("0")
      return { err.code, problem.code }]]))
  end)

  it("are refused with a pointer", function()
    local function refused(body, pointer)
      local answer = host:request("POST", "/batches", body)
      assert.are.equal(422, answer.status, answer.body)
      assert.are.equal(pointer, answer.json.errors[1].pointer)
    end
    refused('{}', "/jobs")
    refused('{"jobs":{}}', "/jobs")
    refused('{"jobs":[],"name":""}', "/name")
    refused('{"jobs":[],"at_most":0}', "/at_most")
    refused('{"jobs":[{"type":"ok"},{"type":"nobody"}]}', "/jobs/1/type")
    refused('{"jobs":[],"on_success":{"type":"nobody"}}', "/on_success/type")
    refused('{"jobs":[],"on_success":{"type":"ok","after":"1"}}', "/on_success/after")
    refused('{"jobs":[{"type":"ok","after":"999999"}]}', "/jobs/0/after")
    refused('{"jobs":[],"more":1}', "/more")
    refused('{"jobs":[{"type":"ok"},{"type":"settles"}],"at_most":1}', "/jobs/1")
    refused('{"jobs":[{"type":"ok"},{"type":"ok","batch":"1"}]}', "/jobs/1/batch")
    assert.are.equal(400, host:request("POST", "/batches", "{").status)
    assert.are.equal(404, host:request("GET", "/batches/999999").status)
    assert.are.equal(404, host:request("GET", "/batches/x").status)
    assert.are.equal(404, host:request("POST", "/batches/999999/cancel").status)
  end)

  it("tell which of their jobs were there before, and are no part of them", function()
    local job = '{"type":"ok","payload":{"what":"same"},"unique":true,"delay":"1h"}'
    local known = host:request("POST", "/tasks", job).json.id
    local answer = host:request("POST", "/batches",
      '{"jobs":[{"type":"ok"},' .. job .. ',{"type":"ok"},' .. job .. "]}")
    assert.are.equal(202, answer.status, answer.body)
    assert.are.same({ 1, 3 }, answer.json.duplicates)
    assert.are.equal(known, answer.json.ids[2])
    assert.are.equal(2, wait(answer.json.id, "completed").total)
    assert.is_nil(host:request("POST", "/batches", '{"jobs":[]}').json.duplicates)
    local made = host:eval([[
      local same = { type = "ok", payload = { what = "same" }, unique = true,
        delay = "1h" }
      local id, err, duplicates = candy.batch({ jobs = { { type = "ok" }, same,
        { type = "ok" }, same } })
      local places = {}
      for place in pairs(duplicates) do places[#places + 1] = place end
      table.sort(places)
      return { id = id, err = err, places = places }]])
    assert.are.same({ 2, 4 }, made.places)
    assert.are.equal(2, wait(made.id, "completed").total)
  end)

  it("are cancelled", function()
    local id, ids = post('{"jobs":[{"type":"gate","payload":{"name":"k"}},'
      .. ('{"type":"ok","delay":"1h"},'):rep(50):sub(1, -2) .. '],'
      .. '"on_complete":{"type":"told"}}')
    host:wait(ids[1], "running")
    local answer = host:request("POST", "/batches/" .. id .. "/cancel")
    assert.are.equal(200, answer.status, answer.body)
    assert.are.equal("batch_cancelled", host:wait(ids[51]).error.code)
    local deed = host:request("GET", "/audit?limit=1").json.items[1]
    assert.are.same({ "cancel", "admin", { batch = id } },
      { deed.action, deed.by, deed.detail })
    local batch = wait(id, "cancelled") -- the one that ran was told, and its wait raised
    assert.are.equal(51, batch.cancelled)
    assert.are.equal("batch_cancelled", host:wait(ids[1]).error.code)
    assert.are.equal("completed", host:wait(batch.followers.on_complete.id).state)
    assert.are.equal(409, host:request("POST", "/batches/" .. id .. "/cancel").status)
  end)

  it("are shown on the command line", function()
    local id = post('{"name":"by hand",' .. jobs("ok", 3)
      .. ',"on_success":{"type":"told"}}')
    wait(id, "completed")
    local code, out = host:command({ "batches" })
    assert.are.equal(0, code)
    local row = id .. "%s+completed%s+100 %%%s+3%s+3%s+0%s+0%s+%S+%s+by hand"
    assert.is_truthy(out:find(row), out)
    code, out = host:command({ "batches", id })
    assert.are.equal(0, code)
    assert.is_truthy(out:find("on_success  told, job %d+"), out)
    assert.are.equal(1, (host:command({ "batches", "999999" })))
  end)

  it("of 50,000 jobs are whole, though the host is killed meanwhile", function()
    local one = '{"type":"ok","payload":{"what":"big"}},'
    local id = post('{"jobs":[' .. one:rep(50000):sub(1, -2)
      .. '],"on_success":{"type":"told"}}')
    for share = 1, 3 do
      poll.wait_for(function()
        return get(id).completed >= share * 4000
      end, 60, "some of them to be done")
      host:stop("sigkill")
      host = host:again()
    end
    local batch = wait(id, "completed")
    assert.are.equal(50000, batch.completed)
    local count = host:wait(host:push("count", { what = "big" })).result
    assert.are.same({ n = 50000, d = 50000 }, count)
    assert.are.equal(50000, host:wait(batch.followers.on_success.id).result.completed)
  end)
end)
