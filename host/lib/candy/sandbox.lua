-- What a script sees: an allow-list, never LuaJIT's own tables.
--
-- Each file has globals of its own, which fall back on `base`. Everything in base is a
-- frozen copy, so that no file can change what another one sees, and the metatable of
-- strings is locked to the same copy.
local core = require("candy.core")
local frozen = require("candy.frozen")
local log = require("candy.log")
local thread = require("candy.thread")

local function pick(from, names)
  local picked = {}
  for name in names:gmatch("%S+") do
    picked[name] = from[name]
  end
  return picked
end

-- A table that does not say itself what it is, is shown as JSON where it can be.
local function shown(value)
  local text = tostring(value)
  if type(value) == "table" and text:find("^table: ") and next(value) ~= nil then
    return core.encode(value) or text
  end
  return text
end

local function print_to_log(...)
  local parts = {}
  for i = 1, select("#", ...) do
    parts[i] = shown((select(i, ...)))
  end
  log.info(table.concat(parts, "\t"))
end

local function collectgarbage_count(option)
  if option ~= "count" then
    core.misuse('collectgarbage: only "count" can be asked for')
  end
  return collectgarbage("count")
end

local strings = pick(string, "byte char find format gmatch gsub len lower match rep "
  .. "reverse sub upper")
local tables = pick(table, "concat insert maxn move remove sort")
tables.insert = frozen.guard(table.insert)
local move_into = frozen.guard(function(target, from, first, last, at)
  return table.move(from, first, last, at, target)
end)

function tables.move(from, first, last, at, target)
  return move_into(target or from, from, first, last, at)
end

local strings_meta = getmetatable("")
strings_meta.__index = strings
strings_meta.__metatable = false

local base = pick(_G, "_VERSION assert error getmetatable ipairs next pairs pcall "
  .. "rawequal rawget select setmetatable tonumber tostring type unpack xpcall")
base.rawset = frozen.guard(rawset)
base.print = print_to_log
base.collectgarbage = collectgarbage_count
base.string = frozen.freeze(strings, "string")
base.table = frozen.freeze(tables, "table")
base.coroutine = thread
base.bit = frozen.freeze(bit, "bit")
base.os = frozen.freeze(pick(os, "clock date difftime time"), "os")
base.math = frozen.freeze(math, "math")

local native_load = load
local sandbox = {}

--- Makes the globals of one file.
---@param require fun(name: string): any
function sandbox.environment(require)
  local env = setmetatable({}, { __index = base, __metatable = false })
  env._G = env
  env.require = require

  function env.load(chunk, name, _, globals)
    return native_load(chunk, name or "=(load)", "t", globals or env)
  end

  function env.loadstring(text, name)
    return native_load(text, name or "=(loadstring)", "t", env)
  end

  return env
end

return sandbox
