-- The public face of the library as it is at run time: loads host/lib/candy as a worker
-- does, over a core that does nothing, and walks what `require("candy")` returns, and
-- what `require("candy.testing")` does, which specs have.
--
-- So what is documented is what scripts can reach, whichever file it comes from.
local face = {}

-- Every function of candy.core is there and returns a table; what the library does with
-- them while it is loaded is to keep them.
local function stub_core()
  return setmetatable({}, {
    __index = function(core, name)
      local function stub()
        return setmetatable({}, { __index = function() return nil end })
      end
      rawset(core, name, stub)
      return stub
    end,
  })
end

local frozen_tables = {} -- by contents: what a call of the table itself calls, or true

local function load_library(root)
  local lib = root .. "/host/lib/"
  package.path = lib .. "?.lua;" .. lib .. "?/init.lua;" .. package.path
  local core = stub_core()
  core.files = function() return {} end
  package.loaded["candy.core"] = core
  require("candy.frozen").freeze = function(contents, _, call)
    frozen_tables[contents] = call or true
    return contents
  end
  return require("candy")
end

local function module_of(value)
  for name, loaded in pairs(package.loaded) do
    if loaded == value and name:find("^candy") then
      return name
    end
  end
end

local function parameters(fn)
  local names, at = {}, 1
  while debug.getlocal(fn, at) do
    names[at] = debug.getlocal(fn, at)
    at = at + 1
  end
  return names
end

local function member(name, key, value, module)
  local found = { name = name .. "." .. key, key = key, module = module }
  if type(value) == "function" then
    local info = debug.getinfo(value, "S")
    found.path = info.source:match("^@(.*)$")
    found.line = info.linedefined
    found.params = parameters(value)
  end
  return found
end

local function walk(tables, name, contents, module)
  local here = { name = name, module = module, members = {} }
  tables[#tables + 1] = here
  for key, value in pairs(contents) do
    if frozen_tables[value] then
      walk(tables, name .. "." .. key, value, module_of(value) or module)
    else
      table.insert(here.members, member(name, key, value, module))
    end
    if value == frozen_tables[contents] then
      here.call = name .. "." .. key
    end
  end
end

--- Tables that scripts reach, in no order: name ("candy.kv"), module (the one that it is
--- the value of), call (the name of the member that a call of the table itself is) and
--- members (name, key; functions also path, line and params).
---@param root string  the project's folder
---@return table[] tables
function face.tables(root)
  local tables = {}
  walk(tables, "candy", load_library(root), "candy")
  walk(tables, "testing", require("candy.testing"), "candy.testing")
  return tables
end

return face
