-- GENERATE_SOP: a standard operating procedure, written by a language model.
--
--   candy enqueue GENERATE_SOP '{"topic":"Publishing a video"}' --wait
--
-- As PROCESS_AI_TASK: the payload is settled, the writer is missing.
local candy = require("candy")

candy.task("GENERATE_SOP", {
  description = "Writes a standard operating procedure. Not configured yet.",
  payload = {
    topic = "string", -- what the procedure is for
    audience = "string?", -- who is to follow it
    notes = "string[]?", -- what has to be in it
    language = "string?", -- "en", "de" ...
  },
}, function()
  return nil, candy.permanent({
    code = "not_configured",
    message = "not configured: procedures are written by the agent \"sop\" through an AI "
      .. "provider, and this version of Candy has neither yet",
  })
end)
