-- Programs run to their end in folders made for them, by specs of one module.
local uv = require("luv")
local candy = require("spec.support.candy")

local program = {}

--- The folder of the build under test, as an absolute path.
function program.build()
  return assert(uv.fs_realpath(candy.build))
end

--- Runs a program while the uv loop turns, so that a fake server in the same spec can
--- answer it. No CANDY_* variable reaches it but those given.
---@param path string
---@param args string[]
---@param options { env: table?, cwd: string?, stdin: string?, patience: number? }?
---  patience: seconds until it must have ended
---@return { code: integer?, out: string, err: string }
function program.run(path, args, options)
  options = options or {}
  local run = candy.spawn(path, args,
    { env = options.env, cwd = options.cwd, input = options.stdin })
  local code = candy.join(run, options.patience)
  return { code = code, out = run.out.text, err = run.err.text }
end

--- A fresh folder with files in it ({ ["conf/candy.lua"] = "text" }).
function program.folder(files)
  local folder = candy.folder()
  for path, text in pairs(files or {}) do
    program.write(folder .. "/" .. path, text)
  end
  return folder
end

--- Writes a file, and makes the folders that it is in.
function program.write(path, text)
  os.execute(("mkdir -p '%s'"):format(path:match("^(.*)/")))
  candy.write(path, text)
end

program.remove = candy.remove

return program
