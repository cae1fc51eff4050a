-- Files and what they declare.
--
-- A file declares while it runs (task, schema), and only then. A file that fails takes
-- back everything it declared, and its neighbours stand. Modules are run once in a
-- worker; a file that is loaded at start can be required like any module.
local core = require("candy.core")
local sandbox = require("candy.sandbox")

local PUBLIC = {
  candy = true, ["candy.crypto"] = true, ["candy.db"] = true, ["candy.file"] = true,
  ["candy.json"] = true, ["candy.kv"] = true, ["candy.log"] = true,
  ["candy.maintenance"] = true, ["candy.process"] = true, ["candy.queue"] = true,
  ["candy.time"] = true, ["candy.xml"] = true,
}

local files = core.files()
local by_name = {}
local stack = {} -- files that are being run, innermost last
local starting = true
local declared = {} -- "task name" -> declaration
local order = {} -- declarations as they came

for index, file in ipairs(files) do
  file.index = index
  local first = by_name[file.name]
  if first then
    first.twin = first.twin or file
  else
    by_name[file.name] = file
  end
end

local script = { files = files }

-- Running --

local function withdraw(file)
  for i = #order, 1, -1 do
    if order[i].file == file then
      declared[order[i].id] = nil
      table.remove(order, i)
    end
  end
end

local function describe(file, problem, code)
  local found, message = core.describe(problem, "raised")
  local line = message:match("^[^\n]-:(%d+):")
  if message:find("not enough memory", 1, true) then
    found, message = "out_of_memory", "out of memory while the file was loaded"
  end
  if not line and code then
    message = file.path .. ": " .. message
  end
  return { code = code or found, message = message, line = tonumber(line) }
end

local function execute(file)
  local chunk, problem = core.compile(file.index, file.path,
    sandbox.environment(script.require))
  if not chunk then
    return false, describe(file, problem, "syntax_error")
  end
  local parent = stack[#stack]
  stack[#stack + 1] = file
  local ok, value = core.run(chunk, file.index, parent and parent.index or 0)
  stack[#stack] = nil
  if not ok then
    return false, describe(file, value)
  end
  return true, value
end

--- Runs a file that has not been run.
function script.run(file)
  file.state = "running"
  local ok, value = execute(file)
  file.state = ok and "loaded" or "failed"
  if ok then
    file.value = value == nil and true or value
  else
    file.failure = value
    withdraw(file)
  end
end

--- Takes back what a file declared that turned out to be wrong after it had run.
function script.fail(file, code, message, line)
  file.state, file.failure = "failed", { code = code, message = message, line = line }
  withdraw(file)
end

-- Modules --

local function circle(file)
  local names = {}
  for _, running in ipairs(stack) do
    if running == file or #names > 0 then
      names[#names + 1] = running.name
    end
  end
  names[#names + 1] = file.name
  return table.concat(names, " -> ")
end

local function find(name)
  local file = type(name) == "string" and by_name[name]
  if not file then
    core.misuse(('module "%s" not found: it is no file of the scripts, and no module of '
      .. 'candy'):format(tostring(name)))
  elseif file.twin then
    core.misuse(('cannot require "%s": %s and %s both have that name; rename one of them')
      :format(name, file.path, file.twin.path))
  elseif file.excluded then
    core.misuse(('cannot require "%s": %s is left out, because loading it did not end')
      :format(name, file.path))
  elseif file.state == "running" then
    core.misuse("circular require: " .. circle(file))
  end
  return file
end

--- What scripts call as `require`.
---@param name string  "candy", "candy.db" or a module's name
function script.require(name)
  if PUBLIC[name] then
    return require(name)
  end
  local file = find(name)
  if not file.state then
    script.run(file)
  end
  if file.state == "failed" then
    core.misuse(('cannot require "%s": %s'):format(name, file.failure.message))
  end
  return file.value
end

-- Declarations --

local function place_of(declaration)
  return ("%s:%d"):format(declaration.path, declaration.line)
end

--- Keeps what the running file declares.
---@param kind string  "task"
---@param name string
---@param declaration table  gets `file`, `path` and `line`
function script.declare(kind, name, declaration)
  local id = kind .. " " .. name
  local file = stack[#stack]
  declaration.kind, declaration.name, declaration.id = kind, name, id
  declaration.file, declaration.path = file, file.path
  declaration.line = core.line(declaration.fn) or 1
  if declared[id] then
    core.misuse(('%s "%s" is declared twice: at %s and at %s')
      :format(kind, name, place_of(declared[id]), place_of(declaration)))
  end
  declared[id] = declaration
  order[#order + 1] = declaration
end

--- Raises unless a file's top level runs at the start of a worker.
function script.check_declares(what)
  if not starting or #stack == 0 then
    core.misuse(what .. " can only be called at a file's top level, while it is loaded")
  end
end

--- The file that is being run.
function script.current()
  return stack[#stack]
end

--- All declarations of a kind, in their order.
function script.declarations(kind)
  local found = {}
  for _, declaration in ipairs(order) do
    if declaration.kind == kind then
      found[#found + 1] = declaration
    end
  end
  return found
end

--- The start is over: nothing more can be declared.
function script.started()
  starting = false
end

return script
