-- TRIGGER_WORKFLOW: starts a workflow of another system, or a pipeline of this one.
--
--   candy enqueue TRIGGER_WORKFLOW '{"workflow":"report","input":{"week":7}}' --wait
--
-- As PROCESS_AI_TASK: the payload is settled, what runs workflows is missing.
local candy = require("candy")

candy.task("TRIGGER_WORKFLOW", {
  description = "Starts a workflow. Not configured yet.",
  payload = {
    workflow = "string", -- its name
    input = "table?", -- what it is started with
    wait = "boolean?", -- true: the job's result is that of the workflow
  },
}, function(job)
  return nil, candy.permanent({
    code = "not_configured",
    message = ("not configured: workflow %q cannot be started; pipelines are not part of "
      .. "this version of Candy, and no other system that runs workflows is connected")
      :format(job.payload.workflow),
  })
end)
