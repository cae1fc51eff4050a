-- The definition file for editors: every public name of the library with its LuaCATS
-- annotations and without code, for lua-language-server and what understands its form.
local annotations = {}

local function add(out, ...)
  for _, line in ipairs({ ... }) do
    out[#out + 1] = line
  end
end

local function with_words(line, words)
  return words ~= "" and ("%s  %s"):format(line, words) or line
end

local function add_text(out, block)
  for _, line in ipairs(block.text) do
    add(out, ("--- %s"):format(line):gsub("%s+$", "") .. "")
  end
end

local function add_parameters(out, entry)
  local names = {}
  for i, param in ipairs(entry.params) do
    names[i] = param.name
    add(out, with_words(("---@param %s%s %s"):format(param.name, param.mark, param.type),
      param.words))
  end
  return table.concat(names, ", ")
end

local function add_returns(out, entry)
  for _, group in ipairs(entry.returns) do
    for i, value in ipairs(group) do
      local line = ("---@return %s %s"):format(value.type, value.name or "")
      add(out, with_words(line:gsub("%s+$", ""), i == 1 and group.words or ""))
    end
  end
end

local function add_function(out, entry, name)
  add(out, "")
  add_text(out, entry.block)
  local names = add_parameters(out, entry)
  add_returns(out, entry)
  add(out, unpack(entry.block.handed_on))
  add(out, ("function %s(%s) end"):format(name, names))
end

local function add_class(out, class)
  local parent = class.parent and ": " .. class.parent or ""
  add(out, "")
  add_text(out, class.block)
  add(out, ("---@class %s%s"):format(class.name, parent))
  for _, field in ipairs(class.fields) do
    local name = field.name .. (field.optional and "?" or "")
    add(out, with_words(("---@field %s %s"):format(name, field.type), field.words))
  end
  local variable = class.name:match("[%w_]+$")
  if #class.methods > 0 then
    add(out, ("local %s = {}"):format(variable))
  end
  for _, method in ipairs(class.methods) do
    add_function(out, method, variable .. ":" .. method.name:match("[%w_]+$"))
  end
end

local function add_types(out, page)
  for _, alias in ipairs(page.aliases) do
    add(out, "")
    add_text(out, alias.block)
    add(out, ("---@alias %s %s"):format(alias.name, alias.block.type))
  end
  for _, class in ipairs(page.classes) do
    add_class(out, class)
  end
end

local function find_function(model, name)
  for _, page in ipairs(model.pages) do
    for _, entry in ipairs(page.functions) do
      if entry.name == name then
        return entry
      end
    end
  end
end

-- What a call of the table itself is: the same as one of its functions.
local function add_call(out, entry)
  local params = {}
  for i, param in ipairs(entry.params) do
    params[i] = ("%s%s: %s"):format(param.name, param.mark, param.type)
  end
  local returns = entry.returns[1] and ": " .. entry.returns[1][1].type or ""
  add(out, ("---@overload fun(%s)%s"):format(table.concat(params, ", "), returns))
  add(out, unpack(entry.block.handed_on))
end

local function add_table(out, model, found)
  local name = found.name
  if name == "candy" or name == "testing" then
    add(out, "", "---@class " .. name, ("local %s = {}"):format(name))
    return
  end
  add(out, "", "---@class " .. name)
  if found.call then
    add_call(out, find_function(model, found.call))
  end
  add(out, name .. " = {}")
end

local function add_members(out, page)
  for _, entry in ipairs(page.functions) do
    add_function(out, entry, entry.name)
  end
  for _, entry in ipairs(page.values) do
    add(out, "")
    add_text(out, entry.block)
    add(out, "---@type " .. entry.block.type, entry.name .. " = nil")
  end
end

-- Specs have a module of their own; all other pages tell of what scripts have.
local function choose(list, key, for_specs)
  local chosen = {}
  for _, item in ipairs(list) do
    if (item[key] == "testing") == for_specs then
      chosen[#chosen + 1] = item
    end
  end
  return chosen
end

local function render(model, module, who)
  local for_specs = module == "candy.testing"
  local pages = choose(model.pages, "key", for_specs)
  local out = {
    "---@meta " .. module,
    ("-- What %s can use, for editors: docs/how-to/editor.md. Made by `make docs`")
      :format(who),
    "-- from the comments of host/lib/candy/*.lua: change them there.",
  }
  for _, page in ipairs(pages) do
    add_types(out, page)
  end
  for _, found in ipairs(choose(model.tables, "name", for_specs)) do
    add_table(out, model, found)
  end
  for _, page in ipairs(pages) do
    add_members(out, page)
  end
  add(out, "", "return " .. module:match("[^.]+$"))
  return table.concat(out, "\n") .. "\n"
end

--- The definition files by their names.
---@param model table
---@return table texts
function annotations.render(model)
  return {
    ["candy.lua"] = render(model, "candy", "scripts"),
    ["testing.lua"] = render(model, "candy.testing", "specs"),
  }
end

return annotations
