-- GET /logs: filters, search, pages, lines around hits, and the tail.
local candy = require("spec.support.candy")
local log_host = require("spec.support.log_host")
local poll = require("spec.support.poll")

local TRACE = "0af7651916cd43dd8448eb211c80319c"

local function messages(answer)
  local all = {}
  for i, item in ipairs(answer.items) do
    all[i] = (item.match == false and "-" or "") .. item.message
  end
  return table.concat(all, " ")
end

describe("GET /logs", function()
  local host

  setup(function()
    host = log_host.start()
    host:write(
      { message = "one", level = 0, time = 1700000000000, type = "digest", job = 7,
        attempt = 2, worker = "w1", trace = TRACE, fields = '{"page":{"n":1}}' },
      { message = "two", level = 1, time = 1700000001000, type = "digest", job = 7 },
      { message = "three", level = 2, time = 1700000002000, type = "ping", job = 8 },
      { message = "four", level = 3, time = 1700000003000, type = "ping" },
      { message = "five", level = 1, time = 1700000004000 })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.data)
  end)

  local function listed(query)
    return messages(host:get("/logs?" .. query))
  end

  it("lists lines, newest first, in full", function()
    local answer = host:get("/logs")
    assert.equal("five four three two one", messages(answer))
    assert.same({ id = "1", time = 1700000000000, level = "debug", message = "one",
      job_id = "7", attempt = 2, type = "digest", worker = "w1", trace_id = TRACE,
      workspace = "default", fields = { page = { n = 1 } } }, answer.items[5])
  end)

  it("filters", function()
    assert.equal("four three", listed("level=warn,error"))
    assert.equal("four three", listed("min_level=warn"))
    assert.equal("two one", listed("type=digest"))
    assert.equal("four three two one", listed("type=digest,ping"))
    assert.equal("two one", listed("job=7"))
    assert.equal("one", listed("trace=" .. TRACE))
    assert.equal("one", listed("worker=w1"))
    assert.equal("five four", listed("since=1700000003000"))
    assert.equal("five four", listed("since=2023-11-14T22:13:23Z"))
    assert.equal("two one", listed("until=1700000002000"))
    assert.equal("three", listed("job=8&min_level=info&q=three"))
  end)

  it("searches, and takes any text", function()
    assert.equal("three", listed("q=THREE"))
    assert.equal("three", listed("q=thr*"))
    assert.equal("one", listed("q=page"))
    assert.equal("", listed("q=one%20OR%20two"))
    assert.equal("", listed("q=%22%22%22one%20NEAR("))
    local refused = host:request("GET", "/logs?q=%22%22")
    assert.equal(422, refused.status)
    assert.equal("log_search", refused.json.code)
  end)

  it("gives pages by cursor", function()
    local page = host:get("/logs?limit=2")
    assert.equal("five four", messages(page))
    page = host:get("/logs?limit=2&cursor=" .. page.next_cursor)
    assert.equal("three two", messages(page))
    page = host:get("/logs?limit=2&cursor=" .. page.next_cursor)
    assert.equal("one", messages(page))
    assert.equal(require("cjson").null, page.next_cursor)
  end)

  it("shows the lines around hits", function()
    assert.equal("-four three -two", listed("q=three&context=1"))
    assert.equal("-five four three -two", listed("min_level=warn&context=1"))
    local line = host:get("/logs/3?context=1")
    assert.same({ "two", "three", "four" },
      { line.before[1].message, line.message, line.after[1].message })
    assert.is_nil(host:get("/logs/3").before)
  end)

  it("refuses what it does not know", function()
    for query, pointer in pairs({ ["levle=warn"] = "/levle", ["level=loud"] = "/level",
      ["min_level=a,b"] = "/min_level", ["job=x"] = "/job", ["trace=12"] = "/trace",
      ["since=noon"] = "/since", ["type=,"] = "/type", ["level=,,"] = "/level",
      ["job=1&job=2"] = "/job", ["limit=1&limit=2"] = "/limit",
      ["level=info&min_level=warn"] = "/min_level", ["type="] = "/type",
      ["q=" .. ("x"):rep(201)] = "/q",
      ["tail=1&limit=3"] = "/limit", ["tail=1&context=3"] = "/context" }) do
      local answer = host:request("GET", "/logs?" .. query)
      assert.equal(422, answer.status, query)
      assert.equal(pointer, answer.json.errors[1].pointer)
    end
    for _, query in ipairs({ "limit=0", "limit=201", "limit=x", "cursor=abc",
      "context=21", "context=x", "tail=1&after=x" }) do
      assert.equal(422, host:request("GET", "/logs?" .. query).status, query)
    end
    assert.equal(404, host:request("GET", "/logs/999").status)
    assert.equal(404, host:request("GET", "/logs/x").status)
    assert.equal(422, host:request("GET", "/logs/1?context=21").status)
  end)

  it("takes no line without a message", function()
    local answer = host:request("POST", "/write", '[{"message":"good"},{"message":" "}]')
    assert.equal("log_empty", answer.json.code)
    assert.equal("five", messages(host:get("/logs?limit=1")))
  end)
end)

describe("the tail of GET /logs", function()
  local host

  before_each(function()
    host = log_host.start()
  end)

  after_each(function()
    if not host.code then host:stop() end
    candy.remove(host.data)
  end)

  it("sends lines as they are written, from the end on", function()
    host:write("before")
    local tail = host:tail()
    tail:wait("id: 1\n\n")
    host:write("first", { message = "second", fields = '{"a":\n1}' })
    tail:wait("second")
    host:write("third")
    tail:wait("third")
    assert.is_nil(tail.out.text:find("before", 1, true))
    assert.truthy(tail.out.text:find(
      'id: 2\nevent: log\ndata: {"id":"2",[^\n]*"message":"first"[^\n]*}\n\n'))
    assert.truthy(tail.out.text:find('"fields":{"a": 1}}\n\n', 1, true))
    tail:stop()
  end)

  it("is asked for by Accept too, and filters", function()
    local tail = host:tail("min_level=warn&q=disk", { "Accept: text/event-stream" })
    tail:wait("id: 0\n\n")
    host:write({ message = "disk is fine", level = 1 },
      { message = "disk full", level = 3 }, { message = "other", level = 3 },
      { message = "disk gone", level = 2 })
    tail:wait("disk gone")
    local _, count = tail.out.text:gsub("event: log", "")
    assert.equal(2, count)
    tail:stop()
  end)

  it("resumes behind the last event, over many pages", function()
    local lines = {}
    for i = 1, 1000 do lines[i] = "line " .. i end
    host:write(unpack(lines))
    local tail = host:tail("tail=1", { "Last-Event-ID: 10" })
    tail:wait("line 1000")
    local seen = {}
    for id in tail.out.text:gmatch("id: (%d+)\nevent: log") do
      seen[#seen + 1] = tonumber(id)
    end
    assert.equal(990, #seen)
    for i, id in ipairs(seen) do assert.equal(10 + i, id) end
    tail:stop()
    tail = host:tail("tail=1&after=999")
    tail:wait("line 1000")
    tail:stop()
  end)

  it("waits for a client that does not read, and holds little for it", function()
    local raw = require("spec.support.raw_http")
    local conn = assert(raw.connect(host))
    local bytes = 0
    function conn:take(_, chunk)
      bytes = bytes + #(chunk or "")
      self.ended = self.ended or not chunk
    end
    conn:send(raw.request("GET /logs?tail=1"))
    raw.wait("the first bytes", function() return bytes > 0 end)
    conn.handle:read_stop()
    local big = { message = ("x"):rep(50000) }
    local batch = {}
    for i = 1, 60 do batch[i] = big end
    for _ = 1, 8 do host:write(unpack(batch)) end
    local written = 8 * 60 * 50000
    assert.is_true(bytes < written)
    conn.handle:read_start(function(err, chunk) conn:take(err, chunk) end)
    poll.wait_for(function() return conn.ended or bytes > written end, 20, "all of it")
    assert.is_falsy(conn.ended)
    conn:close()
  end)

  it("ends whole when the host stops", function()
    host:write("one")
    local tail = host:tail()
    tail:wait("id: 1\n\n")
    host:terminate()
    assert.equal(0, candy.join(tail.run))
    host:stop()
  end)

  it("is refused when its search holds no word", function()
    local answer = host:request("GET", "/logs?tail=1&q=*")
    assert.equal(422, answer.status)
    assert.equal("log_search", answer.json.code)
  end)

  it("has a limit of clients, and forgets those that went", function()
    local raw = require("spec.support.raw_http")
    local conns = {}
    for i = 1, 100 do
      conns[i] = assert(raw.connect(host))
      local conn = conns[i]
      function conn:take(_, chunk) self.said = self.said or chunk end
      conn:send(raw.request("GET /logs?tail=1"))
    end
    for _, conn in ipairs(conns) do
      raw.wait("a tail", function() return conn.said end)
    end
    local answer = host:request("GET", "/logs?tail=1")
    assert.equal(503, answer.status)
    assert.equal("too_many_tails", answer.json.code)
    for _, conn in ipairs(conns) do conn:close() end
    poll.wait_for(function()
      return host:request("GET", "/logs?tail=1&q=*").status == 422
    end, 20, "room for another tail")
  end)
end)
