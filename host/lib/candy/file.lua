-- candy.file: a temporary folder a job. It is made at first use and removed with all that
-- is in it when the job ends. Names are paths below it; nothing outside can be reached.
-- The disk is waited for in other threads: meanwhile other jobs run.
--- A temporary folder a job: it is made at first use and removed, with all that is in it,
--- when the job ends. Names are paths below it; nothing outside can be reached.
---
--- ```lua
--- -- scripts/count_lines.lua
--- local candy = require("candy")
---
--- candy.task("count_lines", { payload = { text = "string" } }, function(job)
---   local ok, err = candy.file.write("in.txt", job.payload.text)
---   if not ok then
---     return nil, err
---   end
---   local n = 0
---   for _ in candy.file.open("in.txt"):lines() do
---     n = n + 1
---   end
---   return n
--- end)
--- ```
---
--- ```console
--- $ candy enqueue count_lines '{"text":"one\ntwo"}' --wait
--- 2
--- ```

local core = require("candy.core")
local errors = require("candy.error")
local frozen = require("candy.frozen")
local options = require("candy.options")
local stream = require("candy.stream")
local wait = require("candy.wait")

local CHUNK = 64 * 1024
local ALL_MAX = 64 * 1024 * 1024
local MODES = { r = true, w = true, a = true, ["r+"] = true }
local WHENCE = { set = true, cur = true, ["end"] = true }

---@class candy.ReadOptions
---@field max integer|string?  how much is read at most, such as "64mb", the default;
---  more is the error `too_large`

---@class candy.FileStat
---@field size integer  bytes
---@field modified integer  milliseconds since 1970
---@field kind "file"|"folder"|"link"|"other"

local READ_OPTIONS = { max = options.size(1024 * 1024 * 1024) }

local handles = setmetatable({}, { __mode = "k" }) -- handle -> { core =, name = }

--- An open file. It can be the body of a request and the input of a program; the end of
--- the job closes it.
---@class candy.File
local methods = {}
local meta = { __index = methods, __metatable = false }

-- Waits for an operation: its value, or nil and an error.
local function finish(op, about)
  local ok, value, text
  repeat
    wait.await()
    ok, value, text = core.file_result(op)
  until ok ~= nil
  if ok then
    return value
  end
  return nil, errors.new({ code = value, message = about .. ": " .. text })
end

local function check_count(what, n)
  if type(n) ~= "number" or n < 1 or n % 1 ~= 0 then
    core.misuse(("%s: how much is read is a number of bytes from 1, not %s")
      :format(what, options.show(n)))
  end
  return n
end

local function check_text(what, data)
  if type(data) == "number" then
    data = tostring(data)
  end
  if type(data) ~= "string" then
    core.misuse(("%s: what is written is a text, not %s")
      :format(what, options.show(data)))
  end
  return data
end

-- Handles --

local function own(what, handle)
  local mine = handles[handle or 0]
  if not mine then
    core.misuse(what .. " is called with a colon, on what candy.file.open returned")
  end
  return mine
end

-- Up to n bytes as they come, or nil at the end.
local function read_some(what, mine, n)
  local bytes, err = finish(core.file_read(what, mine.core, n), mine.name)
  if bytes == "" then
    return nil
  end
  return bytes, err
end

local function reader(what, mine, n)
  return function()
    return read_some(what, mine, n)
  end
end

local function read_exactly(what, mine, n)
  local pieces, size = {}, 0
  while size < n do
    local piece, err = read_some(what, mine, n - size)
    if err then
      return nil, err
    elseif not piece then
      break
    end
    pieces[#pieces + 1] = piece
    size = size + #piece
  end
  return size > 0 and table.concat(pieces) or nil
end

--- Reads on from where the handle is.
---@param n? number|"all"  bytes (64 kB by default): fewer are returned only before the
---  end of the file
---@param opts? candy.ReadOptions
---@return string? bytes  nil at the end ("" for "all" of an empty file)
---@return candy.Error? err
function methods.read(handle, n, opts)
  local what = "file:read"
  local mine = own(what, handle)
  if n == "all" then
    local max = options.read(what, opts, READ_OPTIONS).max or ALL_MAX
    return stream.all(reader(what, mine, CHUNK * 4), max, mine.name)
  end
  return read_exactly(what, mine, check_count(what, n or CHUNK))
end

--- Iterates over the lines from where the handle is, without their ends. A line longer
--- than 1 MB, and a failure to read, are raised as error values.
---@return fun(): string?
function methods.lines(handle)
  return stream.lines(reader("file:lines", own("file:lines", handle), CHUNK))
end

--- Iterates over pieces of n bytes; the last one may be shorter. A failure to read is
--- raised as an error value.
---@param n? number  bytes, 64 kB by default
---@return fun(): string?
function methods.chunks(handle, n)
  local mine = own("file:chunks", handle)
  n = check_count("file:chunks", n or CHUNK)
  return stream.chunks(function()
    return read_exactly("file:chunks", mine, n)
  end)
end

--- Writes where the handle is; after open(name, "a") at the end.
---@param data string|number
---@return boolean? ok, candy.Error? err  codes: `disk_full`, `folder_full` (more than
---  file.job_max), `too_large`; what fitted may have been written
function methods.write(handle, data)
  local what = "file:write"
  local mine = own(what, handle)
  local from = 0
  data = check_text(what, data)
  while from < #data do
    local op, count = core.file_write(what, mine.core, data, from)
    local ok, err = finish(op, mine.name)
    if not ok then
      return nil, err
    end
    from = from + count
  end
  return true
end

--- Moves to where the next read or write is.
---@param whence? "set"|"cur"|"end"  what the offset counts from; "cur" by default
---@param offset? number  bytes, 0 by default
---@return number position  in bytes from the beginning
function methods.seek(handle, whence, offset)
  local mine = own("file:seek", handle)
  whence, offset = whence or "cur", offset or 0
  if not WHENCE[whence] or type(offset) ~= "number" or offset % 1 ~= 0 then
    core.misuse('file:seek takes "set", "cur" or "end" and a number of bytes, not '
      .. options.show(whence) .. " and " .. options.show(offset))
  end
  local at = core.file_seek("file:seek", mine.core, whence, offset)
  if not at then
    core.misuse("file:seek: that is before the beginning of the file")
  end
  return at
end

--- Closes it. A second time is no error; the end of the job closes what is open.
---@return boolean? ok, candy.Error? err
function methods.close(handle)
  local mine = own("file:close", handle)
  local op = core.file_close("file:close", mine.core)
  if not op then
    return true
  end
  return finish(op, mine.name)
end

function meta.__tostring(handle)
  return ('file "%s"'):format(own("tostring", handle).name)
end

-- The folder --

local file = {}

local function named(verb, name, other)
  local what = "candy.file." .. verb
  if type(name) ~= "string" then
    core.misuse(("%s: a name is a text, not %s"):format(what, options.show(name)))
  end
  return finish(core.file_named(what, verb, name, other), name)
end

--- The job's folder, for programs: an absolute path.
---@return string? path, candy.Error? err
function file.folder()
  local path, op = core.file_folder("candy.file.folder")
  local ok, err = finish(op, "the job's folder")
  return ok and path or nil, err
end

--- The absolute path of a name in the job's folder, for programs.
---@param name string  such as "in.csv" or "parts/1.csv"
---@return string? path, candy.Error? err
function file.path(name)
  local folder, err = file.folder()
  return folder and folder .. "/" .. core.file_name("candy.file.path", name), err
end

local function open(what, name, mode)
  if type(name) ~= "string" then
    core.misuse(("%s: a name is a text, not %s"):format(what, options.show(name)))
  end
  local op = core.file_open(what, name, mode)
  if not op then
    return nil, errors.new({
      code = "too_many_files",
      message = name .. ": the job has 128 files open: close those that it has done with",
    })
  end
  local opened, err = finish(op, name)
  if not opened then
    return nil, err
  end
  local handle = setmetatable({}, meta)
  handles[handle] = { core = opened, name = name }
  return handle
end

--- Opens a file.
---@param name string
---@param mode? "r"|"w"|"a"|"r+"  read (the default), write from empty, append, read and
---  write what is there
---@return candy.File? file
---@return candy.Error? err  codes: `not_found`, `not_a_file` (a folder, a pipe, a
---  device), `outside` (a symbolic link), `too_many_files` (128 a job)
function file.open(name, mode)
  mode = mode or "r"
  if not MODES[mode] then
    core.misuse('candy.file.open: the mode must be "r", "w", "a" or "r+", not '
      .. options.show(mode))
  end
  return open("candy.file.open", name, mode)
end

--- Reads a whole file.
---@param name string
---@param opts? candy.ReadOptions
---@return string? bytes, candy.Error? err
function file.read(name, opts)
  local what = "candy.file.read"
  local max = options.read(what, opts, READ_OPTIONS).max or ALL_MAX
  local handle, err = open(what, name, "r")
  if not handle then
    return nil, err
  end
  local bytes, problem = stream.all(reader(what, handles[handle], CHUNK * 4), max, name)
  handle:close()
  return bytes, problem
end

local function write_whole(what, name, data, mode)
  data = check_text(what, data)
  local handle, err = open(what, name, mode)
  if not handle then
    return nil, err
  end
  local ok, problem = handle:write(data)
  local closed, late = handle:close()
  return ok and closed, problem or late
end

--- Writes a whole file; what was there is gone.
---@param name string
---@param data string|number
---@return boolean? ok, candy.Error? err
function file.write(name, data)
  return write_whole("candy.file.write", name, data, "w")
end

--- Adds to the end of a file, which is made when it is not there.
---@param name string
---@param data string|number
---@return boolean? ok, candy.Error? err
function file.append(name, data)
  return write_whole("candy.file.append", name, data, "a")
end

--- The names in a folder, sorted.
---@param name? string  a folder in the job's; by default the job's itself
---@return string[]? names, candy.Error? err
function file.list(name)
  local names, err = named("list", name == nil and "." or name)
  if not names then
    return nil, err
  end
  table.sort(names)
  return core.array(names)
end

--- What is known of a file or folder. Links are not followed.
---@param name string
---@return candy.FileStat? stat
---@return candy.Error? err  code `not_found` when there is none
function file.stat(name)
  return named("stat", name)
end

--- Removes a file, a link, or a folder that is empty.
---@param name string
---@return boolean? ok, candy.Error? err
function file.remove(name)
  return named("remove", name)
end

--- Gives another name; a file that has it is replaced.
---@param name string
---@param to string
---@return boolean? ok, candy.Error? err
function file.rename(name, to)
  if type(to) ~= "string" then
    core.misuse("candy.file.rename: the new name is a text, not " .. options.show(to))
  end
  return named("rename", name, to)
end

--- Makes a folder in one that is there.
---@param name string
---@return boolean? ok, candy.Error? err
function file.mkdir(name)
  return named("mkdir", name)
end

return frozen.freeze(file, "candy.file")
