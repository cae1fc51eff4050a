-- The types of LuaCATS as far as they are checked here: each name in one is a type of Lua
-- or one that the library declares.
local LUA = {
  any = true, ["nil"] = true, boolean = true, string = true, number = true,
  integer = true, table = true, thread = true, userdata = true, ["function"] = true,
  fun = true, self = true, ["true"] = true, ["false"] = true, unknown = true,
  lightuserdata = true,
}

local types = {}

-- Without texts, and without the names of parameters and fields ("name:" and "name?:").
local function names_only(text)
  return (text:gsub('"[^"]*"', " "):gsub("[%a_][%w_]*%??%s*:", " "))
end

--- The first name in a type that is none, or nil.
---@param text string
---@param known table<string, any>
---@return string?
function types.unknown(text, known)
  for name in names_only(text):gmatch("[%a_][%w_.]*") do
    if not LUA[name] and not known[name] then
      return name
    end
  end
end

--- The names in a type that the library declares, in their order.
---@param text string
---@param known table<string, any>
---@return string[]
function types.declared(text, known)
  local names = {}
  for name in names_only(text):gmatch("[%a_][%w_.]*") do
    if known[name] then
      names[#names + 1] = name
    end
  end
  return names
end

--- Whether a parameter may be left out.
---@param param { mark: string, type: string }
---@return boolean
function types.is_optional(param)
  return param.mark == "?" or param.type:find("%?$") ~= nil
    or param.type:find("%f[%w]nil%f[%W]") ~= nil
end

return types
