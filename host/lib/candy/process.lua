-- candy.process: programs, without a shell. Those that the setting process.allow names
-- may run, in the job's folder, with a clean environment. When the job ends, whatever it
-- started ends with it, to the last descendant.
--- Programs, without a shell: those that the setting `process.allow` names may run, in
--- the job's folder, with a clean environment. When the job ends, whatever it started
--- ends with it, to the last descendant.
--- [How to run programs](../../how-to/run-programs.md) has examples.

local core = require("candy.core")
local errors = require("candy.error")
local file = require("candy.file")
local frozen = require("candy.frozen")
local options = require("candy.options")
local stream = require("candy.stream")
local wait = require("candy.wait")

local MB = 1024 * 1024
local PIECE = 64 * 1024
local GRACE_MS = 2000
local ARGUMENTS_MAX = 128 * 1024 -- bytes, with the environment
local REFUSED = { "^LD_", "^GCONV_PATH$", "^CANDY_" } -- they change more than the program

-- Options --

local function environment(given)
  local expected = "a table of names and texts, such as { LANG = \"de_DE.UTF-8\" }"
  if type(given) ~= "table" then
    return nil, expected
  end
  local copy = {}
  for name, value in pairs(given) do
    local kind = type(value)
    if type(name) ~= "string" or not name:match("^[%a_][%w_]*$")
      or kind ~= "string" and kind ~= "number" or tostring(value):find("%z") then
      return nil, expected
    end
    for _, pattern in ipairs(REFUSED) do
      if name:match(pattern) then
        return nil, "without " .. name .. ", which is not for scripts to set"
      end
    end
    copy[name] = value
  end
  return copy
end

local function input(given)
  local kind = type(given)
  if kind == "string" or kind == "function"
    or kind == "table" and type(given.read) == "function" then
    return given
  end
  return nil, "a text, a function that returns pieces, or what has a method read"
end

---@class candy.SpawnOptions
---@field timeout candy.Duration?  how long it may run
---@field memory integer|string?  for each of its processes, such as "100mb"; at most the
---  setting process.memory
---@field cwd string?  a folder in the job's
---@field env table<string, string|number>?  what is added to its environment

---@class candy.RunOptions: candy.SpawnOptions
---@field stdin (string|candy.File|fun(): string?)?  a text, a file, or a function that
---  returns pieces, and nil at the end
---@field output_max integer|string?  of each output; "1mb" by default

---@class candy.ProgramResult
---@field ok boolean  whether its code is 0
---@field code integer?  the code that it ended with
---@field signal string?  the signal that it was ended by, such as "SIGKILL"

---@class candy.RunResult: candy.ProgramResult
---@field stdout string
---@field stderr string

local SPAWN_OPTIONS = {
  timeout = options.duration,
  memory = options.size(2 ^ 50),
  cwd = options.text,
  env = environment,
}

local RUN_OPTIONS = {
  timeout = options.duration,
  memory = options.size(2 ^ 50),
  cwd = options.text,
  env = environment,
  stdin = input,
  output_max = options.size(64 * MB),
}

local function check_arguments(what, argv)
  if type(argv) ~= "table" or #argv == 0 then
    core.misuse(('%s: the first argument is a list, the program and its arguments: '
      .. '{ "convert", "a.png", "b.jpg" }; not %s'):format(what, options.show(argv)))
  end
  local copy = {}
  for i = 1, #argv do
    local given = argv[i]
    local text = type(given) == "number" and tostring(given) or given
    if type(text) ~= "string" or text:find("%z") then
      core.misuse(("%s: argument %d must be a text without a NUL, not %s")
        :format(what, i, options.show(given)))
    end
    copy[i] = text
  end
  return copy
end

local function check_size(what, ...)
  local size = 0
  for _, list in ipairs({ ... }) do
    for _, text in ipairs(list) do
      size = size + #text + 1
    end
  end
  if size > ARGUMENTS_MAX then
    core.misuse(("%s: arguments and environment have %d bytes, and %d are the limit: "
      .. "give large input by stdin or in a file"):format(what, size, ARGUMENTS_MAX))
  end
end

local function environment_list(folder, given)
  local all = {
    PATH = "/usr/local/bin:/usr/bin:/bin",
    LANG = "C.UTF-8",
    HOME = folder,
    TMPDIR = folder,
  }
  for name, value in pairs(given or {}) do
    all[name] = value
  end
  local list = {}
  for name, value in pairs(all) do
    list[#list + 1] = name .. "=" .. value
  end
  return list
end

-- The program --

local function failure(argv, code, text)
  return errors.new({ code = code, message = argv[1] .. ": " .. text })
end

local function check_memory(what, memory)
  local most = core.process_memory()
  if memory and memory > most then
    core.misuse(("%s: the option memory may be %d bytes at most, which is the setting "
      .. "process.memory"):format(what, most))
  end
  return memory or 0
end

-- Waits with a child that nobody else has: should that raise, the child is let go of.
local function await_with(what, child)
  local ok, err = pcall(wait.await)
  if not ok then
    core.process_close(what, child)
    error(err, 0)
  end
end

-- Starts it in its turn: the core's child, or nil and an error.
local function start(what, argv, opts, has_input, collect_max)
  local memory = check_memory(what, opts.memory)
  local within = opts.cwd and core.file_name(what, opts.cwd)
  local folder, err = file.folder()
  if not folder then
    return nil, err
  end
  local env = environment_list(folder, opts.env)
  check_size(what, argv, env)
  local child, code, text = core.process_new(what, argv, env, within, has_input,
    collect_max, opts.timeout or 0, memory)
  if not child then
    return nil, errors.new({
      code = code,
      message = text,
      permanent = code == "program_not_allowed" or nil, -- until Candy starts again
    })
  end
  local ok
  repeat
    ok, code, text = core.process_start(what, child)
    if ok == nil then
      await_with(what, child)
    end
  until ok ~= nil
  if not ok then
    return nil, failure(argv, code, text)
  end
  return child
end

-- Asks until there is an answer.
local function await(fn, what, child, ...)
  while true do
    local answer, more, text = fn(what, child, ...)
    if answer ~= nil then
      return answer, more, text
    end
    wait.await()
  end
end

-- How it ended: { code, signal, ok }, or nil and an error.
local function ending(what, child, argv)
  local ok, code, signal = await(core.process_wait, what, child)
  if not ok then
    return nil, failure(argv, code, signal)
  end
  return { code = code, signal = signal, ok = code == 0 }
end

-- True, or false when the program reads no more.
local function write_all(what, child, text)
  local from = 0
  while from < #text do
    local count = core.process_write(what, child, text, from)
    if not count or not await(core.process_written, what, child) then
      return false
    end
    from = from + count
  end
  return true
end

-- Handles --

local handles = setmetatable({}, { __mode = "k" }) -- handle or stream -> { child, argv }

--- The standard input of a program.
---@class candy.ProgramInput
local input_methods = {}

--- What a program writes to its standard output, or error.
---@class candy.ProgramOutput
local output_methods = {}

--- A program that runs.
---@class candy.Program
---@field stdin candy.ProgramInput
---@field stdout candy.ProgramOutput
---@field stderr candy.ProgramOutput
local methods = {}

local input_meta = { __index = input_methods, __metatable = false }
local output_meta = { __index = output_methods, __metatable = false }

local function own(what, handle)
  local mine = handles[handle or 0]
  if not mine then
    core.misuse(what .. " is called with a colon, on what candy.process.spawn returned")
  end
  return mine
end

--- Writes to the program's standard input, and waits while the program does not read.
---@param text string
---@return boolean? ok, candy.Error? err  code `input_closed`: the program reads no more
function input_methods.write(handle, text)
  local what = "stdin:write"
  local mine = own(what, handle)
  if type(text) ~= "string" then
    core.misuse(("%s: what is written is a text, not %s")
      :format(what, options.show(text)))
  end
  if write_all(what, mine.child, text) then
    return true
  end
  return nil, failure(mine.argv, "input_closed", "it reads no more input")
end

--- Tells the program that there is no more input.
function input_methods.close(handle)
  core.process_end_input("stdin:close", own("stdin:close", handle).child)
end

local function reader(what, mine)
  return function()
    return await(core.process_read, what, mine.child, mine.number) or nil
  end
end

--- Reads what the program has written, as it comes, and waits while there is nothing. The
--- program waits once 256 kB have not been read.
---@return string? bytes  nil at the end
function output_methods.read(handle)
  return reader("stdout:read", own("stdout:read", handle))()
end

--- Iterates over the lines, without their ends. A line longer than 1 MB is raised as an
--- error value.
---@return fun(): string?
function output_methods.lines(handle)
  return stream.lines(reader("stdout:lines", own("stdout:lines", handle)))
end

--- Iterates over what the program writes, as it comes.
---@return fun(): string?
function output_methods.chunks(handle)
  return stream.chunks(reader("stdout:chunks", own("stdout:chunks", handle)))
end

--- Waits for the end of the program and of all that it started. Outputs can be read on.
---@return candy.ProgramResult? result
---@return candy.Error? err  code `program_timeout` or `program_start`
function methods.wait(handle)
  local mine = own("process:wait", handle)
  return ending("process:wait", mine.child, mine.argv)
end

--- Asks the program to end (SIGTERM to its group), and ends it and all that it started
--- when it has not after the grace. Does not wait.
---@param grace? candy.Duration  "2s" by default; 0: at once
function methods.kill(handle, grace)
  local mine = own("process:kill", handle)
  local ms, expected = GRACE_MS, nil
  if grace ~= nil then
    ms, expected = options.duration(grace)
  end
  if not ms then
    core.misuse(("process:kill: the grace must be %s, not %s")
      :format(expected, options.show(grace)))
  end
  core.process_kill("process:kill", mine.child, ms)
end

local function face(fields, meta)
  local handle = setmetatable({}, meta)
  handles[handle] = fields
  return handle
end

local process = {}

--- Starts a program, whose streams are read and written while it runs.
---
--- It must be named by the setting process.allow. It runs in the job's folder with PATH,
--- LANG, HOME and TMPDIR as its environment, waits in line where process.max of them run,
--- and ends with the job at the latest.
---@param argv string[]  the program and its arguments, of 128 kB at most; there is no
---  shell
---@param opts? candy.SpawnOptions
---@return candy.Program? program
---@return candy.Error? err  codes: `program_not_allowed` (permanent),
---  `program_not_found`, `program_not_executable`, `program_start`, `too_many_programs`
---  (1024 wait in line), `not_found` (cwd)
function process.spawn(argv, opts)
  local what = "candy.process.spawn"
  argv = check_arguments(what, argv)
  local child, err = start(what, argv, options.read(what, opts, SPAWN_OPTIONS), true, 0)
  if not child then
    return nil, err
  end
  local parts = {
    stdin = face({ child = child, argv = argv }, input_meta),
    stdout = face({ child = child, argv = argv, number = 1 }, output_meta),
    stderr = face({ child = child, argv = argv, number = 2 }, output_meta),
  }
  return face({ child = child, argv = argv }, {
    __index = function(_, key)
      return methods[key] or parts[key]
    end,
    __metatable = false,
  })
end

-- The next piece of what a program is fed with; nil at the end; nil, err.
local function pieces_of(source)
  if type(source) == "function" then
    return source
  elseif type(source) == "table" then
    return function()
      return source:read(PIECE)
    end
  end
  local text = source
  return function()
    local piece = text
    text = nil
    return piece
  end
end

-- Feeds the program; it may well end before it has read everything.
local function feed(what, child, source)
  for piece in stream.chunks(pieces_of(source)) do
    if type(piece) ~= "string" then
      core.misuse(("%s: a piece of stdin must be a text, not %s")
        :format(what, options.show(piece)))
    elseif not write_all(what, child, piece) then
      break
    end
  end
  core.process_end_input(what, child)
end

local function output(what, child, number)
  return await(core.process_read, what, child, number) or ""
end

-- Feeds it, waits for its end and takes what it wrote.
local function see_through(what, child, argv, source)
  if source then
    feed(what, child, source)
  end
  local result, problem = ending(what, child, argv)
  local told = result or problem
  told.stdout, told.stderr = output(what, child, 1), output(what, child, 2)
  return result, problem
end

--- Runs a program to its end and collects what it writes.
---
--- As for spawn, process.allow must name it; see there. A program that ends with another
--- code than 0 is no error: look at `ok`.
---@param argv string[]  the program and its arguments; there is no shell
---@param opts? candy.RunOptions
---@return candy.RunResult? result
---@return candy.Error? err  has stdout and stderr once it ran; codes: those of spawn, and
---  `program_timeout`, `output_too_large`
function process.run(argv, opts)
  local what = "candy.process.run"
  argv = check_arguments(what, argv)
  local read = options.read(what, opts, RUN_OPTIONS)
  local child, err = start(what, argv, read, read.stdin ~= nil, read.output_max or MB)
  if not child then
    return nil, err
  end
  local ok, result, problem = pcall(see_through, what, child, argv, read.stdin)
  core.process_close(what, child)
  if not ok then
    error(result, 0)
  end
  return result, problem
end

return frozen.freeze(process, "candy.process")
