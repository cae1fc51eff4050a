-- Tables that scripts can read and never change.
local core = require("candy.core")

local locked = setmetatable({}, { __mode = "k" })
local frozen = {}

--- Returns a face of `contents` that cannot be written to.
---@param contents table
---@param name string  as the error says it
---@param call function|nil  what it does when it is called itself
function frozen.freeze(contents, name, call)
  local face = setmetatable({}, {
    __index = contents,
    __call = call and function(_, ...) return call(...) end,
    __newindex = function(_, key)
      core.misuse(("%s.%s cannot be set: %s is shared by all files and cannot be changed")
        :format(name, tostring(key), name))
    end,
    __metatable = false,
  })
  locked[face] = name
  return face
end

--- Wraps a function that writes into its first argument past metatables.
function frozen.guard(write)
  return function(target, ...)
    if locked[target or 0] then
      core.misuse(("%s is shared by all files and cannot be changed")
        :format(locked[target]))
    end
    return write(target, ...)
  end
end

return frozen
