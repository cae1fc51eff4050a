-- Server-sent events: bytes in, events out, as the HTML standard has it (section 9.2.6,
-- "Interpreting an event stream").
local errors = require("candy.error")

local EVENT_MAX = 2 ^ 20 -- bytes of one event, or of a line
local BOM = "\239\187\191"

local Parser = {}
Parser.__index = Parser

local events = {}

--- A parser for one connection.
---@param last_id string?  the id that the connection before has ended with
---@return table parser  its `id` is where another connection would go on, its `retry` how
---  long the server wants that to wait
function events.parser(last_id)
  last_id = last_id or ""
  return setmetatable({ rest = "", data = {}, size = 0, id = last_id, last_id = last_id },
    Parser)
end

local function too_large()
  return nil, errors.new({
    code = "too_large",
    message = "an event of the stream is larger than 1 MB, the most that is read",
  })
end

function Parser:field(name, value)
  if name == "data" then
    self.data[#self.data + 1] = value
    self.size = self.size + #value + 1
  elseif name == "event" then
    self.kind = value
  elseif name == "id" and not value:find("%z") then
    self.last_id = value
  elseif name == "retry" and value:match("^%d+$") then
    self.retry = tonumber(value)
  end
end

function Parser:dispatch(out)
  if #self.data > 0 then
    out[#out + 1] = {
      event = self.kind ~= "" and self.kind or "message",
      data = table.concat(self.data, "\n"),
      id = self.last_id,
      retry = self.retry,
    }
  end
  self.id, self.kind, self.data, self.size = self.last_id, nil, {}, 0
end

function Parser:line(line, out)
  if line == "" then
    self:dispatch(out)
    return
  end
  local name, value = line:match("^([^:]*): ?(.*)$")
  if name ~= "" then -- else a comment
    self:field(name or line, value or "")
  end
end

local function next_line(text, at)
  local stop = text:find("[\r\n]", at)
  if not stop then
    return nil
  end
  return text:sub(at, stop - 1), stop + (text:find("^\r\n", stop) and 2 or 1)
end

-- A CR ends its line at once, or an event would wait for the one behind it; its LF may
-- come with the next piece.
function Parser:skip_lf(text)
  local at = self.after_cr and text:byte() == 10 and 2 or 1
  self.after_cr = text:byte(-1) == 13
  return at
end

function Parser:skip_bom(text)
  if self.begun then
    return text
  elseif #text < #BOM and BOM:sub(1, #text) == text then
    return nil -- it may still become one
  end
  self.begun = true
  return text:sub(1, #BOM) == BOM and text:sub(#BOM + 1) or text
end

--- Takes the next bytes; returns the events that they complete.
---@return table[]? events, table? err
function Parser:feed(bytes)
  local out = {}
  local text = self.rest .. bytes
  local clean = self:skip_bom(text)
  if not clean then
    self.rest = text
    return out
  end
  local at = self:skip_lf(clean)
  local line, after = next_line(clean, at)
  while line do
    self:line(line, out)
    at = after
    line, after = next_line(clean, at)
  end
  self.rest = clean:sub(at)
  if #out == 0 and #self.rest + self.size > EVENT_MAX then
    return too_large()
  end
  return out
end

return events
