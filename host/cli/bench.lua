-- The tasks of `candy bench`: what bench.c enqueues, on a host of its own.
local candy = require("candy")

local STRANDS, BATCH, BATCHES_UNDER_WAY = 64, 1000, 4
local SINGLES_MS = 1000

local PAYLOAD = { repo = "acme/shop", issue = 1234567,
  title = "A title of an usual length for this", n = 123456 }

local noop = candy.task("noop", function()
  return { ok = true }
end)

candy.task("echo", function()
  return { at = candy.time.now() }
end)

-- Keeps the only slot of the host that is filled, until that is stopped; where the host
-- that drains takes it up it is over at once.
local hold = candy.task("hold", { timeout = "1h" }, function(job)
  if job.lease == 1 then
    candy.sleep("1h")
  end
end)

-- Calls `step` from so many strands until it gives false; the milliseconds that it took.
local function loops(strands, step)
  local began, all = candy.time.now(), {}
  for i = 1, strands do
    all[i] = candy.spawn(function()
      while step() do end -- luacheck: ignore 542
    end)
  end
  for _, strand in ipairs(all) do
    strand:wait()
  end
  return math.max(1, candy.time.now() - began)
end

-- At most so many, for a second at most.
local function enqueue_singles(most)
  local till, jobs = candy.time.now() + SINGLES_MS, 0
  local took = loops(STRANDS, function()
    if jobs >= most or candy.time.now() >= till then
      return false
    end
    jobs = jobs + 1
    return assert(noop:enqueue(PAYLOAD))
  end)
  return jobs, 1000 * jobs / took
end

local function enqueue_bulk(jobs)
  local left = jobs
  local took = loops(BATCHES_UNDER_WAY, function()
    local batch = {}
    for i = 1, math.min(BATCH, left) do
      batch[i] = { type = noop, payload = PAYLOAD }
    end
    left = left - #batch
    return #batch > 0 and assert(candy.queue.push_many(batch))
  end)
  return 1000 * jobs / took
end

candy.task("fill", { payload = { jobs = "integer" }, timeout = "1h", max_retries = 0 },
  function(job)
    assert(hold:enqueue(nil, { priority = -1 }))
    local first = assert(noop:enqueue(PAYLOAD))
    local singles, single_per_s = enqueue_singles((job.payload.jobs - 2) / 2)
    local bulk_per_s = enqueue_bulk(job.payload.jobs - 2 - singles)
    return { first = first, last = assert(noop:enqueue(PAYLOAD)),
      single_per_s = single_per_s, bulk_per_s = bulk_per_s }
  end)
