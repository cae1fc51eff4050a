local candy = require("spec.support.candy")
local outside = require("spec.support.outside")
local poll = require("spec.support.poll")
local program = require("spec.support.program")

local FEED = "integrations/feed/"

-- A source without a network: it has what the job's options say, and counts its calls.
local COUNTER = [[
  return {
    fetch = function(state, opts)
      if opts.options.fail then
        return nil, { code = "down", message = "the source is down" }
      end
      return opts.options.items, { calls = (state.calls or 0) + 1 }
    end,
  }
]]

local READER = [[
  local candy = require("candy")
  candy.task("read", { max_retries = 0 }, function(job)
    return candy.db.query(job.payload.sql)
  end)
  candy.schema("told", "create table told (n integer, ids text)")
  candy.on("sync_data.changed", function(job)
    local data = job.payload.data
    job:write("insert into told values (?, ?)", data.new + 10 * data.changed,
      table.concat(data.ids, ","))
  end)
]]

local function rss(items)
  return '<rss version="2.0"><channel><title>News</title>' .. items .. "</channel></rss>"
end

local function item(id, title)
  return ("<item><guid>%s</guid><title>%s</title></item>"):format(id, title)
end

describe("SYNC_DATA", function()
  local host

  setup(function()
    local files = {
      ["integrations/counter.lua"] = COUNTER,
      ["integrations/empty.lua"] = "return {}",
      ["integrations/broken.lua"] = "return 1 +",
    }
    for name in ("init atom dates json_feed rss text tree"):gmatch("[%w_]+") do
      files[FEED .. name .. ".lua"] = candy.read(FEED .. name .. ".lua")
    end
    host = candy.start({
      folder = program.folder(files),
      scripts = {
        ["sync_data.lua"] = candy.read("scripts/sync_data.lua"),
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

  local function sync(payload, options)
    return host:wait(host:push("SYNC_DATA", payload, options))
  end

  local function read(sql)
    return host:wait(host:push("read", { sql = sql })).result
  end

  local function count(items, name)
    return sync({ source = "counter", url = name, options = { items = items } }).result
  end

  it("takes over what is new and what has changed, and nothing twice", function()
    local a, b = { id = "a", tags = { "x" } }, { id = "b", n = 1 }
    assert.are.same({ items = 2, new = 2, changed = 0 }, count({ a, b }, "one"))
    assert.are.same({ items = 2, new = 0, changed = 0 }, count({ b, a }, "one"))
    b.n = 2
    assert.are.same({ items = 2, new = 0, changed = 1 }, count({ a, b }, "one"))
    assert.are.same({ { id = "a", n = 1 }, { id = "b", n = 2 } }, read(
      "select id, coalesce(json_extract(data, '$.n'), 1) as n from synced_items "
        .. "where url = 'one' order by id"))
    assert.are.same({ { state = '{"calls":3}' } },
      read("select state from sync_states where url = 'one'"))
  end)

  it("takes over the last of items with the same id", function()
    local twice = { { id = "a", n = 1 }, { id = "b" }, { id = "a", n = 2 } }
    assert.are.same({ items = 2, new = 2, changed = 0 }, count(twice, "twice"))
    assert.are.same({ items = 2, new = 0, changed = 0 }, count(twice, "twice"))
    assert.are.same({ { n = 2 } }, read("select json_extract(data, '$.n') as n "
      .. "from synced_items where url = 'twice' and id = 'a'"))
  end)

  it("tells by an event what there is, once", function()
    count({ { id = "x" }, { id = "y" } }, "two")
    count({ { id = "x" }, { id = "y" } }, "two")
    local told
    poll.wait_for(function()
      told = read("select n, ids from told where ids = 'x,y'")
      return #told > 0
    end, 20, "the event")
    assert.are.same({ { n = 2, ids = "x,y" } }, told)
  end)

  it("knows more ids than fit into one question", function()
    local many = {}
    for i = 1, 250 do
      many[i] = { id = "n" .. i }
    end
    assert.are.equal(250, count(many, "many").new)
    assert.are.same({ items = 250, new = 0, changed = 0 }, count(many, "many"))
  end)

  it("keeps the state when the source fails", function()
    count({}, "four")
    local job = sync({ source = "counter", url = "four", options = { fail = true } },
      { max_retries = 0 })
    assert.are.same({ "dead", "down" }, { job.state, job.error.code })
    assert.are.same({ { state = '{"calls":1}' } },
      read("select state from sync_states where url = 'four'"))
  end)

  for source, message in pairs({
    ["nothing"] = 'module "integrations.nothing" not found',
    ["empty"] = "integrations.empty has no function fetch",
    ["broken"] = "integrations/broken.lua:1",
    ["../x"] = "letters, digits and _",
  }) do
    it("refuses a source that is none: " .. source, function()
      local job = sync({ source = source })
      assert.are.same({ "dead", 0 }, { job.state, job.retry_count })
      assert.matches(message, job.error.message, 1, true)
    end)
  end

  describe("with a feed", function()
    local server, answers

    before_each(function()
      answers = {}
      server = outside.serve(function(conn, head)
        local answer = table.remove(answers, 1)
        conn:answer(answer[1], answer[2], answer[3])
        answers.last = head
      end)
    end)

    local function url()
      return server.url .. "/feed"
    end

    it("asks for what has changed since", function()
      answers = {
        { 200, { ETag = '"v1"', ["Last-Modified"] = "Mon, 02 Jan 2023 15:04:05 GMT" },
          rss(item(1, "One")) },
        { 304, {} },
        { 200, { ETag = '"v2"' }, rss(item(1, "One") .. item(2, "Two")) },
      }
      local payload = { source = "feed", url = url() }
      assert.are.same({ items = 1, new = 1, changed = 0 }, sync(payload).result)
      assert.is_nil(answers.last:find("If-", 1, true))
      assert.are.same({ items = 0, new = 0, changed = 0 }, sync(payload).result)
      assert.matches('If-None-Match: "v1"\r\n', answers.last, 1, true)
      assert.matches("If-Modified-Since: Mon, 02 Jan 2023 15:04:05 GMT", answers.last, 1,
        true)
      assert.are.same({ items = 2, new = 1, changed = 0 }, sync(payload).result)
      assert.matches('If-None-Match: "v1"\r\n', answers.last, 1, true)
      assert.are.same({ { n = 2 } },
        read("select count(*) as n from synced_items where source = 'feed'"))
    end)

    it("sends nothing back that cannot be sent", function()
      answers = {
        { 200, { ETag = '"a\1"' }, rss(item(1, "One")) },
        { 200, {}, rss(item(1, "One")) },
      }
      local payload = { source = "feed", url = server.url .. "/odd" }
      assert.are.equal("completed", sync(payload).state)
      assert.are.equal("completed", sync(payload).state)
      assert.is_nil(answers.last:find("If-", 1, true))
    end)

    for status, code in pairs({ [404] = "http_404", [503] = "http_503" }) do
      it("fails as the server does: " .. status, function()
        answers = { { status, {}, "no" } }
        local job = sync({ source = "feed", url = url() }, { max_retries = 0 })
        assert.are.same({ "dead", code }, { job.state, job.error.code })
      end)
    end

    it("gives up on a feed that is gone", function()
      answers = { { 410, {}, "" } }
      local job = sync({ source = "feed", url = url() })
      assert.are.same({ "dead", 0 }, { job.state, job.retry_count })
      assert.matches("gone for good", job.error.message, 1, true)
    end)

    it("says what is no feed", function()
      answers = { { 200, {}, "<html/>" } }
      local job = sync({ source = "feed", url = url() }, { max_retries = 0 })
      assert.are.equal("not_a_feed", job.error.code)
    end)

    it("does not look inside", function()
      local job = sync({ source = "feed", url = "http://127.0.0.2:1/" },
        { max_retries = 0 })
      assert.are.equal("private_address", job.error.code)
    end)

    it("needs an address", function()
      assert.matches("needs its url", sync({ source = "feed" }).error.message, 1, true)
    end)
  end)
end)
