-- Tasks that have a payload and say honestly what they lack.
local candy = require("spec.support.candy")

local TASKS = {
  PROCESS_AI_TASK = {
    file = "process_ai_task.lua", lacks = "AI provider",
    good = { prompt = "Three titles", temperature = 0.5 }, bad = { promt = "x" },
  },
  GENERATE_SOP = {
    file = "generate_sop.lua", lacks = "AI provider",
    good = { topic = "Publishing", notes = { "ask first" } }, bad = { topic = 5 },
  },
  TRIGGER_WORKFLOW = {
    file = "trigger_workflow.lua", lacks = 'workflow "report" cannot be started',
    good = { workflow = "report", input = { week = 7 } }, bad = { input = {} },
  },
}

describe("a task that is not configured", function()
  local host

  setup(function()
    local scripts = {}
    for _, task in pairs(TASKS) do
      scripts[task.file] = candy.read("scripts/" .. task.file)
    end
    host = candy.start({ scripts = scripts })
  end)

  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  for name, task in pairs(TASKS) do
    it("says so and is not retried: " .. name, function()
      local job = host:wait(host:push(name, task.good))
      assert.are.equal("dead", job.state)
      assert.are.equal(0, job.retry_count)
      assert.are.equal("not_configured", job.error.code)
      assert.matches("^not configured: ", job.error.message)
      assert.matches(task.lacks, job.error.message, 1, true)
    end)

    it("refuses a payload that does not fit: " .. name, function()
      local answer = host:request("POST", "/tasks", { type = name, payload = task.bad })
      assert.are.equal(422, answer.status)
    end)
  end
end)
