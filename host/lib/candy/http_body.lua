-- Bodies of outgoing requests: what a script gives as query, form, JSON, multipart, text,
-- function or file becomes a text, or a function that gives the body piece by piece.
local core = require("candy.core")
local options = require("candy.options")

local PIECE = 65536 -- bytes asked of a file at a time

local body = {}

local function escape_byte(byte)
  return ("%%%02X"):format(byte:byte())
end

local function escape(value)
  return (tostring(value):gsub("[^%w%-_.~]", escape_byte))
end

local function is_scalar(value)
  local kind = type(value)
  return kind == "string" or kind == "number" or kind == "boolean"
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function add_pairs(pairs_of, key, value)
  local list = is_scalar(value) and { value } or value
  if type(key) ~= "string" or type(list) ~= "table" then
    return false
  end
  for _, item in ipairs(list) do
    if not is_scalar(item) then
      return false
    end
    pairs_of[#pairs_of + 1] = escape(key) .. "=" .. escape(item)
  end
  return true
end

--- "a=1&b=2" of a table; a list as a value repeats its name. A text stays as it is.
--- Names come in the order of the alphabet.
function body.urlencoded(value)
  local expected = "a table of texts, numbers, booleans and lists of them, or a text"
  if type(value) == "string" then
    return value
  elseif type(value) ~= "table" then
    return nil, expected
  end
  local pairs_of = {}
  for _, key in ipairs(sorted_keys(value)) do
    if not add_pairs(pairs_of, key, value[key]) then
      return nil, expected
    end
  end
  return table.concat(pairs_of, "&")
end

--- Puts a query in front of a URL's fragment.
function body.with_query(url, query)
  if query == "" then
    return url
  end
  local place, fragment = url:match("^([^#]*)(.*)$")
  local glue = not place:find("?", 1, true) and "?" or place:find("[?&]$") and "" or "&"
  return place .. glue .. query .. fragment
end

-- Sources: functions that give the next piece, or nil at the end --

local function has_read(value)
  if type(value) ~= "table" and type(value) ~= "userdata" then
    return false
  end
  local ok, read = pcall(function() return value.read end)
  return ok and type(read) == "function"
end

local function checked(what, piece)
  if piece ~= nil and type(piece) ~= "string" then
    core.misuse(("%s: the function that gives the body must return texts, and nil at the "
      .. "end, not %s"):format(what, options.show(piece)))
  end
  return piece
end

-- A file that cannot be read any more ends the request, not just its body.
local function piece_of_file(file)
  local piece, err = file:read(PIECE)
  if piece == nil and err ~= nil then
    error(err, 0)
  end
  return piece
end

local function source_of(what, value)
  if type(value) == "function" then
    return function() return checked(what, value()) end
  end
  return function() return checked(what, piece_of_file(value)) end
end

local function is_streamed(value)
  return type(value) == "function" or has_read(value)
end

--- The body option: a text, a function, or whatever has a method `read`.
function body.any(value)
  if type(value) == "string" or is_streamed(value) then
    return value
  end
  return nil, "a text, a function that returns pieces, or a file"
end

-- Multipart, RFC 7578 --

local function quoted(text)
  return (text:gsub('[\r\n"]', escape_byte))
end

local function part_head(part)
  local first = ('Content-Disposition: form-data; name="%s"'):format(quoted(part.name))
  if part.filename then
    first = first .. ('; filename="%s"'):format(quoted(part.filename))
  end
  local lines = { first }
  if part.type or part.filename then
    lines[2] = "Content-Type: " .. (part.type or "application/octet-stream")
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local PART = {
  name = options.text,
  value = function(value)
    if is_scalar(value) then
      return tostring(value)
    end
    return nil, "a text, a number or a boolean"
  end,
  content = body.any,
  filename = options.text,
  type = function(value)
    if type(value) == "string" and value:match("^[%g ]+$") then
      return value
    end
    return nil, 'a media type such as "image/png"'
  end,
}

--- The multipart option: a list of parts.
function body.parts(list)
  local parts = {}
  if type(list) ~= "table" or #list == 0 then
    return nil, 'a list of parts such as { name = "file", content = text, '
      .. 'filename = "a.txt" }'
  end
  for i, part in ipairs(list) do
    parts[i] = options.read(("part %d of multipart"):format(i), part, PART)
    if not parts[i].name then
      core.misuse(("part %d of multipart has no name"):format(i))
    end
    parts[i].content = parts[i].content or parts[i].value or ""
  end
  return parts
end

local function random_boundary()
  local digits = {}
  for i = 1, 24 do
    digits[i] = ("%x"):format(math.random(0, 15))
  end
  return "candy-" .. table.concat(digits)
end

-- The pieces of a multipart body in their order: texts and functions.
local function layout(what, parts, boundary)
  local pieces = {}
  for _, part in ipairs(parts) do
    pieces[#pieces + 1] = "--" .. boundary .. "\r\n" .. part_head(part)
    pieces[#pieces + 1] = type(part.content) == "string" and part.content
      or source_of(what, part.content)
    pieces[#pieces + 1] = "\r\n"
  end
  pieces[#pieces + 1] = "--" .. boundary .. "--\r\n"
  return pieces
end

local function all_texts(pieces)
  for _, piece in ipairs(pieces) do
    if type(piece) ~= "string" then
      return false
    end
  end
  return true
end

local function chain(pieces)
  local at = 1
  return function()
    while pieces[at] do
      local piece = pieces[at]
      if type(piece) == "string" then
        at = at + 1
        return piece
      end
      local part = piece()
      if part ~= nil then
        return part
      end
      at = at + 1
    end
  end
end

-- The whole --

local function json_of(what, value)
  local text, problem = core.encode(value)
  if not text then
    core.misuse(("%s: json: %s"):format(what, problem))
  end
  return text
end

--- What is sent: a text, or a source; and its media type, where that is known.
---@param read table  options as http_request.lua read them
---@return string? text, function? source, string? media_type
function body.of(what, read)
  if read.json ~= nil then
    return json_of(what, read.json), nil, "application/json"
  elseif read.form then
    return read.form, nil, "application/x-www-form-urlencoded"
  elseif read.multipart then
    local boundary = random_boundary()
    local pieces = layout(what, read.multipart, boundary)
    local media_type = "multipart/form-data; boundary=" .. boundary
    if all_texts(pieces) then
      return table.concat(pieces), nil, media_type
    end
    return nil, chain(pieces), media_type
  elseif type(read.body) == "string" then
    return read.body, nil, nil
  elseif read.body ~= nil then
    return nil, source_of(what, read.body), nil
  end
end

return body
