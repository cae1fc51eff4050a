-- The store does what the model of the queue does, over thousands of random walks; and
-- stores that are wrong on purpose are caught, or the walks would prove nothing.
--
-- Each walk is in a world of its own, with some features of the queue (worlds.lua).
-- MODEL_SEED repeats one walk, MODEL_WALKS sets how many there are, MODEL_WORLD names the
-- world of all of them. A walk that goes wrong is printed with its seed, cut down to the
-- steps that it goes wrong with.
local Store = require("spec.support.model.store")
local walk = require("spec.support.model.walk")

local WALKS = tonumber(os.getenv("MODEL_WALKS") or 2000)
local SEED = tonumber(os.getenv("MODEL_SEED"))
local WORLD = os.getenv("MODEL_WORLD")
local ENOUGH = 1000 -- walks within which a planted bug must be met
local SHORT = 16 -- steps at most that it is cut down to

-- A second look keeps a turn out that the machine was too busy to run in one go.
local function goes_wrong(store, steps)
  return walk.play(store, steps) and walk.play(store, steps)
end

local function search(store, first, count, world)
  for seed = first, first + count - 1 do
    local steps = walk.draw(seed, world)
    local wrong = goes_wrong(store, steps)
    if wrong then
      return seed, steps, wrong
    end
  end
end

local function explain(store, seed, steps, wrong)
  local world = steps.world.name
  steps, wrong = walk.shrink(store, steps, wrong)
  local text = walk.tell(steps)
  return ("MODEL_WORLD=%q MODEL_SEED=%d: %s\n%s"):format(world, seed, wrong, text), #steps
end

describe("the model of the queue", function()
  it("is what the store does", function()
    local first = SEED or os.time() * 10000
    local count = SEED and 1 or WALKS
    print(("%d walks from MODEL_SEED=%d on"):format(count, first))
    local store = Store.start()
    local seed, steps, wrong = search(store, first, count, WORLD)
    local text = seed and explain(store, seed, steps, wrong)
    store:stop()
    assert.is_nil(text, text)
  end)

  -- By what is planted: world, query, and what stands where in its text.
  local PLANTED = {
    ["a finish whatever its lease"] = { "plain", "fence", "and lease = ?2",
      "and ?2 is not null" },
    ["progress whatever its lease"] = { "plain", "progress_set", "and lease = ?2",
      "and ?2 is not null" },
    ["claims without priorities"] = { "plain", "ready_scan", "order by r.priority, ",
      "order by " },
    ["a retry that comes due twice"] = { "plain", "scheduled_take", "where id = ?1",
      "where id = ?1 and state = 0" },
    ["due jobs out of order"] = { "plain", "scheduled_due", "order by run_at, id",
      "order by run_at desc, id" },
    ["recovery that forgets"] = { "plain", "recover_ready", "where not once",
      "where not once and lease < 2" },
    ["locks that the last one gets"] = { "locks", "lock_give", "order by token limit 1",
      "order by token desc limit 1" },
    ["jobs that must not run twice and are gone"] = { "plain", "recover_dead",
      "where once", "where once and retry_count > 0" },
    ["cancelled jobs that recovery runs again"] = { "control", "cancel_running",
      "on r.id = c.id", "on r.id = c.id and r.lease < 1" },
    ["a cancel that a second one takes back"] = { "control", "cancel_add",
      "insert or ignore", "insert or replace" },
    ["deadlines that are met too early"] = { "control", "deadline_due", "at <= ?1",
      "at <= ?1 + 100" },
    ["tasks that do not rest"] = { "control", "pauses", "from candy_pause",
      "from candy_pause where kind = 1" },
    ["queues that never go on"] = { "control", "pause_drop", "and name = ?2",
      "and name = ?2 and kind = 0" },
    ["edits without a priority"] = { "control", "edit_set", "priority = ?3",
      "priority = priority" },
    ["the oldest of jobs that are the same"] = { "unique", "unique_set", "set id = ?2",
      "set id = coalesce(id, ?2)" },
    ["the oldest payload of those that are debounced"] = { "unique", "unique_payload",
      "payload = ?2", "payload = coalesce(payload, ?2)" },
    ["jobs that come back with the first that they wait for"] = { "graph",
      "pending_last", "unmet = 1", "unmet >= 1" },
    ["jobs that run though one before them has failed"] = { "graph", "after_add",
      "(?1, ?2, ?3)", "(?1, ?2, ?3 or 1)" },
    ["what follows a batch twice"] = { "graph", "batch_set", "due = ?9",
      "due = max(due, ?9)" },
    ["more of a batch than at most"] = { "graph", "batch_set", "active = ?8",
      "active = min(0, ?8)" },
    ["children that outlive their parent"] = { "graph, control", "batch_of_parent",
      "where parent = ?1", "where parent = ?1 and total > 2" },
    ["slots that a restart gives back"] = { "limits", "count_running",
      "from candy_running", "from candy_running where lease > 1" },
    ["the last one of those that wait for a slot"] = { "limits", "blocked_first",
      "order by priority, turn, seq", "order by priority, turn, seq desc" },
    ["slots that come back with a job and are not its own"] = { "limits", "recover_ready",
      "?1, 6", "?1, 0" },
    ["rates that a restart begins anew"] = { "limits", "starts", "from candy_start",
      "from candy_start where n > 9" },
    ["retries that others in strict order pass"] = { "order", "count_scheduled",
      "where s.held <> 0", "where s.held <> 0 and s.state = 0" },
    ["strict order that a retry gives up"] = { "order", "scheduled_add", "?10,",
      "min(0, ?10)," },
    ["keys that do not take turns"] = { "turns", "turn_give", "max(turn, ?3) + ?4",
      "?3 + ?4" },
  }

  for name, plant in pairs(PLANTED) do
    it("would not let pass " .. name, function()
      local store = Store.start({ plant[2], plant[3], plant[4] })
      local seed, steps, wrong = search(store, 1, ENOUGH, plant[1])
      local text, length
      if seed then
        text, length = explain(store, seed, steps, wrong)
      end
      store:stop()
      assert.is_truthy(text, "no walk went wrong")
      assert.is_true(length <= SHORT, text)
      if os.getenv("V") then
        print(name .. ": " .. text)
      end
    end)
  end
end)
