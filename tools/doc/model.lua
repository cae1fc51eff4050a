-- What there is to document: a page a file of the library that has something public, made
-- of what scripts can reach (face.lua) and of the comments above it (comments.lua). What
-- lacks a comment, or has one that does not fit, is a fault.
local comments = require("tools.doc.comments")
local face = require("tools.doc.face")
local types = require("tools.doc.types")

local LIBRARY = "host/lib/candy/"
local ORDER = { -- of what everybody needs; the others follow by their names
  "candy", "task", "job", "error", "db", "kv", "queue", "http", "log", "json", "time",
}

-- ---- files and pages ----

-- What http_body.lua and new_http.lua have is told on the page of http.lua.
local function read_files(root)
  local files, by_path, by_key = {}, {}, {}
  local find = io.popen(("find '%s/%s' -name '*.lua' | LC_ALL=C sort")
    :format(root, LIBRARY))
  for path in find:lines() do
    local file = comments.read(path)
    file.short = path:sub(#root + 2)
    file.key = file.short:sub(#LIBRARY + 1):gsub("%.lua$", ""):gsub("^init$", "candy")
    files[#files + 1], by_path[path] = file, file
    by_key[file.key] = file
  end
  find:close()
  for _, file in ipairs(files) do
    file.home = by_key[file.key:match("^(.-)_") or ""]
      or by_key[file.key:match("_(.-)$") or ""] or file
  end
  return files, by_path
end

local Model = {}
Model.__index = Model

function Model:fault(file, line, text, ...)
  table.insert(self.faults, ("%s:%d: %s"):format(file.short, line, text:format(...)))
end

function Model:page(file)
  file = file.home
  local page = self.by_key[file.key]
  if not page then
    page = {
      key = file.key, file = file, prose = {}, functions = {}, values = {}, classes = {},
      aliases = {},
    }
    self.by_key[file.key] = page
    table.insert(self.pages, page)
  end
  return page
end

-- ---- functions and values ----

-- The block above the assignment of a member whose function was made elsewhere.
local function find_assignment(file, key)
  local found
  for number, line in ipairs(file.lines) do
    local block = line:find("^%s*[%w_.]-%f[%w_]" .. key .. "%s*=[^=]")
      and comments.above(file, number)
    found = found or block
  end
  return found
end

-- The comment of a member, and the file that it is in.
function Model:comment_of(member)
  local file = member.path and self.by_path[member.path]
  local block = file and comments.above(file, member.line)
  if block then
    return block, file
  end
  file = self.by_path[self.root .. "/" .. LIBRARY
    .. (member.module:match("^candy%.(.*)$") or "init") .. ".lua"]
  return find_assignment(file, member.key), file
end

-- The parameters as documented, in the function's own order; faults for what differs.
function Model:parameters(what, block, file, names)
  local documented, list = {}, {}
  for _, param in ipairs(block.params) do
    documented[param.name] = param
  end
  for _, name in ipairs(names) do
    list[#list + 1] = documented[name]
    if not documented[name] then
      self:fault(file, block.last, "%s: the parameter %s has no @param", what, name)
    end
    documented[name] = nil
  end
  for _, param in ipairs(block.params) do
    if documented[param.name] and #names > 0 and param.name ~= "..." then
      self:fault(file, block.first, "%s: @param %s is no parameter", what, param.name)
    elseif documented[param.name] then
      list[#list + 1] = param
    end
  end
  return list
end

function Model:entry(what, block, file, names)
  if #block.text == 0 then
    self:fault(file, block.first, "%s: the comment has no text", what)
  end
  return {
    name = what, block = block, file = file, line = block.first,
    params = self:parameters(what, block, file, names), returns = block.returns,
  }
end

function Model:add_member(member)
  local block, file = self:comment_of(member)
  if not block then
    self:fault(file, member.path == file.path and member.line or 1,
      "%s has no doc comment", member.name)
    return
  end
  block.used = true
  local is_value = block.type and not block.type:find("^fun%(")
  local list = is_value and "values" or "functions"
  local page = self:page(file)
  table.insert(page[list], self:entry(member.name, block, file, member.params or {}))
end

-- ---- classes ----

local function words_of(list)
  local names = {}
  for name in list:gmatch("[%w_.]+") do
    names[#names + 1] = name
  end
  return names
end

-- Functions of the table that a class's comment stands above are its methods.
function Model:add_methods(class, file, variable)
  for number, line in ipairs(file.lines) do
    local separator, key, list =
      line:match("^function " .. variable .. "([.:])([%w_]+)%((.-)%)")
    local block = key and comments.above(file, number)
    if block then
      block.used = true
      local names = words_of(list:gsub("%.%.%.", ""))
      if separator == "." then
        table.remove(names, 1) -- the object itself
      end
      local name = ("%s:%s"):format(class.object, key)
      table.insert(class.methods, self:entry(name, block, file, names))
    elseif key and not key:find("^_") then
      self:fault(file, number, "%s:%s has no doc comment", class.object, key)
    end
  end
end

function Model:add_class(block, file)
  local class = {
    name = block.class, parent = block.parent ~= "" and block.parent or nil,
    block = block, file = file, fields = block.fields, methods = {},
    object = block.class:match("[%w_]+$"):lower(),
  }
  table.insert(self:page(file).classes, class)
  self.types[class.name] = class
  local variable = (file.lines[block.last + 1] or ""):match("^local ([%w_]+) = ")
  if variable then
    self:add_methods(class, file, variable)
  end
end

-- ---- what stands by itself ----

local function ends_in_blank(file, block)
  return not (file.lines[block.last + 1] or ""):find("%S")
end

-- A comment with nothing below it tells about the whole page.
function Model:add_prose(block, file)
  local page = self:page(file)
  if block.text[1] and block.text[1]:find("^# ") then
    page.title = table.remove(block.text, 1):sub(3)
  end
  for _, line in ipairs(block.text) do
    table.insert(page.prose, line)
  end
end

function Model:add_block(block, file)
  for _, fault in ipairs(block.faults) do
    self:fault(file, fault.line, "%s", fault.text)
  end
  if block.class then
    self:add_class(block, file)
  elseif block.alias then
    local alias = { name = block.alias, block = block, file = file, line = block.first }
    table.insert(self:page(file).aliases, alias)
    self.types[alias.name] = alias
  elseif ends_in_blank(file, block) then
    self:add_prose(block, file)
  end
end

-- ---- checks and order ----

local function each_type(entry, see)
  for _, param in ipairs(entry.params) do
    see(param.type, "@param " .. param.name)
  end
  for _, group in ipairs(entry.returns) do
    for _, value in ipairs(group) do
      see(value.type, "@return")
    end
  end
end

function Model:check_types(what, file, line)
  return function(type, where)
    local unknown = not type and "nothing" or types.unknown(type, self.types)
    if unknown then
      self:fault(file, line, "%s: %s: %s is no type", what, where, unknown)
    end
  end
end

function Model:check_page(page)
  for _, list in ipairs({ page.functions, page.values }) do
    for _, entry in ipairs(list) do
      each_type(entry, self:check_types(entry.name, entry.file, entry.line))
    end
  end
  for _, class in ipairs(page.classes) do
    for _, field in ipairs(class.fields) do
      self:check_types(class.name, class.file, class.block.first)(field.type,
        "@field " .. field.name)
    end
    for _, method in ipairs(class.methods) do
      each_type(method, self:check_types(method.name, method.file, method.line))
    end
  end
end

local function by_place(a, b)
  if a.file ~= b.file then
    return a.file.key < b.file.key
  end
  return a.line < b.line
end

function Model:sort()
  local rank = {}
  for i, key in ipairs(ORDER) do
    rank[key] = i
  end
  table.sort(self.pages, function(a, b)
    local i, j = rank[a.key] or math.huge, rank[b.key] or math.huge
    return i < j or i == j and a.key < b.key
  end)
  table.sort(self.tables, function(a, b) return a.name < b.name end)
  for _, page in ipairs(self.pages) do
    table.sort(page.functions, by_place)
    table.sort(page.values, by_place)
  end
end

local model = {}

--- Reads the library.
---@param root string  the project's folder
---@return table model  pages (in order), tables (as face.tables), types by name, faults
function model.read(root)
  local self = setmetatable({
    root = root, pages = {}, by_key = {}, types = {}, faults = {},
  }, Model)
  local files
  files, self.by_path = read_files(root)
  self.tables = face.tables(root)
  for _, file in ipairs(files) do
    for _, block in ipairs(file.blocks) do
      self:add_block(block, file)
    end
  end
  for _, found in ipairs(self.tables) do
    self.types[found.name] = self.types[found.name] or found
    for _, member in ipairs(found.members) do
      self:add_member(member)
    end
  end
  for _, page in ipairs(self.pages) do
    self:check_page(page)
  end
  self:sort()
  table.sort(self.faults)
  return self
end

return model
