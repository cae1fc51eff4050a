-- The doc comments of one Lua file: blocks of lines that begin with "---", in the form of
-- LuaCATS. What a block stands above, and which of them are public, is told elsewhere
-- (face.lua, model.lua).
--
--   --- Text, in Markdown.
--   ---@param name type  words; a line that begins with two spaces goes on with them
--   ---@return type name, type name  words
--   ---@class name  with ---@field name type  words
--   ---@alias name type  words
--
-- Two spaces end a type, since a type may have single ones in it.
local comments = {}

-- Tags that mean something to an editor alone: they are handed on as they are.
local HANDED_ON = { overload = true, generic = true, async = true, deprecated = true }

local function split_words(text)
  local head, words = text:match("^(.-)%s%s+(.*)$")
  return head or text, words or ""
end

-- "a fun(x: y, z), b c" in its parts: commas inside of brackets do not count.
local function split_commas(text)
  local parts, depth, from = {}, 0, 1
  for at = 1, #text do
    local char = text:sub(at, at)
    if char:find("[%(<{%[]") then
      depth = depth + 1
    elseif char:find("[%)>}%]]") then
      depth = depth - 1
    elseif char == "," and depth == 0 then
      parts[#parts + 1] = text:sub(from, at - 1)
      from = at + 1
    end
  end
  parts[#parts + 1] = text:sub(from)
  return parts
end

local function read_return(part)
  local type, name = part:match("^%s*(.-[^:%s])%s+([%a_.][%w_.]*)%s*$")
  return { type = type or part:match("^%s*(.-)%s*$"), name = name }
end

-- What each tag adds to its block; returns the table that lines which go on are added to.
local TAGS = {}

TAGS["param"] = function(block, text)
  local head, words = split_words(text)
  local name, optional, type = head:match("^([%w_.]+)(%??)%s+(.+)$")
  local param = {
    name = name or head, mark = optional or "", type = type, words = words,
  }
  table.insert(block.params, param)
  return param
end

TAGS["return"] = function(block, text)
  local head, words = split_words(text)
  local group = { words = words }
  for i, part in ipairs(split_commas(head)) do
    group[i] = read_return(part)
  end
  table.insert(block.returns, group)
  return group
end

TAGS["field"] = function(block, text)
  local head, words = split_words(text)
  local name, optional, type = head:match("^([%w_]+)(%??)%s+(.+)$")
  local field = {
    name = name or head, optional = optional == "?", type = type, words = words,
  }
  table.insert(block.fields, field)
  return field
end

TAGS["class"] = function(block, text)
  local head, words = split_words(text)
  block.class, block.parent = head:match("^([%w_.]+)%s*:?%s*(.-)$")
  block.words = words
  return block
end

TAGS["alias"] = function(block, text)
  local head, words = split_words(text)
  block.alias, block.type = head:match("^(%S+)%s+(.+)$")
  block.alias, block.words = block.alias or head, words
  return block
end

TAGS["type"] = function(block, text)
  block.type, block.words = split_words(text)
  return block
end

local function add_tag(block, name, text, number)
  local tag = TAGS[name]
  if tag then
    return tag(block, text)
  elseif HANDED_ON[name] then
    table.insert(block.handed_on, ("---@%s %s"):format(name, text))
  else
    table.insert(block.faults, { line = number, text = "unknown tag @" .. name })
  end
  return nil
end

local function add_line(block, line, number)
  local name, text = line:match("^%-%-%-@(%a+)%s*(.*)$")
  local more = line:match("^%-%-%-%s%s+(%S.*)$")
  if name then
    block.last_tag = add_tag(block, name, text, number)
  elseif block.last_tag and more then
    block.last_tag.words = (block.last_tag.words .. " " .. more):gsub("^ ", "")
  elseif line:find("^%-%-%-|") then
    table.insert(block.values, line)
  else
    table.insert(block.text, (line:gsub("^%-%-%- ?", "")))
  end
end

local function new_block(first)
  return {
    first = first, text = {}, params = {}, returns = {}, fields = {}, values = {},
    handed_on = {}, faults = {},
  }
end

local function read_lines(path)
  local lines = {}
  for line in io.lines(path) do
    lines[#lines + 1] = line
  end
  return lines
end

-- The comment that a file opens with, for those who read the file.
local function header_of(lines)
  local header = {}
  for _, line in ipairs(lines) do
    local text = line:match("^%-%-%s?(.*)$")
    if not text or line:find("^%-%-%-") then
      break
    end
    header[#header + 1] = text
  end
  return header
end

--- Reads a file.
---@param path string
---@return table file  path, lines, header (lines), blocks; a block has `first` and `last`
---  (lines), text (lines), params, returns, fields, class, alias, type, faults
function comments.read(path)
  local lines = read_lines(path)
  local file = { path = path, lines = lines, header = header_of(lines), blocks = {} }
  local block
  for number, line in ipairs(lines) do
    local comment = line:match("^%s*(%-%-%-.*)$")
    if comment then
      block = block or new_block(number)
      add_line(block, comment, number)
      block.last = number
    elseif block then
      file.blocks[#file.blocks + 1] = block
      block = nil
    end
  end
  return file
end

--- The block that stands right above a line.
function comments.above(file, line)
  for _, block in ipairs(file.blocks) do
    if block.last == line - 1 then
      return block
    end
  end
end

return comments
