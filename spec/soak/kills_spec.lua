-- Hours in the life of a host, in SOAK_SECONDS (60): jobs of many kinds come in,
-- are cancelled, changed and held up all the time, while hosts and workers are killed,
-- stopped and paused at random. At the end a checker looks into the scripts' own tables
-- for effects that are missing, doubled, left by an attempt that failed or by one that no
-- longer owned its job, and for jobs that ran beside, before or in place of others. In
-- the last quarter the host stays alive, so that its memory can be watched.
--
-- A subject (spec/soak/*.lua) is a script, the kinds of jobs in it, deeds that are done
-- to them, and for each fault a query that must find nothing, and a tampering which shows
-- that it would.
--
-- SOAK_RATE is the jobs a second (500; 100 with sanitizers), SOAK_SEED repeats a run's
-- choices.
local cjson = require("cjson")
local candy = require("spec.support.candy")
local Run = require("spec.soak.run")

local SECONDS = tonumber(os.getenv("SOAK_SECONDS") or 60)
local SANITIZED = candy.build:find("asan") ~= nil
local RATE = tonumber(os.getenv("SOAK_RATE") or SANITIZED and 100 or 500)
local SEED = tonumber(os.getenv("SOAK_SEED") or os.time())

local RSS_MAX_KB = 128 * 1024
local GROWTH_MAX_KB = 16 * 1024

local SUBJECTS = { "every", "kinds", "same", "limits", "graph", "batches", "control",
  "locks", "shifting" }

local function load_subjects()
  local subjects = {}
  for i, name in ipairs(SUBJECTS) do
    subjects[i] = require("spec.soak." .. name)
    subjects[i].name = name
  end
  return subjects
end

describe("under load and kills", function()
  local run
  local subjects = load_subjects()

  setup(function()
    run = Run.new(subjects, { seconds = SECONDS, rate = RATE, seed = SEED })
    run:feed()
    run:drain()
    print(run:told())
  end)

  teardown(function()
    if run then
      run.host:stop()
      candy.remove(run.host.folder)
    end
  end)

  it("hosts and workers died", function()
    assert.is_true(run.trouble:total() >= SECONDS / 10, run:told())
    assert.is_true(run.restarts > 0 or SECONDS < 20)
  end)

  it("the host's memory keeps to its bounds", function()
    if SANITIZED then
      return
    end
    assert.is_true(run.memory.rss_max < RSS_MAX_KB, run:told())
    assert.is_true(run.memory:grown() < GROWTH_MAX_KB, run:told())
  end)

  it("its tables are read", function()
    assert.are.equal(0, (run.host:stop()))
    run:load_tables()
    assert.are.equal(run.load.items, run.ledger:query("select count(*) n from sent")[1].n)
  end)

  for _, subject in ipairs(subjects) do
    it("there is no fault of " .. subject.name, function()
      local rows = {}
      for fault in pairs(run.ledger:found(subject.faults)) do
        rows[fault] = run.ledger:query(subject.faults[fault] .. " limit 5")
      end
      assert.are.equal("{}", cjson.encode(rows), run:told())
    end)

    it("and none of " .. subject.name .. " would go unnoticed", function()
      local noticed = run.ledger:found(subject.faults, subject.tampering)
      for fault in pairs(subject.faults) do
        assert.is_true(noticed[fault], fault)
      end
    end)
  end
end)
