-- PROCESS_AI_TASK: one question to a language model, answered as the job's result.
--
--   candy enqueue PROCESS_AI_TASK '{"prompt":"Three titles for a video"}' --wait
--
-- What it takes is settled, so that others can build against it. No provider can be set
-- up yet, and a job says so at once and is not retried.
local candy = require("candy")

candy.task("PROCESS_AI_TASK", {
  description = "Asks a language model. Not configured yet.",
  payload = {
    prompt = "string", -- the question
    system = "string?", -- what the model is told about its part
    model = "string?", -- which one; the provider's default without it
    temperature = "number?",
    max_tokens = "integer?",
    format = "string?", -- "text" or "json"
  },
}, function()
  return nil, candy.permanent({
    code = "not_configured",
    message = "not configured: there is no AI provider to ask; this version of Candy "
      .. "cannot be given one yet",
  })
end)
