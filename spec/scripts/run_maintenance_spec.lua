local candy = require("spec.support.candy")

describe("RUN_MAINTENANCE", function()
  local host

  setup(function()
    host = candy.start({ scripts = {
      ["run_maintenance.lua"] = candy.read("scripts/run_maintenance.lua"),
    } })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function run(payload)
    return host:wait(host:push("RUN_MAINTENANCE", payload))
  end

  it("does each step and reports it", function()
    local job = run({})
    assert.are.equal("completed", job.state)
    local report = job.result
    assert.are.equal(0, report.retention.jobs)
    assert.is_true(report.integrity.ok)
    assert.is_number(report.checkpoint.pages)
    assert.is_number(report.vacuum.freed_pages)
    assert.is_table(report.rotate_logs)
    assert.are.equal(1, report.before.jobs.running)
    assert.is_true(report.after.store.bytes > 0)
  end)

  it("does those that are asked for", function()
    local report = run({ steps = { "integrity" } }).result
    assert.is_true(report.integrity.ok)
    assert.is_nil(report.vacuum)
  end)

  it("names the steps when one is none", function()
    local job = run({ steps = { "integrity", "polish" } })
    assert.are.same({ "dead", 0 }, { job.state, job.retry_count })
    assert.matches('no step "polish"; steps are retention, integrity, checkpoint',
      job.error.message, 1, true)
  end)
end)

describe("RUN_MAINTENANCE on a store that is damaged", function()
  it("fails for good, says so, and writes no more", function()
    local host = candy.start({ scripts = {
      -- What the host would say of a damaged file: none is damaged on purpose here.
      ["run_maintenance.lua"] = (candy.read("scripts/run_maintenance.lua"):gsub(
        "candy%.maintenance%[step%]%(%)",
        'assert(step == "integrity") '
          .. 'and ({ ok = false, problems = { "page 7 is torn" } })')),
      ["told.lua"] = [[
        local candy = require("candy")
        candy.on("maintenance.damaged", function(job)
          candy.log.error("told: " .. job.payload.data.problems[1])
        end)
      ]],
    } })
    local job = host:wait(host:push("RUN_MAINTENANCE", {
      steps = { "integrity", "vacuum" } }))
    host:wait_log("told: page 7 is torn")
    assert.are.equal(0, host:stop())
    candy.remove(host.folder)
    assert.are.same({ "dead", 0, "store_damaged" },
      { job.state, job.retry_count, job.error.code })
    assert.matches("page 7 is torn", job.error.message, 1, true)
  end)
end)
