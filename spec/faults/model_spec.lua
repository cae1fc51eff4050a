-- The store does what the model of the queue does, over thousands of random walks; and
-- stores that are wrong on purpose are caught, or the walks would prove nothing.
--
-- MODEL_SEED repeats one walk, MODEL_WALKS sets how many there are. A walk that goes
-- wrong is printed with its seed, cut down to the steps that it goes wrong with.
local Store = require("spec.support.model.store")
local walk = require("spec.support.model.walk")

local WALKS = tonumber(os.getenv("MODEL_WALKS") or 2000)
local SEED = tonumber(os.getenv("MODEL_SEED"))
local ENOUGH = 1000 -- walks within which a planted bug must be met

-- A second look keeps a turn out that the machine was too busy to run in one go.
local function goes_wrong(store, steps)
  return walk.play(store, steps) and walk.play(store, steps)
end

local function search(store, first, count)
  for seed = first, first + count - 1 do
    local steps = walk.draw(seed)
    local wrong = goes_wrong(store, steps)
    if wrong then
      return seed, steps, wrong
    end
  end
end

local function explain(store, seed, steps, wrong)
  steps, wrong = walk.shrink(store, steps, wrong)
  return ("MODEL_SEED=%d: %s\n%s"):format(seed, wrong, walk.tell(steps)), #steps
end

describe("the model of the queue", function()
  it("is what the store does", function()
    local first = SEED or os.time() * 10000
    local count = SEED and 1 or WALKS
    print(("%d walks from MODEL_SEED=%d on"):format(count, first))
    local store = Store.start()
    local seed, steps, wrong = search(store, first, count)
    local text = seed and explain(store, seed, steps, wrong)
    store:stop()
    assert.is_nil(text, text)
  end)

  local PLANTED = {
    ["a finish whatever its lease"] = { "fence", "and lease = ?2", "and ?2 is not null" },
    ["progress whatever its lease"] = { "progress_set", "and lease = ?2",
      "and ?2 is not null" },
    ["claims without priorities"] = { "ready_scan", "order by r.priority, ",
      "order by " },
    ["a retry that comes due twice"] = { "scheduled_take", "where id = ?1",
      "where id = ?1 and state = 0" },
    ["due jobs out of order"] = { "scheduled_due", "order by run_at, id",
      "order by run_at desc, id" },
    ["recovery that forgets"] = { "recover_ready", "where not once",
      "where not once and lease < 2" },
    ["locks that the last one gets"] = { "lock_give", "order by token limit 1",
      "order by token desc limit 1" },
    ["jobs that must not run twice and are gone"] = { "recover_dead", "where once",
      "where once and retry_count > 0" },
  }

  for name, plant in pairs(PLANTED) do
    it("would not let pass " .. name, function()
      local store = Store.start(plant)
      local seed, steps, wrong = search(store, 1, ENOUGH)
      local text, length
      if seed then
        text, length = explain(store, seed, steps, wrong)
      end
      store:stop()
      assert.is_truthy(text, "no walk went wrong")
      assert.is_true(length <= 12, text)
      if os.getenv("V") then
        print(name .. ": " .. text)
      end
    end)
  end
end)
