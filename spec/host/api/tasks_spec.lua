-- POST and GET /tasks: what goes in, what is refused and how, what comes out.
local cjson = require("cjson")
local candy = require("spec.support.candy")

local SCRIPT = [[
local candy = require("candy")
candy.task("echo", {}, function(job) return job.payload end)
candy.task("typed", {
  payload = { name = "string", count = "integer?", tags = "string[]?" },
}, function(job) return job.payload.name end)
candy.task("measure", {}, function(job) return { bytes = #job.payload.text } end)
candy.task("slow", { queue = "slow" }, function() candy.sleep("1h") end)
]]

describe("POST /tasks", function()
  local host

  setup(function()
    host = candy.start({ scripts = { ["tasks.lua"] = SCRIPT } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function post(body, options)
    return host:request("POST", "/tasks", body, options)
  end

  local function refused(status, code, answer)
    assert.are.equal(status, answer.status, answer.body)
    assert.are.equal(code, answer.json.code)
    assert.is_truthy(answer.headers:find("application/problem+json", 1, true))
    assert.are.equal(status, answer.json.status)
    assert.is_true(#answer.json.detail > 10)
    return answer.json
  end

  it("answers 202 with the id of a job that runs", function()
    local answer = post({ type = "echo", payload = { a = 1 } })
    assert.are.equal(202, answer.status)
    assert.are.equal("string", type(answer.json.id))
    local job = host:wait(answer.json.id)
    assert.are.equal("completed", job.state)
    assert.are.same({ a = 1 }, job.result)
    assert.are.equal("completed", job.attempts[1].state)
  end)

  it("takes a list and answers with ids in its order", function()
    local answer = post([=[[{"type":"echo","payload":{"n":1}},{"type":"echo"}]]=])
    assert.are.equal(202, answer.status)
    assert.are.same({ n = 1 }, host:wait(answer.json.ids[1]).result)
    assert.are.same({}, host:wait(answer.json.ids[2]).result)
  end)

  it("takes 10,000 tasks and refuses 10,001", function()
    local one = '{"type":"echo"}'
    local answer = post("[" .. one .. ("," .. one):rep(9999) .. "]")
    assert.are.equal(202, answer.status)
    assert.are.equal(10000, #answer.json.ids)
    refused(422, "too_many_tasks", post("[" .. one .. ("," .. one):rep(10000) .. "]"))
    assert.are.equal("completed", host:wait(answer.json.ids[10000]).state)
  end)

  it("takes all of a list or nothing", function()
    local problem = refused(422, "unknown_task",
      post('[{"type":"echo","tags":["half"]},{"type":"nobody"}]'))
    assert.are.equal("/1/type", problem.errors[1].pointer)
    assert.are.same({}, host:request("GET", "/tasks?tag=half").json.items)
  end)

  it("keeps empty arrays, integers of any length and escaped NULs whole", function()
    local payload = '{"list":[],"object":{},"big":123456789012345678901234567890,'
      .. '"id":9007199254740993,"nul":"a\\u0000b","deep":[[],{"x":[]}],"f":0.1}'
    local _, body = host:wait(post('{"type":"echo","payload":' .. payload .. "}").json.id)
    assert.is_truthy(body:find('"payload":' .. payload, 1, true), body)
    for _, part in ipairs({ '"list":[]', '"object":{}', '"nul":"a\\u0000b"',
      '"big":123456789012345678901234567890', '"id":9007199254740993', '"f":0.1' }) do
      assert.is_truthy(body:match('"result":(.*)'):find(part, 1, true), part)
    end
  end)

  it("refuses what is not JSON with 400", function()
    refused(400, "bad_json", post(""))
    refused(400, "bad_json", post("{"))
    refused(400, "bad_json", post('{"type":"echo","payload":{"x":"a\0b"}}'))
    refused(400, "bad_json", post('{"type":"echo","payload":{"x":"\255\254"}}'))
    refused(400, "bad_json", post('{"type":"echo","payload":' .. ("["):rep(10000)
      .. ("]"):rep(10000) .. "}"))
  end)

  it("refuses 6 MB with 413 and takes 4 MB", function()
    local text = ("x"):rep(4 * 1024 * 1024)
    local id = host:push("measure", { text = text })
    assert.are.equal(#text, host:wait(id).result.bytes)
    refused(413, "body_too_large", post('{"type":"echo","payload":{"x":"'
      .. ("x"):rep(6 * 1024 * 1024) .. '"}}'))
  end)

  it("refuses what does not fit with 422 and a pointer to the field", function()
    local cases = {
      { '"text"', "" },
      { "{}", "/type" },
      { '{"type":5}', "/type" },
      { '{"type":"echo","payload":[]}', "/payload" },
      { '{"type":"echo","payload":5}', "/payload" },
      { '{"type":"typed","payload":{}}', "/payload/name" },
      { '{"type":"typed","payload":{"name":5}}', "/payload/name" },
      { '{"type":"typed","payload":{"name":"x","count":1.5}}', "/payload/count" },
      -- what is kept is what was checked, also when a name comes twice in disguise
      { '{"type":"typed","payload":{"name":5},"\\u0070ayload":{"name":"x"}}',
        "/payload/name" },
      { '{"type":"typed","\\u0070ayload":{"name":"x"},"payload":{"name":5}}',
        "/payload/name" },
      { '{"type":"typed","\\u0070ayload":{"name":"x"}}', "/payload" },
      { '{"type":"typed","payload":{"name":"x","tags":[1]}}', "/payload/tags/0" },
      { '{"type":"typed","payload":{"name":"x","nmae":"x"}}', "/payload/nmae" },
      { '{"type":"echo","delay":"soon"}', "/delay" },
      { '{"type":"echo","run_at":"tomorrow"}', "/run_at" },
      { '{"type":"echo","priority":"high"}', "/priority" },
      { '{"type":"echo","queue":"a b"}', "/queue" },
      { '{"type":"echo","tags":"x"}', "/tags" },
      { '{"type":"echo","max_retries":-1}', "/max_retries" },
      { '{"type":"echo","retries":1}', "/retries" },
      { '{"type":"echo","a/b~c":1}', "/a~1b~0c" },
      { '{"type":"echo","tags":["a,b"]}', "/tags" },
      { '{"type":"echo","tags":["a\\u0000b"]}', "/tags" },
      { '{"type":"echo","run_at":"2027-02-30T00:00:00Z"}', "/run_at" },
      { '{"type":"echo","run_at":"2027-02-20T00:00:00Z","delay":"1s"}', "/run_at" },
    }
    for _, case in ipairs(cases) do
      local problem = refused(422, "invalid", post(case[1]))
      assert.are.equal(case[2], problem.errors[1].pointer, case[1])
    end
  end)

  it("keeps its words whole where it quotes what came", function()
    local name = ("a"):rep(99) .. "\195\169"
    local problem = refused(422, "unknown_task", post({ type = name }))
    assert.is_truthy(problem.errors[1].message:find(name, 1, true))
    refused(422, "unknown_task", post({ type = ("\195\169"):rep(5000) }))
  end)

  it("cuts no name at a NUL", function()
    local problem = refused(422, "invalid", post('{"type":"echo\\u0000x"}'))
    assert.are.equal("/type", problem.errors[1].pointer)
  end)

  it("wants a key, and the right one", function()
    local body = { type = "echo" }
    refused(401, "key_required", post(body, { key = false }))
    refused(401, "bad_key", post(body, { key = "candy_wrong" }))
    refused(401, "key_required", host:request("GET", "/tasks", nil, { key = false }))
    assert.are.equal(200, host:request("GET", "/health", nil, { key = false }).status)
  end)
end)

describe("GET /tasks", function()
  local host

  local function get(query)
    local answer = host:request("GET", "/tasks?" .. query)
    assert.are.equal(200, answer.status, answer.body)
    return answer.json
  end

  setup(function()
    host = candy.start({ scripts = { ["tasks.lua"] = SCRIPT } })
    for i = 1, 25 do
      host:push("echo", { i = i }, { tags = { i % 2 == 0 and "even" or "odd" } })
    end
    host:push("slow")
    host:push("echo", {}, { delay = "1h", queue = "later" })
    host:wait("25")
    host:wait("26", "running")
  end)

  teardown(function()
    host:stop("sigkill")
    candy.remove(host.folder)
  end)

  it("filters by state, type, queue and tag", function()
    assert.are.equal(1, #get("state=running").items)
    assert.are.equal("scheduled", get("queue=later").items[1].state)
    assert.are.equal(2, #get("state=running,scheduled").items)
    assert.are.equal(12, #get("tag=even").items)
    assert.are.equal("slow", get("type=slow").items[1].type)
    assert.are.same({}, get("type=nobody").items)
  end)

  it("goes through pages without a gap or a repetition", function()
    local seen, cursor, n = {}, "", 0
    repeat
      local page = get("limit=10&cursor=" .. cursor)
      for _, item in ipairs(page.items) do
        assert.is_nil(seen[item.id])
        seen[item.id], n = true, n + 1
      end
      cursor = page.next_cursor
    until cursor == cjson.null
    assert.are.equal(27, n)
  end)

  it("says what is wrong with a filter", function()
    for _, query in ipairs({ "state=done", "limit=0", "limit=201", "cursor=x",
      "stat=dead", "since=yesterday" }) do
      local answer = host:request("GET", "/tasks?" .. query)
      assert.are.equal(422, answer.status, query)
      assert.are.equal("invalid", answer.json.code)
    end
  end)

  it("answers 404 for what is not there", function()
    for _, id in ipairs({ "999999", "x", "-1", "1e3" }) do
      assert.are.equal(404, host:request("GET", "/tasks/" .. id).status)
    end
    assert.are.equal(404, host:request("GET", "/nothing").status)
    assert.are.equal(405, host:request("DELETE", "/tasks").status)
  end)

  it("tells a stranger nothing through /health", function()
    local answer = host:request("GET", "/health", nil, { key = false })
    assert.are.equal("ok", answer.json.status)
    assert.are.equal(2, answer.json.workers.alive)
    assert.is_nil(answer.body:find(host.folder, 1, true))
  end)
end)
