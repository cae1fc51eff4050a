-- candy.secret: what only the operator knows.
local core = require("candy.core")
local options = require("candy.options")
local wait = require("candy.wait")

--- Reads a secret: the environment variable CANDY_SECRET_NAME of the host, else that
--- name, or NAME alone, in the file .env.local or .env of the folder it was started in. A
--- file that has changed is read again: a rotated secret is there at the next call.
---
--- A secret that was read is left out of logs from then on. Errors: `secret_missing` (its
--- message tells where to put it), `secret_not_text`.
---
---     local key, err = candy.secret("GITHUB_TOKEN")
---     if not key then return nil, candy.permanent(err) end
---@param name string  of A-Z, 0-9 and _
---@return string? value, candy.Error? err
return function(name)
  -- No colon behind the word "secret": the log would take what follows for one.
  if type(name) ~= "string" or #name > 200 or not name:match("^[A-Z0-9_]+$") then
    core.misuse(("candy.secret takes a name of A-Z, 0-9 and _, not %s")
      :format(options.show(name)))
  end
  local answer, err = wait.request("candy.secret", "secret", { name = name })
  return answer and answer.value, err
end
