-- candy.log: lines for the log, with the job that writes them.
local core = require("candy.core")
local frozen = require("candy.frozen")
local wait = require("candy.wait")

local function text_of(message)
  local text = tostring(message)
  return text ~= "" and text or "(empty message)"
end

local function fields_of(fields)
  if fields == nil then
    return nil
  end
  if type(fields) ~= "table" then
    fields = { value = fields }
  end
  local text, problem = core.encode(fields)
  if not text then
    return core.encode({ fields_left_out = problem })
  end
  return text:sub(1, 1) == "{" and text or ('{"values":' .. text .. "}")
end

local function writer(level)
  return function(message, fields)
    if core.wants(level) and core.log(level, text_of(message), fields_of(fields)) then
      wait.await()
    end
  end
end

local log = {
  --- What helps to find a fault. Left out unless the setting log.level is "debug", as it
  --- is in the environment development.
  ---@param message any
  ---@param fields table?  what JSON can hold
  debug = writer("debug"),

  --- What is worth to be known.
  ---@param message any
  ---@param fields table?  what JSON can hold
  info = writer("info"),

  --- What somebody should look at.
  ---@param message any
  ---@param fields table?  what JSON can hold
  warn = writer("warn"),

  --- What went wrong.
  ---@param message any
  ---@param fields table?  what JSON can hold
  error = writer("error"),
  search = require("candy.search_log"),
}

return frozen.freeze(log, "candy.log")
