-- Reading a stream piece by piece: what files and the outputs of programs share.
local errors = require("candy.error")

local LINE_MAX = 1024 * 1024
local stream = {}

--- Iterates over pieces as they come.
---@param read fun(): string|nil, table|nil  the next piece; nil at the end; nil, err
---@return fun(): string?  raises the error value when reading fails
function stream.chunks(read)
  return function()
    local piece, err = read()
    if err then
      error(err, 0)
    end
    return piece
  end
end

local function too_long()
  error(errors.new({
    code = "line_too_long",
    message = ("a line is longer than %d bytes: read by chunks"):format(LINE_MAX),
  }), 0)
end

--- Iterates over lines, without their ends; the last one may have none.
---@param read fun(): string|nil, table|nil
---@return fun(): string?
function stream.lines(read)
  local next_piece = stream.chunks(read)
  local held, from = "", 1
  return function()
    while held do
      local at = held:find("\n", from, true)
      if at then
        local line = held:sub(from, at - 1)
        from = at + 1
        return line
      end
      local rest = held:sub(from)
      if #rest > LINE_MAX then
        too_long()
      end
      local piece = next_piece()
      held, from = piece and rest .. piece, 1
      if not piece and rest ~= "" then
        return rest
      end
    end
  end
end

--- Reads to the end, up to `most` bytes.
---@param read fun(): string|nil, table|nil
---@param most number
---@param about string  for the error
---@return string? all, table? err
function stream.all(read, most, about)
  local pieces, size = {}, 0
  repeat
    local piece, err = read()
    if err then
      return nil, err
    end
    size = size + #(piece or "")
    if size > most then
      return nil, errors.new({
        code = "too_large",
        message = ("%s has more than the %d bytes that are read at once: read by "
          .. "chunks, or give `max`"):format(about, most),
      })
    end
    pieces[#pieces + 1] = piece
  until not piece
  return table.concat(pieces)
end

return stream
