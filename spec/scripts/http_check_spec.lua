local candy = require("spec.support.candy")
local outside = require("spec.support.outside")
local poll = require("spec.support.poll")

local READER = [[
  local candy = require("candy")
  candy.task("read", { max_retries = 0 }, function(job)
    return candy.db.query(job.payload.sql, job.payload.url)
  end)
  candy.schema("told", "create table told (url text, event text, reason text)")
  candy.on("http_check.*", function(job)
    job:write("insert into told values (?, ?, ?)", job.payload.data.url,
      job.payload.event, job.payload.data.reason)
  end)
]]

describe("HTTP_CHECK", function()
  local host, server, answer

  setup(function()
    server = outside.serve(function(conn)
      if answer then
        conn:answer(answer[1], answer[3] or {}, answer[2])
      else
        conn:close()
      end
    end)
    host = candy.start({
      scripts = {
        ["http_check.lua"] = candy.read("scripts/http_check.lua"),
        ["read.lua"] = READER,
      },
      env = { ["CANDY_OUTGOING_PRIVATE_ALLOW"] = "127.0.0.1" },
    })
  end)

  teardown(function()
    outside.close_all()
    host:stop()
    candy.remove(host.folder)
  end)

  local function check(path, more, options)
    local payload = { url = server.url .. path }
    for name, value in pairs(more or {}) do
      payload[name] = value
    end
    return host:wait(host:push("HTTP_CHECK", payload, options))
  end

  local function read(sql, path)
    return host:wait(host:push("read", { sql = sql, url = server.url .. path })).result
  end

  it("finds that a page is up", function()
    answer = { 200, "Welcome" }
    local found = check("/up", { contains = "Welc", status = 200 }).result
    assert.are.same({ true, false, 200 }, { found.ok, found.changed, found.status })
    assert.is_true(found.ms >= 0)
    assert.are.same({}, read("select * from http_changes where url = ?", "/up"))
  end)

  it("tells each change once", function()
    answer = { 200, "" }
    check("/flips")
    answer = { 500, "" }
    assert.is_true(check("/flips").result.changed)
    assert.is_false(check("/flips").result.changed)
    answer = { 200, "" }
    assert.is_true(check("/flips").result.changed)
    local told
    poll.wait_for(function()
      told = read("select event, reason from told where url = ? order by rowid", "/flips")
      return #told == 2
    end, 20, "two events")
    assert.are.same({
      { event = "http_check.down", reason = "the status is 500" },
      { event = "http_check.up" },
    }, told)
    assert.are.same({ { n = 4 } },
      read("select count(*) as n from http_checks where url = ?", "/flips"))
    assert.are.same({ { n = 1, up = 0 }, { n = 2, up = 1 } },
      read("select n, up from http_changes where url = ? order by n", "/flips"))
  end)

  it("tells one change when many see it at once", function()
    answer = { 503, "" }
    local ids = {}
    for i = 1, 8 do
      ids[i] = host:push("HTTP_CHECK", { url = server.url .. "/many" })
    end
    for _, id in ipairs(ids) do
      assert.are.equal("completed", host:wait(id).state)
    end
    assert.are.same({ { n = 1 } },
      read("select count(*) as n from http_changes where url = ?", "/many"))
  end)

  it("says why a page is down", function()
    local function reason(path, more)
      local found = check(path, more).result
      assert.is_false(found.ok)
      return found.reason
    end
    answer = { 200, "Welcome" }
    assert.are.equal("the status is 200, not 204", reason("/a", { status = 204 }))
    assert.are.equal('the text "Bye" is not there', reason("/b", { contains = "Bye" }))
    answer = nil
    assert.is_truthy(reason("/c"):find(server.port, 1, true))
  end)

  it("refuses what makes no sense, without another try", function()
    for url, code in pairs({ ["http://127.0.0.2:1/"] = "private_address",
      ["nonsense"] = "bad_url" }) do
      local job = check("", { url = url })
      assert.are.same({ "dead", 0, code }, { job.state, job.retry_count, job.error.code })
    end
  end)
end)

describe("HTTP_CHECK on a host that makes no more requests", function()
  it("fails, and calls no page down for it", function()
    local host = candy.start({ scripts = {
      -- What the client would say: nobody waits here for 10,000 requests.
      ["http_check.lua"] = (candy.read("scripts/http_check.lua"):gsub(
        "candy%.http%.get%(",
        '(function() return nil, { code = "too_many_requests" } end)(')),
    } })
    local job = host:wait(host:push("HTTP_CHECK", { url = "http://127.0.0.1:1/" },
      { max_retries = 0 }))
    assert.are.equal(0, host:stop())
    candy.remove(host.folder)
    assert.are.same({ "dead", "too_many_requests" }, { job.state, job.error.code })
  end)
end)
