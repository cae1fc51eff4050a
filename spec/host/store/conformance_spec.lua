-- Every case of the conformance suite passes on each backend, and backends that are wrong
-- on purpose do not pass the cases that are there for what is wrong with them.
local program = require("spec.support.program")

-- Each case is watched by the suite itself; this is for all of them.
local PATIENCE = 270

local function run_suite(backend, case)
  local folder = program.folder()
  local result = program.run(program.build() .. "/probe/store", { backend, folder, case },
    { patience = PATIENCE })
  program.remove(folder)
  local text = result.out .. result.err
  local cases, said, before = {}, {}, ""
  for line in result.out:gmatch("[^\n]+") do
    local verdict, name = line:match("^(%a[%a ]-) %d+ %- ([%w_]+)$")
    before = before .. line .. "\n"
    if name then
      cases[name], said[name], before = verdict, before .. result.err, ""
    end
  end
  return { cases = cases, said = said, text = text, code = result.code }
end

describe("the store's conformance suite", function()
  local sqlite = run_suite("sqlite")

  it("has its cases", function()
    assert.truthy(next(sqlite.cases), sqlite.text)
    local planned = tonumber(sqlite.text:match("^1%.%.(%d+)"))
    local count = 0
    for _ in pairs(sqlite.cases) do
      count = count + 1
    end
    assert.equal(planned, count, sqlite.text)
    assert.equal(0, sqlite.code, sqlite.text)
  end)

  for name, verdict in pairs(sqlite.cases) do
    it("passes on sqlite: " .. name:gsub("_", " "), function()
      assert.equal("ok", verdict, sqlite.said[name])
    end)
  end

  local mutants = {
    ["sqlite-without-fence"] = {
      "stale_leases_do_nothing", "stale_finishes_have_no_effects",
    },
    ["sqlite-forgets-at-recovery"] = { "recovery", "sudden_death" },
    ["sqlite-forgets-who-was-told"] = { "told_jobs_end_with_their_claim" },
    ["sqlite-loses-blocked"] = { "unknown_types_are_set_aside" },
    ["sqlite-keeps-what-was-taken-back"] = {
      "a_transaction_is_taken_back", "a_silent_transaction_ends",
      "a_failure_ends_a_transaction",
    },
    ["sqlite-forgets-the-same"] = {
      "the_same_job_is_the_answer", "the_same_jobs_in_bulk",
    },
    ["sqlite-gives-locks-to-the-last"] = { "locks_come_in_order_of_arrival" },
    ["sqlite-keeps-ended-leases"] = { "patience_and_lease_end_together" },
    ["sqlite-waits-for-one-only"] = { "jobs_wait_for_others", "a_list_that_is_a_graph" },
    ["sqlite-forgets-children-early"] = { "retention_of_batches" },
    ["sqlite-lets-all-go"] = { "a_batch_lets_go_so_many" },
    ["sqlite-forgets-slots"] = { "slots_survive", "any_order_of_events" },
    ["sqlite-forgets-order"] = { "strict_order_by_key", "any_order_of_events" },
    ["sqlite-forgets-starts"] = { "rate_of_a_task", "rate_of_released_jobs" },
    ["sqlite-claims-twice"] = { "order", "twenty_thousand" },
  }
  for mutant, cases in pairs(mutants) do
    for _, case in ipairs(cases) do
      it(("sees in %s that %s is wrong"):format(case, mutant), function()
        local result = run_suite(mutant, case)
        assert.equal("not ok", result.cases[case], result.text)
        assert.equal(1, result.code)
      end)
    end
  end

  it("finds nothing wrong with mutants elsewhere", function()
    local result = run_suite("sqlite-without-fence", "order")
    assert.equal("ok", result.cases.order, result.text)
  end)
end)
