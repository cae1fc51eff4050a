-- The main job, end to end: real GitHub webhook payloads go in as tasks, a dropped-in
-- script stores them and fans out, host and workers are killed in the middle, and the
-- script's own tables tell at the end that everything happened exactly once.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local EXAMPLES = "spec/node_modules/@octokit/webhooks-examples/api.github.com/index.json"
local BATCH = 40
local ROUNDS = 6 -- times all examples are sent
local KILLS = { "host", "worker", "worker", "host", "host", "worker", "worker", "host" }

local SCRIPT = [[
local candy = require("candy")

candy.schema("github", {
  "create table events (delivery integer, name text, keys integer, sender text)",
  "create table mentions (delivery integer, part integer, text text)",
})

local mention = candy.task("github_mention", {
  payload = { delivery = "integer", part = "integer", text = "string" },
}, function(job)
  local p = job.payload
  job:write("insert into mentions values (?, ?, ?)", p.delivery, p.part, p.text)
end)

candy.task("github_event", {
  payload = { delivery = "integer", name = "string", body = "table" },
  max_retries = 20,
}, function(job)
  local p, keys = job.payload, 0
  for _ in pairs(p.body) do
    keys = keys + 1
  end
  candy.sleep((p.delivery % 7 * 10) .. "ms")
  job:write("insert into events values (?, ?, ?, ?)", p.delivery, p.name, keys,
    p.body.sender and p.body.sender.login)
  for part = 1, 2 do
    mention:enqueue({ delivery = -p.delivery, part = part, text = "at once" })
    job:enqueue("github_mention", { delivery = p.delivery, part = part, text = p.name })
  end
  return { keys = keys }
end)
]]

-- Node prints each example on a line, so that the payloads go out as GitHub wrote them.
local LIST_EXAMPLES = [[
for (const event of require(process.argv[1]))
  for (const body of event.examples)
    console.log(JSON.stringify({ name: event.name, body: JSON.stringify(body),
      keys: Object.values(body).filter((value) => value !== null).length,
      sender: body.sender ? body.sender.login : undefined }));
]]

-- Every example as {name, body as JSON text, keys, sender}.
local function read_examples()
  local run = candy.spawn(candy.node(),
    { "-e", LIST_EXAMPLES, uv.cwd() .. "/" .. EXAMPLES })
  assert.are.equal(0, (candy.join(run)), run.err.text)
  local examples = {}
  for line in run.out.text:gmatch("[^\n]+") do
    examples[#examples + 1] = cjson.decode(line)
  end
  return examples
end

describe("real webhooks through kills of host and workers", function()
  local host, sent, acknowledged, deliveries, restarts, interrupted

  -- One request of up to BATCH events; each attempt has numbers of its own, so that one
  -- whose answer was lost can be told from its repetition.
  local function send(examples, first)
    local parts, numbers = {}, {}
    for i = first, math.min(first + BATCH - 1, #examples) do
      deliveries = deliveries + 1
      sent[deliveries] = examples[i]
      numbers[#numbers + 1] = deliveries
      parts[#parts + 1] = ('{"type":"github_event","payload":{"delivery":%d,"name":%s,'
        .. '"body":%s}}'):format(deliveries, cjson.encode(examples[i].name),
        examples[i].body)
    end
    local ok, answer = pcall(host.request, host, "POST", "/tasks",
      "[" .. table.concat(parts, ",") .. "]")
    if not ok or answer.status ~= 202 then
      return false
    end
    assert.are.equal(#numbers, #answer.json.ids)
    for _, number in ipairs(numbers) do
      acknowledged[number] = true
    end
    return true
  end

  local kill = {}

  function kill.host()
    host:stop("sigkill")
    host = host:again()
    restarts = restarts + 1
    if host:log():find("took up after an end without a stop", 1, true) then
      interrupted = interrupted + 1
    end
  end

  function kill.worker()
    local pids = host:workers()
    if pids[1] then
      uv.kill(pids[math.random(#pids)], "sigkill")
    end
  end

  -- Every n-th batch somebody dies, right after the batch was taken in.
  local function send_all(examples)
    local kills, batches = 0, 0
    local every = math.max(1, math.floor(ROUNDS * #examples / BATCH / (#KILLS + 1)))
    for _ = 1, ROUNDS do
      for first = 1, #examples, BATCH do
        poll.wait_for(function()
          return send(examples, first)
        end, 60, "a batch to be taken in")
        batches = batches + 1
        if batches % every == 0 and kills < #KILLS then
          kills = kills + 1
          kill[KILLS[kills]]()
        end
      end
    end
    return kills
  end

  local function unfinished()
    local states = "scheduled,available,running,retryable"
    return host:request("GET", "/tasks?limit=1&state=" .. states).json.items[1]
  end

  local function rows(sql)
    local list = io.popen("sqlite3 -json '" .. host.data .. "/candy.db' \"" .. sql .. '"')
    local text = list:read("*a")
    list:close()
    return text == "" and {} or cjson.decode(text)
  end

  local function by_delivery(list)
    local map = {}
    for _, row in ipairs(list) do
      map[row.delivery] = map[row.delivery] or {}
      table.insert(map[row.delivery], row)
    end
    return map
  end

  -- Children that were enqueued with the finish are there exactly once; those that were
  -- enqueued at once, by an attempt that was perhaps lost, at least once.
  local function check_event(number, event, events, mentions)
    local got, parts = events[number] or {}, mentions[number] or {}
    assert.is_true(#(mentions[-number] or {}) >= 2 * #got)
    local most = acknowledged[number] and 1 or #got
    assert.are.equal(most, #got, "rows of delivery " .. number)
    assert.is_true(#got <= 1, "delivery " .. number .. " happened twice")
    assert.are.equal(2 * #got, #parts, "children of delivery " .. number)
    if got[1] then
      assert.are.equal(event.name, got[1].name)
      assert.are.equal(event.keys, got[1].keys)
      assert.are.equal(event.sender or cjson.null, got[1].sender)
      assert.are_not.equal(parts[1].part, parts[2].part)
    end
  end

  setup(function()
    local seed = os.time()
    math.randomseed(seed)
    print("seed " .. seed)
    sent, acknowledged, deliveries, restarts, interrupted = {}, {}, 0, 0, 0
    host = candy.start({ scripts = { ["github.lua"] = SCRIPT } })
  end)

  teardown(function()
    if host then
      host:stop()
      candy.remove(host.folder)
    end
  end)

  it("loses nothing and doubles nothing", function()
    local examples = read_examples()
    assert.is_true(#examples > 100, "too few examples: " .. #examples)
    assert.are.equal(#KILLS, send_all(examples))
    poll.wait_for(function()
      return not unfinished()
    end, 120, "every job to finish; " .. host:log():sub(-1000))
    assert.are.equal(4, restarts)
    assert.is_true(interrupted > 0, "no kill of a host met a job in the middle")
    assert.is_nil(host:request("GET", "/tasks?limit=1&state=dead").json.items[1])
    assert.are.equal(0, (host:stop()))

    local events = by_delivery(rows("select * from events"))
    local mentions = by_delivery(rows("select * from mentions"))
    for number, event in ipairs(sent) do
      check_event(number, event, events, mentions)
    end
    assert.are.equal("ok", rows("pragma integrity_check")[1].integrity_check)
  end)
end)
